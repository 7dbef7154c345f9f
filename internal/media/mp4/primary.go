package mp4

import "errors"

// readTables chooses the primary tracks and flattens their tables. A file that is cut off keeps its columns; the
// truncation is reported when all is read.
func (p *parser) readTables() error {
	x := p.index
	x.video, x.audio = p.choose(Video), p.choose(Audio)
	for i, t := range x.Tracks {
		if t.Kind == Other {
			t.Light = true
			continue
		}
		most := p.limits.maxTicks(t.Timescale)
		if err := t.interpret(x.MovieTimescale, most); err != nil {
			return err
		}
		tb := &p.boxes[i]
		t.Light = i != x.video && (i != x.audio || t.FFName != "aac")
		if t.Light {
			ticks, n, err := tb.tables.ticks(most)
			if err != nil && (i == x.video || i == x.audio) {
				return err
			}
			// The tables of tracks that nobody plays may be nonsense.
			t.lightTicks, t.Samples = ticks, int(min(n, tb.count))
			continue
		}
		if tb.count > int64(p.limits.MaxSamples) {
			return tooBig("The film has too many frames.", "track %d has %d samples", t.ID, tb.count)
		}
		s, err := tb.tables.flatten(int(tb.count), most, x.Size)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				e.Detail = "track " + t.Handler + ": " + e.Detail
			}
			return err
		}
		t.s, t.Samples = s, int(tb.count)
	}
	return nil
}

// choose returns the primary track of a kind: the first enabled one with samples (of fragmented films, the first
// enabled one), failing that the first with samples, failing that the first; -1 without any.
func (p *parser) choose(kind Kind) int {
	best, score := -1, -1
	for i, t := range p.index.Tracks {
		if t.Kind != kind {
			continue
		}
		s := 0
		if p.boxes[i].count > 0 {
			s += 2
		}
		if t.Enabled {
			s++
		}
		if s > score {
			best, score = i, s
		}
	}
	return best
}
