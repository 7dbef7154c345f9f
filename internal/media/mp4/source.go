package mp4

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// windowSize is how much of a file is read around a box header: enough for most fragments' headers in one read.
const windowSize = 16 << 10

// source reads a file through one small window that moves along with the walk over its top-level boxes.
type source struct {
	r    io.ReaderAt
	size int64

	window []byte
	at     int64
}

// peek returns n bytes at off, n ≤ windowSize, valid until the next peek. off+n must lie inside the file.
func (s *source) peek(off int64, n int) ([]byte, error) {
	if off < s.at || off+int64(n) > s.at+int64(len(s.window)) {
		want := int(min(windowSize, s.size-off))
		if cap(s.window) < windowSize {
			s.window = make([]byte, windowSize)
		}
		s.window = s.window[:0]
		buf := s.window[:want]
		if err := readFull(s.r, buf, off); err != nil {
			return nil, err
		}
		s.window, s.at = buf, off
	}
	return s.window[off-s.at:][:n], nil
}

// read returns n bytes at off. off+n must lie inside the file, so that no more is allocated than there is.
func (s *source) read(off, n int64) ([]byte, error) {
	if n <= windowSize {
		return s.peek(off, int(n))
	}
	b := make([]byte, n)
	return b, readFull(s.r, b, off)
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("mp4: read %d bytes at %d: %w", len(b), off, err)
}

// span is one box at the top level of the file.
type span struct {
	kind string
	// off is where the box begins, body where its header ends, end where it ends by its own account.
	off, body, end int64
}

// top reads the header of the top-level box at off. ok is false where there is no box: fewer than eight bytes, or bytes
// that cannot be a header.
func (s *source) top(off int64) (b span, ok bool, err error) {
	if s.size-off < 8 {
		return span{}, false, nil
	}
	h, err := s.peek(off, int(min(16, s.size-off)))
	if err != nil {
		return span{}, false, err
	}
	size := uint64(binary.BigEndian.Uint32(h))
	b = span{kind: string(h[4:8]), off: off, body: off + 8}
	switch size {
	case 0: // to the end of the file
		if zero(h[4:8]) {
			return span{}, false, nil
		}
		size = uint64(s.size - off)
	case 1:
		if len(h) < 16 {
			return span{}, false, nil
		}
		size = binary.BigEndian.Uint64(h[8:])
		b.body = off + 16
	}
	if size < uint64(b.body-off) || size > 1<<62 {
		return span{}, false, nil
	}
	for _, c := range []byte(b.kind) {
		if (c < 0x20 || c > 0x7e) && c != 0xa9 {
			return span{}, false, nil
		}
	}
	b.end = off + int64(size)
	return b, b.end > off, nil
}

// canceled reports a cancelled context every few thousand steps: cheap enough for loops over boxes.
func canceled(ctx context.Context, step int) error {
	if step&0xfff == 0 {
		return context.Cause(ctx)
	}
	return nil
}
