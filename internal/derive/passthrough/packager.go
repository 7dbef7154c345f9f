package passthrough

import (
	"context"
	"fmt"
	"io"

	"filmcan/internal/keep/vault"
	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// DefaultMemory is the budget for indexes in memory unless another is given: some dozen films of an hour.
const DefaultMemory = 96 << 20

// Config sets a Packager up.
type Config struct {
	// Memory is how many bytes of indexes and plans are kept; [DefaultMemory] if 0.
	Memory int64
}

// Packager packages the films of a vault. It may be used by any number of goroutines.
type Packager struct {
	vault   *vault.Vault
	derived Derived
	films   *recent[version, *Film]
	windows buffers
}

// version names the bytes that a film is cut from. A part that is sealed has one for ever.
type version struct {
	ref  vault.Ref
	etag string
}

// New returns a packager; derived has the makers of indexes ([IndexMaker]).
func New(films *vault.Vault, derived Derived, cfg Config) *Packager {
	if cfg.Memory <= 0 {
		cfg.Memory = DefaultMemory
	}
	return &Packager{vault: films, derived: derived, films: newRecent[version, *Film](cfg.Memory)}
}

// Open returns what there is to play of a part of a film. Errors are the vault's; those of a film that cannot be read or
// cut wrap [*mp4.Error] or [cmaf.ErrNotCuttable].
func (p *Packager) Open(ctx context.Context, ref vault.Ref) (*Film, error) {
	sealed, err := p.vault.Stat(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open film %s: %w", ref, err)
	}
	return p.films.get(ctx, version{ref, sealed.ETag}, func(ctx context.Context) (*Film, int64, error) {
		return p.load(ctx, ref, sealed)
	})
}

func (p *Packager) load(ctx context.Context, ref vault.Ref, sealed vault.Sealed) (*Film, int64, error) {
	index, err := p.index(ctx, ref, sealed.Size)
	if err != nil {
		return nil, 0, err
	}
	plan, err := cmaf.Plan(index)
	if err != nil {
		return nil, 0, fmt.Errorf("cut film %s: %w", ref, err)
	}
	f := newFilm(ref, sealed.ETag, plan)
	return f, index.MemSize() + f.bytes(), nil
}

// Segment is a segment that can be read. The one who got it closes it.
type Segment struct {
	// Size is its length in bytes, ETag its strong entity tag.
	Size int64
	ETag string

	head    []byte
	ranges  []mp4.Range
	film    *vault.Film
	windows *buffers
}

// Segment opens segment n of a rendition; there is one for each of its durations.
func (p *Packager) Segment(ctx context.Context, f *Film, r *Rendition, n int) (*Segment, error) {
	head, ranges, size, err := r.cuts.Segment(n)
	if err != nil {
		return nil, fmt.Errorf("film %s: %w", f.ref, err)
	}
	source, err := p.vault.Open(ctx, f.ref)
	if err != nil {
		return nil, fmt.Errorf("open film %s: %w", f.ref, err)
	}
	return &Segment{
		Size: size, ETag: f.tag(r.Name, n), head: head, ranges: ranges, film: source, windows: &p.windows,
	}, nil
}

// Copy writes n bytes from off on to dst.
func (s *Segment) Copy(dst io.Writer, off, n int64) error {
	if h := int64(len(s.head)); off < h {
		part := s.head[off:min(h, off+n)]
		if _, err := dst.Write(part); err != nil {
			return err
		}
		off, n = h, n-int64(len(part))
	}
	if n == 0 {
		return nil
	}
	return s.windows.gather(dst, s.film, s.ranges, off-int64(len(s.head)), n)
}

// Close lets go of the film.
func (s *Segment) Close() error { return s.film.Close() }
