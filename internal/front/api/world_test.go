package api

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/sqldb"
)

// world is the door before a real catalog on SQLite. Jobs are forgotten: a test does their work itself.
type world struct {
	*catalog.Catalog
	api    *API
	server *httptest.Server
	log    *logBuffer
	env    film.Environment
	caller caller
}

// caller is who sends a request: a token's id and secret.
type caller struct{ id, secret string }

type noJobs struct{}

func (noJobs) EnqueueTx(context.Context, *sql.Tx, []film.Job) error { return nil }

type masterIsThere struct{}

func (masterIsThere) Present(context.Context, film.Asset) error { return nil }

type testLinks struct{}

func (testLinks) MasterURL(g film.Grant, m film.Master) string {
	return "https://films.example/master/" + string(g.ID) + "/" + m.Filename() + "?skid=default&signature=c2ln"
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "catalog.db")})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Migrate(t.Context(), catalog.Migrations(), nil))
	w := &world{log: &logBuffer{}}
	w.Catalog = catalog.New(db, noJobs{}, catalog.Config{Keep: masterIsThere{}})
	t.Cleanup(func() { must(t, w.Close()) })
	w.env = w.environment(t, "Development")
	w.caller = w.token(t, w.env.ID, film.AllPermissions()...)
	w.api = New(Config{Catalog: w.Catalog, Links: testLinks{}, Log: slog.New(slog.NewTextHandler(w.log, nil)), Version: "1.2.3"})
	w.server = httptest.NewServer(w.api.Handler())
	t.Cleanup(w.server.Close)
	t.Cleanup(w.api.EndStreams)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) environment(t *testing.T, name string) film.Environment {
	t.Helper()
	env, err := w.EnsureEnvironment(t.Context(), name, "development")
	must(t, err)
	return env
}

func (w *world) token(t *testing.T, env film.EnvironmentID, permissions ...film.Permission) caller {
	t.Helper()
	token, secret, err := w.CreateToken(t.Context(), env, "laptop", permissions)
	must(t, err)
	return caller{string(token.ID), secret}
}

// makeReady does the work of the asset's ingest.
func (w *world) makeReady(t *testing.T, id string) {
	t.Helper()
	rate := film.Rate{Num: 25, Den: 1}
	must(t, w.AssetReady(t.Context(), film.AssetID(id), film.Found{
		Media: film.Media{
			Container: "mov,mp4,m4a,3gp,3g2,mj2", Duration: 24 * time.Second,
			Video: &film.VideoMedia{Codec: "h264", Width: 1920, Height: 1080, Rate: rate, Duration: 24 * time.Second},
			Audio: &film.AudioMedia{Codec: "aac", Channels: 2, SampleRate: 48000, Duration: 24 * time.Second},
		},
		Tracks: []film.Track{
			{Type: film.TrackVideo, Primary: true, Duration: 24 * time.Second, Width: 1920, Height: 1080, Rate: rate},
			{Type: film.TrackAudio, Primary: true, Duration: 24 * time.Second, Channels: 2},
		},
		Master: film.Master{Kind: film.MasterSource, Size: 4242, SHA256: "ab12", ETag: "ab12"},
	}))
}

// answer is what came back.
type answer struct {
	what   string
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// ask sends a request and reads the whole answer.
func (w *world) ask(t *testing.T, who caller, method, path, body string) answer {
	t.Helper()
	r := w.request(t, method, path, body)
	if who != (caller{}) {
		r.SetBasicAuth(who.id, who.secret)
	}
	return w.send(t, r)
}

func (w *world) request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(body))
	must(t, err)
	return r
}

func (w *world) send(t *testing.T, r *http.Request) answer {
	t.Helper()
	// As every client of an API: no redirect is followed unseen.
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	defer resp.Body.Close()
	a := answer{what: r.Method + " " + r.URL.Path, status: resp.StatusCode, header: resp.Header}
	a.raw, err = io.ReadAll(resp.Body)
	must(t, err)
	if json.Valid(a.raw) {
		_ = json.Unmarshal(a.raw, &a.body) // an answer that is no object stays empty, and its test fails
	}
	return a
}

// do is ask by the world's own caller, with a status that is wanted.
func (w *world) do(t *testing.T, method, path, body string, status int) answer {
	t.Helper()
	a := w.ask(t, w.caller, method, path, body)
	a.want(t, status)
	return a
}

func (a answer) want(t *testing.T, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: %d %s, want %d", a.what, a.status, a.raw, status)
	}
}

// refused checks an error's envelope, all of it.
func (a answer) refused(t *testing.T, status int, kind, words string) {
	t.Helper()
	var got struct {
		Error struct {
			Type     string   `json:"type"`
			Messages []string `json:"messages"`
		} `json:"error"`
	}
	dec := json.NewDecoder(bytes.NewReader(a.raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(&got)
	if a.status != status || err != nil || got.Error.Type != kind || len(got.Error.Messages) != 1 || !strings.Contains(got.Error.Messages[0], words) {
		t.Errorf("%s: %d %s, want %d %s %q (%v)", a.what, a.status, a.raw, status, kind, words, err)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("%s: content type of a refusal is %q", a.what, ct)
	}
}

// at reads a field by its path: data.0.id.
func (a answer) at(path string) any {
	var v any = a.body
	for step := range strings.SplitSeq(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(inner) {
				return nil
			}
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

func (a answer) equal(t *testing.T, path string, want any) {
	t.Helper()
	if got := a.at(path); got != want {
		t.Errorf("%s: %s is %v, want %v in %s", a.what, path, got, want, a.raw)
	}
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
