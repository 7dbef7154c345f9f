package rig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// Event is a webhook event as it arrived.
type Event struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Object struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"object"`
	Data      json.RawMessage `json:"data"`
	Signature string          `json:"-"`
	At        time.Time       `json:"-"` // when it arrived
	Body      []byte          `json:"-"`
}

// World is what stands around the server: a web server with films and a customer's webhook receiver.
type World struct {
	*httptest.Server

	mu     sync.Mutex
	events []Event
	wake   chan struct{}
	status func(Event) int
	films  map[string]string
}

// NewWorld starts a world; films are served under their base names.
func NewWorld(tb testing.TB, films ...string) *World {
	tb.Helper()
	w := &World{wake: make(chan struct{}), films: map[string]string{}}
	for _, f := range films {
		w.films["/"+filepath.Base(f)] = f
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook", w.receive)
	mux.HandleFunc("GET /", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		path, ok := w.films[r.URL.Path]
		w.mu.Unlock()
		if !ok {
			http.NotFound(rw, r)
			return
		}
		http.ServeFile(rw, r, path)
	})
	w.Server = httptest.NewServer(mux)
	tb.Cleanup(w.Close)
	return w
}

// FilmURL is where a film is served.
func (w *World) FilmURL(path string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.films["/"+filepath.Base(path)] = path
	return w.URL + "/" + filepath.Base(path)
}

// WebhookURL is where the receiver listens.
func (w *World) WebhookURL() string { return w.URL + "/webhook" }

// Answer decides the status of the receiver's answers; nil is always 200.
func (w *World) Answer(status func(Event) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

func (w *World) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e := Event{Signature: r.Header.Get("Mux-Signature"), Body: body, At: time.Now()}
	if err != nil || json.Unmarshal(body, &e) != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	status := http.StatusOK
	if w.status != nil {
		status = w.status(e)
	}
	w.events = append(w.events, e)
	close(w.wake)
	w.wake = make(chan struct{})
	w.mu.Unlock()
	rw.WriteHeader(status)
}

// Events returns what has arrived about an object, each event once, in the order of first arrival.
func (w *World) Events(object string) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Event
	for _, e := range w.events {
		if e.Object.ID == object && !slices.ContainsFunc(list, func(o Event) bool { return o.ID == e.ID }) {
			list = append(list, e)
		}
	}
	return list
}

// Deliveries returns all that has arrived about an object, repetitions included, in the order of arrival.
func (w *World) Deliveries(object string) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Event
	for _, e := range w.events {
		if e.Object.ID == object {
			list = append(list, e)
		}
	}
	return list
}

// Types returns the types of Events.
func (w *World) Types(object string) []string {
	var types []string
	for _, e := range w.Events(object) {
		types = append(types, e.Type)
	}
	return types
}

// Wait waits until an event of that type about the object has arrived, and returns the first.
func (w *World) Wait(tb testing.TB, object, kind string) Event {
	tb.Helper()
	timeout := time.NewTimer(2 * time.Minute)
	defer timeout.Stop()
	for {
		w.mu.Lock()
		wake := w.wake
		w.mu.Unlock()
		for _, e := range w.Events(object) {
			if e.Type == kind {
				return e
			}
		}
		select {
		case <-wake:
		case <-timeout.C:
			tb.Fatalf("no event %s of %s came, only %v", kind, object, w.Types(object))
		}
	}
}

// Sum returns the sha256 and the length of a file.
func Sum(tb testing.TB, path string) (string, int64) {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		tb.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)), n
}
