package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// TestTwoProcesses: every node is the same; what one says the other knows, and a revocation by one cuts the other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	film := bigFilm(t)
	sum, _ := rig.Sum(t, film)
	w := rig.NewWorld(t, film)
	nodes := rig.NewCluster(t)
	a, ca := nodes.Start(t)
	b, cb := nodes.Start(t)
	asset := cb.Ready(t, ca.Create(t, w.FilmURL(film), nil).ID)
	open := cb.SetMaster(t, asset.ID, "temporary")
	for _, p := range []*rig.Process{a, b} {
		if status, got, _, err := rig.Download(t.Context(), p.On(open.Master.URL)); err != nil || status != http.StatusOK || got != sum {
			t.Errorf("download: %d %s %v", status, got, err)
		}
		if status, _, _, err := rig.Download(t.Context(), p.Base()+"/"+asset.PlaybackIDs[0].ID+".m3u8"); err != nil || status != http.StatusOK {
			t.Errorf("playlist: %d %v", status, err)
		}
	}
	cutBy(t, b, b.On(open.Master.URL), func() { ca.SetMaster(t, asset.ID, "none") })
}

// TestWorkerKilled: a node dies in the middle of an ingest; the other one takes the work up within two minutes.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 8 << 20})
	sum, _ := rig.Sum(t, film)
	// The first request gets half of the film and then nothing more; later ones are served well.
	var requests atomic.Int32
	half := make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 1 {
			http.ServeFile(rw, r, film)
			return
		}
		text, err := os.ReadFile(film)
		if err != nil {
			t.Error(err)
		}
		rw.Header().Set("Content-Length", "8388608")
		rw.Header().Set("Content-Type", "video/mp4")
		_, _ = rw.Write(text[:len(text)/2])
		rw.(http.Flusher).Flush()
		close(half)
		<-r.Context().Done()
	}))
	t.Cleanup(source.Close)
	nodes := rig.NewCluster(t)
	worker, client := nodes.Start(t)
	asset := client.Create(t, source.URL+"/"+filepath.Base(film), nil)
	<-half
	_, other := nodes.Start(t)
	worker.Kill()
	killed := time.Now()
	got := other.Settled(t, asset.ID)
	if got.Status != "ready" {
		t.Fatalf("after the node died: %s %+v", got.Status, got.Errors)
	}
	t.Logf("ready again %s after the node died", time.Since(killed).Round(time.Millisecond))
	if open := other.SetMaster(t, asset.ID, "temporary"); open.Master.SHA256 != sum {
		t.Errorf("the master is %s, want %s", open.Master.SHA256, sum)
	}
}
