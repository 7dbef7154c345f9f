package play_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/derive/passthrough"
	"filmcan/internal/derive/reel"
	jit "filmcan/internal/derive/rendition"
	"filmcan/internal/derive/still"
	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/front/door"
	"filmcan/internal/front/play"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/sqldb"
)

// world is the whole chain that a viewer meets: a real catalog and vault behind a real server.
type world struct {
	catalog *catalog.Catalog
	vault   *vault.Vault
	derived string // the folder of what is derived
	cache   *derive.Cache
	engine  *jit.Engine
	runner  *ffmpeg.Runner
	env     film.EnvironmentID
	handler http.Handler
	url     string
	log     *filmtest.Log
}

type options struct {
	public string
	memory int64
	base   reel.Opener
}

func newWorld(tb testing.TB, o options) *world {
	tb.Helper()
	dir := tb.TempDir()
	w := &world{derived: filepath.Join(dir, "derived"), log: &filmtest.Log{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))

	db, err := sqldb.Open(tb.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})
	must(tb, err)
	tb.Cleanup(func() { must(tb, db.Close()) })
	must(tb, db.Migrate(tb.Context(), catalog.Migrations(), func(context.Context) error { return nil }))
	w.catalog = catalog.New(db, noJobs{}, catalog.Config{})
	tb.Cleanup(func() { must(tb, w.catalog.Close()) })
	env, err := w.catalog.EnsureEnvironment(tb.Context(), "Development", "development")
	must(tb, err)
	w.env = env.ID

	keep, err := fs.Open(filepath.Join(dir, "keep"))
	must(tb, err)
	w.vault, err = vault.New(keep, vault.Config{})
	must(tb, err)
	derived, err := fs.Open(w.derived)
	must(tb, err)
	var stills *still.Maker
	w.cache = derive.New(derived, map[string]derive.Maker{
		reel.IndexKind: derive.Bytes(reel.IndexMaker(w.vault, mp4.Limits{})),
		still.Kind:     func(ctx context.Context, a film.Artifact, to io.Writer) error { return stills.Make(ctx, a, to) },
	}, derive.Config{}, log)
	tb.Cleanup(w.cache.Close)

	if o.public == "" {
		o.public = "http://public.example.com"
	}
	reels := reel.New(w.vault, w.cache, reel.Config{Memory: o.memory, Pictures: o.base})
	w.runner = ffmpeg.New(ffmpeg.Config{})
	stills = still.New(reels, w.runner)
	w.engine = jit.New(jit.Tools{
		Films: reels, Store: w.cache, Cold: w.runner, Warm: w.runner, Version: "test", Log: log,
	}, jit.Config{})
	tb.Cleanup(w.engine.Close)
	d, err := play.New(w.catalog, passthrough.New(reels), w.engine, w.cache, play.Config{PublicURL: o.public})
	must(tb, err)
	w.handler = door.Log(log, nil, d.Handler())
	server := httptest.NewServer(w.handler)
	tb.Cleanup(server.Close)
	w.url = server.URL
	return w
}

type noJobs struct{}

func (noJobs) EnqueueTx(context.Context, *sql.Tx, []film.Job) error { return nil }

// create makes an asset that is preparing.
func (w *world) create(tb testing.TB, s film.AssetSettings) film.Asset {
	tb.Helper()
	if s.Policies == nil {
		s.Policies = []film.Policy{film.PolicyPublic}
	}
	a, err := w.catalog.CreateAsset(tb.Context(), w.env, s, []film.Input{{URL: "https://example.com/film.mp4"}})
	must(tb, err)
	return a
}

// add makes a ready asset whose source is that file, and returns it with its first playback id.
func (w *world) add(tb testing.TB, path string, s film.AssetSettings) (film.Asset, film.PlaybackID) {
	tb.Helper()
	a := w.create(tb, s)
	sealed := w.store(tb, vault.Ref{Film: a.Film, Part: vault.Source}, path)
	must(tb, w.catalog.AssetReady(tb.Context(), a.ID, film.Found{
		Media:  film.Media{Container: "mov,mp4,m4a,3gp,3g2,mj2", Duration: time.Second},
		Master: film.Master{Kind: film.MasterSource, Size: sealed.Size, SHA256: sealed.SHA256, ETag: sealed.ETag},
	}))
	return a, a.Playbacks[0].ID
}

func (w *world) store(tb testing.TB, ref vault.Ref, path string) vault.Sealed {
	tb.Helper()
	src, err := os.Open(path)
	must(tb, err)
	defer src.Close()
	writer, err := w.vault.Append(tb.Context(), ref)
	must(tb, err)
	_, err = io.Copy(writer, src)
	must(tb, err)
	sealed, err := writer.Seal()
	must(tb, err)
	return sealed
}

// short is a film of a few segments that most tests share.
func short(tb testing.TB) string {
	tb.Helper()
	return films.Get(tb, films.Spec{Duration: 10 * time.Second, BFrames: 2})
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks for a path; header are pairs of names and values.
func (w *world) get(tb testing.TB, path string, header ...string) answer {
	tb.Helper()
	return w.do(tb, http.MethodGet, path, header...)
}

func (w *world) do(tb testing.TB, method, path string, header ...string) answer {
	tb.Helper()
	url := path
	if !strings.HasPrefix(path, "http") {
		url = w.url + path
	}
	r, err := http.NewRequestWithContext(tb.Context(), method, url, nil)
	must(tb, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(tb, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(tb, err)
	return answer{resp.StatusCode, resp.Header, body}
}

// ok is get where nothing but 200 will do.
func (w *world) ok(tb testing.TB, path string) []byte {
	tb.Helper()
	a := w.get(tb, path)
	if a.status != http.StatusOK {
		tb.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	return a.body
}

// empty removes everything derived, as an operator may at any time.
func (w *world) empty(tb testing.TB) {
	tb.Helper()
	entries, err := os.ReadDir(w.derived)
	must(tb, err)
	for _, e := range entries {
		must(tb, os.RemoveAll(filepath.Join(w.derived, e.Name())))
	}
}

func (w *world) quiet(tb testing.TB) {
	tb.Helper()
	if text := w.log.String(); strings.Contains(text, "level=ERROR") {
		tb.Errorf("logged:\n%s", text)
	}
}

var must = filmtest.Must

func rendition(pb film.PlaybackID, name, file string) string {
	return fmt.Sprintf("/%s/%s/%s/%s", pb, passthrough.Recipe, name, file)
}
