package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// TestBudgetSmallerThanWhatIsWatched: nothing may be kept, and two viewers who are at different places of a film get every
// picture all the same. The work is bounded, and ends with the viewers.
func TestBudgetSmallerThanWhatIsWatched(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 28 * time.Second, Width: 640, Height: 360, BFrames: 2, GOP: 2 * time.Second})
	w := rig.NewWorld(t, film)
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--derived-budget", "1KB"}})
	c := p.Client(t)
	a := c.Ready(t, c.Create(t, w.FilmURL(film), nil).ID)
	at := lowest(t, p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8")
	_, list := fetchText(t, at+"rendition.m3u8")
	segments := strings.Count(list, ".m4s")

	var both sync.WaitGroup
	got := make([]string, 2)
	for i := range got {
		both.Go(func() { got[i] = watch(t, at, segments, time.Duration(i)*16*time.Second) })
	}
	both.Wait()
	if n := c.Metric(t, "filmcan_derived_evicted_total"); n < float64(segments) {
		t.Errorf("%v things were evicted: the budget is not too small", n)
	}
	want := films.Counters(t, film, 640)
	_, head := fetchText(t, at+"init.mp4")
	for i, body := range got {
		path := filepath.Join(t.TempDir(), "seen.mp4")
		if err := os.WriteFile(path, []byte(head+body), 0o600); err != nil {
			t.Fatal(err)
		}
		if have := films.Counters(t, path, 480); !slices.Equal(have, want) {
			t.Errorf("viewer %d saw %v, want %v", i, have, want)
		}
	}

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); c.Metric(t, "filmcan_renditions_active")+c.Metric(t, "filmcan_renditions_queued") > 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it goes on when nobody watches")
		}
	}
	made := c.Metric(t, "filmcan_renditions_segments_total")
	t.Logf("%d segments, made %v times by %v processes", segments, made, c.Metric(t, "filmcan_renditions_started_total"))
	if most := float64(2 * 4 * segments); made > most { // each viewer's own, with those ahead
		t.Errorf("%v segments were made for two viewers of %d", made, segments)
	}
	if strings.Contains(p.Log(), "tried again") {
		t.Errorf("logged:\n%s", p.Log())
	}
}

// lowest is where the lowest encoded rendition lies.
func lowest(t *testing.T, link string) string {
	t.Helper()
	_, list := fetchText(t, link)
	at := ""
	for line := range strings.Lines(list) {
		if strings.Contains(line, "/e2/") {
			at = strings.TrimSuffix(strings.TrimSpace(line), "rendition.m3u8")
		}
	}
	if at == "" {
		t.Fatalf("nothing is encoded in\n%s", list)
	}
	return at
}

// watch plays a film at double speed, and returns all its segments.
func watch(t *testing.T, at string, segments int, late time.Duration) string {
	t.Helper()
	next := time.NewTimer(late)
	defer next.Stop()
	var all strings.Builder
	for n := range segments {
		<-next.C
		next.Reset(2 * time.Second)
		status, body := fetchText(t, at+strconv.Itoa(n)+".m4s")
		if status != http.StatusOK {
			t.Errorf("segment %d: %d %s", n, status, body)
		}
		all.WriteString(body)
	}
	return all.String()
}
