package fault

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// trouble is how a line breaks.
type trouble int

const (
	fine   trouble = iota
	reset          // RST in the middle of the answer
	cut            // FIN in the middle of the answer
	stall          // not another byte, and the line stays
	refuse         // RST before the request is read
)

// fault is what happens to one connection: after so many bytes of the answer, trouble.
type fault struct {
	kind  trouble
	after int64
}

// line is a proxy of bytes between the program and a server, whose n-th connection meets the n-th fault. When they are
// used up the last one stays.
type line struct {
	net.Listener

	upstream string
	faults   []fault

	mu    sync.Mutex
	taken int
	conns []net.Conn
	wg    sync.WaitGroup
}

func newLine(t *testing.T, upstream string, faults ...fault) *line {
	t.Helper()
	l := &line{upstream: strings.TrimPrefix(upstream, "http://"), faults: faults}
	var err error
	if l.Listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	l.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.carry(ctx, conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		l.mu.Lock()
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.mu.Unlock()
		l.wg.Wait()
	})
	return l
}

// url is where the server is reached through the line.
func (l *line) url(path string) string { return "http://" + l.Addr().String() + path }

// used is how many connections there were.
func (l *line) used() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken
}

func (l *line) next(conn net.Conn) fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.faults[min(l.taken, len(l.faults)-1)]
	l.taken++
	l.conns = append(l.conns, conn)
	return f
}

// carry carries one connection to its fault. Errors of connections are what this is about: none is told.
func (l *line) carry(ctx context.Context, conn *net.TCPConn) {
	defer conn.Close()
	f := l.next(conn)
	if f.kind == refuse {
		_ = conn.SetLinger(0)
		return
	}
	up, err := new(net.Dialer).DialContext(ctx, "tcp", l.upstream)
	if err != nil {
		return
	}
	defer up.Close()
	var requests sync.WaitGroup
	requests.Go(func() {
		_, _ = io.Copy(up, conn)
		_ = up.Close() // the program is gone: nobody waits for the answer
	})
	defer requests.Wait()
	defer conn.Close()
	if f.kind == fine {
		_, _ = io.Copy(conn, up)
		return
	}
	_, _ = io.CopyN(conn, up, f.after)
	switch f.kind {
	case reset:
		_ = conn.SetLinger(0)
	case stall:
		_, _ = io.Copy(io.Discard, conn) // until the program gives up
	case fine, cut, refuse:
	}
}
