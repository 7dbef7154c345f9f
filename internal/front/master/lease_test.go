package master_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/master"
)

// These tests run in synctest's time: a download of minutes takes none, and "within one second" is exact.

// pipeListener is a network without buffers: what a connection takes has been read by the other side.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// filePipe takes files as a TCP connection does: in ReadFrom, past the server's own buffers.
type filePipe struct{ net.Conn }

func (p filePipe) ReadFrom(src io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{p.Conn}, src)
}

// pipe serves the bench and connects one client to it, as over TCP. Everything has ended when the test ends.
func (b *bench) pipe(t *testing.T) *client {
	t.Helper()
	return b.connect(t, 0, func(c net.Conn) net.Conn { return filePipe{c} })
}

// secure is pipe as over TLS: what is sent passes through the server's buffers, and an error stays. The server has a
// limit for all answers, which must not end long downloads.
func (b *bench) secure(t *testing.T) *client {
	t.Helper()
	return b.connect(t, 5*time.Second, func(c net.Conn) net.Conn { return c })
}

func (b *bench) connect(t *testing.T, writeTimeout time.Duration, wrap func(net.Conn) net.Conn) *client {
	t.Helper()
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: b.handler, WriteTimeout: writeTimeout, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	ours, theirs := net.Pipe()
	l.conns <- wrap(theirs)
	t.Cleanup(func() {
		_ = ours.Close()
		_ = srv.Close()
		<-served
	})
	return &client{t: t, conn: ours, in: bufio.NewReaderSize(ours, 16)}
}

type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// get sends a request and reads the head of the answer.
func (c *client) get(address string) *http.Response {
	c.t.Helper()
	resp, err := c.try(address)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

// try is get where the answer may be cut off in its head.
func (c *client) try(address string) (*http.Response, error) {
	c.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", u.RequestURI()); err != nil {
		c.t.Fatal(err)
	}
	return http.ReadResponse(c.in, nil)
}

// sip reads so many bytes each interval until something ends it, and returns how many came, when the last one came
// and what the end was.
func (c *client) sip(body io.Reader, n int, every time.Duration) (total int64, last time.Time, err error) {
	buf := make([]byte, n)
	for {
		n, err := io.ReadFull(body, buf)
		if total += int64(n); n > 0 {
			last = time.Now()
		}
		if err != nil {
			return total, last, err
		}
		time.Sleep(every) // in fake time
	}
}

func TestSlowButHealthyDownload(t *testing.T) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) { t.Parallel(); slowButHealthy(t, (*bench).pipe) })
	t.Run("secure", func(t *testing.T) { t.Parallel(); slowButHealthy(t, (*bench).secure) })
}

func slowButHealthy(t *testing.T, connect func(*bench, *testing.T) *client) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const size = 3_000_000 // five minutes at 10 kB/s
		b := newBench(t, size, master.Config{})
		stop := b.watch(t)
		defer stop()
		c := connect(b, t)
		begin := time.Now()
		total, _, err := c.sip(c.get(b.url("http://x")).Body, 10_000, time.Second)
		if total != size || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes, %v; want all %d", total, err, size)
		}
		if took := time.Since(begin); took < 4*time.Minute {
			t.Errorf("took %v: no slow download", took)
		}
		if looks := b.catalog.looked(); looks < 1000 || looks > 2000 {
			t.Errorf("%d looks at the revocations in 5 minutes, want about 1500", looks)
		}
		// The connection is whole: a next request on it, one without a lease of its own, is not hurt by an old deadline.
		time.Sleep(time.Minute)
		if resp, err := c.try(b.url("http://x") + "A"); err != nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("second request on the connection: %v", err)
		}
	})
}

func TestNothingIsAskedWhileNothingRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10, master.Config{})
		stop := b.watch(t)
		defer stop()
		c := b.pipe(t)
		resp := c.get(b.url("http://x"))
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		before := b.catalog.looked()
		time.Sleep(time.Hour)
		if looks := b.catalog.looked() - before; looks != 0 {
			t.Errorf("%d looks in an hour without downloads", looks)
		}
	})
}

// TestEndOfADownload: after any end of a grant, and after any failure that hides one, no byte is taken later than a
// second, and the connection ends.
func TestEndOfADownload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		end    func(b *bench, stop func())
		within time.Duration
	}{
		{"revoked", func(b *bench, _ func()) { b.catalog.revoke() }, 200 * time.Millisecond},
		{"deleted", func(b *bench, _ func()) {
			b.catalog.mu.Lock()
			delete(b.catalog.grants, grantID)
			b.catalog.seq++
			b.catalog.mu.Unlock()
		}, 200 * time.Millisecond},
		{"damaged", func(b *bench, _ func()) {
			b.catalog.change(grantID, func(g *film.GrantState) { g.Master.Damage = "bits rot" })
			b.catalog.bump()
		}, 200 * time.Millisecond},
		{"revoked while the catalog cannot be asked", func(b *bench, _ func()) {
			b.catalog.revoke()
			b.catalog.setDown(true)
		}, 950 * time.Millisecond},
		{"revoked while the watcher is gone", func(b *bench, stop func()) {
			stop()
			b.catalog.revoke()
		}, 950 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// The moment of the end moves against the rhythm of the watcher.
			for i, offset := range []time.Duration{0, 1, 50 * time.Millisecond, 199 * time.Millisecond, 200 * time.Millisecond, 0} {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t, 5_000_000, master.Config{})
					stop := b.watch(t)
					defer stop()
					connect := b.pipe
					if i%2 == 1 {
						connect = b.secure
					}
					cl := connect(t)
					resp := cl.get(b.url("http://x"))
					begin := time.Now()
					var ended time.Time
					timer := time.AfterFunc(10*time.Second+offset, func() {
						c.end(b, stop)
						ended = time.Now()
					})
					defer timer.Stop()
					total, last, err := cl.sip(resp.Body, 1000, 10*time.Millisecond)
					gone := time.Now()
					synctest.Wait()
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Fatalf("after %d bytes in %v: %v, want an unexpected end", total, time.Since(begin), err)
					}
					if late := last.Sub(ended); late > c.within {
						t.Errorf("offset %v: the last byte was taken %v after the end, want %v at most", offset, late, c.within)
					}
					if late := gone.Sub(ended); late > time.Second {
						t.Errorf("offset %v: the connection ended %v after the end", offset, late)
					}
					if s := b.door.Stats(); s.Running != 0 {
						t.Errorf("stats %+v", s)
					}
				})
			}
		})
	}
}

// TestBlockedReaderIsCut: a reader that takes nothing at all does not hold a revoked download open.
func TestBlockedReaderIsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5_000_000, master.Config{})
		stop := b.watch(t)
		defer stop()
		c := b.pipe(t)
		resp := c.get(b.url("http://x"))
		time.Sleep(time.Minute)
		b.catalog.revoke()
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if s := b.door.Stats(); s.Running != 0 || s.Revoked != 1 {
			t.Errorf("stats %+v, want the one download cut", s)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n > 16 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes after the revocation, %v", n, err) // 16 lay in the client's own buffer
		}
	})
}

func TestOtherRevocationsDisturbNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1_000_000, master.Config{})
		stop := b.watch(t)
		defer stop()
		c := b.pipe(t)
		resp := c.get(b.url("http://x"))
		ticker := time.NewTicker(70 * time.Millisecond)
		defer ticker.Stop()
		done := make(chan struct{})
		go func() {
			for {
				select {
				case <-ticker.C:
					b.catalog.bump()
				case <-done:
					return
				}
			}
		}()
		defer close(done)
		if total, _, err := c.sip(resp.Body, 10_000, time.Second); total != 1_000_000 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes, %v", total, err)
		}
	})
}

// TestShortFailureIsSurvived: a catalog that is away for less than a lease cuts nothing.
func TestShortFailureIsSurvived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1_000_000, master.Config{})
		stop := b.watch(t)
		defer stop()
		c := b.pipe(t)
		resp := c.get(b.url("http://x"))
		for i := range 20 {
			at := time.Duration(i+1) * 3 * time.Second
			defer time.AfterFunc(at, func() { b.catalog.setDown(true) }).Stop()
			defer time.AfterFunc(at+500*time.Millisecond, func() { b.catalog.setDown(false) }).Stop()
		}
		if total, _, err := c.sip(resp.Body, 10_000, time.Second); total != 1_000_000 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes, %v", total, err)
		}
	})
}

// TestGraceEndsDownloads: a download that began in time may go on for an hour after the expiry, to the moment.
func TestGraceEndsDownloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5_000_000, master.Config{Stall: 48 * time.Hour})
		stop := b.watch(t)
		defer stop()
		c := b.pipe(t)
		b.travel(film.MasterTTL - time.Minute)
		begin := time.Now()
		_, last, err := c.sip(c.get(b.url("http://x")).Body, 1000, time.Second)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if ran := last.Sub(begin); ran > time.Hour+time.Minute || ran < time.Hour+time.Minute-2*time.Second {
			t.Errorf("the download ran for %v, want an hour and a minute", ran)
		}
	})
}

func TestReaderThatTakesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5_000_000, master.Config{})
		stop := b.watch(t)
		defer stop()
		c := b.pipe(t)
		c.get(b.url("http://x"))
		time.Sleep(14 * time.Minute)
		if s := b.door.Stats(); s.Running != 1 {
			t.Errorf("after 14 minutes: %+v", s)
		}
		time.Sleep(2 * time.Minute)
		if s := b.door.Stats(); s.Running != 0 || s.Stalled != 1 {
			t.Errorf("after 16 minutes: %+v", s)
		}
	})
}

// TestNoHoleAtTheStart: a revocation that is committed after the grant was looked at and before the first byte is not
// missed, also when noting the first download takes long.
func TestNoHoleAtTheStart(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{0, 300 * time.Millisecond, 4 * time.Second} {
		for _, revoked := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 2_000_000, master.Config{})
				stop := b.watch(t)
				defer stop()
				var at time.Time
				b.catalog.onOpened = func() {
					if at = time.Now(); revoked {
						b.catalog.revoke()
					}
					time.Sleep(slow)
				}
				c := b.pipe(t)
				resp, err := c.try(b.url("http://x"))
				if err != nil && revoked && time.Since(at) < time.Second {
					return // cut off before the first byte
				}
				if err != nil {
					t.Fatal(err)
				}
				total, last, err := c.sip(resp.Body, 1000, 10*time.Millisecond)
				switch {
				case !revoked:
					if total != 2_000_000 || !errors.Is(err, io.EOF) {
						t.Errorf("slow by %v: %d bytes, %v", slow, total, err)
					}
				case resp.StatusCode == http.StatusForbidden:
				case last.Sub(at) > time.Second || !errors.Is(err, io.ErrUnexpectedEOF):
					t.Errorf("slow by %v: the last byte came %v after the revocation, %v", slow, last.Sub(at), err)
				}
			})
		}
	}
}

// TestWatcherHeldUp: a watcher that is late, as on a machine that is too busy, ends no download whose grant is good,
// and hides no revocation.
func TestWatcherHeldUp(t *testing.T) {
	t.Parallel()
	for _, revoked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, 2_000_000, master.Config{Poll: time.Hour})
			stop := b.watch(t)
			defer stop()
			c := b.pipe(t)
			resp := c.get(b.url("http://x"))
			at := time.Now().Add(time.Minute + 500*time.Millisecond)
			if revoked {
				defer time.AfterFunc(time.Until(at), func() { b.catalog.revoke() }).Stop()
			}
			total, last, err := c.sip(resp.Body, 10_000, time.Second)
			if !revoked && (total != 2_000_000 || !errors.Is(err, io.EOF)) {
				t.Errorf("%d bytes, %v", total, err)
			}
			if revoked && (last.Sub(at) > time.Second || !errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Errorf("the last byte came %v after the revocation, %v", last.Sub(at), err)
			}
		})
	}
}
