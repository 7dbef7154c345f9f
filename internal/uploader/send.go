package uploader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a line may take no byte until it counts as broken, and how long an answer may take after the last byte of a
// chunk: the server brings the chunk to its disk first.
const (
	stalledLine   = 30 * time.Second
	stalledAnswer = 2 * time.Minute
)

var (
	errStalled = errors.New("the server takes no more bytes, or does not answer")
	// errChanged: a film that is being written must not be sent: its first bytes may be others than those that were.
	errChanged = errors.New("the file changed while it was sent: send it again when it is finished")
)

// sender brings the bytes of one file to one upload.
type sender struct {
	http     *http.Client
	url      string
	file     *os.File
	info     os.FileInfo // of the file when it was opened
	chunk    int64       // bytes per request
	report   Reporter
	patience patience
	// For tests; see [stalledLine] and [stalledAnswer].
	stalledLine, stalledAnswer time.Duration
}

// send sends the file from offset; −1 asks the server where to go on. It returns when the server has all of it.
func (s *sender) send(ctx context.Context, offset int64) error {
	size := s.info.Size()
	for best := int64(0); ; {
		stored, done, err := s.step(ctx, offset)
		if err == nil && done {
			s.report.Sent(size)
			return s.unchanged()
		}
		if err == nil && stored <= offset {
			err = &broken{cause: errors.New("the server kept nothing of what was sent")}
		}
		if err != nil {
			if err := s.patience.again(ctx, err); err != nil {
				return err
			}
			offset = -1
			continue
		}
		if stored > best {
			best = stored
			s.patience.moved()
		}
		offset = stored
		s.report.Sent(offset)
	}
}

// step asks, when offset is −1, or sends one chunk. It returns how many bytes the server has, or that it is done.
func (s *sender) step(ctx context.Context, offset int64) (stored int64, done bool, err error) {
	if err := s.unchanged(); err != nil {
		return 0, false, err
	}
	size := s.info.Size()
	if offset < 0 {
		return s.put(ctx, nil, 0, fmt.Sprintf("bytes */%d", size))
	}
	// All bytes are there, and yet it is not done: the last one again lets the server finish.
	offset = min(offset, size-1)
	n := min(s.chunk, size-offset)
	body := &chunk{section: io.NewSectionReader(s.file, offset, n), read: func(sofar int64, all bool) time.Duration {
		s.report.Sent(offset + sofar)
		if all {
			return s.stalledAnswer
		}
		return s.stalledLine
	}}
	return s.put(ctx, body, n, fmt.Sprintf("bytes %d-%d/%d", offset, offset+n-1, size))
}

// unchanged compares the file with what it was when it was opened.
func (s *sender) unchanged() error {
	now, err := s.file.Stat()
	if err != nil {
		return err
	}
	if now.Size() != s.info.Size() || !now.ModTime().Equal(s.info.ModTime()) {
		return errChanged
	}
	return nil
}

// put makes one request of the protocol (reference page, 6.1); body is nil for the status query.
func (s *sender) put(ctx context.Context, body *chunk, n int64, contentRange string) (stored int64, done bool, err error) {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(within, http.MethodPut, s.url, http.NoBody)
	if err != nil {
		return 0, false, err
	}
	dog := time.AfterFunc(s.stalledAnswer, func() { cancel(errStalled) })
	defer dog.Stop()
	if body != nil {
		body.dog = dog
		defer body.end()
		req.Body, req.ContentLength = io.NopCloser(body), n
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	req.Header.Set("Content-Range", contentRange)
	res, err := s.http.Do(req)
	if err != nil {
		if cause := context.Cause(within); cause != nil && ctx.Err() == nil {
			err = cause
		}
		return 0, false, failure(ctx, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, false, failure(ctx, err)
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return s.info.Size(), true, nil
	case http.StatusPermanentRedirect: // of this protocol: so much is there, go on
		stored, err := storedBytes(res.Header.Get("Range"))
		if err == nil && stored > s.info.Size() {
			err = fmt.Errorf("the server has %d bytes of a file of %d", stored, s.info.Size())
		}
		return stored, false, err
	}
	return 0, false, refusal(res, text)
}

// storedBytes reads the Range of a 308: `bytes=0-n`; no header says that nothing is stored.
func storedBytes(header string) (int64, error) {
	if header == "" {
		return 0, nil
	}
	last, ok := strings.CutPrefix(header, "bytes=0-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || n < 0 || n == 1<<63-1 {
		return 0, fmt.Errorf("the server answers with a Range that is none: %q", header)
	}
	return n + 1, nil
}

// chunk is the body of one request. Each read is a sign that the line takes bytes, and puts the watchdog off.
type chunk struct {
	section *io.SectionReader
	// read is told how much of the chunk has been taken, and returns how long the next sign may take.
	read func(sofar int64, all bool) time.Duration
	dog  *time.Timer

	mu    sync.Mutex // the transport may read on when the answer has come already
	sofar int64
	over  bool
}

// Read gives the transport the next bytes.
func (c *chunk) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0, os.ErrClosed
	}
	n, err := c.section.Read(p)
	c.sofar += int64(n)
	c.dog.Reset(c.read(c.sofar, c.sofar == c.section.Size()))
	return n, err
}

// end lets no more reads happen.
func (c *chunk) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.dog.Stop()
}
