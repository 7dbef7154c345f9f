package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/outbound"
)

// memory is a sink in memory whose writes can be made to fail.
type memory struct {
	b        []byte
	notes    map[string][]byte
	restarts int
	full     int
}

var errFull = errors.New("no room")

func (m *memory) Write(p []byte) (int, error) {
	if m.full > 0 && len(m.b)+len(p) > m.full {
		return 0, errFull
	}
	m.b = append(m.b, p...)
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, off) }
func (m *memory) Size() int64                             { return int64(len(m.b)) }
func (m *memory) Synced() int64                           { return int64(len(m.b)) }

func (m *memory) Note(key string, value []byte) error {
	if m.notes == nil {
		m.notes = map[string][]byte{}
	}
	m.notes[key] = value
	return nil
}

func (m *memory) Notes() map[string][]byte { return maps.Clone(m.notes) }

func (m *memory) Restart() error {
	m.b, m.notes = nil, nil
	m.restarts++
	return nil
}

// content is a film of n bytes.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

func get(t *testing.T, cfg Fetch, url string, to sink) error {
	t.Helper()
	policy := outbound.Default()
	policy.Policy.Private = true
	policy.HeaderTimeout = 500 * time.Millisecond
	policy.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	client := outbound.New(policy)
	t.Cleanup(client.Close)
	if cfg.MaxSize == 0 {
		cfg.MaxSize = 1 << 30
	}
	return fetch(t.Context(), cfg, client, url, to, &meter{}, nil, func([]byte) error { return nil })
}

func wantWhy(t *testing.T, err error, want why, words string) {
	t.Helper()
	f, ok := errors.AsType[*failure](err)
	if !ok || f.why != want || !strings.Contains(f.message, words) {
		t.Errorf("got %v (%+v), want %s with %q", err, f, want, words)
	}
}

// shaky serves the film with ranges, but breaks the connection off after each piece.
func shaky(film []byte, piece int, head func(http.Header), requests *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		head(w.Header())
		modified, _ := http.ParseTime(w.Header().Get("Last-Modified")) // zero where there is none
		http.ServeContent(&cutter{ResponseWriter: w, left: piece}, r, "film.mp4", modified, bytes.NewReader(film))
	}
}

type cutter struct {
	http.ResponseWriter

	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	c.left -= n
	if err == nil && c.left == 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func etag(h http.Header) { h.Set("ETag", `"one"`) }

func TestResume(t *testing.T) {
	t.Parallel()
	film := content(1 << 20)
	for name, tt := range map[string]struct {
		head     func(http.Header)
		restarts bool
	}{
		"etag":          {etag, false},
		"last modified": {func(h http.Header) { h.Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT") }, false},
		"weak etag":     {func(h http.Header) { h.Set("ETag", `W/"one"`) }, true},
		"nothing":       {func(http.Header) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			url := serve(t, shaky(film, 300<<10, tt.head, &requests))
			cfg := quick()
			cfg.Headway = 200 << 10
			to := &memory{}
			err := get(t, cfg, url, to)
			if tt.restarts {
				// Without a validator there is no going on, and it never gets through.
				wantWhy(t, err, whyCutOff, "cut off: the connection broke after 307200 bytes of 1048576")
				return
			}
			must(t, err)
			if !bytes.Equal(to.b, film) || to.restarts > 0 || requests.Load() != 4 {
				t.Errorf("got %d bytes, right %v, in %d requests with %d restarts", len(to.b), bytes.Equal(to.b, film), requests.Load(), to.restarts)
			}
		})
	}
}

// TestResumeAfterCrash: what the notes and bytes of a dead process say is enough.
func TestResumeAfterCrash(t *testing.T) {
	t.Parallel()
	film := content(500 << 10)
	var asked atomic.Value
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Range") + " " + r.Header.Get("If-Range"))
		etag(w.Header())
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(film))
	})
	to := &memory{}
	must(t, get(t, quick(), url, to))
	whole := to.b
	to.b = bytes.Clone(whole[:123456])
	must(t, get(t, quick(), url, to))
	if !bytes.Equal(to.b, film) || asked.Load() != `bytes=123456- "one"` || to.restarts != 0 {
		t.Errorf("asked for %q", asked.Load())
	}
	// All is there but the seal: nothing is asked.
	asked.Store("nothing")
	must(t, get(t, quick(), url, to))
	if asked.Load() != "nothing" {
		t.Errorf("asked for %q", asked.Load())
	}
	// Bytes without a note are nobody's.
	to.notes, to.b = nil, []byte("left over")
	must(t, get(t, quick(), url, to))
	if !bytes.Equal(to.b, film) || to.restarts != 1 {
		t.Error("bytes of unknown origin were kept")
	}
}

// TestServerWithoutRanges: the download begins anew, and gets through when the line holds.
func TestServerWithoutRanges(t *testing.T) {
	t.Parallel()
	film := content(400 << 10)
	var n atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		etag(w.Header())
		w.Header().Set("Content-Length", strconv.Itoa(len(film)))
		if n.Add(1) == 1 {
			_, _ = (&cutter{ResponseWriter: w, left: 1000}).Write(film)
		}
		_, _ = w.Write(film)
	})
	to := &memory{}
	must(t, get(t, quick(), url, to))
	if !bytes.Equal(to.b, film) || to.restarts != 1 || n.Load() != 2 {
		t.Errorf("got %d bytes after %d restarts and %d requests", len(to.b), to.restarts, n.Load())
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	film := content(400 << 10)
	for name, second := range map[string]http.HandlerFunc{
		"another etag with 200": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"two"`)
			_, _ = w.Write(film)
		},
		"another etag with 206": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"two"`)
			w.Header().Set("Content-Range", "bytes 1000-409599/409600")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(film[1000:])
		},
		"another length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 1000-409600/409601")
			w.WriteHeader(http.StatusPartialContent)
		},
		"shorter": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes */999")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		},
		"precondition": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPreconditionFailed) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					second(w, r)
					return
				}
				etag(w.Header())
				w.Header().Set("Content-Length", strconv.Itoa(len(film)))
				_, _ = (&cutter{ResponseWriter: w, left: 1000}).Write(film)
			})
			wantWhy(t, get(t, quick(), url, &memory{}), whyChanged, "changed while it was downloaded")
		})
	}
}

func TestWrongRange(t *testing.T) {
	t.Parallel()
	for _, r := range []string{"bytes 999-1999/2000", "bytes 1001-1999/2000", "bytes 1000-", "", "bytes 1000-2000/2000", "bytes a-b/c"} {
		url := serve(t, func(w http.ResponseWriter, req *http.Request) {
			etag(w.Header())
			if req.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", r)
				w.WriteHeader(http.StatusPartialContent)
				return
			}
			w.Header().Set("Content-Length", "2000")
			_, _ = (&cutter{ResponseWriter: w, left: 1000}).Write(content(2000))
		})
		wantWhy(t, get(t, quick(), url, &memory{}), whyRange, "another part")
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if code, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/")); err == nil {
			w.WriteHeader(code)
			return
		}
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/private":
			http.Redirect(w, r, "http://169.254.169.254/x", http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("..."))
		case "/large":
			w.Header().Set("Content-Length", "3000000000")
		case "/larger":
			for {
				if _, err := w.Write(content(1 << 20)); err != nil {
					return
				}
			}
		case "/silent":
			<-r.Context().Done()
		}
	})
	cfg := quick()
	cfg.MaxSize = 8 << 20
	for path, want := range map[string]struct {
		why   why
		words string
		tries int64
	}{
		"/401":     {whyStatus, "status 401 (Unauthorized)", 1},
		"/403":     {whyStatus, "Has a signed URL expired?", 1},
		"/404":     {whyStatus, "there is no such file", 1},
		"/204":     {whyEmpty, "is empty", 1},
		"/206":     {whyStatus, "status 206", 1},
		"/418":     {whyStatus, "instead of the film", 1},
		"/500":     {whyStatus, "status 500 (Internal Server Error) again and again", 3},
		"/503":     {whyStatus, "again and again", 3},
		"/loop":    {whyRedirect, "redirects too often", 11},
		"/private": {whyRefused, "to which the input's URL redirects, has an address that inputs may not come from", 1},
		"/file":    {whyRedirect, "neither http nor https", 1},
		"/gzip":    {whyEncoded, "compressed", 1},
		"/large":   {whyTooLarge, "at most 8388608 bytes", 1},
		"/larger":  {whyTooLarge, "at most 8388608 bytes", 1},
		"/silent":  {whyNoAnswer, "did not answer in time", 3},
	} {
		requests.Store(0)
		wantWhy(t, get(t, cfg, url+path, &memory{}), want.why, want.words)
		if got := requests.Load(); got != want.tries {
			t.Errorf("%s: %d requests, want %d", path, got, want.tries)
		}
	}
	// A server that has had a bad moment.
	requests.Store(0)
	flaky := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte("film"))
	})
	to := &memory{}
	if err := get(t, cfg, flaky, to); err != nil || string(to.b) != "film" {
		t.Errorf("flaky: got %q, %v", to.b, err)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	for url, want := range map[string]struct {
		why   why
		words string
	}{
		secure.URL:                           {whyTLS, "a certificate that cannot be trusted (TLS)"},
		"http://" + closed.Addr().String():   {whyConnect, "does not accept connections"},
		"http://films.example/a?signature=x": {whyDNS, "films.example could not be resolved (DNS)"},
		"gopher://films.example/":            {whyURL, "http:// or https://"},
	} {
		err := get(t, quick(), url, &memory{})
		wantWhy(t, err, want.why, want.words)
		if strings.Contains(fmt.Sprint(err), "signature") {
			t.Errorf("the log's text tells the signature: %v", err)
		}
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	drip := func(size int) string {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := w.Write(make([]byte, size)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	cfg := quick()
	cfg.Tries, cfg.Window, cfg.MinRate = 2, 150*time.Millisecond, 1<<20
	wantWhy(t, get(t, cfg, drip(10), &memory{}), whySlow, "less than 1048576 bytes per second")

	stalled := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(make([]byte, 10))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	wantWhy(t, get(t, cfg, stalled, &memory{}), whyStalled, "no more bytes came after the first 10")

	cfg.MinRate, cfg.MaxTime = 1, 300*time.Millisecond
	wantWhy(t, get(t, cfg, drip(10), &memory{}), whyTooLong, "was not done after 300ms")
}

// TestCutWithoutLength: an answer of unknown length that breaks off is not taken for a whole one.
func TestCutWithoutLength(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = (&cutter{ResponseWriter: w, left: 1000}).Write(content(2000))
	})
	wantWhy(t, get(t, quick(), url, &memory{}), whyCutOff, "broke after 1000 bytes, again")
}

// TestFullStore: what the sink says is not the input's doing, and is not tried again here.
func TestFullStore(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write(content(1 << 20))
	})
	if err := get(t, quick(), url, &memory{full: 1000}); !errors.Is(err, errFull) || requests.Load() != 1 {
		t.Errorf("got %v after %d requests", err, requests.Load())
	}
}

// TestSignedURL: the server sees the very bytes that the customer wrote.
func TestSignedURL(t *testing.T) {
	t.Parallel()
	const target = "/b%C3%BCcket/my%20film%2B%281%29%2Fa+b.mp4?X-Amz-Credential=A%2F20261122%2Fus&X-Amz-Signature=ab%3d&empty=&x=~'()*!"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	to := &memory{}
	must(t, get(t, quick(), url+target+"#t=10", to))
	if string(to.b) != target {
		t.Errorf("got  %s\nwant %s", to.b, target)
	}
}

func TestContentRange(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]struct {
		start, total int64
		ok           bool
	}{
		"bytes 5-9/10": {5, 10, true}, "bytes 0-0/*": {0, 0, true}, "bytes 5-9/9": {}, "bytes 9-5/10": {}, "bytes -5/10": {}, "5-9/10": {}, "": {},
		"bytes 5-9/99999999999999999999": {}, "bytes +5-9/10": {5, 10, true},
	} {
		start, total, ok := contentRange(s)
		if ok != want.ok || ok && (start != want.start || total != want.total) {
			t.Errorf("%q: got %d, %d, %v", s, start, total, ok)
		}
	}
}

// FuzzContentRange: what is taken is a range inside its file.
func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10")
	f.Add("bytes 0-18446744073709551615/*")
	f.Fuzz(func(t *testing.T, s string) {
		start, total, ok := contentRange(s)
		if ok && (start < 0 || total < 0 || total > 0 && start >= total) {
			t.Errorf("%q: got %d of %d", s, start, total)
		}
	})
}
