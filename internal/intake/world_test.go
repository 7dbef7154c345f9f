package intake

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/derive/export"
	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/outbound"
	"filmcan/internal/scratch"
	"filmcan/internal/sqldb"
)

// world is an intake with a real catalog, vault and ffmpeg around it, all of its own.
type world struct {
	*Intake

	env     film.EnvironmentID
	runner  *ffmpeg.Runner
	derived *derive.Cache
	work    string
	keep    string
	jobs    *jobList
	// ahead is how far the catalog's clock is before ours.
	ahead *atomic.Int64
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	dir := t.TempDir()
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Migrate(t.Context(), catalog.Migrations(), nil))
	jobs := &jobList{}
	ahead := new(atomic.Int64)
	c := catalog.New(db, jobs, catalog.Config{Keep: present{}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	t.Cleanup(func() { must(t, c.Close()) })
	env, err := c.EnsureEnvironment(t.Context(), "Development", "development")
	must(t, err)

	keep := filepath.Join(dir, "keep")
	store, err := fs.Open(keep)
	must(t, err)
	v, err := vault.New(store, vault.Config{SyncEvery: 64 << 10})
	must(t, err)

	policy := outbound.Default()
	policy.Policy.Private = true
	client := outbound.New(policy)
	t.Cleanup(client.Close)

	cfg := Config{Fetch: quick(), WatchEvery: 2 * time.Millisecond, ScrubEvery: time.Nanosecond}
	if change != nil {
		change(&cfg)
	}
	runner := ffmpeg.New(ffmpeg.Config{})
	disposable, err := fs.OpenDisposable(filepath.Join(dir, "derived"))
	must(t, err)
	derived := derive.New(disposable, nil, derive.Default(), slog.New(slog.DiscardHandler))
	t.Cleanup(derived.Close)
	work := filepath.Join(dir, "work")
	folders, err := scratch.Open(work)
	must(t, err)
	exporter := export.New(export.Config{Chunk: time.Second}, v, runner, folders, derived, slog.New(slog.DiscardHandler))
	t.Cleanup(exporter.Close)
	in := New(cfg, c, v, client, runner, exporter, folders, slog.New(slog.DiscardHandler))
	return &world{
		Intake: in, env: env.ID, runner: runner, derived: derived, work: work, keep: keep, jobs: jobs, ahead: ahead,
	}
}

// quick is a download that is given up within milliseconds, but for its window.
func quick() Fetch {
	return Fetch{Tries: 3, Headway: 1 << 30, Pause: time.Microsecond, MaxTime: time.Minute, MinRate: 1, Window: 10 * time.Second}
}

func (w *world) create(t *testing.T, url string) film.Asset {
	t.Helper()
	a, err := w.catalog.CreateAsset(t.Context(), w.env, film.AssetSettings{MaxTier: film.Tier1080p}, []film.Input{{URL: url}})
	must(t, err)
	return a
}

// ingest creates an asset from the URL, runs its job and returns it as it is then.
func (w *world) ingest(t *testing.T, url string) film.Asset {
	t.Helper()
	a := w.create(t, url)
	w.do(t, a.ID)
	return w.asset(t, a.ID)
}

// do runs the jobs of an asset: the look, and the encoding where that was ordered.
func (w *world) do(t *testing.T, id film.AssetID) {
	t.Helper()
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: id}, 1, 3))
	if a := w.asset(t, id); a.Progress.State == film.ProgressTranscoding {
		if !w.jobs.has(film.EncodeAsset{Asset: id, Film: a.Film}) {
			t.Error("no encoding was ordered")
		}
		must(t, w.Encode(t.Context(), film.EncodeAsset{Asset: id}, 1, 3))
	}
}

// wantCleared takes the end of a job whose asset was deleted. A process that is being started by another test may hold on to
// the film's lock until its first instruction; then the purge has it.
func (w *world) wantCleared(t *testing.T, a film.Asset, err error) {
	t.Helper()
	for range 1000 {
		if _, later := errors.AsType[*film.Later](err); !later {
			break
		}
		err = w.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film})
	}
	must(t, err)
}

func (w *world) asset(t *testing.T, id film.AssetID) film.Asset {
	t.Helper()
	a, err := w.catalog.AssetForWork(t.Context(), id)
	must(t, err)
	return a
}

// events are the types of all events so far, without what they have in common.
func (w *world) events(t *testing.T) string {
	t.Helper()
	events, err := w.catalog.EventsAfter(t.Context(), w.env, 0, 100)
	must(t, err)
	var words []string
	for _, e := range events {
		words = append(words, strings.TrimPrefix(string(e.Type), "video.asset."))
	}
	return strings.Join(words, " ")
}

// read returns a sealed part of a film.
func (w *world) read(t *testing.T, id film.FilmID, part vault.Part) []byte {
	t.Helper()
	f, err := w.vault.Open(t.Context(), vault.Ref{Film: id, Part: part})
	must(t, err)
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	must(t, err)
	return b
}

// wantNoFilms fails where anything is left of any film.
func (w *world) wantNoFilms(t *testing.T) {
	t.Helper()
	for id, err := range w.vault.Films(t.Context()) {
		must(t, err)
		t.Errorf("film %s is still there", id)
	}
}

// wantSource wants the film to be kept as it came, also where the job is run once more.
func (w *world) wantSource(t *testing.T, a film.Asset, path string) {
	t.Helper()
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 2, 5))
	sealed, err := w.vault.Stat(t.Context(), vault.Ref{Film: a.Film, Part: vault.Source})
	must(t, err)
	want, err := os.ReadFile(path)
	must(t, err)
	if got := fmt.Sprintf("%x", sha256.Sum256(want)); sealed.SHA256 != got {
		t.Errorf("the source is kept as %s, want %s", sealed.SHA256, got)
	}
}

func (w *world) wantCleanWork(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(w.work)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left in the work folder: %v", left)
	}
}

// wantErrored fails unless the asset is errored with a message that has the words.
func wantErrored(t *testing.T, a film.Asset, words string) {
	t.Helper()
	if a.Status != film.AssetErrored || a.Failure == nil || len(a.Failure.Messages) != 1 || !strings.Contains(a.Failure.Messages[0], words) {
		t.Errorf("got %s %+v, want an error with %q", a.Status, a.Failure, words)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var must = filmtest.Must

// TestMain fails where the tests leave goroutines behind. Fuzzing has some of its own.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			code = 1
			break
		}
	}
	os.Exit(code)
}

// present finds every master.
type present struct{}

func (present) Present(context.Context, film.Asset) error { return nil }

// jobList takes jobs and does nothing with them.
type jobList struct {
	mu   sync.Mutex
	jobs []film.Job
}

func (l *jobList) has(args film.JobArgs) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.jobs, func(j film.Job) bool { return j.Args == args })
}

func (l *jobList) EnqueueTx(_ context.Context, _ *sql.Tx, jobs []film.Job) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = append(l.jobs, jobs...)
	return nil
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// serveFile serves one file as web servers do: with a length, a validator and ranges.
func serveFile(t *testing.T, path string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+filepath.Base(path)+`"`)
		http.ServeFile(w, r, path)
	})
}
