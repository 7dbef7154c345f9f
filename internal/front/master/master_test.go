package master_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/master"
	"filmcan/internal/keep/vault"
)

func TestDownload(t *testing.T) {
	t.Parallel()
	const size = 3<<20 + 17 // several pieces and a rest
	b := newBench(t, size, master.Config{})
	url := b.url(b.start(t).URL)
	for name, c := range map[string]struct {
		method, query string
		header        map[string]string
		status        int
		body          []byte
		want          map[string]string
	}{
		"whole": {"GET", "", nil, 200, b.data, map[string]string{
			"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "Etag": `"5ha"`, "Content-Length": fmt.Sprint(size),
			"Access-Control-Allow-Origin": "*", "Cache-Control": "private, no-cache", "Content-Disposition": "",
		}},
		"head":      {"HEAD", "", nil, 200, nil, map[string]string{"Content-Length": fmt.Sprint(size), "Accept-Ranges": "bytes", "Etag": `"5ha"`}},
		"named":     {"GET", "&download=My%20film.mp4", nil, 200, b.data, map[string]string{"Content-Disposition": `attachment; filename="My film.mp4"`}},
		"head name": {"HEAD", "&download=f.mp4", nil, 200, nil, map[string]string{"Content-Disposition": `attachment; filename="f.mp4"`}},
		"hostile name": {"GET", "&download=..%2F..%2Fevil%0D%0AX:%20y.exe", nil, 200, b.data, map[string]string{
			"Content-Disposition": `attachment; filename="_.._evilX_ y.exe.mp4"`, "X": "",
		}},
		"beginning":   {"GET", "", map[string]string{"Range": "bytes=0-99"}, 206, b.data[:100], map[string]string{"Content-Range": fmt.Sprintf("bytes 0-99/%d", size)}},
		"resume":      {"GET", "", map[string]string{"Range": "bytes=2000000-", "If-Range": `"5ha"`}, 206, b.data[2000000:], nil},
		"other bytes": {"GET", "", map[string]string{"Range": "bytes=2000000-", "If-Range": `"other"`}, 200, b.data, nil},
		"end":         {"GET", "", map[string]string{"Range": "bytes=-5"}, 206, b.data[size-5:], nil},
		"beyond":      {"GET", "", map[string]string{"Range": fmt.Sprintf("bytes=%d-", size)}, 416, nil, map[string]string{"Content-Range": fmt.Sprintf("bytes */%d", size)}},
		"unchanged":   {"GET", "", map[string]string{"If-None-Match": `"5ha"`}, 304, nil, nil},
		"preflight":   {"OPTIONS", "", map[string]string{"Origin": "http://x", "Access-Control-Request-Method": "GET"}, 204, nil, map[string]string{"Access-Control-Allow-Methods": "GET, HEAD, OPTIONS"}},
		"post":        {"POST", "", nil, 405, nil, map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, body := ask(t, c.method, url+c.query, c.header)
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d: %.200s", resp.StatusCode, c.status, body)
			}
			if c.status < 400 && !bytes.Equal(body, c.body) {
				t.Errorf("%d bytes that differ from the %d wanted", len(body), len(c.body))
			}
			for k, want := range c.want {
				if got := resp.Header.Get(k); got != want {
					t.Errorf("%s is %q, want %q", k, got, want)
				}
			}
		})
	}
}

func TestDownloadOfSeveralRanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, 3<<20, master.Config{})
	resp, body := ask(t, http.MethodGet, b.url(b.start(t).URL), map[string]string{"Range": "bytes=1-3,1000000-2500000,-1"})
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != http.StatusPartialContent {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for _, want := range [][]byte{b.data[1:4], b.data[1000000:2500001], b.data[3<<20-1:]} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(part)
		if err != nil || !bytes.Equal(got, want) || part.Header.Get("Content-Type") != "video/mp4" {
			t.Errorf("part %s: %d bytes, want %d: %v", part.Header, len(got), len(want), err)
		}
	}
	if s := b.door.Stats(); s.Bytes != 3+1500001+1 || s.Started != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestSoundOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, master.Config{})
	b.catalog.change(grantID, func(g *film.GrantState) { g.Master.AudioOnly = true })
	base := b.start(t).URL
	url := b.signer.MasterURL(base, b.catalog.grants[grantID].Grant, "master.m4a")
	resp, body := ask(t, http.MethodGet, url+"&download=song", nil)
	if resp.StatusCode != 200 || len(body) != 10 || resp.Header.Get("Content-Type") != "audio/mp4" ||
		resp.Header.Get("Content-Disposition") != `attachment; filename="song.m4a"` {
		t.Errorf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	if resp, _ := ask(t, http.MethodGet, b.url(base), nil); resp.StatusCode != 403 {
		t.Errorf("signed for another file: status %d", resp.StatusCode)
	}
}

// TestRefusals: whatever is wrong, the answer is the same.
func TestRefusals(t *testing.T) {
	t.Parallel()
	var first string
	for _, c := range []struct {
		name   string
		alter  func(string) string
		change func(*bench)
	}{
		{"altered", func(u string) string { return strings.Replace(u, "signature=", "signature=A", 1) }, nil},
		{"no signature", func(u string) string { u, _, _ = strings.Cut(u, "&"); return u }, nil},
		{"no query", func(u string) string { u, _, _ = strings.Cut(u, "?"); return u }, nil},
		{"other key name", func(u string) string { return strings.Replace(u, "skid=default", "skid=x", 1) }, nil},
		{"other grant", func(u string) string { return strings.Replace(u, "/g1/", "/g2/", 1) }, nil},
		{"other file", func(u string) string { return strings.Replace(u, "master.mp4", "master.m4a", 1) }, nil},
		{"asset deleted", nil, func(b *bench) { delete(b.catalog.grants, grantID) }},
		{"revoked", nil, func(b *bench) { b.catalog.revoke() }},
		{"damaged", nil, func(b *bench) {
			b.catalog.change(grantID, func(g *film.GrantState) { g.Master.Damage = "bits rot" })
		}},
		{"expired", nil, func(b *bench) { b.travel(film.MasterTTL) }},
		{"long expired", nil, func(b *bench) { b.travel(100 * film.MasterTTL) }},
	} {
		b := newBench(t, 10, master.Config{})
		url := b.url(b.start(t).URL)
		if c.alter != nil {
			url = c.alter(url)
		}
		if c.change != nil {
			c.change(b)
		}
		resp, body := ask(t, http.MethodGet, url+"&download=x.mp4", nil)
		if first == "" {
			first = string(body)
		}
		if resp.StatusCode != http.StatusForbidden || string(body) != first || resp.Header.Get("Etag") != "" ||
			resp.Header.Get("Content-Disposition") != "" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s %v", c.name, resp.StatusCode, body, resp.Header)
		}
		if head, _ := ask(t, http.MethodHead, url, nil); head.StatusCode != http.StatusForbidden {
			t.Errorf("%s: HEAD gives %d", c.name, head.StatusCode)
		}
		if s := b.door.Stats(); s.Bytes != 0 || s.Running != 0 {
			t.Errorf("%s: stats %+v", c.name, s)
		}
	}
}

func TestHourOfGrace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		opened bool
		after  time.Duration // since the beginning of the grant
		method string
		header map[string]string
		status int
	}{
		{"resume in time", true, 23 * time.Hour, "GET", map[string]string{"Range": "bytes=5-"}, 206},
		{"begin again", true, 24 * time.Hour, "GET", nil, 403},
		{"begin again by range", true, 24 * time.Hour, "GET", map[string]string{"Range": "bytes=0-"}, 403},
		{"take up again", true, 24 * time.Hour, "GET", map[string]string{"Range": "bytes=5-"}, 206},
		{"take up by if-range", true, 24 * time.Hour, "GET", map[string]string{"Range": "bytes=0-", "If-Range": `"5ha"`}, 206},
		{"if-range of other bytes", true, 24 * time.Hour, "GET", map[string]string{"Range": "bytes=5-", "If-Range": `"old"`}, 403},
		{"head", true, 24 * time.Hour, "HEAD", nil, 200},
		{"near the end", true, 25*time.Hour - time.Minute, "GET", map[string]string{"Range": "bytes=5-"}, 206},
		{"over", true, 25 * time.Hour, "GET", map[string]string{"Range": "bytes=5-"}, 403},
		{"over for head", true, 25 * time.Hour, "HEAD", nil, 403},
		{"never begun", false, 24 * time.Hour, "GET", map[string]string{"Range": "bytes=5-"}, 403},
		{"never begun, head", false, 24 * time.Hour, "HEAD", nil, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 10, master.Config{})
			url := b.url(b.start(t).URL)
			if c.opened {
				ask(t, http.MethodGet, url, nil)
			} else {
				ask(t, http.MethodHead, url, nil) // is no download
			}
			b.travel(c.after)
			if resp, body := ask(t, c.method, url, c.header); resp.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, c.status, body)
			}
		})
	}
}

func TestFilmThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(*bench)
		status  int
		damaged int
	}{
		{"missing", func(b *bench) { b.missing = vault.ErrNotFound }, 500, 1},
		{"not sealed", func(b *bench) { b.missing = fmt.Errorf("open: %w", vault.ErrNotSealed) }, 500, 1},
		{"damaged", func(b *bench) { b.missing = vault.ErrDamaged }, 500, 1},
		{"of another length", func(b *bench) { b.catalog.change(grantID, func(g *film.GrantState) { g.Master.Size++ }) }, 500, 1},
		{"out of files", func(b *bench) { b.missing = os.ErrPermission }, 503, 0},
		{"catalog down", func(b *bench) { b.catalog.setDown(true) }, 503, 0},
	} {
		b := newBench(t, 10, master.Config{})
		c.prepare(b)
		resp, body := ask(t, http.MethodGet, b.url(b.start(t).URL), nil)
		if resp.StatusCode != c.status || len(b.catalog.damaged) != c.damaged || strings.Contains(string(body), "vault") {
			t.Errorf("%s: %d %s, damage noted: %q", c.name, resp.StatusCode, body, b.catalog.damaged)
		}
	}
	// Deleted between the look at the grant and the look at the film: no damage.
	b := newBench(t, 10, master.Config{})
	b.missing = vault.ErrNotFound
	gone := &deletedMeanwhile{fakeCatalog: b.catalog}
	d := master.New(gone, func(context.Context, film.FilmID, film.Master) (master.Film, error) { return nil, vault.ErrNotFound }, b.signer, master.Config{}, nil)
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, b.url(""), nil))
	if w.Code != http.StatusForbidden || len(b.catalog.damaged) != 0 {
		t.Errorf("deleted meanwhile: %d, damage noted: %q", w.Code, b.catalog.damaged)
	}
}

// deletedMeanwhile loses its grants once they were looked at.
type deletedMeanwhile struct{ *fakeCatalog }

func (c *deletedMeanwhile) Grant(ctx context.Context, id film.GrantID) (film.GrantState, error) {
	g, err := c.fakeCatalog.Grant(ctx, id)
	delete(c.grants, id)
	return g, err
}

// fileConn notes how often it is given a file to send.
type fileConn struct {
	*net.TCPConn
	files *atomic.Int64
}

func (c fileConn) ReadFrom(src io.Reader) (int64, error) {
	if limited, ok := src.(*io.LimitedReader); ok {
		if _, ok := limited.R.(*os.File); ok {
			c.files.Add(1)
		}
	}
	return c.TCPConn.ReadFrom(src)
}

type fileListener struct {
	net.Listener
	files *atomic.Int64
}

func (l fileListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fileConn{c.(*net.TCPConn), l.files}, nil
}

// TestSendfile: whole films and single ranges reach the connection as a file, piece by piece.
func TestSendfile(t *testing.T) {
	t.Parallel()
	b := newBench(t, 3<<20, master.Config{})
	t.Cleanup(b.watch(t))
	var files atomic.Int64
	srv := httptest.NewUnstartedServer(b.handler)
	srv.Listener = fileListener{srv.Listener, &files}
	srv.Start()
	defer srv.Close()
	for header, want := range map[string]int64{"": 3, "bytes=1-2097152": 2} {
		files.Store(0)
		ask(t, http.MethodGet, b.url(srv.URL), map[string]string{"Range": header})
		if files.Load() != want {
			t.Errorf("range %q: %d files sent, want %d", header, files.Load(), want)
		}
	}
}
