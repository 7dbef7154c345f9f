package cmaf

import (
	"errors"
	"fmt"
	"math"

	"filmcan/internal/media/mp4"
)

// Reorder is by how many places an encoded rendition may move pictures: three B-frames of which one is a reference.
const Reorder = 2

// ErrFrames is wrapped by the errors of [Timeline.Head]: what was encoded is not the piece.
var ErrFrames = errors.New("cmaf: the encoded pictures are not those of the segment")

// Frame is one encoded picture: which one it shows, how many bytes it has, whether decoding can begin with it.
type Frame struct {
	Rank, Size int
	Sync       bool
}

// Init is the initialization segment of an encoded rendition; entry is its sample entry as a whole box.
func (l *Timeline) Init(entry []byte, width, height int) []byte {
	return mp4.InitHead(&mp4.Track{
		ID: 1, Kind: mp4.Video, Handler: "vide", Timescale: l.track.Timescale, Language: l.track.Language,
		Entry: entry, Matrix: unity(), CanvasWidth: uint32(width) << 16, CanvasHeight: uint32(height) << 16,
	}, l.delay())
}

func unity() [9]int32 { return [9]int32{0: 1 << 16, 4: 1 << 16, 8: 1 << 30} }

// delay is how much later than decoded the first picture is shown, before the edit list.
func (l *Timeline) delay() int64 { return Reorder * l.step }

// Head writes what stands before the samples of segment n of an encoded rendition: styp, moof and the header of mdat. frames
// are its pictures in decode order. An error wraps [ErrFrames]: they are not exactly the pictures of the piece, each once,
// or cannot be decoded in time, or the first is no key frame.
func (l *Timeline) Head(n int, frames []Frame) ([]byte, error) {
	if n < 0 || n >= len(l.pieces) {
		return nil, fmt.Errorf("cmaf: segment %d of %d", n, len(l.pieces))
	}
	p := l.pieces[n]
	fail := func(format string, args ...any) ([]byte, error) {
		return nil, fmt.Errorf("%w: segment %d: %s", ErrFrames, n, fmt.Sprintf(format, args...))
	}
	if len(frames) != p.Frames {
		return fail("%d of %d pictures", len(frames), p.Frames)
	}
	if !frames[0].Sync || frames[0].Rank != p.First {
		return fail("it begins with picture %d, key frame: %v; want %d", frames[0].Rank, frames[0].Sync, p.First)
	}
	seen := make([]bool, p.Frames)
	samples := make([]sample, p.Frames)
	for i, f := range frames {
		place := f.Rank - p.First
		if place < 0 || place >= p.Frames || seen[place] {
			return fail("picture %d is not one of [%d, %d), or comes twice", f.Rank, p.First, p.First+p.Frames)
		}
		seen[place] = true
		decode, shown := l.decode(n, i, Reorder), l.Time(f.Rank)
		if shown < decode || shown-decode > math.MaxInt32 {
			return fail("picture %d is decoded at %d and shown at %d", f.Rank, decode, shown)
		}
		if f.Size <= 0 || f.Size > math.MaxInt32 {
			return fail("picture %d has %d bytes", f.Rank, f.Size)
		}
		samples[i] = sample{duration: uint32(l.decode(n, i+1, Reorder) - decode), size: uint32(f.Size), later: uint32(shown - decode), sync: f.Sync}
	}
	begin := p.Start + int64(l.track.Timescale) // Base; the delay goes both ways
	return segmentHead(n, begin, samples, false), nil
}
