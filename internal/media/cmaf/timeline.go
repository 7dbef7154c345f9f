package cmaf

import (
	"fmt"
	"math"
	"slices"
	"time"

	"filmcan/internal/media/mp4"
)

const (
	// Apart is how far key frames may lie apart for the film's own pictures to be cut there.
	Apart = 10 * time.Second
	// maxLead is how many pictures are decoded at most for a cut inside a group of pictures, and thrown away: twenty seconds at
	// a hundred and twenty a second, and much to spare.
	maxLead = 10_000
	// maxReorder is by how many places pictures may be moved between decoding and showing: what decoders of H.264 and
	// HEVC can hold.
	maxReorder = 16
)

// Timeline is a track of pictures in the order in which they are shown, and where all its renditions are cut. A picture is
// named by its rank: its place in that order, from 0. In closed groups of pictures, and there are no others here, a group
// has the same ranks as it has samples, in another order. It is immutable.
type Timeline struct {
	track  *mp4.Track
	pieces []Piece
	whole  bool // cut at key frames

	// order is the sample of each rank, ranks the rank of each sample; nil where they are the same everywhere.
	order, ranks []int32
	// reorder is by how many places a picture is shown earlier than it is decoded, at most.
	reorder int
	// end is the film time at which the last picture ends.
	end int64
	// step is the least time between two pictures.
	step int64
	// fed is the timescale of what an encoder gets.
	fed uint32
}

// Piece is what one segment of every rendition shows.
type Piece struct {
	// First and Frames are the pictures in it, by rank.
	First, Frames int
	// Start is when it begins to be shown, in film time, Duration until the next one begins, in ticks of the track.
	Start, Duration int64
	// Key is the sample to decode from, Samples how many in decode order a decoder needs from there for all the pictures.
	Key, Samples int
}

// NewTimeline orders the pictures of a track and cuts it: at the first key frame at least [Target] after the last cut; where
// key frames lie more than [Apart] apart anywhere, at the first picture so far after it. Errors wrap [ErrNotCuttable].
func NewTimeline(t *mp4.Track) (*Timeline, error) {
	if t.Kind != mp4.Video || t.Entry == nil || t.Len() == 0 {
		return nil, fmt.Errorf("%w: track %d (%s) was not read", ErrNotCuttable, t.ID, t.FFName)
	}
	if !t.IsSync(0) {
		return nil, fmt.Errorf("%w: track %d does not begin with a key frame", ErrNotCuttable, t.ID)
	}
	l := &Timeline{track: t, fed: fedScale(t.Timescale)}
	_, l.end = t.Span()
	if err := l.rank(); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	l.whole = l.keyDistance() <= l.ticks(Apart)
	l.cut()
	for i, p := range l.pieces {
		if lead := p.First - p.Key; lead > maxLead {
			return nil, fmt.Errorf("%w: %d pictures have to be decoded before segment %d", ErrNotCuttable, lead, i)
		}
	}
	l.step = l.shortest()
	return l, nil
}

// shortest is the least time between two pictures, a second at most.
func (l *Timeline) shortest() int64 {
	least := min(int64(l.track.Timescale), math.MaxInt32/16)
	before := l.Time(0)
	for k := 1; k < l.Len(); k++ {
		at := l.Time(k)
		if at > before {
			least = min(least, at-before)
		}
		before = at
	}
	return least
}

// decode is the film time at which the i-th sample of piece n is decoded, where pictures are moved by up to reorder places;
// i may be the number of samples, which gives the time when the last one is over. From the piece's first picture on a sample
// is decoded when the picture so many places before it is shown; the first ones a step apart before that. So each piece
// begins to be decoded the same time before it is shown and lasts as long in both, even where a picture stands for long: hls.js
// takes the one for the other.
func (l *Timeline) decode(n, i, reorder int) int64 {
	p := l.pieces[n]
	lead := int64(reorder) * l.step
	switch {
	case i < min(reorder, p.Frames):
		return p.Start - lead + int64(i)*l.step
	case i < p.Frames:
		return l.Time(p.First + i - reorder)
	}
	// No sooner than the last sample, where pictures have one time, or the last of all has no duration.
	return max(p.Start+p.Duration-lead, l.decode(n, p.Frames-1, reorder))
}

// rank sorts the pictures group by group.
func (l *Timeline) rank() error {
	t := l.track
	n := t.Len()
	before := int64(math.MinInt64) // the last picture of the groups so far
	for first := 0; first < n; {
		next := t.NextSync(first + 1)
		sorted, least, most := true, t.PTS(first), t.PTS(first)
		for i := first + 1; i < next; i++ {
			pts := t.PTS(i)
			sorted = sorted && pts >= most
			least, most = min(least, pts), max(most, pts)
		}
		switch {
		case least < before:
			return fmt.Errorf("%w: pictures of the group at %v are shown among those before it", ErrNotCuttable, t.Time(t.PTS(first)))
		case least < t.PTS(first) && t.FFName == "h264":
			return fmt.Errorf("%w: pictures of the group at %v are shown before its key frame", ErrNotCuttable, t.Time(t.PTS(first)))
		}
		if !sorted {
			if err := l.sort(first, next); err != nil {
				return err
			}
		}
		first, before = next, most
	}
	return nil
}

// sort orders the samples of one group.
func (l *Timeline) sort(first, next int) error {
	if l.order == nil {
		l.order, l.ranks = make([]int32, l.track.Len()), make([]int32, l.track.Len())
		for i := range l.order {
			l.order[i], l.ranks[i] = int32(i), int32(i)
		}
	}
	group := l.order[first:next]
	slices.SortStableFunc(group, func(a, b int32) int {
		switch pa, pb := l.track.PTS(int(a)), l.track.PTS(int(b)); {
		case pa < pb:
			return -1
		case pa > pb:
			return 1
		}
		return 0
	})
	for i, sample := range group {
		l.ranks[sample] = int32(first + i)
		l.reorder = max(l.reorder, int(sample)-first-i)
	}
	if l.reorder > maxReorder {
		return fmt.Errorf("%w: pictures are moved by %d places", ErrNotCuttable, l.reorder)
	}
	return nil
}

// check refuses what cannot be written as segments.
func (l *Timeline) check() error {
	t := l.track
	if start := l.Time(0); start+int64(t.Timescale) < 0 { // Base
		return fmt.Errorf("%w: track %d begins %v before the film", ErrNotCuttable, t.ID, t.Time(-start))
	}
	for k := range t.Len() {
		// However an encoder moves them, offsets take 32 bits.
		if d := l.Time(k) - l.Time(max(0, k-maxReorder-Reorder)); d > math.MaxInt32/2 {
			return fmt.Errorf("%w: pictures up to %d are shown for %d ticks", ErrNotCuttable, k, d)
		}
		if t.Size(k) == 0 {
			return fmt.Errorf("%w: picture %d has no bytes", ErrNotCuttable, k)
		}
	}
	return nil
}

func (l *Timeline) ticks(d time.Duration) int64 {
	return int64(d/time.Second) * int64(l.track.Timescale)
}

// keyDistance is the longest time without a key frame.
func (l *Timeline) keyDistance() int64 {
	t := l.track
	longest, key := int64(0), t.PTS(0)
	for i := t.NextSync(1); i < t.Len(); i = t.NextSync(i + 1) {
		longest, key = max(longest, t.PTS(i)-key), t.PTS(i)
	}
	return max(longest, l.end-key)
}

// cut makes the pieces.
func (l *Timeline) cut() {
	t := l.track
	firsts := []int{0}
	if l.whole {
		firsts = keyCuts(t)
	} else {
		for k, last := 1, l.Time(0); k < t.Len(); k++ {
			if at := l.Time(k); at-last >= l.ticks(Target) {
				firsts, last = append(firsts, k), at
			}
		}
	}
	l.pieces = make([]Piece, len(firsts))
	key := 0
	for i, first := range firsts {
		next, until := t.Len(), l.end
		if i+1 < len(firsts) {
			next = firsts[i+1]
			until = l.Time(next)
		}
		p := Piece{First: first, Frames: next - first, Start: l.Time(first)}
		p.Duration = max(0, until-p.Start)
		least, most := l.Sample(first), l.Sample(first)
		for k := first + 1; k < next; k++ {
			least, most = min(least, l.Sample(k)), max(most, l.Sample(k))
		}
		for after := t.NextSync(key + 1); after <= least; after = t.NextSync(key + 1) {
			key = after
		}
		p.Key, p.Samples = key, most+1-key
		l.pieces[i] = p
	}
}

// keyCuts are the first samples of the segments of a track that is cut at key frames.
func keyCuts(t *mp4.Track) []int {
	firsts := []int{0}
	target := int64(Target/time.Second) * int64(t.Timescale)
	for i := t.NextSync(1); i < t.Len(); i = t.NextSync(i + 1) {
		if t.PTS(i)-t.PTS(firsts[len(firsts)-1]) >= target {
			firsts = append(firsts, i)
		}
	}
	return firsts
}

// longest is the longest piece in whole seconds.
func (l *Timeline) longest() int {
	d := int64(0)
	for _, p := range l.pieces {
		d = max(d, p.Duration)
	}
	return wholeSeconds(d, l.track.Timescale)
}

// Track is what the timeline is of.
func (l *Timeline) Track() *mp4.Track { return l.track }

// Segments are the pieces, in order. The caller changes nothing in them.
func (l *Timeline) Segments() []Piece { return l.pieces }

// Passthrough reports whether the cuts are at key frames, so that the track's own samples can be a rendition.
func (l *Timeline) Passthrough() bool { return l.whole }

// Len is the number of pictures.
func (l *Timeline) Len() int { return l.track.Len() }

// Rank is the place of sample i in the order of showing.
func (l *Timeline) Rank(i int) int {
	if l.ranks == nil {
		return i
	}
	return int(l.ranks[i])
}

// Sample is the place of the picture of that rank in the order of decoding.
func (l *Timeline) Sample(rank int) int {
	if l.order == nil {
		return rank
	}
	return int(l.order[rank])
}

// Time is when the picture of that rank is shown, in film time, ticks of the track.
func (l *Timeline) Time(rank int) int64 { return l.track.PTS(l.Sample(rank)) }

// MemSize is about how many bytes the timeline holds in memory beside its track, for a cache's budget.
func (l *Timeline) MemSize() int64 {
	return 256 + int64(cap(l.order)+cap(l.ranks))*4 + int64(cap(l.pieces))*48
}
