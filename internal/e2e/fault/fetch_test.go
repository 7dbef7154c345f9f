package fault

import (
	"cmp"
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

	tests := []struct {
		name   string
		server string
		faults []fault
		says   string // empty: it becomes ready

		line  *line
		asset string
	}{
		{name: "reset", faults: []fault{{reset, 300_000}, {reset, 9 * mib}, {refuse, 0}, {kind: fine}}},
		{name: "cut", faults: []fault{{cut, 100}, {cut, 5 * mib}, {cut, 10 * mib}, {kind: fine}}},
		{name: "cut before its last bytes", faults: []fault{{cut, size}, {kind: fine}}}, // the head takes some
		{name: "stalled", faults: []fault{{stall, 2 * mib}, {kind: fine}}},
		{name: "stalled before the answer", faults: []fault{{stall, 0}, {kind: fine}}},
		{name: "reset for ever", faults: []fault{{reset, 400_000}, {reset, 500}}, says: "The input was cut off"},
		{name: "refused for ever", faults: []fault{{refuse, 0}}, says: "The input's host"},
		{name: "length unknown, then the end is lost", server: half.URL, faults: []fault{{cut, 60_000}}, says: "incomplete"},
	}
	began := time.Now()
	for i := range tests { // all at once: most of it is waiting
		test := &tests[i]
		test.line = newLine(t, cmp.Or(test.server, w.URL), test.faults...)
		test.asset = c.Create(t, test.line.url(path), map[string]any{"master_access": "temporary"}).ID
	}
	for _, test := range tests {
		a := c.Settled(t, test.asset)
		t.Logf("%s: %s within %s, %d connections", test.name, a.Status, time.Since(began).Round(time.Millisecond), test.line.used())
		switch {
		case test.says != "":
			if a.Status != "errored" || a.Errors == nil || !strings.Contains(strings.Join(a.Errors.Messages, " "), test.says) {
				t.Errorf("%s: %s %+v, want an error with %q", test.name, a.Status, a.Errors, test.says)
			}
		case a.Status != "ready":
			t.Errorf("%s: %s %+v", test.name, a.Status, a.Errors)
		default:
			download(t.Context(), t, a, sum)
			if test.line.used() < len(test.faults) {
				t.Errorf("%s: only %d connections for %d faults", test.name, test.line.used(), len(test.faults))
			}
		}
		w.Wait(t, a.ID, "video.asset."+a.Status)
	}
	idle(t, p, short)
}

// unmeasured hides the length of an answer.
type unmeasured struct{ http.ResponseWriter }

func (u unmeasured) WriteHeader(status int) {
	for _, h := range []string{"Content-Length", "Last-Modified", "Accept-Ranges"} {
		u.Header().Del(h)
	}
	u.ResponseWriter.WriteHeader(status)
}
