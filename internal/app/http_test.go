package app

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnsentBodies: who announces a body and does not send it loses the connection, whether a door wanted it or not.
func TestUnsentBodies(t *testing.T) {
	t.Parallel()
	doors := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("a body that never came was read")
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
		"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"GET / HTTP/1.1\r\nHost: x\r\nX: ",
	} {
		synctest.Test(t, func(t *testing.T) {
			conn := dial(t, doors)
			begin := time.Now()
			go func() { _, _ = io.WriteString(conn, request) }()
			_, _ = io.Copy(io.Discard, conn) // until the server ends it
			if took := time.Since(begin); took > bodyTime+time.Second {
				t.Errorf("%q: kept for %s", request, took)
			}
		})
	}
}

// TestUntakenAnswers: who takes nothing of an answer loses the connection.
func TestUntakenAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		conn := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, strings.Repeat("x", 1<<20))
			ended <- err
		}))
		begin := time.Now()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if err := <-ended; err == nil || time.Since(begin) > answerTime+time.Second {
			t.Errorf("after %s: %v, want an error in time", time.Since(begin), err)
		}
	})
}

// TestLongAnswers: neither bound ends a request whose answer takes long and says so.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			time.Sleep(30 * time.Minute)
			if r.Context().Err() != nil {
				t.Error("the request was cancelled")
			}
			_, _ = io.WriteString(w, "done")
		}))
		go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") }()
		if text, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(text), "done") {
			t.Errorf("got %q, %v", text, err)
		}
	})
}

// dial connects to a server of these doors without a network, so that time passes at once.
func dial(t *testing.T, doors http.Handler) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	l := &listener{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- server
	s := newServer(doors, log.New(io.Discard, "", 0))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = client.Close()
		_ = s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return client
}

// listener hands out one connection.
type listener struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	close(l.closed)
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
