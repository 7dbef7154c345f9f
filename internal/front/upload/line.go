package upload

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Why a body is not read to its end, although its client has not ended it.
var (
	errSilent   = errors.New("the client sent nothing for too long")
	errReplaced = errors.New("the client sent nothing, and another request came")
	errDraining = errors.New("the server shuts down")
)

// line reads a request's body. A client that sends nothing for the stall is cut off; there is no limit on the whole.
type line struct {
	body  io.Reader
	conn  *http.ResponseController
	stall time.Duration

	read int64 // bytes so far; reader's goroutine only
	eof  bool  // reader's goroutine only
	lost bool  // it ended before its end; reader's goroutine only

	mu     sync.Mutex
	cause  error     // why it was cut
	since  time.Time // when the Read began that goes on; zero: none does
	closed bool      // the handler is done with it: the connection may be another request's
}

func newLine(w http.ResponseWriter, r *http.Request, stall time.Duration) *line {
	return &line{body: r.Body, conn: http.NewResponseController(w), stall: stall}
}

// Read reads from the body. After a cut it gives the cause.
func (l *line) Read(p []byte) (int, error) {
	if err := l.begin(); err != nil {
		return 0, err
	}
	n, err := l.body.Read(p)
	l.read += int64(n)
	l.eof = errors.Is(err, io.EOF)
	l.lost = err != nil && !l.eof
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Time{}
	if l.eof && l.cause == nil {
		// From here on the server listens for the client to hang up, and what remains to be done may take its time.
		_ = l.conn.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil || l.eof:
	case l.cause != nil:
		err = l.cause
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errSilent
	}
	return n, err
}

func (l *line) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil {
		return l.cause
	}
	l.since = time.Now()
	return l.conn.SetReadDeadline(l.since.Add(l.stall))
}

// silentFor is how long a Read has been waiting.
func (l *line) silentFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		return 0
	}
	return time.Since(l.since)
}

// cut ends the reading, also a Read that waits. Any goroutine may call it.
func (l *line) cut(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.cause != nil {
		return
	}
	l.cause = cause
	_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // long past
}

// close ends the use of the connection's deadline.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

const (
	// restBytes and restTime bound what is read of a body that nobody wants, so that its client sees the answer: one
	// that still sends when the connection ends may never read it.
	restBytes = 64 << 20
	restTime  = 10 * time.Second
)

// drain reads the rest of the body and throws it away; it reports whether that was all of it.
func (l *line) drain(buf []byte) bool {
	end := time.Now().Add(restTime)
	if l.begin() != nil {
		return false
	}
	_ = l.conn.SetReadDeadline(end)
	for rest := restBytes; rest > 0; {
		n, err := l.body.Read(buf)
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		rest -= n
	}
	return false
}
