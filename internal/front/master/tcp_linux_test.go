package master_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"filmcan/internal/front/door"
	"filmcan/internal/front/master"
)

// The same promise on real connections, where the kernel's buffers stand between the program and a reader.

// queued asks the kernel how many bytes of a connection wait: with SIOCOUTQ those not yet acknowledged by the other
// side, with SIOCINQ those not yet read.
func queued(t *testing.T, conn *net.TCPConn, what uint) int64 {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	var asked error
	if err := raw.Control(func(fd uintptr) { n, asked = unix.IoctlGetInt(int(fd), what) }); err != nil || asked != nil {
		return 0 // closed
	}
	return int64(n)
}

// record notes what a connection took and when; it has no ReadFrom, so everything comes by Write.
type record struct {
	net.Conn

	mu    sync.Mutex
	total int64
	last  time.Time
}

func (r *record) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.total += int64(n); n > 0 {
		r.last = time.Now()
	}
	return n, err
}

type recordListener struct {
	net.Listener
	conns chan *record
}

func (l recordListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	r := &record{Conn: c}
	l.conns <- r
	return r, nil
}

// request sends a request over a connection of its own and reads the head of the answer, no more.
func request(t *testing.T, address string) (*net.TCPConn, int64) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	c, err := dialer.DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", u.RequestURI()); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	var head []byte
	for len(head) < 4 || string(head[len(head)-4:]) != "\r\n\r\n" {
		if _, err := io.ReadFull(c, one); err != nil {
			t.Fatal(err)
		}
		head = append(head, one...)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("answer %s, %v", head, err)
	}
	return c.(*net.TCPConn), int64(len(head))
}

// TestSlowReaderOverTCP: the download leaves by sendfile, the reader takes nothing, all buffers are full. After the
// revocation not one byte more than was in the buffers arrives, however long the reader waits, and the connection is
// reset.
func TestSlowReaderOverTCP(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("catalog down %t", down), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 64<<20, master.Config{})
			t.Cleanup(b.watch(t))
			served := make(chan *net.TCPConn, 1)
			srv := httptest.NewUnstartedServer(b.handler)
			srv.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
				served <- c.(*net.TCPConn)
				return ctx
			}
			srv.Start()
			t.Cleanup(srv.Close)
			client, _ := request(t, b.url(srv.URL))
			server := <-served

			inFlight := func() int64 { return queued(t, server, unix.SIOCOUTQ) + queued(t, client, unix.SIOCINQ) }
			var handed int64
			since := time.Now()
			eventually(t, 10*time.Second, "all buffers are full", func() bool {
				if now := inFlight(); now != handed {
					handed, since = now, time.Now()
				}
				return handed > 1<<16 && time.Since(since) > 300*time.Millisecond
			})

			if s := b.door.Stats(); s.Running != 1 {
				t.Fatalf("the download ended without a reason: %+v", s)
			}
			b.catalog.revoke()
			b.catalog.setDown(down)
			revoked := time.Now()
			eventually(t, 3*time.Second, "the download ends", func() bool { return b.door.Stats().Running == 0 })
			ended := time.Since(revoked)
			if ended > time.Second {
				t.Errorf("the download ended %v after the revocation", ended)
			}
			// Now the reader reads as fast as it can.
			_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
			got, err := io.Copy(io.Discard, client)
			if got > handed {
				t.Errorf("%d bytes arrived, of which only %d were in the buffers", got, handed)
			}
			if !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("reading ended with %v, want a reset", err)
			}
			t.Logf("ended after %v; %d bytes in buffers, %d of them still arrived (%v)", ended, handed, got, err)
		})
	}
}

// TestWritesAfterRevocation: with a reader that goes on reading slowly, nothing is taken by the server's connection
// later than a second after the revocation.
func TestWritesAfterRevocation(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("catalog down %t", down), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 64<<20, master.Config{})
			t.Cleanup(b.watch(t))
			conns := make(chan *record, 1)
			srv := httptest.NewUnstartedServer(b.handler)
			srv.Listener = recordListener{srv.Listener, conns}
			srv.Start()
			t.Cleanup(srv.Close)
			client, head := request(t, b.url(srv.URL))
			server := <-conns
			_ = client.SetReadDeadline(time.Now().Add(time.Minute))

			ended := make(chan int64)
			go func() {
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				buf, total := make([]byte, 16<<10), head // 16 MB/s at most
				for {
					n, err := client.Read(buf)
					if total += int64(n); err != nil {
						ended <- total
						return
					}
					if total > 6<<20 {
						<-tick.C
					}
				}
			}()
			eventually(t, 30*time.Second, "more than the buffers hold has passed", func() bool {
				server.mu.Lock()
				defer server.mu.Unlock()
				return server.total > 8<<20
			})
			b.catalog.revoke()
			b.catalog.setDown(down)
			revoked := time.Now()
			got := <-ended
			server.mu.Lock()
			defer server.mu.Unlock()
			if late := server.last.Sub(revoked); late > time.Second {
				t.Errorf("the last write was taken %v after the revocation", late)
			}
			if got > server.total || server.total > 60<<20 {
				t.Errorf("the reader got %d bytes, the connection took %d", got, server.total)
			}
			t.Logf("last write %v after the revocation, connection over %v after it", server.last.Sub(revoked), time.Since(revoked))
		})
	}
}

// TestSlowReaderOverTLS: the same promise where there is no sendfile and the connection wants to say farewell.
func TestSlowReaderOverTLS(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("catalog down %t", down), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 64<<20, master.Config{})
			t.Cleanup(b.watch(t))
			srv := httptest.NewUnstartedServer(b.handler)
			srv.Config.ConnContext = door.ConnContext
			srv.StartTLS()
			t.Cleanup(srv.Close)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url(srv.URL), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.ProtoMajor != 1 {
				t.Fatalf("protocol %s", resp.Proto)
			}
			eventually(t, 10*time.Second, "the download runs", func() bool { return b.door.Stats().Bytes > 0 })
			b.catalog.revoke()
			b.catalog.setDown(down)
			revoked := time.Now()
			eventually(t, 3*time.Second, "the download ends", func() bool { return b.door.Stats().Running == 0 })
			if ended := time.Since(revoked); ended > 1100*time.Millisecond { // the promise, and a test's own slowness
				t.Errorf("the download ended %v after the revocation", ended)
			}
			if n, err := io.Copy(io.Discard, resp.Body); err == nil || n >= 64<<20 {
				t.Errorf("the reader got %d bytes, %v", n, err)
			}
		})
	}
}
