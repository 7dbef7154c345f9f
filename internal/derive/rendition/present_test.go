package rendition

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// TestBesideItself: a film with more bits than players take, and one in HEVC, have a rung of their own size.
func TestBesideItself(t *testing.T) {
	t.Parallel()
	dense := filepath.Join(t.TempDir(), "dense.mp4")
	// #nosec G204 -- a film of the tests
	if b, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=320x180:d=2:r=30,noise=alls=100:allf=t+u,format=yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-qp", "1", "-bf", "0", "-g", "30", dense).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	w := newWorld(t)
	for name, tt := range map[string]struct {
		path string
		want bool
	}{
		"plain": {films.Get(t, films.Spec{}), false},
		"dense": {dense, true},
		"hevc":  {films.Get(t, films.Spec{Video: films.HEVC}), true},
	} {
		list, err := w.engine.Renditions(w.add(t, tt.path), film.QualityPlus)
		must(t, err)
		if own := len(list) > 0 && list[0].Height == 180; own != tt.want {
			t.Errorf("%s: %d renditions, one of its own size: %v", name, len(list), own)
		}
	}
}

func TestDensest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		durations []int64
		target    int
		want      time.Duration
	}{
		"even":                    {[]int64{4000, 4000, 4000}, 4, 4 * time.Second},
		"a short rest":            {[]int64{4000, 4000, 100}, 4, 2050 * time.Millisecond},
		"a short rest of a short": {[]int64{100}, 1, 100 * time.Millisecond},
		"half a target counts":    {[]int64{8000, 4000}, 8, 4 * time.Second},
		"less does not":           {[]int64{10_000, 4000}, 10, 7 * time.Second},
		"nothing":                 {nil, 1, 0},
	} {
		if got := densest(c.durations, 1000, c.target); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
