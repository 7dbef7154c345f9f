package rendition

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
)

// TestFrameForFrame holds all renditions of films of every kind against their tables: asked for in order, and in any
// order with the store emptied before, by other processes from other starts.
func TestFrameForFrame(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]films.Spec{
		"b-frames":        {Duration: 13 * time.Second, BFrames: 3},
		"two rungs":       {Duration: 9 * time.Second, BFrames: 3, Width: 640, Height: 360},
		"23.976":          {Duration: 13 * time.Second, BFrames: 2, Rate: films.NTSC},
		"variable rate":   {Duration: 13 * time.Second, BFrames: 2, VariableRate: true},
		"long groups":     {Duration: 14 * time.Second, BFrames: 3, GOP: 30 * time.Second},
		"hevc":            {Duration: 9 * time.Second, BFrames: 3, Video: films.HEVC},
		"hevc, long":      {Duration: 14 * time.Second, BFrames: 3, Video: films.HEVC, GOP: 30 * time.Second},
		"rotated":         {Duration: 9 * time.Second, BFrames: 2, Rotation: 90, Width: 180, Height: 320},
		"phone":           withDuration(films.Phone(films.MOV, films.H264), 9*time.Second),
		"two a second":    {Duration: 30 * time.Second, Rate: films.Rate{Num: 2, Den: 1}, GOP: 2 * time.Second},
		"60 a second":     {Duration: 9 * time.Second, BFrames: 3, Rate: films.Rate{Num: 60, Den: 1}},
		"fragmented":      {Duration: 9 * time.Second, BFrames: 2, Container: films.Fragmented},
		"shorter than 4s": {Duration: time.Second},
		"one frame":       {Duration: time.Second / 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := films.Get(t, spec)
			f := w.add(t, path)
			rungs := Rungs(f, ladder.Plus)
			if len(rungs) == 0 {
				t.Fatal("no renditions")
			}
			for _, r := range rungs {
				first := w.whole(t, f, r, nil)
				exact(t, f, r, first, path)
				head := w.init(t, f, r)

				w.empty(t)
				other := newWorld(t)
				g := other.add(t, path)
				again := other.whole(t, g, r, rand.Perm(len(f.Timeline().Segments())))
				exact(t, g, r, again, path)
				if !bytes.Equal(head, other.init(t, g, r)) {
					t.Errorf("%s: two init segments", r.Name)
				}
			}
			if got := w.engine.Stats(); got.Discarded != 0 {
				t.Errorf("%+v\n%s", got, w.log.String())
			}
		})
	}
}

// TestStillForMinutes: pictures that are shown for longer than an encoder's slot of time.
func TestStillForMinutes(t *testing.T) {
	t.Parallel()
	plain := films.Get(t, films.Spec{Audio: films.None, Duration: 6 * time.Second})
	path := filepath.Join(t.TempDir(), "film.mp4")
	// #nosec G204 -- a film of the tests
	b, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", plain, "-vf", "setpts='PTS+gte(N,1)*90/TB+gte(N,140)*70/TB'",
		"-fps_mode", "passthrough", "-c:v", "libx264", "-bf", "2", "-flags", "+cgop", "-force_key_frames", "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	w := newWorld(t)
	f := w.add(t, path)
	for _, r := range Rungs(f, ladder.Plus) {
		exact(t, f, r, w.whole(t, f, r, nil), path)
		w.empty(t)
		exact(t, f, r, w.whole(t, f, r, rand.Perm(len(f.Timeline().Segments()))), path)
	}
	if got := w.engine.Stats(); got.Discarded != 0 {
		t.Errorf("%+v\n%s", got, w.log.String())
	}
}

func withDuration(s films.Spec, d time.Duration) films.Spec {
	s.Duration = d
	return s
}
