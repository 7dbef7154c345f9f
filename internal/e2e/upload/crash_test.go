package upload

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
)

// again starts the program once more on the folder of one that has ended.
func again(t *testing.T, p *rig.Process) (*rig.Process, *rig.Client) {
	t.Helper()
	next := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: p.Data()})
	return next, next.Client(t)
}

// at is a link as another process of the same folder serves it.
func at(p *rig.Process, link string) string {
	return p.Base() + link[strings.Index(link, "/upload/"):]
}

// TestKilled: the program is killed in the middle of a chunk. What a 308 has promised is there afterwards, and the
// film comes to its end.
func TestKilled(t *testing.T) {
	t.Parallel()
	f := filmA(t)
	p, c := server(t)
	u := c.CreateUpload(t, nil)
	chunk(t, u.URL, f, 0, 3*mib, 308, 3*mib)
	raw(t, u.URL, fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n", 3*mib, f.size()-1, f.size(), f.size()-3*mib), f.bytes[3*mib:5*mib])
	p.Kill()
	p, c = again(t, p)
	u.URL = at(p, u.URL)
	if got := asked(t, u.URL, f); got < 3*mib || got > 5*mib {
		t.Fatalf("%d bytes are stored, promised were %d, sent %d", got, 3*mib, 5*mib)
	}
	rest(t, u.URL, f, 2*mib)
	became(t, c, u, f)
}

// TestLostAnswer: the last byte arrives and the answer to it does not, because the line ends or the program does. To
// send it again is a success, and makes no second asset.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	f := filmA(t)
	for _, end := range []string{"line", "program"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			p, c := server(t)
			u := c.CreateUpload(t, nil)
			head := fmt.Sprintf("Content-Range: bytes 0-%d/%d\r\nContent-Length: %d\r\n", f.size()-1, f.size(), f.size())
			conn := raw(t, u.URL, head, f.bytes)
			if end == "line" {
				_ = conn.Close()
			} else {
				p.Kill()
				p, c = again(t, p)
				u.URL = at(p, u.URL)
			}
			persist(t, u.URL, f, 4*mib)
			became(t, c, u, f)
			chunk(t, u.URL, f, 6*mib, f.size(), 200, 0)
			became(t, c, u, f)
		})
	}
}

// TestRestart: the program is asked to end while a film comes; the next one takes it up.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := filmA(t)
	p, c := server(t)
	u := c.CreateUpload(t, nil)
	chunk(t, u.URL, f, 0, 3*mib, 308, 3*mib)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p, c = again(t, p)
	if now := c.GetUpload(t, u.ID); now.Status != "waiting" || now.URL != at(p, u.URL) {
		t.Fatalf("after the restart: %+v", now)
	}
	u.URL = at(p, u.URL)
	chunk(t, u.URL, f, 3*mib, f.size(), 200, 0)
	became(t, c, u, f)
}

// TestCommand: `filmcan upload` is interrupted and the server restarts meanwhile, at another address; the same command
// goes on where it ended.
func TestCommand(t *testing.T) {
	t.Parallel()
	f := filmA(t)
	// A port of its own that the server comes back to, as servers do.
	listen := freePort(t)
	data := t.TempDir()
	start := func() (*rig.Process, *rig.Client) {
		p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: data, Args: []string{"--listen", listen}})
		return p, p.Client(t)
	}
	p, c := start()
	env := append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "HOME="+t.TempDir())
	args := []string{"upload", "--env-file", filepath.Join(data, "mux.env"), "--master-access", "temporary", "--chunk-size", "1MiB", "--wait", "--json", f.path}
	first := exec.CommandContext(t.Context(), rig.Binary(t), args...)
	first.Env = env
	var said bytes.Buffer
	first.Stderr = &said
	// The server does not take more than it is let: it is stopped in the middle.
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	var all []rig.Upload
	until(t, "some of the film arrives", func() bool {
		c.Must(t, 200, http.MethodGet, "/video/v1/uploads", nil, &all)
		return len(all) == 1 && (all[0].Status != "waiting" || stored(t, all[0].URL, f) > 0)
	})
	_ = first.Process.Signal(syscall.SIGINT)
	err := first.Wait()
	interrupted := err != nil
	if interrupted && !strings.Contains(said.String(), "the same command goes on") {
		t.Fatalf("interrupted: %v\n%s", err, said.String())
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	second := exec.CommandContext(t.Context(), rig.Binary(t), args...)
	second.Env = env
	said.Reset()
	second.Stderr = &said
	if err := second.Start(); err != nil { // before the server is there again
		t.Fatal(err)
	}
	_, c = start()
	if err := second.Wait(); err != nil {
		t.Fatalf("going on: %v\n%s", err, said.String())
	}
	c.Must(t, 200, http.MethodGet, "/video/v1/uploads", nil, &all)
	if interrupted && len(all) != 1 {
		t.Fatalf("%d uploads were made for one film", len(all))
	}
	became(t, c, all[0], f)
	t.Logf("interrupted: %v", interrupted)
}

func stored(t *testing.T, link string, f sample) int64 {
	t.Helper()
	got, err := rig.Ask(t.Context(), link, f.size())
	if err != nil {
		t.Fatal(err)
	}
	return got.Stored
}

// TestReady: a long film is an asset at once when its last byte is there.
func TestReady(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a film of 1 GB")
	}
	_, c := server(t)
	path, size := bigFilm(t)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	u := c.CreateUpload(t, nil)
	const step = 64 * mib
	at := int64(0)
	for ; at+step < size; at += step {
		got, err := rig.Chunk(t.Context(), u.URL, file, at, at+step, size)
		check(t, "chunk", got, err, 308, at+step)
	}
	got, err := rig.Chunk(t.Context(), u.URL, file, at, size-1, size)
	check(t, "but the last byte", got, err, 308, size-1)
	began := time.Now()
	got, err = rig.Chunk(t.Context(), u.URL, file, size-1, size, size)
	check(t, "the last byte", got, err, 200, 0)
	a := c.Ready(t, c.GetUpload(t, u.ID).AssetID)
	t.Logf("ready %s after the last byte of %d MB", time.Since(began).Round(time.Millisecond), size/1e6)
	if a.Master == nil || a.Master.Size != size {
		t.Fatalf("the master is %+v", a.Master)
	}
}
