package cmaf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"filmcan/internal/media/mp4"
)

// Slot is the distance of segments in the times that an encoder is fed with: longer than any segment, so that one
// expression tells it where to cut, whatever the segments' lengths.
const Slot = 64 * time.Second

// longestLead is the longest stretch before a run's first segment that is fed in its own time; a longer one, with a still in
// it, is fed a tick for each picture.
const longestLead = 60 * time.Second

// Bounds of the timescale of what an encoder is fed with. Below the first ffmpeg's muxer doubles it until it is reached.
const (
	leastFed = 10_000
	mostFed  = 1_000_000
)

// fedScale is the track's own timescale where that is within the bounds.
func fedScale(scale uint32) uint32 {
	if scale > mostFed {
		return mostFed
	}
	for scale < leastFed {
		scale *= 2
	}
	return scale
}

// Run feeds one encoder with consecutive segments and recognizes the pictures that it returns. The encoder gets times that
// name segment and picture: those of the i-th segment of the run begin at (i+1) × [Slot], and what must be decoded before
// the first one ends there. Feed may be called by one goroutine and Place by another.
type Run struct {
	line  *Timeline
	first int // segment

	// Of Feed: the next segment and sample, the number of fragments, the place in the order of segments.
	segment, sample int
	fragments       uint32
	feeding         slots
	buf             []byte
	samples         []sample

	// Of Place: the difference between the encoder's times and those that it was fed.
	placing slots
	began   bool
	origin  int64
}

// Run begins a run at a segment.
func (l *Timeline) Run(segment int) (*Run, error) {
	if segment < 0 || segment >= len(l.pieces) {
		return nil, fmt.Errorf("cmaf: run from segment %d of %d", segment, len(l.pieces))
	}
	return &Run{
		line: l, first: segment, segment: segment, sample: l.pieces[segment].Key,
		feeding: slots{line: l, first: segment}, placing: slots{line: l, first: segment},
	}, nil
}

// Timescale of the fed times.
func (r *Run) Timescale() uint32 { return r.line.fed }

// Init is what the encoder gets first: it is the same for all runs of a film.
func (r *Run) Init() []byte {
	t := r.line.track
	return mp4.InitHead(&mp4.Track{
		ID: 1, Kind: mp4.Video, Handler: "vide", Timescale: r.line.fed, Entry: t.Entry, Matrix: unity(),
		CanvasWidth: t.CanvasWidth, CanvasHeight: t.CanvasHeight,
	}, 0)
}

// Next is the segment that the next Feed brings; the number of segments after the last.
func (r *Run) Next() int { return r.segment }

// What a fragment holds at most, and the longest run of foreign bytes that is read with it.
const (
	fragmentBytes   = 256 << 10
	fragmentSamples = 128
	bridge          = 16 << 10
)

// Feed writes the samples that the next segment needs, read from the track's file. A few of them may already belong to the
// segment after it. It returns io.EOF after the last segment.
func (r *Run) Feed(ctx context.Context, w io.Writer, src io.ReaderAt) error {
	l := r.line
	if r.segment >= len(l.pieces) {
		return io.EOF
	}
	p := l.pieces[r.segment]
	for end := p.Key + p.Samples; r.sample < end; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		next, size := r.sample, 0
		for next < end && next-r.sample < fragmentSamples && (next == r.sample || size+l.track.Size(next) <= fragmentBytes) {
			size += l.track.Size(next)
			next++
		}
		if err := r.fragment(w, src, next); err != nil {
			return err
		}
		r.sample = next
	}
	r.segment++
	r.feeding.forget(l.Rank(min(r.sample, l.Len()-1)) - 2*maxReorder)
	return nil
}

// fragment writes the samples up to next.
func (r *Run) fragment(w io.Writer, src io.ReaderAt, next int) error {
	l := r.line
	r.samples = r.samples[:0]
	begin := r.decode(r.sample)
	for i, at := r.sample, begin; i < next; i++ {
		after := r.decode(i + 1)
		s := sample{duration: uint32(after - at), size: uint32(l.track.Size(i)), later: uint32(r.feeding.time(l.Rank(i)) - at), sync: l.track.IsSync(i)}
		r.samples = append(r.samples, s)
		at = after
	}
	r.fragments++
	return r.send(w, src, begin, r.sample, next)
}

// send writes a fragment of the track's samples up to next, as r.samples describes them.
func (r *Run) send(w io.Writer, src io.ReaderAt, begin int64, first, next int) error {
	form := newLayout(r.samples, false)
	head := writer{b: r.buf[:0]}
	head.fragment(&form, r.fragments, begin, r.samples)
	r.buf = head.b
	if next-first == 1 && form.data > fragmentBytes { // a large picture goes through piece by piece
		if _, err := w.Write(r.buf); err != nil {
			return err
		}
		n, err := io.Copy(w, io.NewSectionReader(src, r.line.track.Offset(first), form.data))
		if err == nil && n < form.data {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if err := r.read(src, first, next); err != nil {
		return err
	}
	_, err := w.Write(r.buf)
	return err
}

// read appends samples to the buffer: those that lie side by side, or nearly so, by one read.
func (r *Run) read(src io.ReaderAt, first, next int) error {
	t := r.line.track
	for i := first; i < next; {
		from := t.Offset(i)
		end, j := from+int64(t.Size(i)), i+1
		for ; j < next; j++ {
			off := t.Offset(j)
			if off < end || off-end > bridge || off+int64(t.Size(j))-from > 2*fragmentBytes {
				break
			}
			end = off + int64(t.Size(j))
		}
		at := len(r.buf)
		r.buf = slices.Grow(r.buf, int(end-from))[:at+int(end-from)]
		if n, err := src.ReadAt(r.buf[at:], from); int64(n) < end-from {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("cmaf: read %d bytes at %d: %w", end-from, from, err)
		}
		fill := at
		for ; i < j; i++ {
			off := at + int(t.Offset(i)-from)
			fill += copy(r.buf[fill:], r.buf[off:off+t.Size(i)])
		}
		r.buf = r.buf[:fill]
	}
	return nil
}

// decode is the fed decode time of sample i: when the picture as many places before it is shown as the film moves
// pictures by. Before the first sample of the run there is a tick for each.
func (r *Run) decode(i int) int64 {
	key := r.line.pieces[r.first].Key
	if k := i - r.line.reorder; k >= key {
		return r.feeding.time(k)
	} else {
		return r.feeding.time(key) + int64(k-key)
	}
}

// Place tells which picture the encoder means by a presentation time, in ticks of scale. The first one asked for must be
// that of the run's first picture, which the encoder may have put anywhere. ok is false for times of no picture.
func (r *Run) Place(pts int64, scale uint32) (segment, rank int, ok bool) {
	if scale == 0 {
		return 0, 0, false
	}
	if !r.began {
		r.began, r.origin = true, pts
	}
	const most = int64(1) << 42
	at := pts - r.origin
	if at < 0 || at > most || pts < -most || pts > 2*most {
		return 0, 0, false
	}
	at *= int64(r.line.fed)
	if at%int64(scale) != 0 {
		return 0, 0, false
	}
	return r.placing.find(at / int64(scale))
}

// slots are the fed times of a run's pictures.
type slots struct {
	line  *Timeline
	first int
	// times of the pictures of segments from base on, within their slots; at most a few segments.
	base  int
	times [][]int64
}

// slot is how long a slot is.
func (s *slots) slot() int64 { return int64(Slot/time.Second) * int64(s.line.fed) }

// segment are the times of a segment's pictures within its slot: those of the film, and no two the same.
func (s *slots) segment(n int) []int64 {
	if n < s.base || n > s.base+len(s.times) {
		s.base, s.times = n, nil
	}
	if n == s.base+len(s.times) {
		p := s.line.pieces[n]
		times := make([]int64, p.Frames)
		for i := range times {
			times[i] = s.scaled(s.line.Time(p.First+i) - p.Start)
			if i > 0 {
				times[i] = max(times[i], times[i-1]+1)
			}
		}
		s.times = append(s.times, times)
	}
	return s.times[n-s.base]
}

func (s *slots) scaled(ticks int64) int64 {
	return ticks * int64(s.line.fed) / int64(s.line.track.Timescale)
}

// time is the fed time of the picture of that rank.
func (s *slots) time(rank int) int64 {
	l := s.line
	if p := l.pieces[s.first]; rank < p.First {
		before := int64(p.First - rank) // ticks keep equal times apart
		if p.Start-l.Time(p.Key) <= l.ticks(longestLead) {
			before += s.scaled(p.Start - l.Time(rank))
		}
		return s.slot() - before
	}
	if rank >= l.Len() {
		return s.time(l.Len()-1) + int64(rank-l.Len()+1)
	}
	n := l.pieceOf(rank)
	return s.slot()*int64(n-s.first+1) + s.segment(n)[rank-l.pieces[n].First]
}

// find is the picture that is shown at a time, counted from the first one of the run.
func (s *slots) find(at int64) (segment, rank int, ok bool) {
	if at/s.slot() >= int64(len(s.line.pieces)-s.first) {
		return 0, 0, false
	}
	segment = s.first + int(at/s.slot())
	i, ok := slices.BinarySearch(s.segment(segment), at%s.slot())
	s.forget(s.line.pieces[segment].First - 2*maxReorder)
	return segment, s.line.pieces[segment].First + i, ok
}

// forget drops the times of segments that end before a rank.
func (s *slots) forget(rank int) {
	for len(s.times) > 1 {
		if p := s.line.pieces[s.base]; p.First+p.Frames > rank {
			return
		}
		s.base, s.times = s.base+1, s.times[1:]
	}
}

// pieceOf is the piece of a picture.
func (l *Timeline) pieceOf(rank int) int {
	n, found := slices.BinarySearchFunc(l.pieces, rank, func(p Piece, rank int) int { return p.First - rank })
	if !found {
		n--
	}
	return n
}
