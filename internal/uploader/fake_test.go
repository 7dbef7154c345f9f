package uploader

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
)

// fake is a server of the two protocols, that fails as it is told to.
type fake struct {
	*httptest.Server

	mu      sync.Mutex
	uploads []*fakeUpload
	puts    []string // the Content-Range of each
	bodies  []map[string]any
	// fault is asked before each PUT, counted from 1: true when it has answered, or broken off, itself.
	fault func(n int, u *fakeUpload, w http.ResponseWriter, r *http.Request) bool
	// gone makes the asset not found; message makes it errored.
	gone    bool
	message string
	// preparing is how often the asset is preparing before it is ready.
	preparing int
}

type fakeUpload struct {
	id     string
	status film.UploadStatus
	stored []byte
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /video/v1/uploads", f.create)
	mux.HandleFunc("GET /video/v1/uploads/{id}", f.get)
	mux.HandleFunc("GET /video/v1/assets/{id}", f.asset)
	mux.HandleFunc("PUT /upload/{id}", f.put)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func answer(w http.ResponseWriter, status int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"type": "x", "messages": []string{message}}})
}

func (f *fake) show(u *fakeUpload) map[string]any {
	v := map[string]any{"id": u.id, "status": u.status}
	switch u.status {
	case film.UploadWaiting:
		v["url"] = f.URL + "/upload/" + u.id
	case film.UploadAssetCreated:
		v["asset_id"] = "asset-" + u.id
	case film.UploadErrored:
		v["error"] = map[string]any{"type": "invalid_input", "message": f.message}
	case film.UploadCancelled, film.UploadTimedOut:
	}
	return v
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.bodies = append(f.bodies, body)
	if id, secret, _ := r.BasicAuth(); id != "id" || secret != "secret" {
		refuse(w, http.StatusUnauthorized, "Unauthorized request")
		return
	}
	u := &fakeUpload{id: fmt.Sprintf("u%d", len(f.uploads)+1), status: film.UploadWaiting}
	f.uploads = append(f.uploads, u)
	answer(w, http.StatusCreated, f.show(u))
}

func (f *fake) find(w http.ResponseWriter, r *http.Request) *fakeUpload {
	for _, u := range f.uploads {
		if u.id == strings.TrimPrefix(r.PathValue("id"), "asset-") {
			return u
		}
	}
	refuse(w, http.StatusNotFound, "Not found")
	return nil
}

func (f *fake) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if u := f.find(w, r); u != nil {
		answer(w, http.StatusOK, f.show(u))
	}
}

func (f *fake) asset(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.find(w, r)
	if u == nil {
		return
	}
	a := map[string]any{"id": "asset-" + u.id, "created_at": "1", "status": "ready", "playback_ids": []any{map[string]any{"id": "play", "policy": "public"}}}
	switch {
	case f.gone:
		refuse(w, http.StatusNotFound, "Not found")
		return
	case f.preparing > 0:
		f.preparing--
		a["status"], a["progress"] = "preparing", map[string]any{"state": "transcoding", "progress": 100 - 10*(f.preparing+1)}
	case f.message != "":
		a["status"], a["errors"] = "errored", map[string]any{"type": "invalid_input", "messages": []string{f.message}}
	}
	answer(w, http.StatusOK, a)
}

func (f *fake) put(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.find(w, r)
	if u == nil {
		return
	}
	f.puts = append(f.puts, r.Header.Get("Content-Range"))
	if f.fault != nil && f.fault(len(f.puts), u, w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.take(u, w, r, body)
}

// take stores and answers.
func (f *fake) take(u *fakeUpload, w http.ResponseWriter, r *http.Request, body []byte) {
	where, total, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "/")
	if first, _, ok := strings.Cut(where, "-"); ok {
		at, _ := strconv.Atoi(first)
		if at <= len(u.stored) {
			u.stored = append(u.stored[:at], body...)
		}
	}
	if size, _ := strconv.Atoi(total); size == len(u.stored) && where != "*" || u.status == film.UploadAssetCreated {
		u.status = film.UploadAssetCreated
		return
	}
	if len(u.stored) > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.stored)-1))
	}
	w.WriteHeader(http.StatusPermanentRedirect)
}

// cut keeps n bytes of the body and breaks the line.
func cut(u *fakeUpload, w http.ResponseWriter, r *http.Request, n int64) {
	kept, _ := io.ReadAll(io.LimitReader(r.Body, n))
	u.stored = append(u.stored, kept...)
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// recorder is a reporter that remembers.
type recorder struct {
	mu      sync.Mutex
	begun   []film.UploadID
	sent    []int64
	retries []string
	waited  bool
	encoded []float64
}

func (r *recorder) Started(u film.UploadID, _ int64) { r.begun = append(r.begun, u) }
func (r *recorder) Retry(why error, _ time.Duration) {
	r.retries = append(r.retries, why.Error())
}
func (r *recorder) Waiting(film.AssetID)    { r.waited = true }
func (r *recorder) Encoded(percent float64) { r.encoded = append(r.encoded, percent) }

func (r *recorder) Sent(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, n)
}

type bundle struct {
	fake   *fake
	client *Client
	path   string
	film   []byte
	report *recorder
}

// setup is a film of some bytes, sent in chunks of 1000.
func setup(t *testing.T, size int) *bundle {
	t.Helper()
	b := &bundle{fake: newFake(t), path: filepath.Join(t.TempDir(), "film.mp4"), film: make([]byte, size), report: &recorder{}}
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(t.Name()))).Read(b.film)
	if err := os.WriteFile(b.path, b.film, 0o600); err != nil {
		t.Fatal(err)
	}
	b.client = New(Config{Server: b.fake.URL + "/", TokenID: "id", Secret: "secret", States: filepath.Join(t.TempDir(), "states"), Chunk: 1000, Patience: time.Minute})
	return b
}

func (b *bundle) upload(t *testing.T) (Result, error) {
	t.Helper()
	defer b.settle()
	return b.client.Upload(t.Context(), b.path, Settings{Policies: []film.Policy{film.PolicyPublic}, Timeout: time.Hour}, false, b.report)
}

// settle waits for the request that the server is still at, so that the test may look at what it has.
func (b *bundle) settle() {
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
}

// arrived checks that the one upload holds the film, and that nothing is remembered any more.
func (b *bundle) arrived(t *testing.T) {
	t.Helper()
	if len(b.fake.uploads) != 1 {
		t.Fatalf("%d uploads were created", len(b.fake.uploads))
	}
	if u := b.fake.uploads[0]; u.status != film.UploadAssetCreated || !bytes.Equal(u.stored, b.film) {
		t.Fatalf("upload %s is %s with %d bytes (the film: %v)", u.id, u.status, len(u.stored), bytes.Equal(u.stored, b.film))
	}
	left, err := os.ReadDir(b.client.states.dir)
	if err != nil || len(left) != 0 {
		t.Fatalf("remembered after the end: %v %v", left, err)
	}
}
