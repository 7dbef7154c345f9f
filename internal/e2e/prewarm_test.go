package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// TestPrewarm: with --prewarm the first segments of all renditions are there before anybody asks; without it nothing is
// encoded until somebody does.
func TestPrewarm(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 9 * time.Second, Width: 854, Height: 480, GOP: 2 * time.Second})
	for _, ahead := range []bool{true, false} {
		w := rig.NewWorld(t, film)
		o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir()}
		if ahead {
			o.Args = []string{"--prewarm"}
		}
		p := rig.Start(t, o)
		c := p.Client(t)
		a := c.Ready(t, c.Create(t, w.FilmURL(film), nil).ID)
		_, list := fetchText(t, p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8")
		var encoded []string
		for line := range strings.Lines(list) {
			if strings.Contains(line, "/e2/") {
				encoded = append(encoded, strings.TrimSuffix(strings.TrimSpace(line), "rendition.m3u8"))
			}
		}
		if len(encoded) != 2 { // 360p and 270p
			t.Fatalf("%d encoded renditions in\n%s", len(encoded), list)
		}
		if !ahead {
			if n := c.Metric(t, "filmcan_renditions_started_total"); n != 0 {
				t.Errorf("%v processes begun for nobody", n)
			}
			continue
		}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(time.Minute); !strings.Contains(p.Log(), "first segments made"); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("no first segments:\n%s", p.Log())
			}
		}
		before := c.Metric(t, "filmcan_renditions_started_total")
		for _, at := range encoded {
			if status, _ := fetchText(t, at+"0.m4s"); status != 200 {
				t.Errorf("%s0.m4s: %d", at, status)
			}
		}
		if n := c.Metric(t, "filmcan_renditions_started_total") - before; n != 0 {
			t.Errorf("%v processes begun for what was there", n)
		}
	}
}

func fetchText(t *testing.T, link string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
