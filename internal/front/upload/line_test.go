package upload_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/upload"
	"filmcan/internal/keep/vault"
)

// raw is a connection on which a test says exactly what it likes.
type raw struct {
	net.Conn
	in *bufio.Reader
}

func (o *one) dial(t *testing.T) *raw {
	t.Helper()
	u, err := url.Parse(o.url)
	if err != nil {
		t.Fatal(err)
	}
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{conn, bufio.NewReader(conn)}
}

// begin sends the head of a PUT of the bytes [from, to) of total, and then what there is of the body.
func (c *raw) begin(t *testing.T, o *one, from, to, total int, body []byte) {
	t.Helper()
	u, err := url.Parse(o.url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\n\r\n",
		u.RequestURI(), to-from, from, to-1, total)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(body); err != nil {
		t.Fatal(err)
	}
}

func (c *raw) answer(t *testing.T) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	text := fmt.Sprint(resp.StatusCode)
	if have := resp.Header.Get("Range"); have != "" {
		text += " " + strings.TrimPrefix(have, "bytes=")
	}
	if resp.Close {
		text += " close"
	}
	return text
}

// eventually waits for a condition that becomes true by itself.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestCutLine cuts the line inside of each chunk: what arrived is kept, and the upload goes on behind it.
func TestCutLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	o := w.create(t)
	a := movie(1, 1_000_000)
	for have := 0; have < len(a); {
		next := min(have+170_001, len(a))
		c := o.dial(t)
		c.begin(t, o, have, len(a), len(a), a[have:next])
		if next == len(a) {
			if got := c.answer(t); got != "200" {
				t.Fatalf("last piece: %s", got)
			}
			break
		}
		stored := w.door.Stats().Stored
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		if got, want := c.answer(t), fmt.Sprintf("308 0-%d close", next-1); got != want {
			t.Fatalf("answer to half a chunk: %q, want %q", got, want)
		}
		eventually(t, "it is stored", func() bool { return w.door.Stats().Stored >= stored })
		have = next
	}
	o.is(t, a)
}

// TestReset is the same with a connection that vanishes.
func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	o := w.create(t)
	a := movie(1, 600_000)
	c := o.dial(t)
	c.begin(t, o, 0, len(a), len(a), a[:400_000])
	eventually(t, "the bytes arrive", func() bool { return w.door.Stats().Stored >= 294_912 }) // what buffers are full
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
	eventually(t, "the request ends", func() bool { return w.door.Stats().Running == 0 })
	got := o.send(t, "*/600000", nil)
	var last int
	if n, _ := fmt.Sscanf(got.text, "308 0-%d", &last); n != 1 || last+1 < 294_912 || last >= 400_000 {
		t.Fatalf("after the cut: %s", got.text)
	}
	o.chunk(t, a, last+1, len(a)).want(t, "200")
	o.is(t, a)
}

// TestSilent: a client that says nothing in the middle of a chunk is cut off, and keeps what it sent.
func TestSilent(t *testing.T) {
	t.Parallel()
	o := newWorld(t, plan{config: upload.Config{Stall: 50 * time.Millisecond}}).create(t)
	a := movie(1, 1000)
	c := o.dial(t)
	c.begin(t, o, 0, 1000, 1000, a[:600])
	if got := c.answer(t); got != "308 0-599 close" {
		t.Fatalf("after silence: %q", got)
	}
	c = o.dial(t)
	c.begin(t, o, 600, 1000, 1000, nil)
	if got := c.answer(t); got != "308 0-599 close" {
		t.Fatalf("after silence: %q", got)
	}
	o.chunk(t, a, 600, 1000).want(t, "200")
	o.is(t, a)
	// Nothing at all: without a Range a 308 would tell UpChunk that the chunk is there.
	o = o.world.create(t)
	c = o.dial(t)
	c.begin(t, o, 0, 1000, 1000, nil)
	if got := c.answer(t); got != "503 close" {
		t.Fatalf("after silence: %q", got)
	}
}

// TestDrip: a client that sends a byte now and then does not keep them from the disk, nor itself from learning that the
// upload is over.
func TestDrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{config: upload.Config{SyncAfter: time.Millisecond}})
	o := w.create(t)
	const size = 100 << 20 // of which it will not send so much that the server would read on
	c := o.dial(t)
	c.begin(t, o, 0, size, size, []byte("a"))
	drip := func() { _, _ = c.Write([]byte("a")) }
	eventually(t, "what came is stored", func() bool { drip(); return w.door.Stats().Stored > 0 })
	if _, err := w.catalog.CancelUpload(t.Context(), w.env, o.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request ends", func() bool { drip(); return w.door.Stats().Running == 0 })
}

// TestLate: the time of an upload ends while a client sends a byte now and then. It is cut off, so that the upload's end
// can be noted, and nothing more is taken; but a film that was whole in time becomes its asset.
func TestLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{config: upload.Config{Grace: time.Millisecond}, wrap: func(c upload.Catalog) upload.Catalog {
		return &flaky{Catalog: c}
	}})
	const timeout = 2 * time.Second
	brief := func() *one {
		u, err := w.catalog.CreateUpload(t.Context(), w.env, film.AssetSettings{}, "", timeout)
		if err != nil {
			t.Fatal(err)
		}
		return &one{w, u, w.signer.UploadURL(w.server.URL, u.ID)}
	}
	a := movie(1, 1000)
	whole, o, left := brief(), brief(), brief()
	whole.send(t, "", bytes.NewReader(a)).want(t, "503") // and nobody comes to say that it is sealed
	left.chunk(t, a, 0, 400).want(t, "308 0-399")
	c := o.dial(t)
	const size = 100 << 20
	c.begin(t, o, 0, size, size, []byte("a"))
	answered := make(chan string, 1)
	go func() { answered <- c.answer(t) }()
	eventually(t, "it is cut off", func() bool {
		_, _ = c.Write([]byte("a"))
		return len(answered) == 1
	})
	if got := <-answered; got != "410 close" {
		t.Errorf("whose time is over is told %q", got)
	}
	if late := time.Since(o.Deadline()); late < 0 || late > 5*time.Second {
		t.Errorf("cut off %s after the deadline", late)
	}
	o.send(t, "*/104857600", nil).want(t, "410")
	left.chunk(t, a, 400, 1000).want(t, "410")
	whole.chunk(t, a, 500, 1000).want(t, "200")
	whole.is(t, a)
}

// TestTakeover: the line of a client died without a word, and it comes again while its old request still waits.
func TestTakeover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{config: upload.Config{Takeover: 20 * time.Millisecond}})
	o := w.create(t)
	a := movie(1, 1_000_000)
	c := o.dial(t)
	c.begin(t, o, 0, 500_000, len(a), a[:300_000])
	eventually(t, "it begins", func() bool { return w.door.Stats().Stored >= 262_144 })
	o.chunk(t, a, 0, 500_000).want(t, "308 0-499999")
	if got := c.answer(t); got != "308 0-299999 close" {
		t.Errorf("who was replaced is told %q", got)
	}
	o.chunk(t, a, 500_000, len(a)).want(t, "200")
	o.is(t, a)
}

// TestBusy: another process is at it, and does not end.
func TestBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{config: upload.Config{Patience: 30 * time.Millisecond}})
	o := w.create(t)
	a := movie(1, 1000)
	o.chunk(t, a, 0, 400).want(t, "308 0-399")
	o.chunk(t, a, 400, 500).want(t, "308 0-499")
	film, err := w.vault.Append(t.Context(), vault.Ref{Film: o.Film, Part: vault.Source})
	if err != nil {
		t.Fatal(err)
	}
	got := o.chunk(t, a, 500, 1000)
	got.want(t, "503")
	if got.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	o.send(t, "*/1000", nil).want(t, "308 0-399") // what no power cut takes back, whatever the other does
	o.send(t, "*/999", nil).want(t, "308")
	if err := film.Close(); err != nil {
		t.Fatal(err)
	}
	o.chunk(t, a, 500, 1000).want(t, "200")
	o.is(t, a)
}

// TestDisplaced: a client goes on with its film although another one has begun anew with another film of that length.
// While the other's chunk is on its way the positions alone would let them become one.
func TestDisplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	o := w.create(t)
	a, b := movie(1, 1_000_000), movie(2, 1_000_000)
	o.chunk(t, a, 0, 500_000).want(t, "308 0-499999")
	c := o.dial(t)
	c.begin(t, o, 0, 500_000, len(b), b[:400_000])
	eventually(t, "the other film begins", func() bool { return w.door.Stats().Anew == 1 })
	old := make(chan string, 1)
	go func() {
		r, err := o.try(t.Context(), "500000-999999/1000000", bytes.NewReader(a[500_000:]))
		if err != nil {
			old <- err.Error()
			return
		}
		old <- r.text
	}()
	eventually(t, "the first client waits", func() bool { return w.door.Stats().Running == 2 })
	if _, err := c.Write(b[400_000:500_000]); err != nil {
		t.Fatal(err)
	}
	if got := c.answer(t); got != "308 0-499999" {
		t.Fatalf("the second client: %q", got)
	}
	if got := <-old; got != "409" {
		t.Errorf("the first client: %q, want 409", got)
	}
	c.begin(t, o, 500_000, len(b), len(b), b[500_000:])
	if got := c.answer(t); got != "200" {
		t.Fatalf("the second client: %q", got)
	}
	o.is(t, b)
}

// TestTwoClients sends the same film twice at once: it is there once, whole.
func TestTwoClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	a := movie(1, 800_000)
	for range 5 {
		o := w.create(t)
		var clients sync.WaitGroup
		for client := range 3 {
			clients.Go(func() {
				size := 50_000 + 13_000*client
				for at := 0; at < len(a); {
					end := min(at+size, len(a))
					r, err := o.try(t.Context(), fmt.Sprintf("%d-%d/%d", at, end-1, len(a)), bytes.NewReader(a[at:end]))
					if err != nil || r.text[0] != '2' && r.text[0] != '3' {
						t.Errorf("client %d at %d: %s, %v", client, at, r.text, err)
						return
					}
					at = end
				}
			})
		}
		clients.Wait()
		o.is(t, a)
	}
}

// TestTwoNodes sends the chunks of a film to two servers in turn, and then to both at once.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	a := movie(1, 1_000_000)
	o := w.create(t)
	w.start(t, plan{})
	other := &one{w, o.Upload, w.signer.UploadURL(w.server.URL, o.ID)}
	for at := 0; at < 500_000; at += 100_000 {
		o.chunk(t, a, at, at+100_000).want(t, fmt.Sprintf("308 0-%d", at+99_999))
		o, other = other, o
	}
	var clients sync.WaitGroup
	for _, node := range []*one{o, other} {
		clients.Go(func() {
			for at := 500_000; at < len(a); at += 100_000 {
				r, err := node.try(t.Context(), fmt.Sprintf("%d-%d/%d", at, at+99_999, len(a)), bytes.NewReader(a[at:at+100_000]))
				if err != nil || r.text[0] != '2' && r.text[0] != '3' {
					t.Errorf("at %d: %s, %v", at, r.text, err)
				}
			}
		})
	}
	clients.Wait()
	o.is(t, a)
}

// TestCutWhileComparing: nothing is told of bytes that were not compared. They may be another film's.
func TestCutWhileComparing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	o := w.create(t)
	a := movie(1, 1_000_000)
	o.chunk(t, a, 0, 600_000).want(t, "308 0-599999")
	c := o.dial(t)
	c.begin(t, o, 0, 600_000, len(a), a[:200_000])
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got := c.answer(t); got != "308 0-199999 close" {
		t.Fatalf("cut while comparing: %q", got)
	}
	o.send(t, "*/1000000", nil).want(t, "308 0-599999")
}

// TestMany leaves many uploads half done: none of them keeps anything open.
func TestMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	a := movie(1, 2000)
	before := openFiles(t)
	uploads := make([]*one, 100)
	for i := range uploads {
		uploads[i] = w.create(t)
		uploads[i].chunk(t, a, 0, 1000).want(t, "308 0-999")
	}
	// Other tests run beside this one.
	if after := openFiles(t); after > before+80 {
		t.Errorf("%d open files, %d before", after, before)
	}
	for _, o := range uploads[:20] {
		o.chunk(t, a, 1000, 2000).want(t, "200")
		o.is(t, a)
	}
}

// TestDrain: the server shuts down in the middle of a chunk.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{})
	o := w.create(t)
	a := movie(1, 500_000)
	c := o.dial(t)
	c.begin(t, o, 0, len(a), len(a), a[:300_000])
	eventually(t, "it begins", func() bool { return w.door.Stats().Stored >= 262_144 })
	w.door.Drain()
	if got := c.answer(t); !strings.HasPrefix(got, "308 0-2") {
		t.Fatalf("a server that shuts down says %q", got)
	}
	o.chunk(t, a, 0, 100_000).want(t, "503")
	w.start(t, plan{})
	o.url = w.signer.UploadURL(w.server.URL, o.ID)
	o.send(t, "", bytes.NewReader(a)).want(t, "200")
	o.is(t, a)
}

// flaky is a catalog that dies after the film was sealed.
type flaky struct {
	upload.Catalog
	broken sync.Once
}

func (f *flaky) CompleteUpload(ctx context.Context, id film.UploadID) (u film.Upload, err error) {
	f.broken.Do(func() { err = errors.New("killed") })
	if err != nil {
		return u, err
	}
	return f.Catalog.CompleteUpload(ctx, id)
}

// TestKilledBeforeComplete: what a retry finds is a sealed film of an upload that is still waiting.
func TestKilledBeforeComplete(t *testing.T) {
	t.Parallel()
	a := movie(1, 1000)
	for name, retry := range map[string]func(*one) reply{
		"last chunk": func(o *one) reply { return o.chunk(t, a, 500, 1000) },
		"question":   func(o *one) reply { return o.send(t, "*/1000", nil) },
		"all of it":  func(o *one) reply { return o.send(t, "", unsized{bytes.NewReader(a)}) },
	} {
		w := newWorld(t, plan{wrap: func(c upload.Catalog) upload.Catalog { return &flaky{Catalog: c} }})
		o := w.create(t)
		o.chunk(t, a, 0, 500).want(t, "308 0-499")
		o.chunk(t, a, 500, 1000).want(t, "503")
		t.Log(name)
		retry(o).want(t, "200")
		o.is(t, a)
	}
	// Another film comes instead: too late, the first one is whole.
	w := newWorld(t, plan{wrap: func(c upload.Catalog) upload.Catalog { return &flaky{Catalog: c} }})
	o := w.create(t)
	o.send(t, "", bytes.NewReader(a)).want(t, "503")
	o.send(t, "", bytes.NewReader(movie(2, 1000))).want(t, "409")
	o.is(t, a)
}

// TestRefusedEarly: a connection can be used after a refusal, when what it still has to send is not much; and the
// answer is seen.
func TestRefusedEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{config: upload.Config{MaxInput: 4 << 20}})
	o := w.create(t)
	o.send(t, "0-99/4194305", bytes.NewReader(make([]byte, 100))).want(t, "413")
	o.send(t, "4194304-4194304/*", bytes.NewReader(make([]byte, 1))).want(t, "413")
	o.send(t, "", bytes.NewReader(make([]byte, 8<<20))).want(t, "413")
	o.send(t, "", unsized{bytes.NewReader(make([]byte, 8<<20))}).want(t, "413")
	c := o.dial(t)
	body := make([]byte, 2<<20)
	for range 3 {
		c.begin(t, o, 3<<20, 5<<20, 5<<20, body)
		if got := c.answer(t); got != "413" {
			t.Fatalf("above the limit: %q", got)
		}
	}
	a := movie(1, 4<<20)
	o.send(t, "", bytes.NewReader(a)).want(t, "200")
	o.is(t, a)
}

var _ io.Reader = unsized{}
