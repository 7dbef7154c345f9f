package rendition

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/ladder"
	"filmcan/internal/media/mp4"
)

var visits = flag.Int("visits", 6, "how often each of twelve viewers comes and goes")

// TestComingAndGoing: viewers come, seek, leave in the middle, while processes wait for a moment only and the store is
// emptied. No run may end but by its own plan, and each segment that is handed out is the one that was asked for.
func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.Close()
	pool := ffmpeg.NewPool(w.runner, ffmpeg.PoolConfig{Idle: 2, Linger: 500 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	pooled := make(chan error, 1)
	go func() { pooled <- pool.Run(ctx) }()
	tools := w.engine.tools
	tools.Warm = pool
	w.engine = New(tools, Config{Slots: 2, Processes: 4, Idle: 300 * time.Millisecond, Leave: 50 * time.Millisecond})
	var opened []*reel.Film
	for _, spec := range []films.Spec{
		{Duration: 17 * time.Second, BFrames: 3},
		{Duration: 17 * time.Second, BFrames: 2, Rate: films.NTSC, Video: films.HEVC},
		{Duration: 30 * time.Second, BFrames: 3, GOP: 30 * time.Second}, // cut inside its group
	} {
		opened = append(opened, w.add(t, films.Get(t, spec)))
	}
	var viewers sync.WaitGroup
	for i := range 12 {
		viewers.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(i), 1)) // #nosec G404 -- a test's
			for range *visits {
				w.visit(t, opened[dice.IntN(len(opened))], dice)
				if dice.IntN(8) == 0 {
					w.empty(t)
				}
			}
		})
	}
	viewers.Wait()
	stats := w.engine.Stats()
	w.engine.Close()
	stop()
	must(t, <-pooled)
	t.Logf("%+v %+v", stats, pool.Stats())
	if stats.Discarded != 0 || strings.Contains(w.log.String(), "tried again") {
		t.Errorf("runs ended that should not have:\n%s", w.log.String())
	}
}

// visit takes some segments one after the other; impatient viewers leave in the middle of one.
func (w *world) visit(t *testing.T, f *reel.Film, dice *rand.Rand) {
	t.Helper()
	r := Rungs(f, ladder.Plus)[0]
	pieces := f.Timeline().Segments()
	from := dice.IntN(len(pieces))
	head := w.init(t, f, r)
	for n := from; n < min(len(pieces), from+1+dice.IntN(4)); n++ {
		ctx, leave := context.WithCancel(t.Context())
		if dice.IntN(3) == 0 {
			ctx, leave = context.WithTimeout(t.Context(), time.Duration(dice.IntN(300))*time.Millisecond)
		}
		b, err := w.segment(ctx, f, r, n)
		left := ctx.Err() != nil
		leave()
		switch {
		case err != nil && (left || film.IsCode(err, film.CodeUnavailable) && !errors.Is(err, errInit)):
			return
		case err != nil:
			t.Errorf("segment %d: %v", n, err)
			return
		}
		whole := append(bytes.Clone(head), b...)
		x, err := mp4.Parse(t.Context(), bytes.NewReader(whole), int64(len(whole)), mp4.Limits{})
		must(t, err)
		if x.Video().Len() != pieces[n].Frames {
			t.Errorf("segment %d has %d pictures, want %d", n, x.Video().Len(), pieces[n].Frames)
		}
	}
}
