package oracle

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"filmcan/internal/filmtest/films"
)

// Base is the time in seconds at which a film begins in what is played.
const Base = 1

// Sample is one coded frame of a rendition, in ticks.
type Sample struct {
	DTS, PTS, Duration int64
	Size               int
	Sync               bool
	Segment            int
}

// Track is a rendition as its boxes tell it.
type Track struct {
	Timescale int64
	Pictures  bool
	Width     int // of the track's header, 16.16 cut off
	Height    int
	Matrix    [9]int32
	Entry     [32]byte // digest of the sample description
	// Shift is what the edit list takes off all times of presentation.
	Shift    int64
	Samples  []Sample // in order of decoding
	Segments int

	defaults defaults
}

type defaults struct{ duration, size, flags uint32 }

// ReadTrack reads an init segment and all of its segments, and says what is wrong with how they follow each other: the
// decode times leave no gap and do not overlap; each segment of pictures begins with a key frame; what the boxes tell of
// sizes is what is there.
func ReadTrack(init []byte, segments [][]byte) (*Track, error) {
	t := new(Track)
	if err := t.init(init); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	for i, s := range segments {
		first := len(t.Samples)
		if err := t.segment(i, s); err != nil {
			return nil, fmt.Errorf("segment %d: %w", i, err)
		}
		if first == len(t.Samples) {
			return nil, fmt.Errorf("segment %d is empty", i)
		}
		if t.Pictures && !t.Samples[first].Sync {
			return nil, fmt.Errorf("segment %d does not begin with a key frame", i)
		}
		for j := max(1, first); j < len(t.Samples); j++ {
			a, b := t.Samples[j-1], t.Samples[j]
			if b.DTS != a.DTS+a.Duration {
				return nil, fmt.Errorf("segment %d, sample %d is decoded at %d, the one before it ends at %d", i, j-first, b.DTS, a.DTS+a.Duration)
			}
			if b.PTS < b.DTS {
				return nil, fmt.Errorf("segment %d, sample %d is shown at %d, before it is decoded at %d", i, j-first, b.PTS, b.DTS)
			}
		}
	}
	t.Segments = len(segments)
	return t, nil
}

func walk(b []byte, visit func(kind string, p []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errors.New("box header cut short")
		}
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		if size == 1 && len(b) >= 16 {
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size < head || size > uint64(len(b)) {
			return fmt.Errorf("box %q of %d bytes in %d", b[4:8], size, len(b))
		}
		if err := visit(string(b[4:8]), b[head:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

func (t *Track) init(b []byte) error {
	be := binary.BigEndian
	traks := 0
	var visit func(kind string, p []byte) error
	visit = func(kind string, p []byte) error {
		switch kind {
		case "moov", "mdia", "minf", "stbl", "edts", "mvex":
			return walk(p, visit)
		case "trak":
			traks++
			return walk(p, visit)
		case "tkhd":
			at := 40
			if p[0] == 1 {
				at = 52
			}
			for i := range t.Matrix {
				t.Matrix[i] = int32(be.Uint32(p[at+4*i:]))
			}
			t.Width, t.Height = int(be.Uint32(p[at+36:])>>16), int(be.Uint32(p[at+40:])>>16)
		case "mdhd":
			t.Timescale = int64(be.Uint32(p[12:]))
			if p[0] == 1 {
				t.Timescale = int64(be.Uint32(p[20:]))
			}
		case "hdlr":
			t.Pictures = string(p[8:12]) == "vide"
		case "stsd":
			if n := be.Uint32(p[4:]); n != 1 {
				return fmt.Errorf("%d sample descriptions", n)
			}
			t.Entry = sha256.Sum256(p)
		case "elst":
			n := be.Uint32(p[4:])
			if n != 1 {
				return fmt.Errorf("%d edits", n)
			}
			if p[0] == 1 {
				t.Shift = int64(be.Uint64(p[16:]))
			} else {
				t.Shift = int64(int32(be.Uint32(p[12:])))
			}
		case "trex":
			t.defaults = defaults{be.Uint32(p[12:]), be.Uint32(p[16:]), be.Uint32(p[20:])}
		}
		return nil
	}
	if err := walk(b, visit); err != nil {
		return err
	}
	if traks != 1 || t.Timescale == 0 {
		return fmt.Errorf("%d tracks, timescale %d", traks, t.Timescale)
	}
	return nil
}

func (t *Track) segment(number int, b []byte) error {
	var fragment []Sample
	return walk(b, func(kind string, p []byte) error {
		switch kind {
		case "moof":
			var err error
			fragment, err = t.fragment(number, p)
			return err
		case "mdat":
			sum := 0
			for _, s := range fragment {
				sum += s.Size
			}
			if sum != len(p) {
				return fmt.Errorf("%d bytes of samples, %d are told of", len(p), sum)
			}
			t.Samples = append(t.Samples, fragment...)
			fragment = nil
		}
		return nil
	})
}

func (t *Track) fragment(number int, moof []byte) ([]Sample, error) {
	be := binary.BigEndian
	var list []Sample
	def := t.defaults
	var at int64
	err := walk(moof, func(kind string, p []byte) error {
		if kind != "traf" {
			return nil
		}
		return walk(p, func(kind string, p []byte) error {
			flags := be.Uint32(p) & 0xffffff
			next := 4
			take := func(bit uint32, into *uint32) {
				if flags&bit != 0 {
					*into = be.Uint32(p[next:])
					next += 4
				}
			}
			switch kind {
			case "tfhd":
				next += 4
				if flags&1 != 0 {
					next += 8
				}
				var entry uint32
				take(2, &entry)
				take(8, &def.duration)
				take(0x10, &def.size)
				take(0x20, &def.flags)
			case "tfdt":
				at = int64(be.Uint32(p[4:]))
				if p[0] == 1 {
					at = int64(be.Uint64(p[4:]))
				}
			case "trun":
				n := be.Uint32(p[next:])
				next += 4
				var offset uint32
				take(1, &offset)
				first, special := uint32(0), flags&4 != 0
				take(4, &first)
				for i := range n {
					s, cto := def, uint32(0)
					take(0x100, &s.duration)
					take(0x200, &s.size)
					take(0x400, &s.flags)
					take(0x800, &cto)
					if i == 0 && special {
						s.flags = first
					}
					shown := at + int64(cto)
					if p[0] == 1 {
						shown = at + int64(int32(cto))
					}
					list = append(list, Sample{at, shown, int64(s.duration), int(s.size), s.flags&0x10000 == 0, number})
					at += int64(s.duration)
				}
			}
			return nil
		})
	})
	return list, err
}

// Shown are the times of presentation in order, in ticks, with the edit list applied.
func (t *Track) Shown() []int64 {
	list := make([]int64, len(t.Samples))
	for i, s := range t.Samples {
		list[i] = s.PTS - t.Shift
	}
	slices.Sort(list)
	return list
}

// Times wants each frame to be shown at its time in the film, behind when that begins: at [Base], or a little later where
// sound begins before the pictures. The tolerance in seconds is that of the clock that the film came with; 0 wants equality in
// ticks.
func Times(want []films.Frame, got *Track, begin, tolerance float64) error {
	later := int64(math.Round((begin - Base) * float64(got.Timescale)))
	shown := got.Shown()
	if len(shown) != len(want) {
		return fmt.Errorf("%d frames in the boxes, want %d", len(shown), len(want))
	}
	for i, f := range want {
		// shown/timescale = base + num/den, without rounding
		is, should := (shown[i]-later-Base*got.Timescale)*f.Den, f.Num*got.Timescale
		off := math.Abs(float64(is-should)) / float64(f.Den) / float64(got.Timescale)
		if off > tolerance {
			return fmt.Errorf("frame %d is shown at tick %d of %d/s: %.6f s after the base, want %.6f (%d/%d)", f.Number, shown[i], got.Timescale,
				float64(shown[i])/float64(got.Timescale)-begin, f.Seconds(), f.Num, f.Den)
		}
	}
	return nil
}

// Alike wants two renditions of the same pictures to be cut at the same places and shown at the same times, in ticks.
func Alike(a, b *Track) error {
	if a.Segments != b.Segments || len(a.Samples) != len(b.Samples) {
		return fmt.Errorf("%d segments with %d frames, and %d with %d", a.Segments, len(a.Samples), b.Segments, len(b.Samples))
	}
	x, y := a.Shown(), b.Shown()
	for i := range x {
		if x[i]*b.Timescale != y[i]*a.Timescale {
			return fmt.Errorf("frame %d is shown at %d of %d/s, and at %d of %d/s", i, x[i], a.Timescale, y[i], b.Timescale)
		}
	}
	for s := range a.Segments {
		if first, other := a.begin(s), b.begin(s); first*b.Timescale != other*a.Timescale {
			return fmt.Errorf("segment %d begins at %d of %d/s, and at %d of %d/s", s, first, a.Timescale, other, b.Timescale)
		}
	}
	return nil
}

// begin is when the first frame of a segment is shown.
func (t *Track) begin(segment int) int64 {
	first := int64(math.MaxInt64)
	for _, s := range t.Samples {
		if s.Segment == segment {
			first = min(first, s.PTS-t.Shift)
		}
	}
	return first
}

// Extents wants the playlist's durations to be those of the segments: what each shows, until the next begins.
func Extents(durations []float64, got *Track) error {
	if len(durations) != got.Segments {
		return fmt.Errorf("%d durations for %d segments", len(durations), got.Segments)
	}
	for i := range got.Segments - 1 {
		is := float64(got.begin(i+1)-got.begin(i)) / float64(got.Timescale)
		const rounding = 0.0006 // EXTINF has at least three decimals
		if math.Abs(is-durations[i]) > rounding {
			return fmt.Errorf("segment %d lasts %.6f s, the playlist says %.6f", i, is, durations[i])
		}
	}
	return nil
}
