package cmaf

import (
	"context"
	"fmt"
	"io"
)

// KeyBefore is the key frame that is shown last at or before a moment of film time, in ticks of the track; the first one
// where there is none. It is a sample in the order of decoding.
func (l *Timeline) KeyBefore(at int64) int {
	t := l.track
	best := 0
	for i := t.NextSync(0); i < t.Len() && t.PTS(i) <= at; i = t.NextSync(i + 1) {
		best = i
	}
	return best
}

// Stills feeds a decoder with key frames alone, read from the track's file, a second apart: a head, and a fragment for each
// of them. The same one may come more than once.
func (l *Timeline) Stills(ctx context.Context, w io.Writer, src io.ReaderAt, keys []int) error {
	r := Run{line: l}
	if _, err := w.Write(r.Init()); err != nil {
		return err
	}
	second := int64(l.fed)
	for k, i := range keys {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if i < 0 || i >= l.Len() || !l.track.IsSync(i) {
			return fmt.Errorf("cmaf: sample %d is no key frame", i)
		}
		r.samples = append(r.samples[:0], sample{duration: uint32(second), size: uint32(l.track.Size(i)), sync: true})
		r.fragments++
		if err := r.send(w, src, int64(k)*second, i, i+1); err != nil {
			return err
		}
	}
	return nil
}
