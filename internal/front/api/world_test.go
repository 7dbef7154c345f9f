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
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/sqldb"
)

// world is the door before a real catalog on SQLite. Jobs are forgotten: a test does their work itself.
type world struct {
	*catalog.Catalog
	api    *API
	server *httptest.Server
	log    *filmtest.Log
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

func (testLinks) UploadURL(u film.Upload) string {
	return "https://films.example/upload/" + string(u.ID) + "?token=dG9rZW4"
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	db, err := sqldb.Open(tb.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(tb.TempDir(), "catalog.db")})
	must(tb, err)
	tb.Cleanup(func() { must(tb, db.Close()) })
	must(tb, db.Migrate(tb.Context(), catalog.Migrations(), nil))
	w := &world{log: &filmtest.Log{}}
	w.Catalog = catalog.New(db, noJobs{}, catalog.Config{Keep: masterIsThere{}})
	tb.Cleanup(func() { must(tb, w.Close()) })
	w.env = w.environment(tb, "Development")
	w.caller = w.token(tb, w.env.ID, film.AllPermissions()...)
	w.api = New(Config{Catalog: w.Catalog, Links: testLinks{}, Log: slog.New(slog.NewTextHandler(w.log, nil)), Version: "1.2.3"})
	w.server = httptest.NewServer(w.api.Handler())
	tb.Cleanup(w.server.Close)
	tb.Cleanup(w.api.EndStreams)
	return w
}

var must = filmtest.Must

func (w *world) environment(tb testing.TB, name string) film.Environment {
	tb.Helper()
	env, err := w.EnsureEnvironment(tb.Context(), name, "development")
	must(tb, err)
	return env
}

func (w *world) token(tb testing.TB, env film.EnvironmentID, permissions ...film.Permission) caller {
	tb.Helper()
	token, secret, err := w.CreateToken(tb.Context(), env, "laptop", permissions)
	must(tb, err)
	return caller{string(token.ID), secret}
}

// makeReady does the work of the asset's ingest.
func (w *world) makeReady(tb testing.TB, id string) {
	tb.Helper()
	rate := film.Rate{Num: 25, Den: 1}
	must(tb, w.AssetReady(tb.Context(), film.AssetID(id), film.Found{
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
func (w *world) ask(tb testing.TB, who caller, method, path, body string) answer {
	tb.Helper()
	r := w.request(tb, method, path, body)
	if who != (caller{}) {
		r.SetBasicAuth(who.id, who.secret)
	}
	return w.send(tb, r)
}

func (w *world) request(tb testing.TB, method, path, body string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, w.server.URL+path, strings.NewReader(body))
	must(tb, err)
	return r
}

func (w *world) send(tb testing.TB, r *http.Request) answer {
	tb.Helper()
	// As every client of an API: no redirect is followed unseen.
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(tb, err)
	defer resp.Body.Close()
	a := answer{what: r.Method + " " + r.URL.Path, status: resp.StatusCode, header: resp.Header}
	a.raw, err = io.ReadAll(resp.Body)
	must(tb, err)
	if json.Valid(a.raw) {
		_ = json.Unmarshal(a.raw, &a.body) // an answer that is no object stays empty, and its test fails
	}
	return a
}

// do is ask by the world's own caller, with a status that is wanted.
func (w *world) do(tb testing.TB, method, path, body string, status int) answer {
	tb.Helper()
	a := w.ask(tb, w.caller, method, path, body)
	a.want(tb, status)
	return a
}

func (a answer) want(tb testing.TB, status int) {
	tb.Helper()
	if a.status != status {
		tb.Fatalf("%s: %d %s, want %d", a.what, a.status, a.raw, status)
	}
}

// refused checks an error's envelope, all of it.
func (a answer) refused(tb testing.TB, status int, kind, words string) {
	tb.Helper()
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
		tb.Errorf("%s: %d %s, want %d %s %q (%v)", a.what, a.status, a.raw, status, kind, words, err)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		tb.Errorf("%s: content type of a refusal is %q", a.what, ct)
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

func (a answer) equal(tb testing.TB, path string, want any) {
	tb.Helper()
	if got := a.at(path); got != want {
		tb.Errorf("%s: %s is %v, want %v in %s", a.what, path, got, want, a.raw)
	}
}
