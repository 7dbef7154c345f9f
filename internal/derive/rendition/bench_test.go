package rendition

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/ladder"
)

// BenchmarkFirstSegment compares the first complete 480p segment at several places with a bare ffmpeg that encodes the
// same seconds, in turn: medians of the ratios. cold: no process waits; warm: one does.
func BenchmarkFirstSegment(b *testing.B) {
	path := films.Get(b, films.Spec{Duration: 40 * time.Second, Width: 1920, Height: 1080, BFrames: 3, GOP: 4 * time.Second, Grain: true, Audio: films.None})
	for _, kind := range []string{"cold", "warm"} {
		b.Run(kind, func(b *testing.B) {
			var ratios, ours, bare []float64
			for range b.N {
				for _, n := range []int{0, 4, 8} {
					w := newWorld(b)
					if kind == "warm" {
						w.pool(b)
					}
					f := w.add(b, path)
					rungs := Rungs(f, ladder.Plus)
					r := rungs[slices.IndexFunc(rungs, func(r ladder.Rung) bool { return r.Lines == 480 })]
					p := f.Timeline().Segments()[n]
					scale := time.Second / time.Duration(f.Timeline().Track().Timescale)
					if kind == "warm" {
						w.warm(b, f, r)
					}
					start := time.Now()
					_, err := w.segment(b.Context(), f, r, n)
					must(b, err)
					own := time.Since(start)
					w.engine.Close()
					other := plain(b, path, r, time.Duration(p.Start)*scale, time.Duration(p.Duration)*scale)
					ratios, ours, bare = append(ratios, own.Seconds()/other.Seconds()), append(ours, own.Seconds()), append(bare, other.Seconds())
				}
			}
			b.ReportMetric(median(ratios), "of-ffmpeg")
			b.ReportMetric(median(ours), "s-ours")
			b.ReportMetric(median(bare), "s-ffmpeg")
		})
	}
}

// BenchmarkSustained compares a film that is watched as fast as it comes with one continuous encode.
func BenchmarkSustained(b *testing.B) {
	path := films.Get(b, films.Spec{Duration: 40 * time.Second, Width: 1920, Height: 1080, BFrames: 3, GOP: 4 * time.Second, Grain: true, Audio: films.None})
	var ratios []float64
	for range b.N {
		w := newWorld(b)
		f := w.add(b, path)
		rungs := Rungs(f, ladder.Plus)
		r := rungs[slices.IndexFunc(rungs, func(r ladder.Rung) bool { return r.Lines == 720 })]
		start := time.Now()
		for n := range f.Timeline().Segments() {
			_, err := w.segment(b.Context(), f, r, n)
			must(b, err)
		}
		own := time.Since(start)
		other := plain(b, path, r, 0, 40*time.Second)
		ratios = append(ratios, other.Seconds()/own.Seconds())
	}
	b.ReportMetric(median(ratios), "of-ffmpeg's-rate")
}

// plain is the time that a bare ffmpeg takes for a stretch of the film.
func plain(b *testing.B, path string, r ladder.Rung, from, length time.Duration) time.Duration {
	b.Helper()
	start := time.Now()
	out, err := exec.CommandContext(b.Context(), "ffmpeg", "-nostdin", "-v", "error", "-ss", seconds(from), "-t", seconds(length), "-i", path, // #nosec G204
		"-vf", fmt.Sprintf("scale=%d:%d", r.Width, r.Height), "-c:v", "libx264", "-preset", "veryfast", "-crf", strconv.Itoa(r.CRF),
		"-maxrate", strconv.FormatInt(r.MaxRate, 10), "-bufsize", strconv.FormatInt(r.Buffer, 10), "-f", "mp4", "-y", b.TempDir()+"/out.mp4").CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return time.Since(start)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// pool gives the world's engine processes that wait.
func (w *world) pool(tb testing.TB) {
	tb.Helper()
	pool := ffmpeg.NewPool(w.runner, ffmpeg.PoolConfig{})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		must(tb, <-done)
	})
	tools := w.engine.tools
	tools.Warm = pool
	w.engine = New(tools, Config{})
	tb.Cleanup(w.engine.Close)
	w.ready = func() bool { return pool.Stats().Ahead > 0 }
}
