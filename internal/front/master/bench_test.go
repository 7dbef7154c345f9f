package master_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/front/master"
	"filmcan/internal/token"
)

var errDown = errors.New("the database is down")

// fakeCatalog answers for grants like keep/catalog, and can be told to fail.
type fakeCatalog struct {
	mu      sync.Mutex
	grants  map[film.GrantID]film.GrantState
	seq     int64
	down    bool
	looks   int // questions for the sequence
	damaged []string
	// onOpened is called before the first download is noted, without the lock.
	onOpened func()
}

func (c *fakeCatalog) Grant(_ context.Context, id film.GrantID) (film.GrantState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return film.GrantState{}, errDown
	}
	g, ok := c.grants[id]
	if !ok {
		return film.GrantState{}, fmt.Errorf("read grant: %w", film.NotFound())
	}
	return g, nil
}

func (c *fakeCatalog) RevocationSeq(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if c.down {
		return 0, errDown
	}
	return c.seq, nil
}

func (c *fakeCatalog) GrantOpened(_ context.Context, id film.GrantID) error {
	if c.onOpened != nil {
		c.onOpened()
	}
	c.change(id, func(g *film.GrantState) { g.OpenedAt = time.Now() })
	return nil
}

func (c *fakeCatalog) DamageMaster(_ context.Context, _ film.AssetID, why string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.damaged = append(c.damaged, why)
	return nil
}

func (c *fakeCatalog) change(id film.GrantID, f func(*film.GrantState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, ok := c.grants[id]; ok {
		f(&g)
		c.grants[id] = g
	}
}

// revoke does what the commit of a PUT does.
func (c *fakeCatalog) revoke() {
	c.change(grantID, func(g *film.GrantState) { g.Revoked = true })
	c.bump()
}

func (c *fakeCatalog) bump() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
}

func (c *fakeCatalog) looked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

func (c *fakeCatalog) setDown(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// fileFilm is a film in one file, as the vault has it.
type fileFilm struct {
	*os.File
	size int64
}

func (f fileFilm) Size() int64 { return f.size }

func (f fileFilm) CopyRange(dst io.Writer, off, n int64) (int64, error) {
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(dst, &io.LimitedReader{R: f.File, N: n})
}

// bench is a door with a film of random bytes behind it and one grant, "g1", that lasts for a day.
type bench struct {
	catalog *fakeCatalog
	signer  *token.Signer
	door    *master.Door
	handler http.Handler
	data    []byte
	path    string
	missing error // what opening the film gives, if anything

	mu    sync.Mutex
	shift time.Duration
}

const grantID = film.GrantID("g1")

func newBench(tb testing.TB, size int, cfg master.Config) *bench {
	tb.Helper()
	b := &bench{data: make([]byte, size), path: filepath.Join(tb.TempDir(), "film")}
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(b.data)
	if err := os.WriteFile(b.path, b.data, 0o600); err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	b.catalog = &fakeCatalog{grants: map[film.GrantID]film.GrantState{grantID: {
		Grant: film.Grant{ID: grantID, CreatedAt: now, ExpiresAt: now.Add(film.MasterTTL)}, Asset: "a1", Film: "f1",
		Master: film.Master{Kind: film.MasterSource, Size: int64(size), SHA256: "5ha", ETag: "5ha"},
	}}}
	signer, err := token.NewSigner(bytes.Repeat([]byte{7}, token.SecretSize))
	if err != nil {
		tb.Fatal(err)
	}
	b.signer = signer
	cfg.Now = b.now
	open := func(context.Context, film.FilmID, film.Master) (master.Film, error) {
		if b.missing != nil {
			return nil, b.missing
		}
		f, err := os.Open(b.path)
		return fileFilm{f, int64(size)}, err
	}
	b.door = master.New(b.catalog, open, signer, cfg, slog.New(slog.DiscardHandler))
	b.handler = door.Log(slog.New(slog.DiscardHandler), nil, b.door.Handler())
	return b
}

// watch runs the door's watcher until the returned function is called.
func (b *bench) watch(tb testing.TB) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.door.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// start serves the door on loopback.
func (b *bench) start(tb testing.TB) *httptest.Server {
	tb.Helper()
	tb.Cleanup(b.watch(tb))
	srv := httptest.NewUnstartedServer(b.handler)
	srv.Config.ConnContext = door.ConnContext
	srv.Start()
	tb.Cleanup(srv.Close)
	return srv
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.shift)
}

func (b *bench) travel(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shift += d
}

// url is the master's URL as the API would give it.
func (b *bench) url(base string) string {
	b.catalog.mu.Lock()
	defer b.catalog.mu.Unlock()
	return b.signer.MasterURL(base, b.catalog.grants[grantID].Grant, "master.mp4")
}

// ask sends a request and returns the answer with its whole body.
func ask(t *testing.T, method, url string, header map[string]string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, header, err)
	}
	return resp, body
}

// eventually waits for a condition that others bring about.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
