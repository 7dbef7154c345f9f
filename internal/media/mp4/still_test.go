package mp4_test

import (
	"os"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
)

// TestStills: a film ends when the picture that is shown last does, however long another one stands that is coded near it.
func TestStills(t *testing.T) {
	t.Parallel()
	var shown []time.Duration
	for at := time.Duration(0); at < 22*time.Second; at += time.Second / 5 {
		if at <= 5*time.Second || at >= 11*time.Second && at <= 15*time.Second || at >= 21*time.Second {
			shown = append(shown, at)
		}
	}
	for name, tt := range map[string]struct {
		spec   films.Spec
		stills bool
		end    time.Duration
	}{
		"stills":          {films.Spec{BFrames: 2, GOP: 2 * time.Second, Duration: 22 * time.Second, Shown: shown}, true, 22 * time.Second},
		"stills in order": {films.Spec{GOP: 2 * time.Second, Duration: 22 * time.Second, Shown: shown}, true, 22 * time.Second},
		"plain":           {films.Spec{BFrames: 2, Duration: 4 * time.Second}, false, 4 * time.Second},
		"variable rate":   {films.Spec{BFrames: 2, Duration: 4 * time.Second, VariableRate: true}, false, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film, err := os.ReadFile(films.Get(t, tt.spec))
			if err != nil {
				t.Fatal(err)
			}
			track := mustParse(t, film).Video()
			_, end := track.Span()
			if off := track.Time(end) - tt.end; off.Abs() > 300*time.Millisecond || track.HasStills() != tt.stills {
				t.Errorf("it ends at %s, stills: %v; want %s, %v", track.Time(end), track.HasStills(), tt.end, tt.stills)
			}
		})
	}
}
