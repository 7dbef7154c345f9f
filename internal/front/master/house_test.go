package master_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/front/master"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/sqldb"
	"filmcan/internal/token"
)

// These tests use the real catalog and the real vault.

type noJobs struct{}

func (noJobs) EnqueueTx(context.Context, *sql.Tx, []film.Job) error { return nil }

type present struct{ v *vault.Vault }

func (p present) Present(ctx context.Context, a film.Asset) error {
	_, err := p.v.Stat(ctx, vault.Ref{Film: a.Film, Part: vault.Source})
	return err
}

// node is what one process has: its own connections to the database, its own door.
type node struct {
	catalog *catalog.Catalog
	door    *master.Door
	url     string
}

// house is a folder and a database with one asset whose film is ready, and two nodes on them.
type house struct {
	nodes  [2]node
	vault  *vault.Vault
	env    film.EnvironmentID
	asset  film.Asset
	data   []byte
	signer *token.Signer
}

func newHouse(t *testing.T, size int) *house {
	t.Helper()
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := fs.Open(filepath.Join(dir, "keep"))
	check(err)
	h := &house{data: make([]byte, size)}
	h.vault, err = vault.New(store, vault.Config{})
	check(err)
	for i := range h.nodes {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})
		check(err)
		t.Cleanup(func() { _ = db.Close() })
		check(db.Migrate(t.Context(), catalog.Migrations(), func(context.Context) error { return nil }))
		c := catalog.New(db, noJobs{}, catalog.Config{Keep: present{h.vault}})
		t.Cleanup(func() { _ = c.Close() })
		h.nodes[i].catalog = c
	}
	c := h.nodes[0].catalog
	env, err := c.EnsureEnvironment(t.Context(), "test", "development")
	check(err)
	h.env = env.ID
	secret, err := c.Secret(t.Context(), "urls")
	check(err)
	h.signer, err = token.NewSigner(secret)
	check(err)
	for i := range h.nodes {
		n := &h.nodes[i]
		n.door = master.New(n.catalog, master.FromVault(h.vault), h.signer, master.Config{}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = n.door.Run(ctx)
		}()
		t.Cleanup(func() { cancel(); <-done })
		srv := httptest.NewUnstartedServer(n.door.Handler())
		srv.Config.ConnContext = door.ConnContext
		srv.Start()
		t.Cleanup(srv.Close)
		n.url = srv.URL
	}

	h.asset, err = c.CreateAsset(t.Context(), h.env, film.AssetSettings{}, []film.Input{{URL: "http://x/f.mp4"}})
	check(err)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(h.data)
	w, err := h.vault.Append(t.Context(), vault.Ref{Film: h.asset.Film, Part: vault.Source})
	check(err)
	_, err = w.Write(h.data)
	check(err)
	sealed, err := w.Seal()
	check(err)
	check(c.AssetReady(t.Context(), h.asset.ID, film.Found{
		Media:  film.Media{Container: "mp4", Duration: time.Second},
		Master: film.Master{Kind: film.MasterSource, Size: sealed.Size, SHA256: sealed.SHA256, ETag: sealed.ETag},
	}))
	return h
}

// enable gives access and returns the URL at each node.
func (h *house) enable(t *testing.T) (urls [2]string) {
	t.Helper()
	a, err := h.nodes[0].catalog.SetMasterAccess(t.Context(), h.env, h.asset.ID, film.AccessTemporary)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range h.nodes {
		urls[i] = h.signer.MasterURL(n.url, *a.Master.Grant, a.Master.Filename())
	}
	return urls
}

func TestHouse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2<<20)
	urls := h.enable(t)
	for _, url := range urls {
		resp, body := ask(t, http.MethodGet, url, nil)
		if resp.StatusCode != http.StatusOK || !bytes.Equal(body, h.data) {
			t.Fatalf("status %d, %d bytes that are not the film's %d", resp.StatusCode, len(body), len(h.data))
		}
		if resp, body = ask(t, http.MethodGet, url, map[string]string{"Range": "bytes=5-9,1000000-"}); resp.StatusCode != http.StatusPartialContent {
			t.Errorf("ranges: status %d, %d bytes", resp.StatusCode, len(body))
		}
	}
	if _, err := h.nodes[0].catalog.SetMasterAccess(t.Context(), h.env, h.asset.ID, film.AccessNone); err != nil {
		t.Fatal(err)
	}
	for i, url := range urls {
		if resp, _ := ask(t, http.MethodGet, url, nil); resp.StatusCode != http.StatusForbidden {
			t.Errorf("after the end of access node %d answers %d", i, resp.StatusCode)
		}
	}
	for i, url := range h.enable(t) {
		if url == urls[i] {
			t.Error("the new period has the old URL")
		}
		if resp, _ := ask(t, http.MethodGet, url, nil); resp.StatusCode != http.StatusOK {
			t.Errorf("in the new period node %d answers %d", i, resp.StatusCode)
		}
	}
}

// TestRevocationAcrossNodes: access is taken away, or the asset deleted, at one node while both have a reader that
// takes nothing; both downloads end within a second of the answer.
func TestRevocationAcrossNodes(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, h *house) error{
		"revoked": func(ctx context.Context, h *house) error {
			_, err := h.nodes[0].catalog.SetMasterAccess(ctx, h.env, h.asset.ID, film.AccessNone)
			return err
		},
		"deleted": func(ctx context.Context, h *house) error {
			return h.nodes[0].catalog.DeleteAsset(ctx, h.env, h.asset.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 32<<20)
			urls := h.enable(t)
			var readers [2]io.ReadCloser
			for i, url := range urls {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				readers[i] = resp.Body
			}
			for _, n := range h.nodes {
				eventually(t, 5*time.Second, "the download runs", func() bool { return n.door.Stats().Running == 1 })
			}
			if err := end(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			answered := time.Now()
			for i, n := range h.nodes {
				eventually(t, 5*time.Second, "the download ends", func() bool { return n.door.Stats().Running == 0 })
				if took := time.Since(answered); took > time.Second {
					t.Errorf("node %d: the download ended %v after the answer", i, took)
				}
				if s := n.door.Stats(); s.Revoked != 1 {
					t.Errorf("node %d: stats %+v", i, s)
				}
			}
			for i, r := range readers {
				if n, err := io.Copy(io.Discard, r); err == nil || errors.Is(err, io.EOF) || n >= 32<<20 {
					t.Errorf("node %d: the reader got %d bytes, %v", i, n, err)
				}
			}
		})
	}
}

func TestDamageIsNoted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1000)
	urls := h.enable(t)
	if err := h.vault.Delete(t.Context(), h.asset.Film); err != nil {
		t.Fatal(err)
	}
	if resp, _ := ask(t, http.MethodGet, urls[0], nil); resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("missing film: status %d", resp.StatusCode)
	}
	a, err := h.nodes[1].catalog.Asset(t.Context(), h.env, h.asset.ID)
	if err != nil || a.Master.Status != film.MasterErrored || a.Master.Damage == "" {
		t.Errorf("asset's master %+v, %v; want it errored", a.Master, err)
	}
	if resp, _ := ask(t, http.MethodGet, urls[1], nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("after that: status %d", resp.StatusCode)
	}
}
