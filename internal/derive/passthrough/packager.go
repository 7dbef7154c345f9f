package passthrough

import (
	"context"
	"errors"
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
	films   *recent[version, *cuttings]
	windows buffers
	// loading lets in one film at a time. Most take milliseconds; the longest take 400 of them, and as many megabytes,
	// which nobody may multiply by opening many films at once.
	loading gate
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
	return &Packager{vault: films, derived: derived, films: newRecent[version, *cuttings](cfg.Memory), loading: newGate()}
}

// Film is a film that is open to be played. The one who got it closes it.
type Film struct {
	*cuttings

	ref     vault.Ref
	source  *vault.Film
	windows *buffers
}

// Open opens a part of a film. Errors are the vault's; those of a film that cannot be read or cut wrap [*mp4.Error] or
// [cmaf.ErrNotCuttable].
func (p *Packager) Open(ctx context.Context, ref vault.Ref) (*Film, error) {
	source, err := p.vault.Open(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open film %s: %w", ref, err)
	}
	sealed := source.Sealed()
	c, err := p.films.get(ctx, version{ref, sealed.ETag}, func(ctx context.Context) (*cuttings, int64, error) {
		return p.load(ctx, ref, sealed)
	})
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return &Film{cuttings: c, ref: ref, source: source, windows: &p.windows}, nil
}

func (p *Packager) load(ctx context.Context, ref vault.Ref, sealed vault.Sealed) (*cuttings, int64, error) {
	if err := p.loading.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer p.loading.leave()
	index, err := p.index(ctx, ref, sealed.Size)
	if err != nil {
		return nil, 0, err
	}
	plan, err := cmaf.Plan(index)
	if err != nil {
		return nil, 0, fmt.Errorf("cut film %s: %w", ref, err)
	}
	c := newCuttings(sealed.ETag, plan)
	return c, index.MemSize() + c.bytes(), nil
}

// Close lets go of the film, and ends the use of its segments.
func (f *Film) Close() error { return f.source.Close() }

// Segment is a segment of an open film.
type Segment struct {
	// Size is its length in bytes, ETag its strong entity tag.
	Size int64
	ETag string

	head   []byte
	ranges []mp4.Range
	film   *Film
}

// Segment returns segment n of a rendition; there is one for each of its durations.
func (f *Film) Segment(r *Rendition, n int) (Segment, error) {
	head, ranges, size, err := r.cuts.Segment(n)
	if err != nil {
		return Segment{}, fmt.Errorf("film %s: %w", f.ref, err)
	}
	return Segment{Size: size, ETag: f.tag(r.Name, n), head: head, ranges: ranges, film: f}, nil
}

// Copy writes n bytes from off on to dst.
func (s Segment) Copy(dst io.Writer, off, n int64) error {
	if h := int64(len(s.head)); off < h {
		part := s.head[off:min(h, off+n)]
		if _, err := dst.Write(part); err != nil {
			return err
		}
		off, n = h, n-int64(len(part))
	}
	return s.film.windows.gather(dst, s.film.source, s.ranges, off-int64(len(s.head)), n)
}
