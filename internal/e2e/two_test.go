package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/pgtest"
)

// cluster is a PostgreSQL and a folder for as many servers as a test starts, with a token for all of them.
type cluster struct {
	options rig.Options
	token   map[string]string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	database, data := pgtest.New(t), t.TempDir()
	out, stderr, code := rig.Run(t, rig.Binary(t), nil, "token", "create", "--database", database, "--data", data)
	if code != 0 {
		t.Fatalf("token create: %s", stderr)
	}
	token := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		token[name] = value
	}
	return cluster{token: token, options: rig.Options{
		Binary: rig.Binary(t), Data: data, Serve: true,
		Args: []string{"--database", database, "--allow-network", "127.0.0.0/8", "--public-url", "http://video.example.com"},
	}}
}

func (c cluster) start(t *testing.T) (*rig.Process, *rig.Client) {
	t.Helper()
	p := rig.Start(t, c.options)
	return p, &rig.Client{Base: p.Base(), ID: c.token["MUX_TOKEN_ID"], Secret: c.token["MUX_TOKEN_SECRET"], HTTP: http.DefaultClient}
}

// on is a link as process p serves it: both stand behind one public name.
func on(p *rig.Process, link string) string {
	return strings.Replace(link, "http://video.example.com", p.Base(), 1)
}

// TestTwoProcesses: every node is the same; what one says the other knows, and a revocation by one cuts the other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	if !postgres() {
		t.Skip("needs FILMCAN_TEST_POSTGRES")
	}
	film := bigFilm(t)
	sum, _ := rig.Sum(t, film)
	w := rig.NewWorld(t, film)
	nodes := newCluster(t)
	a, ca := nodes.start(t)
	b, cb := nodes.start(t)
	asset := cb.Ready(t, ca.Create(t, w.FilmURL(film), nil).ID)
	open := cb.SetMaster(t, asset.ID, "temporary")
	for _, p := range []*rig.Process{a, b} {
		if status, got, _, err := rig.Download(t.Context(), on(p, open.Master.URL)); err != nil || status != http.StatusOK || got != sum {
			t.Errorf("download: %d %s %v", status, got, err)
		}
		if status, _, _, err := rig.Download(t.Context(), p.Base()+"/"+asset.PlaybackIDs[0].ID+".m3u8"); err != nil || status != http.StatusOK {
			t.Errorf("playlist: %d %v", status, err)
		}
	}
	cutBy(t, b, on(b, open.Master.URL), func() { ca.SetMaster(t, asset.ID, "none") })
}

// TestWorkerKilled: a node dies in the middle of an ingest; the other one takes the work up within two minutes.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	if !postgres() {
		t.Skip("needs FILMCAN_TEST_POSTGRES")
	}
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
	nodes := newCluster(t)
	worker, client := nodes.start(t)
	asset := client.Create(t, source.URL+"/"+filepath.Base(film), nil)
	<-half
	_, other := nodes.start(t)
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
