package upload

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

func TestMain(m *testing.M) {
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

const mib = 1 << 20

// sample is a film in memory.
type sample struct {
	*bytes.Reader
	bytes []byte
	sum   string
	path  string
}

func (s sample) size() int64 { return int64(len(s.bytes)) }

func load(t *testing.T, spec films.Spec) sample {
	t.Helper()
	path := films.Get(t, spec)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := rig.Sum(t, path)
	return sample{Reader: bytes.NewReader(text), bytes: text, sum: sum, path: path}
}

// filmA and filmB are two films of one length that have nothing in common, and hardly any padding.
func filmA(t *testing.T) sample {
	t.Helper()
	return load(t, films.Spec{Duration: 14 * time.Second, Width: 1280, Height: 720, Grain: true, PadTo: 10 * mib})
}

func filmB(t *testing.T) sample {
	t.Helper()
	return load(t, films.Spec{Duration: 13 * time.Second, Width: 1280, Height: 720, BFrames: 2, Grain: true, PadTo: 10 * mib})
}

func server(t *testing.T, args ...string) (*rig.Process, *rig.Client) {
	t.Helper()
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: args})
	return p, p.Client(t)
}

// chunk sends film[from:to] and must be answered so: 308 with what is stored then, or 200.
func chunk(t *testing.T, link string, f sample, from, to int64, status int, stored int64) {
	t.Helper()
	got, err := rig.Chunk(t.Context(), link, f, from, to, f.size())
	check(t, fmt.Sprintf("chunk %d-%d", from, to), got, err, status, stored)
}

func check(t *testing.T, what string, got rig.Sent, err error, status int, stored int64) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got.Status != status || got.Stored != stored {
		t.Fatalf("%s: answered %d with %d bytes stored, want %d with %d: %s", what, got.Status, got.Stored, status, stored, got.Text)
	}
}

// asked is what the server says it has.
func asked(t *testing.T, link string, f sample) int64 {
	t.Helper()
	got, err := rig.Ask(t.Context(), link, f.size())
	if err != nil || got.Status != http.StatusPermanentRedirect {
		t.Fatalf("status query: %+v %v", got, err)
	}
	return got.Stored
}

// rest sends everything from what the server has to the end, in chunks.
func rest(t *testing.T, link string, f sample, size int64) {
	t.Helper()
	for at := asked(t, link, f); ; {
		got, err := rig.Chunk(t.Context(), link, f, at, min(at+size, f.size()), f.size())
		switch {
		case err != nil:
			t.Fatal(err)
		case got.Status == http.StatusOK:
			return
		case got.Status != http.StatusPermanentRedirect || got.Stored <= at:
			t.Fatalf("chunk at %d: %+v", at, got)
		}
		at = got.Stored
	}
}

// became checks that the upload is an asset whose master is the film, whole, and that there is one asset of it.
func became(t *testing.T, c *rig.Client, u rig.Upload, f sample) {
	t.Helper()
	now := c.GetUpload(t, u.ID)
	if now.Status != "asset_created" || now.URL != "" {
		t.Fatalf("upload %s is %s with url %q: %+v", u.ID, now.Status, now.URL, now.Error)
	}
	a := c.Ready(t, now.AssetID)
	if a.Master == nil || a.Master.SHA256 != f.sum || a.Master.Size != f.size() {
		t.Fatalf("the master is %+v, want %s of %d bytes", a.Master, f.sum, f.size())
	}
	if status, sum, n, err := rig.Download(t.Context(), a.Master.URL); err != nil || status != http.StatusOK || sum != f.sum || n != f.size() {
		t.Fatalf("the master downloads as %d %s of %d bytes: %v", status, sum, n, err)
	}
	var all []rig.Asset
	c.Must(t, http.StatusOK, http.MethodGet, "/video/v1/assets?upload_id="+u.ID, nil, &all)
	if len(all) != 1 {
		t.Fatalf("%d assets came of one upload", len(all))
	}
}

// raw opens a line to a link and sends the head of a request on it, and so much of its body. It says that it is the same
// program that asks later on: another one would be told less than is there.
func raw(t *testing.T, link, headers string, body []byte) *net.TCPConn {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\n%s\r\n", u.RequestURI(), u.Host, headers); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(conn, bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// until asks again and again until it is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it does not happen: %s", what)
		}
	}
}
