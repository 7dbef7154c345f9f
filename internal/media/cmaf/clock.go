package cmaf

import (
	"fmt"

	"filmcan/internal/media/mp4"
)

// clock gives the output times of a track.
type clock struct {
	track *mp4.Track
	// shift turns decode times of the file into output times, with what all composition offsets have in common: so the
	// smallest offset is 0 whatever the file's convention was. shown does the same for presentation times.
	shift, shown int64
	// early is the number of samples whose decode time would be negative, and until the time before which they are
	// spread evenly instead: where pictures are reordered over more than [Base] (slow frame rates), decoders get the
	// first few faster than in real time, and every picture is still shown when it should be.
	early int
	until int64
}

func newClock(t *mp4.Track) (clock, error) {
	base := int64(t.Timescale) // Base
	common := t.MinCTO()
	c := clock{track: t, shift: t.Shift() + common + base, shown: base}
	start, _ := t.Span()
	if start+base < 0 {
		return clock{}, fmt.Errorf("%w: track %d begins %v before the film", ErrNotCuttable, t.ID, t.Time(-start))
	}
	for c.early < t.Len() && t.DTS(c.early)+c.shift < 0 {
		c.early++
	}
	if c.early > 0 {
		c.until = min(base, start+base, max(0, t.DTS(c.early)+c.shift))
	}
	return c, nil
}

// dts is the output decode time of sample i, which may be Len.
func (c *clock) dts(i int) int64 {
	if i < c.early {
		return c.until * int64(i) / int64(c.early)
	}
	return c.track.DTS(i) + c.shift
}

// pts is the output presentation time of sample i.
func (c *clock) pts(i int) int64 { return c.track.PTS(i) + c.shown }
