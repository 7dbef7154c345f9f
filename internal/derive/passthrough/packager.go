package passthrough

import (
	"context"
	"fmt"
	"io"
	"time"

	"filmcan/internal/derive/reel"
	"filmcan/internal/media/mp4"
)

// Packager packages films where they lie. It may be used by any number of goroutines.
type Packager struct {
	reels   *reel.Reels
	windows buffers
}

// New returns a packager of those films.
func New(reels *reel.Reels) *Packager { return &Packager{reels: reels} }

// Film is a film that is open to be played. The one who got it closes it.
type Film struct {
	*reel.Film

	renditions []*Rendition
	windows    *buffers
}

// Open opens a film. Patience and errors are those of [reel.Reels.Open].
func (p *Packager) Open(ctx context.Context, ref reel.Ref, patience time.Duration) (*Film, error) {
	f, err := p.reels.Open(ctx, ref, patience)
	if err != nil {
		return nil, err
	}
	return &Film{Film: f, renditions: describe(f), windows: &p.windows}, nil
}

// Segment is a segment of an open film. Its use ends when the film is closed.
type Segment struct {
	// Size is its length in bytes, ETag its strong entity tag.
	Size int64
	ETag string

	head    []byte
	ranges  []mp4.Range
	source  io.ReaderAt
	windows *buffers
}

// Segment returns segment n of a rendition; there is one for each of its durations.
func (f *Film) Segment(r *Rendition, n int) (Segment, error) {
	head, ranges, size, err := r.cuts.Segment(n)
	if err != nil {
		return Segment{}, fmt.Errorf("film %s: %w", f.Ref(), err)
	}
	return Segment{Size: size, ETag: r.tag(n), head: head, ranges: ranges, source: r.source, windows: f.windows}, nil
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
	return s.windows.gather(dst, s.source, s.ranges, off-int64(len(s.head)), n)
}
