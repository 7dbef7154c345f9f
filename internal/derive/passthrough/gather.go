package passthrough

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"filmcan/internal/media/mp4"
)

const (
	// window is how much is read, put together and written at a time. It fits into a core's cache, where both copies
	// are cheap: on loopback this is faster than sendfile of a file that is already whole, and 1.5 times as fast as
	// reading a segment's whole span at once (bench_test.go).
	window = 128 << 10
	// bridge is the longest run of foreign bytes that is read and dropped rather than skipped by a further read: about
	// what a system call costs.
	bridge = 8 << 10
	// scrap is the least room that a read is worth.
	scrap = 4 << 10
)

type buffer [window]byte

// buffers lends windows to requests.
type buffers struct{ pool sync.Pool }

func (b *buffers) take() *buffer {
	if w, ok := b.pool.Get().(*buffer); ok {
		return w
	}
	return new(buffer)
}

func (b *buffers) give(w *buffer) { b.pool.Put(w) }

// gather writes n bytes to dst: those from off on of what the ranges of src are when put one after the other.
func (b *buffers) gather(dst io.Writer, src io.ReaderAt, ranges []mp4.Range, off, n int64) error {
	left := cut{ranges: ranges}
	left.skip(off)
	left.limit = n
	if n == 0 {
		return nil
	}
	w := b.take()
	defer b.give(w)
	for left.limit > 0 {
		filled := 0
		for left.limit > 0 && (filled == 0 || len(w)-filled >= scrap) {
			got, err := left.read(src, w[filled:])
			if err != nil {
				return err
			}
			filled += got
		}
		if _, err := dst.Write(w[:filled]); err != nil {
			return err
		}
	}
	return nil
}

// cut is what is still to be read of a list of ranges.
type cut struct {
	ranges []mp4.Range
	used   int64 // bytes of the first range that are behind us
	limit  int64
}

func (c *cut) skip(n int64) {
	for len(c.ranges) > 0 && n >= c.ranges[0].Length {
		n -= c.ranges[0].Length
		c.ranges = c.ranges[1:]
	}
	c.used = n
}

// read fills p with the next bytes by one read of src, closing the gaps between neighbours, and tells how many.
func (c *cut) read(src io.ReaderAt, p []byte) (int, error) {
	if len(c.ranges) == 0 {
		return 0, fmt.Errorf("%d bytes more than the ranges have: %w", c.limit, io.ErrUnexpectedEOF)
	}
	base := c.ranges[0].Offset + c.used
	end := c.reach(base, int64(len(p)))
	if n, err := src.ReadAt(p[:end-base], base); int64(n) < end-base {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("read %d bytes at %d: %w", end-base, base, err)
	}
	filled := 0
	for len(c.ranges) > 0 && c.limit > 0 {
		from := c.ranges[0].Offset + c.used
		take := min(c.ranges[0].Length-c.used, end-from, c.limit)
		if from < base || from > end || take < 0 || take == 0 && c.ranges[0].Length > c.used {
			break
		}
		if int64(filled) != from-base {
			copy(p[filled:], p[from-base:from-base+take])
		}
		filled += int(take)
		c.used += take
		c.limit -= take
		if c.used == c.ranges[0].Length {
			c.ranges, c.used = c.ranges[1:], 0
		}
	}
	return filled, nil
}

// reach returns where a read that begins at base should end: behind the last wanted byte that fits into room and that
// no long gap and no way back parts from the ones before.
func (c *cut) reach(base, room int64) int64 {
	end, wanted := base, c.limit
	for i, r := range c.ranges {
		from := r.Offset
		if i == 0 {
			from = base
		}
		if from < end || from-end > bridge || from-base >= room || wanted == 0 {
			break
		}
		take := min(r.Offset+r.Length-from, base+room-from, wanted)
		end = from + take
		wanted -= take
	}
	return end
}
