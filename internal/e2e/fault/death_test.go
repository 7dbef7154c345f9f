package fault

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// gate is a web server with one film that holds its answers back at a byte until it is opened, and tells of each
// request from which byte on it asks.
type gate struct {
	*httptest.Server

	asked chan string
	open  func()
}

func newGate(t *testing.T, film string, hold int64) *gate {
	t.Helper()
	opened := make(chan struct{})
	g := &gate{asked: make(chan string, 100), open: sync.OnceFunc(func() { close(opened) })}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked <- r.Header.Get("Range")
		f, err := os.Open(film)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, film, info.ModTime(), &held{file: f, ctx: r.Context(), hold: hold, opened: opened})
	}))
	t.Cleanup(func() { g.open(); g.CloseClientConnections(); g.Close() })
	return g
}

// held is a file that gives no byte behind hold until it is opened.
type held struct {
	file   *os.File        // not embedded: then the server would send it by sendfile, past Read
	ctx    context.Context //nolint:containedctx // it ends the wait of a reader
	hold   int64
	at     int64
	opened <-chan struct{}
}

func (h *held) Seek(offset int64, whence int) (n int64, err error) {
	n, err = h.file.Seek(offset, whence)
	h.at = n
	return n, err
}

func (h *held) Read(p []byte) (int, error) {
	if h.at >= h.hold {
		select {
		case <-h.opened:
		case <-h.ctx.Done():
			return 0, h.ctx.Err()
		}
	} else {
		p = p[:min(int64(len(p)), h.hold-h.at)]
	}
	n, err := h.file.Read(p)
	h.at += int64(n)
	return n, err
}

// received waits until so many bytes of any film are in the keep.
func received(t *testing.T, c *rig.Client, bytes float64) {
	t.Helper()
	until(t, short, fmt.Sprintf("%v bytes are in the keep", bytes), func() bool {
		_, text, err := c.Call(t.Context(), http.MethodGet, "/metrics", nil, nil)
		if err != nil {
			return false
		}
		for line := range strings.Lines(string(text)) {
			var n float64
			if _, err := fmt.Sscanf(line, `filmcan_vault_written_bytes_total %g`, &n); err == nil {
				return n >= bytes
			}
		}
		return false
	})
}

// TestKilledInIngest: what a killed server was at is taken up at once by the next, behind the last byte that was safe.
func TestKilledInIngest(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 80 * mib})
	sum, _ := rig.Sum(t, film)
	g := newGate(t, film, 72*mib)
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir()}
	p := rig.Start(t, o)
	a := p.Client(t).Create(t, g.URL+"/film.mp4", map[string]any{"master_access": "temporary"})
	<-g.asked
	received(t, p.Client(t), 71*mib)
	for len(g.asked) > 0 {
		<-g.asked
	}
	p.Kill()
	p = rig.Start(t, o)
	began := time.Now()
	var from int64
	select {
	case r := <-g.asked:
		t.Logf("taken up %s after the start: %s", time.Since(began).Round(time.Millisecond), r)
		if _, err := fmt.Sscanf(r, "bytes=%d-", &from); err != nil || from < 32*mib {
			t.Errorf("it goes on with %q: 64 MiB were safe", r)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it is not taken up within 5 s of the start")
	}
	g.open()
	ready := p.Client(t).Ready(t, a.ID)
	download(t.Context(), t, ready, sum)
	idle(t, p, short)
}

// TestPaused: a process that stood still for five seconds, as a virtual machine does, goes on as if nothing had been.
func TestPaused(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 24 * mib})
	sum, _ := rig.Sum(t, film)
	g := newGate(t, film, 12*mib)
	w := rig.NewWorld(t, film)
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--webhook", w.WebhookURL()}})
	c := p.Client(t)
	other := c.Ready(t, c.Create(t, w.FilmURL(film), map[string]any{"master_access": "temporary"}).ID)
	a := c.Create(t, g.URL+"/film.mp4", nil)
	<-g.asked
	received(t, c, 35*mib)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g.open()
	<-time.After(5 * time.Second)
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	download(t.Context(), t, c.Get(t, other.ID), sum)
	c.Ready(t, a.ID)
	download(t.Context(), t, c.SetMaster(t, a.ID, "temporary"), sum)
	w.Wait(t, a.ID, "video.asset.master.ready")
	want := []string{"video.asset.created", "video.asset.ready", "video.asset.master.preparing", "video.asset.master.ready"}
	if got := w.Types(a.ID); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	idle(t, p, short)
}
