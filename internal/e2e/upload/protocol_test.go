package upload

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
)

// TestWays: all ways in which clients send a whole film.
func TestWays(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	f := filmA(t)
	n := f.size()
	for name, send := range map[string]func(t *testing.T, link string){
		"one PUT": func(t *testing.T, link string) {
			t.Helper()
			got, err := rig.Put(t.Context(), link, "", io.NewSectionReader(f, 0, n), n)
			check(t, "PUT", got, err, 200, 0)
		},
		"one PUT of unknown length": func(t *testing.T, link string) {
			t.Helper()
			got, err := rig.Put(t.Context(), link, "", io.NewSectionReader(f, 0, n), -1)
			check(t, "PUT", got, err, 200, 0)
		},
		"chunks": func(t *testing.T, link string) {
			t.Helper()
			for at := int64(0); at < n; at += mib {
				if end := min(at+mib, n); end < n {
					chunk(t, link, f, at, end, 308, end)
				} else {
					chunk(t, link, f, at, end, 200, 0)
				}
			}
		},
		"chunks, the total told last": func(t *testing.T, link string) {
			t.Helper()
			half := n / 2
			got, err := rig.Put(t.Context(), link, fmt.Sprintf("bytes 0-%d/*", half-1), io.NewSectionReader(f, 0, half), half)
			check(t, "first half", got, err, 308, half)
			chunk(t, link, f, half, n, 200, 0)
		},
		"every chunk twice": func(t *testing.T, link string) {
			t.Helper()
			half := n / 2
			chunk(t, link, f, 0, half, 308, half)
			chunk(t, link, f, 0, half, 308, half)
			chunk(t, link, f, half, n, 200, 0)
			chunk(t, link, f, half, n, 200, 0)
		},
		"overlapping": func(t *testing.T, link string) {
			t.Helper()
			chunk(t, link, f, 0, 3*mib, 308, 3*mib)
			chunk(t, link, f, 2*mib, 5*mib, 308, 5*mib)
			chunk(t, link, f, mib, n, 200, 0)
		},
		"out of order": func(t *testing.T, link string) {
			t.Helper()
			chunk(t, link, f, 4*mib, n, 308, 0)
			chunk(t, link, f, 0, 2*mib, 308, 2*mib)
			chunk(t, link, f, 4*mib, n, 308, 2*mib)
			chunk(t, link, f, 2*mib, 4*mib, 308, 4*mib)
			chunk(t, link, f, 4*mib, n, 200, 0)
		},
		"from the start again": func(t *testing.T, link string) {
			t.Helper()
			chunk(t, link, f, 0, 5*mib, 308, 5*mib)
			got, err := rig.Put(t.Context(), link, "", io.NewSectionReader(f, 0, n), n)
			check(t, "whole", got, err, 200, 0)
		},
		"a question between": func(t *testing.T, link string) {
			t.Helper()
			if got := asked(t, link, f); got != 0 {
				t.Fatalf("%d bytes are there before the first", got)
			}
			chunk(t, link, f, 0, mib, 308, mib)
			rest(t, link, f, 3*mib)
			got, err := rig.Ask(t.Context(), link, n)
			check(t, "question after the end", got, err, 200, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := c.CreateUpload(t, nil)
			send(t, u.URL)
			became(t, c, u, f)
		})
	}
}

// TestCutInsideChunk: a line that ends in the middle of a chunk; what arrived is kept, on the disk, and told.
func TestCutInsideChunk(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	f := filmA(t)
	for _, end := range []string{"closed", "reset"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			u := c.CreateUpload(t, nil)
			chunk(t, u.URL, f, 0, mib, 308, mib)
			const arrived = 3*mib + 12345
			conn := raw(t, u.URL, fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n", mib, f.size()-1, f.size(), f.size()-mib), f.bytes[mib:arrived])
			if end == "closed" {
				// All that was sent comes before the end; a reset may overtake it.
				_ = conn.Close()
				until(t, "what arrived is told", func() bool { return asked(t, u.URL, f) == arrived })
			} else {
				until(t, "some of it arrives", func() bool { return asked(t, u.URL, f) >= mib })
				_ = conn.SetLinger(0)
				_ = conn.Close()
			}
			rest(t, u.URL, f, 8*mib)
			became(t, c, u, f)
		})
	}
}

// TestChunkedCut: a body of unknown length that ends without its end is no film.
func TestChunkedCut(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	f := filmA(t)
	u := c.CreateUpload(t, nil)
	conn := raw(t, u.URL, "Transfer-Encoding: chunked\r\n", nil)
	fmt.Fprintf(conn, "%x\r\n%s\r\n", 2*mib, f.bytes[:2*mib])
	_ = conn.Close()
	until(t, "what arrived is told", func() bool { return asked(t, u.URL, f) == 2*mib })
	if now := c.GetUpload(t, u.ID); now.Status != "waiting" {
		t.Fatalf("the upload is %s", now.Status)
	}
	rest(t, u.URL, f, 8*mib)
	became(t, c, u, f)
}

// TestTwoClients: two clients send the same film to one upload at the same time.
func TestTwoClients(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	f := filmA(t)
	u := c.CreateUpload(t, nil)
	var wg sync.WaitGroup
	for _, size := range []int64{mib, 3 * mib / 2} {
		wg.Go(func() { persist(t, u.URL, f, size) })
	}
	wg.Wait()
	became(t, c, u, f)
}

// persist sends a film as a client does that never gives up.
func persist(t *testing.T, link string, f sample, size int64) {
	t.Helper()
	at := int64(0)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		got, err := rig.Chunk(t.Context(), link, f, min(at, f.size()-1), min(at+size, f.size()), f.size())
		switch {
		case err == nil && got.Status == http.StatusOK:
			return
		case err == nil && got.Status == http.StatusPermanentRedirect:
			at = got.Stored
		case err == nil && got.Status == http.StatusServiceUnavailable && got.RetryAfter != "":
		default:
			t.Errorf("chunk at %d: %+v %v", at, got, err)
			return
		}
	}
	t.Error("a minute is not enough")
}

// TestNoSplice: two films in one upload never become one.
func TestNoSplice(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	a, b := filmA(t), filmB(t)
	half := a.size() / 2
	t.Run("half of A, all of B in chunks", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		chunk(t, u.URL, a, 0, half, 308, half)
		line := rig.Line()
		defer line.CloseIdleConnections()
		got, err := rig.ChunkOn(t.Context(), line, u.URL, b, 0, mib, b.size())
		check(t, "beginning of B", got, err, 308, mib)
		got, err = rig.ChunkOn(t.Context(), line, u.URL, b, mib, b.size(), b.size())
		check(t, "rest of B", got, err, 200, 0)
		became(t, c, u, b)
	})
	t.Run("A goes on after B has begun anew", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		lineA, lineB := rig.Line(), rig.Line()
		defer lineA.CloseIdleConnections()
		defer lineB.CloseIdleConnections()
		for _, step := range []struct {
			what           string
			line           *http.Client
			film           sample
			from, to, want int64
			status         int
		}{
			{"half of A", lineA, a, 0, half, half, 308},
			{"half of B", lineB, b, 0, half, half, 308},
			{"the rest of A", lineA, a, half, a.size(), 0, 409},
			{"the rest of A on another line", rig.Line(), a, half, a.size(), 0, 409},
			{"the rest of B", lineB, b, half, b.size(), 0, 200},
		} {
			got, err := rig.ChunkOn(t.Context(), step.line, u.URL, step.film, step.from, step.to, step.film.size())
			check(t, step.what, got, err, step.status, step.want)
		}
		became(t, c, u, b)
	})
	t.Run("half of A, all of B at once", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		chunk(t, u.URL, a, 0, half, 308, half)
		got, err := rig.Put(t.Context(), u.URL, "", io.NewSectionReader(b, 0, b.size()), b.size())
		check(t, "B", got, err, 200, 0)
		became(t, c, u, b)
	})
	t.Run("half of A, the other half of B, overlapping", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		chunk(t, u.URL, a, 0, half, 308, half)
		got, err := rig.Chunk(t.Context(), u.URL, b, half-mib/2, b.size(), b.size())
		check(t, "the other half", got, err, 409, 0)
		rest(t, u.URL, a, 8*mib)
		became(t, c, u, a)
	})
	t.Run("another total", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		chunk(t, u.URL, a, 0, half, 308, half)
		got, err := rig.Chunk(t.Context(), u.URL, a, half, half+mib, a.size()+1)
		check(t, "a longer film goes on", got, err, 409, 0)
		rest(t, u.URL, a, 8*mib)
		became(t, c, u, a)
	})
	t.Run("B after A is an asset", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		chunk(t, u.URL, a, 0, a.size(), 200, 0)
		got, err := rig.Chunk(t.Context(), u.URL, b, 0, b.size(), b.size())
		if err != nil || got.Status < 400 || got.Status >= 500 {
			t.Fatalf("B after A: %+v %v", got, err)
		}
		became(t, c, u, a)
	})
}

// TestErrors: what is refused, with which status, and that nothing of it ends an upload that waits.
func TestErrors(t *testing.T) {
	t.Parallel()
	_, c := server(t, "--max-input", "12MiB")
	f := filmA(t)
	u := c.CreateUpload(t, nil)
	chunk(t, u.URL, f, 0, mib, 308, mib)
	token := u.URL[strings.Index(u.URL, "?"):]
	for _, r := range []struct {
		what, link, contentRange string
		n                        int64
		want                     []int
	}{
		{"no bytes", u.URL, "", 0, []int{400}},
		{"a range that is none", u.URL, "bytes 5-1/9", 1, []int{400}},
		{"a range and a body that differ", u.URL, fmt.Sprintf("bytes %d-%d/%d", mib, 2*mib, f.size()), 7, []int{400}},
		{"behind its end", u.URL, fmt.Sprintf("bytes %d-%d/%d", mib, f.size(), f.size()), f.size() - mib + 1, []int{400}},
		{"larger than taken, told", u.URL, fmt.Sprintf("bytes 0-%d/%d", mib-1, 13*mib), mib, []int{413}},
		{"larger than taken, at once", u.URL, "", 13 * mib, []int{413}},
		{"no token", strings.TrimSuffix(u.URL, token), "", 1, []int{403, 404}},
		{"a wrong token", u.URL + "x", "", 1, []int{403, 404}},
		{"another upload's token", strings.Replace(c.CreateUpload(t, nil).URL, "?", "?", 1)[:strings.Index(u.URL, "?")-3] + "abc" + token, "", 1, []int{403, 404}},
	} {
		got, err := rig.Put(t.Context(), r.link, r.contentRange, io.LimitReader(zeros{}, r.n), r.n)
		if err != nil {
			t.Errorf("%s: %v", r.what, err)
			continue
		}
		ok := false
		for _, want := range r.want {
			ok = ok || got.Status == want
		}
		if !ok || !strings.Contains(got.Text, "message") {
			t.Errorf("%s: answered %d %s, want %v", r.what, got.Status, got.Text, r.want)
		}
	}
	if got := asked(t, u.URL, f); got != mib {
		t.Errorf("%d bytes are stored after all that was refused, want %d", got, mib)
	}
	rest(t, u.URL, f, 8*mib)
	became(t, c, u, f)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestOver: cancelled uploads take nothing more, and cannot be cancelled twice.
func TestOver(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	f := filmA(t)
	u := c.CreateUpload(t, nil)
	chunk(t, u.URL, f, 0, mib, 308, mib)
	var got rig.Upload
	c.Must(t, 200, http.MethodPut, "/video/v1/uploads/"+u.ID+"/cancel", nil, &got)
	if got.Status != "cancelled" || got.URL != "" {
		t.Errorf("cancelled: %+v", got)
	}
	c.Must(t, 403, http.MethodPut, "/video/v1/uploads/"+u.ID+"/cancel", nil, nil)
	sent, err := rig.Chunk(t.Context(), u.URL, f, mib, 2*mib, f.size())
	check(t, "after the end", sent, err, 410, 0)
	sent, err = rig.Ask(t.Context(), u.URL, f.size())
	check(t, "question after the end", sent, err, 410, 0)
}

// TestNoFilm: what is surely no film is refused while it comes, not at its end.
func TestNoFilm(t *testing.T) {
	t.Parallel()
	_, c := server(t)
	for name, head := range map[string]string{
		"web page": "<!doctype html><html><head><title>Not a film</title></head><body>",
		"playlist": "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:4,\n0.ts\n",
	} {
		u := c.CreateUpload(t, nil)
		body := head + strings.Repeat("x", mib)
		got, err := rig.Put(t.Context(), u.URL, fmt.Sprintf("bytes 0-%d/%d", len(body)-1, 100*mib), strings.NewReader(body), int64(len(body)))
		if err != nil || got.Status < 400 || got.Status >= 500 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if now := c.GetUpload(t, u.ID); now.Status != "errored" || now.Error == nil || now.Error.Message == "" || now.AssetID != "" {
			t.Errorf("%s: the upload is %+v", name, now)
		}
	}
}

// TestManyOpen: thousands of uploads that are begun and not finished are no burden for those that are.
func TestManyOpen(t *testing.T) {
	t.Parallel()
	p, c := server(t)
	f := filmA(t)
	const many = 2000
	links := make([]string, many)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < many; i = next.Add(1) - 1 {
				u := c.CreateUpload(t, nil)
				links[i] = u.URL
				got, err := rig.Chunk(t.Context(), u.URL, f, 0, 4096, f.size())
				check(t, "first chunk", got, err, 308, 4096)
			}
		})
	}
	wg.Wait()
	began := time.Now()
	u := c.CreateUpload(t, nil)
	rest(t, u.URL, f, mib)
	became(t, c, u, f)
	t.Logf("one more film beside %d open uploads: %s", many, time.Since(began).Round(time.Millisecond))
	for i := 0; i < many; i += 97 {
		if got := asked(t, links[i], f); got != 4096 {
			t.Errorf("upload %d has %d bytes", i, got)
		}
	}
	if files := openFiles(t, p.PID()); files > 200 {
		t.Errorf("%d files are open", files)
	}
}
