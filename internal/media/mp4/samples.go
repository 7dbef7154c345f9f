package mp4

import (
	"math"
	"slices"
	"time"
)

// Range is a run of bytes of the file.
type Range struct{ Offset, Length int64 }

// samples are the columns of one track, one entry per sample in decode order.
type samples struct {
	offset []int64
	size   []uint32
	// dts is the decode time of each sample; end the decode time of what would follow the last.
	dts []int64
	end int64
	// cto is what to add to dts for the presentation time; nil when it is 0 everywhere.
	cto []int32
	// sync lists the key frames, ascending; allSync stands for all of them.
	sync    []uint32
	allSync bool
}

// grow prepares for n more samples. The caller has checked n.
func (s *samples) grow(n int) {
	s.offset = slices.Grow(s.offset, n)
	s.size = slices.Grow(s.size, n)
	s.dts = slices.Grow(s.dts, n)
}

// setCTO notes the composition offset of the sample that was added last.
func (s *samples) setCTO(v int32) {
	n := len(s.dts)
	if s.cto == nil {
		if v == 0 {
			return
		}
		s.cto = make([]int32, n-1, cap(s.dts))
	}
	for len(s.cto) < n-1 {
		s.cto = append(s.cto, 0)
	}
	s.cto = append(s.cto, v)
}

// addSync notes whether the sample that comes next is a key frame.
func (s *samples) addSync(sync bool) {
	n := len(s.dts)
	if s.allSync {
		if sync {
			return
		}
		s.allSync, s.sync = false, make([]uint32, n)
		for i := range s.sync {
			s.sync[i] = uint32(i)
		}
		return
	}
	if sync {
		s.sync = append(s.sync, uint32(n))
	}
}

// seal gives the columns their final form: equal films have equal columns however they were stored.
func (s *samples) seal() {
	if s.cto != nil {
		for len(s.cto) < len(s.dts) {
			s.cto = append(s.cto, 0)
		}
		if !slices.ContainsFunc(s.cto, func(v int32) bool { return v != 0 }) {
			s.cto = nil
		}
	}
	if s.allSync || len(s.sync) == len(s.dts) && len(s.dts) > 0 {
		s.allSync, s.sync = true, nil
	}
	s.offset, s.size, s.dts = slices.Clip(s.offset), slices.Clip(s.size), slices.Clip(s.dts)
	s.cto, s.sync = slices.Clip(s.cto), slices.Clip(s.sync)
}

// whole counts the samples that lie entirely within a file of that size.
func (s *samples) whole(size int64) int {
	n := 0
	for i, off := range s.offset {
		if off+int64(s.size[i]) <= size {
			n++
		}
	}
	return n
}

// Len is the number of samples whose columns are there: all, or 0 for a track that was not read ([Track.Light]).
func (t *Track) Len() int { return len(t.s.dts) }

// Offset is where sample i begins in the file.
func (t *Track) Offset(i int) int64 { return t.s.offset[i] }

// Size is the length of sample i in bytes.
func (t *Track) Size(i int) int { return int(t.s.size[i]) }

// DTS is when sample i is decoded, in file time. i may be Len: the end of the last sample.
func (t *Track) DTS(i int) int64 {
	if i == len(t.s.dts) {
		return t.s.end
	}
	return t.s.dts[i]
}

// CTO is what to add to DTS(i) for the presentation time.
func (t *Track) CTO(i int) int64 {
	if t.s.cto == nil {
		return 0
	}
	return int64(t.s.cto[i])
}

// Duration is how long sample i lasts by the decode times.
func (t *Track) Duration(i int) int64 { return t.DTS(i+1) - t.s.dts[i] }

// PTS is when sample i is shown, in film time.
func (t *Track) PTS(i int) int64 { return t.s.dts[i] + t.CTO(i) + t.shift }

// IsSync reports whether sample i is marked as a key frame.
func (t *Track) IsSync(i int) bool { return t.NextSync(i) == i }

// NextSync is the first sample at or after i that is marked as a key frame, or Len.
func (t *Track) NextSync(i int) int {
	if t.s.allSync {
		return min(i, t.Len())
	}
	k, _ := slices.BinarySearch(t.s.sync, uint32(max(i, 0)))
	if k == len(t.s.sync) {
		return t.Len()
	}
	return int(t.s.sync[k])
}

// SyncCount is the number of key frames.
func (t *Track) SyncCount() int {
	if t.s.allSync {
		return t.Len()
	}
	return len(t.s.sync)
}

// syncAt is the sample number of the k-th key frame.
func (t *Track) syncAt(k int) int {
	if t.s.allSync {
		return k
	}
	return int(t.s.sync[k])
}

// MinCTO is the smallest composition offset of the track.
func (t *Track) MinCTO() int64 {
	if t.s.cto == nil {
		return 0
	}
	return int64(slices.Min(t.s.cto))
}

// Ranges are the bytes of samples [first, first+count) in decode order; neighbours are joined.
func (t *Track) Ranges(first, count int) []Range {
	var out []Range
	for i := first; i < first+count; i++ {
		off, size := t.s.offset[i], int64(t.s.size[i])
		if n := len(out); n > 0 && out[n-1].Offset+out[n-1].Length == off {
			out[n-1].Length += size
		} else if size > 0 {
			out = append(out, Range{off, size})
		}
	}
	return out
}

// Span is the film time from the first picture or sound of the track to the end of its last, in ticks.
func (t *Track) Span() (start, end int64) { return t.start, t.stop }

// still is how long a picture has to stand to be one.
const still = time.Second

// HasStills reports whether a picture stands for a second or more before another one comes.
func (t *Track) HasStills() bool {
	if t.Len() == 0 {
		return false
	}
	for i, latest := 0, t.PTS(0); i < t.Len(); i++ {
		// The first one behind a gap comes after all before it, in whatever order they are coded.
		pts := t.PTS(i)
		if t.Time(pts-latest) >= still {
			return true
		}
		latest = max(latest, pts)
	}
	return false
}

// measure finds Span. The end is that of the sample shown last, held for its own duration.
func (t *Track) measure() {
	t.start, t.stop = math.MaxInt64, math.MinInt64
	last := t.stop
	for i := range t.s.dts {
		pts := t.PTS(i)
		t.start = min(t.start, pts)
		if pts >= last {
			last, t.stop = pts, pts+t.Duration(i)
		}
	}
	if t.Len() == 0 {
		t.start, t.stop = 0, t.lightTicks
	}
}
