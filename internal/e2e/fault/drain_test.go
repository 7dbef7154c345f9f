package fault

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// TestDrain: SIGTERM in the middle of everything. A download whose reader goes on is finished, one whose reader does
// not is cut when the time is over, event streams end at once, the ingest is put back; and the next start goes on.
func TestDrain(t *testing.T) {
	t.Parallel()
	const drain = 3 * time.Second
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 80 * mib})
	sum, _ := rig.Sum(t, film)
	g := newGate(t, film, 40*mib)
	w := rig.NewWorld(t, film)
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--webhook", w.WebhookURL(), "--drain-timeout", drain.String()}}
	p := rig.Start(t, o)
	c := p.Client(t)
	done := c.Ready(t, c.Create(t, w.FilmURL(film), map[string]any{"master_access": "temporary"}).ID)

	finished, stuck := begin(t, done.Master.URL, nil), begin(t, done.Master.URL, nil)
	stream := begin(t, p.Base()+"/system/v1/webhook-events/stream", c)
	lines := bufio.NewReader(stream.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "connected") {
		t.Fatalf("event stream: %q %v", line, err)
	}
	a := c.Create(t, g.URL+"/film.mp4", map[string]any{"master_access": "temporary"})
	<-g.asked

	began := time.Now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Errorf("the event stream did not end well: %v", err)
	}
	t.Logf("the event stream ended after %s", time.Since(began).Round(time.Millisecond))
	if took := time.Since(began); took > drain/2 {
		t.Errorf("the event stream ended after %s", took)
	}
	h := sha256.New()
	if n, err := io.Copy(h, finished.Body); err != nil || hex.EncodeToString(h.Sum(nil)) != sum {
		t.Errorf("the download that was read on: %d bytes, %v", n, err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	took := time.Since(began)
	t.Logf("ended after %s", took.Round(time.Millisecond))
	if took < drain || took > drain+5*time.Second {
		t.Errorf("it ended after %s, with a time to drain of %s", took, drain)
	}
	if n, err := io.Copy(io.Discard, stuck.Body); err == nil {
		t.Errorf("the download that nobody read was whole: %d bytes", n)
	}

	p = rig.Start(t, o)
	select {
	case <-g.asked:
	case <-time.After(5 * time.Second):
		t.Error("the ingest is not taken up within 5 s of the next start")
	}
	g.open()
	ready := p.Client(t).Ready(t, a.ID)
	download(t.Context(), t, ready, sum)
	download(t.Context(), t, p.Client(t).Get(t, done.ID), sum)
	w.Wait(t, a.ID, "video.asset.ready")
	idle(t, p, short)
}

// begin begins a request and leaves its body unread.
func begin(t *testing.T, link string, c *rig.Client) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if c != nil {
		req.SetBasicAuth(c.ID, c.Secret)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", link, res.StatusCode)
	}
	return res
}
