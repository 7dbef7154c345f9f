package cmaf

import (
	"fmt"

	"filmcan/internal/media/mp4"
)

// clock gives the output times of a track.
//
// Decode times begin at [Base], so that a player which takes the first decode time of a segment for its place in the
// playlist (hls.js does) shows every picture exactly when it should. Pictures that are reordered are shown later than
// they are decoded; by how much the first one is, lead, is taken back by an edit list in the init segment. So nothing is
// ever negative, and offsets stay unsigned, which all readers agree on.
//
// Where a picture stands for long, files have that time one reorder delay later in decode times than in presentation times,
// maybe in another segment. Then the decode times are those of [Timeline.decode].
type clock struct {
	track *mp4.Track
	line  *Timeline // nil: the file's decode times
	// shift turns decode times of the file into output times, with what all composition offsets have in common: so the
	// smallest offset is 0 whatever the file's convention was. shown does the same for presentation times, in the
	// fragments' time: the edit list takes lead from it.
	shift, shown int64
	lead         int64
}

func newClock(t *mp4.Track) (clock, error) {
	base := int64(t.Timescale) // Base
	start, _ := t.Span()
	if start+base < 0 {
		return clock{}, fmt.Errorf("%w: track %d begins %v before the film", ErrNotCuttable, t.ID, t.Time(-start))
	}
	c := clock{track: t, shift: t.Shift() + t.MinCTO() + base, shown: base}
	// In a closed group the key frame, first to be decoded, is the first to be shown.
	c.lead = max(0, c.pts(0)-c.dts(0))
	c.shift += c.lead
	c.shown += c.lead
	return c, nil
}

// even makes decode times go with the cuts of l where the file's do not: where a player that takes them for a segment's place
// would be wrong by more than that.
func (c *clock) even(l *Timeline) {
	const wrong = 10 // of a second
	for _, p := range l.pieces {
		if d := c.dts(p.First) + c.lead - c.pts(p.First); max(d, -d) > int64(c.track.Timescale)/wrong {
			c.line, c.lead = l, int64(l.reorder)*l.step
			c.shown = int64(c.track.Timescale) + c.lead // Base
			return
		}
	}
}

// decode is the output decode time of the i-th sample of segment n, whose first is that of the track; i may be the number of
// samples.
func (c *clock) decode(n, first, i int) int64 {
	if c.line == nil {
		return c.dts(first + i)
	}
	return c.line.decode(n, i, c.line.reorder) + c.shown
}

// dts is the output decode time of sample i, which may be Len, by the file's.
func (c *clock) dts(i int) int64 { return c.track.DTS(i) + c.shift }

// pts is the output presentation time of sample i, before the edit list.
func (c *clock) pts(i int) int64 { return c.track.PTS(i) + c.shown }
