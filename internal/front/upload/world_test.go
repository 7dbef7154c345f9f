package upload_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/front/upload"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/sqldb"
	"filmcan/internal/token"
)

// These tests use the real catalog and the real vault.

type noJobs struct{}

func (noJobs) EnqueueTx(context.Context, *sql.Tx, []film.Job) error { return nil }

// world is a server with the door of uploads.
type world struct {
	catalog *catalog.Catalog
	vault   *vault.Vault
	door    *upload.Door
	server  *httptest.Server
	signer  *token.Signer
	env     film.EnvironmentID
	cors    string
}

// plan says how a world differs from the usual one.
type plan struct {
	config upload.Config
	look   upload.Look
	store  blob.Store
	cors   string
	// wrap stands before the catalog.
	wrap func(upload.Catalog) upload.Catalog
}

func newWorld(tb testing.TB, p plan) *world {
	tb.Helper()
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	dir := tb.TempDir()
	if p.store == nil {
		store, err := fs.Open(filepath.Join(dir, "keep"))
		check(err)
		p.store = store
	}
	if p.look == nil {
		p.look = func([]byte, int64) error { return nil }
	}
	w := &world{cors: p.cors}
	var err error
	w.vault, err = vault.New(p.store, vault.Config{})
	check(err)
	db, err := sqldb.Open(tb.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})
	check(err)
	tb.Cleanup(func() { _ = db.Close() })
	check(db.Migrate(tb.Context(), catalog.Migrations(), func(context.Context) error { return nil }))
	w.catalog = catalog.New(db, noJobs{}, catalog.Config{})
	tb.Cleanup(func() { _ = w.catalog.Close() })
	env, err := w.catalog.EnsureEnvironment(tb.Context(), "test", "development")
	check(err)
	w.env = env.ID
	secret, err := w.catalog.Secret(tb.Context(), "urls")
	check(err)
	w.signer, err = token.NewSigner(secret)
	check(err)
	w.start(tb, p)
	return w
}

// start opens a further door on the same world, which takes the place of the one before.
func (w *world) start(tb testing.TB, p plan) {
	tb.Helper()
	if p.look == nil {
		p.look = func([]byte, int64) error { return nil }
	}
	var c upload.Catalog = w.catalog
	if p.wrap != nil {
		c = p.wrap(c)
	}
	log := slog.New(slog.DiscardHandler)
	w.door = upload.New(p.config, c, w.vault, p.look, w.signer, log)
	w.server = httptest.NewUnstartedServer(door.Log(log, nil, w.door.Handler()))
	w.server.Config.ConnContext = door.ConnContext
	w.server.Start()
	tb.Cleanup(w.server.Close)
}

// one is an upload and how to talk to it.
type one struct {
	world *world
	film.Upload
	url string
}

func (w *world) create(tb testing.TB) *one {
	tb.Helper()
	u, err := w.catalog.CreateUpload(tb.Context(), w.env, film.AssetSettings{}, w.cors, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return &one{w, u, w.signer.UploadURL(w.server.URL, u.ID)}
}

// reply is an answer in short: "308 0-99", "308", "200".
type reply struct {
	text string
	*http.Response
	body string
}

// send sends a body under a Content-Range; an empty one is left out.
func (o *one) send(tb testing.TB, contentRange string, body io.Reader) reply {
	tb.Helper()
	r, err := o.try(tb.Context(), contentRange, body)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func (o *one) try(ctx context.Context, contentRange string, body io.Reader) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, o.url, body)
	if err != nil {
		return reply{}, err
	}
	if contentRange != "" {
		req.Header.Set("Content-Range", "bytes "+contentRange)
	}
	client := *o.world.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	got := reply{fmt.Sprint(resp.StatusCode), resp, string(text)}
	if have := resp.Header.Get("Range"); have != "" {
		got.text += " " + strings.TrimPrefix(have, "bytes=")
	}
	return got, nil
}

// chunk sends the bytes [from, to) of a film.
func (o *one) chunk(tb testing.TB, data []byte, from, to int) reply {
	tb.Helper()
	return o.send(tb, fmt.Sprintf("%d-%d/%d", from, to-1, len(data)), bytes.NewReader(data[from:to]))
}

func (r reply) want(tb testing.TB, text string) {
	tb.Helper()
	if r.text != text {
		tb.Fatalf("answer %q (%s), want %q", r.text, strings.TrimSpace(r.body), text)
	}
}

// is checks that the upload became an asset with exactly that film.
func (o *one) is(tb testing.TB, data []byte) film.AssetID {
	tb.Helper()
	u := o.now(tb)
	if u.Status != film.UploadAssetCreated {
		tb.Fatalf("upload is %s, not an asset", u.Status)
	}
	if got := o.stored(tb); !bytes.Equal(got, data) {
		tb.Fatalf("stored %d bytes that are not the film of %d", len(got), len(data))
	}
	return u.Asset
}

func (o *one) stored(tb testing.TB) []byte {
	tb.Helper()
	ref := vault.Ref{Film: o.Film, Part: vault.Source}
	if err := o.world.vault.Verify(tb.Context(), ref); err != nil {
		tb.Fatal(err)
	}
	f, err := o.world.vault.Open(tb.Context(), ref)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func (o *one) now(tb testing.TB) film.Upload {
	tb.Helper()
	u, err := o.world.catalog.OpenUpload(tb.Context(), o.ID)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// movie returns bytes of which no two stretches are the same; another seed gives another film.
func movie(seed byte, size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}
