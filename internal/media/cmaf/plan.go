package cmaf

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"filmcan/internal/media/mp4"
)

const (
	// Recipe is part of every URL of a segment: it changes when the bytes of segments made from the same index change.
	Recipe = "p2"
	// Target is the least distance of two cuts.
	Target = 4 * time.Second
	// Base is added to all output times.
	Base = time.Second
)

// ErrNotCuttable is wrapped by the errors of [Plan] and [NewTimeline]: this film needs a base to be cut from.
var ErrNotCuttable = errors.New("cmaf: the film cannot be cut where it lies")

// Package is the plan of a whole film: its renditions and their segments. It is immutable.
type Package struct {
	// Timeline has the cuts of the pictures, for renditions that are encoded; nil where the film has none.
	Timeline *Timeline
	// Video and Audio are nil where the film has no pictures or no sound that can be passed through.
	Video, Audio *Rendition
	// TargetDuration is the longest segment of all renditions, rounded as EXT-X-TARGETDURATION wants it, in seconds.
	TargetDuration int
}

// Rendition is one track as segments.
type Rendition struct {
	Track    *mp4.Track
	Segments []Segment
	// Bandwidth is the peak and AverageBandwidth the average bit rate, in bits per second, as EXT-X-STREAM-INF wants them
	// (RFC 8216, 4.3.4.2), heads included.
	Bandwidth, AverageBandwidth int64

	clock clock
}

// Segment is one segment of a rendition.
type Segment struct {
	// First and Count are the samples in it, in decode order.
	First, Count int
	// Start is when it begins to be shown, in film time, Duration until the next one begins, in ticks of the track.
	Start, Duration int64
	// Size in bytes, head included.
	Size int64
}

// Plan cuts a film whose pictures and sound lie in one file: see [PlanTracks].
func Plan(x *mp4.Index) (*Package, error) { return PlanTracks(x.Video(), x.Audio()) }

// PlanTracks cuts a film. Pictures and sound may be tracks of different files, as long as both keep film time: sound is
// cut where the pictures are. Either may be nil. It errs with [ErrNotCuttable] where a film does not fulfil what [mp4.Check]
// asks of a standard input and no cut can be right; it does not repeat the whole check.
func PlanTracks(video, audio *mp4.Track) (*Package, error) {
	var p Package
	var cuts []int64 // in film time, video ticks
	if video != nil {
		t, err := NewTimeline(video)
		if err != nil {
			return nil, err
		}
		p.Timeline = t
		p.TargetDuration = t.longest()
		if t.Passthrough() {
			firsts := make([]int, len(t.pieces))
			for i, piece := range t.pieces {
				firsts[i] = piece.First // ranks and samples agree at key frames of closed groups
			}
			if p.Video, err = newRendition(video, firsts, t); err != nil {
				return nil, err
			}
			p.TargetDuration = max(p.TargetDuration, p.Video.longest())
		}
		for _, piece := range t.pieces[1:] {
			cuts = append(cuts, piece.Start)
		}
		cuts = append(cuts, t.end)
	}
	if audio != nil {
		scale := audio.Timescale
		if video != nil {
			scale = video.Timescale
		}
		r, err := newRendition(audio, packetCuts(audio, cuts, scale), nil)
		if err != nil {
			return nil, err
		}
		p.Audio = r
		p.TargetDuration = max(p.TargetDuration, r.longest())
	}
	for _, r := range []*Rendition{p.Video, p.Audio} {
		if r != nil {
			r.measure(time.Duration(p.TargetDuration) * time.Second)
		}
	}
	return &p, nil
}

// packetCuts are the first samples of the segments of an audio track: the packet heard at each cut, and where there are no
// more cuts, one every Target.
func packetCuts(t *mp4.Track, cuts []int64, scale uint32) []int {
	firsts := []int{0}
	n := t.Len()
	if n == 0 {
		return nil
	}
	cut := func(at int64) {
		i := sort.Search(n, func(i int) bool { return t.PTS(i) > at }) - 1
		if i > firsts[len(firsts)-1] {
			firsts = append(firsts, i)
		}
	}
	last := t.PTS(0)
	for i, c := range cuts {
		at := mp4.Rescale(c, scale, t.Timescale)
		// The last cut is the end of the pictures: sound that ends soon after stays with it.
		if _, end := t.Span(); i == len(cuts)-1 && t.Time(end-at) < Target {
			return firsts
		}
		cut(at)
		last = at
	}
	target := int64(Target/time.Second) * int64(t.Timescale)
	for _, end := t.Span(); last+target < end; {
		last += target
		cut(last)
	}
	return firsts
}

// newRendition cuts a track at these samples; line has the same cuts, if it is of pictures.
func newRendition(t *mp4.Track, firsts []int, line *Timeline) (*Rendition, error) {
	if t.Entry == nil || t.Len() == 0 {
		return nil, fmt.Errorf("%w: track %d (%s) was not read", ErrNotCuttable, t.ID, t.FFName)
	}
	if t.Kind == mp4.Video && !t.IsSync(0) {
		return nil, fmt.Errorf("%w: track %d does not begin with a key frame", ErrNotCuttable, t.ID)
	}
	c, err := newClock(t)
	if err != nil {
		return nil, err
	}
	if line != nil {
		c.even(line)
	}
	r := &Rendition{Track: t, clock: c, Segments: make([]Segment, len(firsts))}
	var room []sample
	for i, first := range firsts {
		next := t.Len()
		if i+1 < len(firsts) {
			next = firsts[i+1]
		}
		s := &r.Segments[i]
		s.First, s.Count, s.Start = first, next-first, math.MaxInt64
		for k := first; k < next; k++ {
			s.Start = min(s.Start, t.PTS(k))
			s.Size += int64(t.Size(k))
			decode := c.decode(i, first, k-first)
			if d := c.decode(i, first, k+1-first) - decode; d < 0 || d > math.MaxInt32 {
				return nil, fmt.Errorf("%w: sample %d lasts %d ticks", ErrNotCuttable, k, d)
			}
			if d := c.pts(k) - decode; d < 0 || d > math.MaxInt32 {
				return nil, fmt.Errorf("%w: sample %d is shown %d ticks after it is decoded", ErrNotCuttable, k, d)
			}
		}
		room = r.samples(room, i)
		l := newLayout(room, r.allSync())
		s.Size += int64(l.size())
	}
	_, end := t.Span()
	for i := len(r.Segments) - 1; i >= 0; i-- {
		s := &r.Segments[i]
		if s.Duration = end - s.Start; s.Duration < 0 {
			return nil, fmt.Errorf("%w: segment %d of track %d ends before it begins", ErrNotCuttable, i, t.ID)
		}
		end = s.Start
	}
	return r, nil
}

// longest is the longest segment in whole seconds, rounded to the nearest (RFC 8216, 4.3.3.1), at least 1.
func (r *Rendition) longest() int {
	d := int64(0)
	for _, s := range r.Segments {
		d = max(d, s.Duration)
	}
	return wholeSeconds(d, r.Track.Timescale)
}

func wholeSeconds(ticks int64, scale uint32) int { return int(max(1, mp4.Rescale(ticks, scale, 1))) }

// measure finds the bit rates. The peak is the largest over any run of segments that lasts between half and one and a half
// target durations (RFC 8216, 4.3.4.2), so that a short last segment does not count for itself.
func (r *Rendition) measure(target time.Duration) {
	scale := float64(r.Track.Timescale)
	least, most := int64(target.Seconds()*scale/2), int64(target.Seconds()*scale*3/2)
	var total, length int64
	for i := range r.Segments {
		var size, ticks int64
		for _, s := range r.Segments[i:] {
			size, ticks = size+s.Size, ticks+s.Duration
			if ticks > most {
				break
			}
			if ticks >= least && ticks > 0 {
				r.Bandwidth = max(r.Bandwidth, rate(size, ticks, r.Track.Timescale))
			}
		}
		total, length = total+r.Segments[i].Size, length+r.Segments[i].Duration
	}
	r.AverageBandwidth = rate(total, max(length, 1), r.Track.Timescale)
	r.Bandwidth = max(r.Bandwidth, r.AverageBandwidth)
}

// rate is bits per second, rounded up.
func rate(bytes, ticks int64, scale uint32) int64 {
	return int64(math.Ceil(float64(bytes) * 8 * float64(scale) / float64(ticks)))
}

// Time converts ticks of the rendition.
func (r *Rendition) Time(ticks int64) time.Duration { return r.Track.Time(ticks) }

// VideoRange is the value of the VIDEO-RANGE attribute: PQ, HLG or SDR; empty for sound.
func (r *Rendition) VideoRange() string {
	p := r.Track.Picture
	switch {
	case p == nil:
		return ""
	case p.Transfer == 16:
		return "PQ"
	case p.Transfer == 18:
		return "HLG"
	}
	return "SDR"
}
