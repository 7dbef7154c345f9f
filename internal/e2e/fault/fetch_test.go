package fault

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// TestBadLines: whatever happens on the way, the asset becomes ready with the very bytes of the film, or errored with
// a sentence about the line.
func TestBadLines(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 24 * mib})
	sum, size := rig.Sum(t, film)
	w := rig.NewWorld(t)
	w.FilmURL(film)
	// This server says neither how long the film is nor which one: a lost end is not noticed on the way, only in the film.
	half := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Transfer-Encoding", "identity") // the answer ends with the connection
		http.ServeFile(unmeasured{rw}, r, film)
	}))
	t.Cleanup(half.Close)
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--webhook", w.WebhookURL()}})
	c := p.Client(t)
	path := strings.TrimPrefix(w.FilmURL(film), w.URL)

	for _, test := range []struct {
		name   string
		server string
		faults []fault
		says   string // empty: it becomes ready
	}{
		{"reset", w.URL, []fault{{reset, 300_000}, {reset, 9 * mib}, {refuse, 0}, {kind: fine}}, ""},
		{"cut", w.URL, []fault{{cut, 100}, {cut, 5 * mib}, {cut, 10 * mib}, {kind: fine}}, ""},
		{"cut to the last byte but one", w.URL, []fault{{cut, size}, {kind: fine}}, ""},
		{"stalled", w.URL, []fault{{stall, 2 * mib}, {kind: fine}}, ""},
		{"stalled before the answer", w.URL, []fault{{stall, 0}, {kind: fine}}, ""},
		{"reset for ever", w.URL, []fault{{reset, 400_000}, {reset, 500}}, "The input was cut off"},
		{"refused for ever", w.URL, []fault{{refuse, 0}}, "closed the connection without an answer"},
		{"length unknown, then the end is lost", half.URL, []fault{{cut, 2 * mib}}, "incomplete"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, test.server, test.faults...)
			began := time.Now()
			a := c.Settled(t, c.Create(t, l.url(path), map[string]any{"master_access": "temporary"}).ID)
			t.Logf("%s after %s and %d connections", a.Status, time.Since(began).Round(time.Millisecond), l.used())
			if test.says != "" {
				if a.Status != "errored" || a.Errors == nil || !strings.Contains(strings.Join(a.Errors.Messages, " "), test.says) {
					t.Errorf("%s %+v, want an error with %q", a.Status, a.Errors, test.says)
				}
				w.Wait(t, a.ID, "video.asset.errored")
				return
			}
			if a.Status != "ready" {
				t.Fatalf("%s: %+v", a.Status, a.Errors)
			}
			download(t.Context(), t, a, sum)
			if l.used() < len(test.faults) {
				t.Errorf("only %d connections met their faults", l.used())
			}
		})
	}
}

// unmeasured hides the length of an answer.
type unmeasured struct{ http.ResponseWriter }

func (u unmeasured) WriteHeader(status int) {
	for _, h := range []string{"Content-Length", "Last-Modified", "Accept-Ranges"} {
		u.Header().Del(h)
	}
	u.ResponseWriter.WriteHeader(status)
}
