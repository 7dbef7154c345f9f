package ffmpeg

import (
	"bytes"
	"context"
	"strings"
)

// tail keeps the last lines that are written to it, in bounded memory. It is used by one goroutine.
type tail struct {
	buf []byte
}

const (
	tailBytes = 4 << 10
	tailLines = 8
)

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(0, len(p)-tailBytes):]...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// lines returns the last lines, printable and without empty ones.
func (t *tail) lines() []string {
	var out []string
	for line := range bytes.Lines(t.buf) {
		s := strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(string(line), "?")))
		if s != "" {
			out = append(out, s)
		}
	}
	return out[max(0, len(out)-tailLines):]
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// bounded collects at most limit bytes and refuses what goes beyond.
type bounded struct {
	buf   bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.limit {
		return 0, errTooMuch
	}
	return b.buf.Write(p)
}

// complaints are what a process prints, its last lines kept. They end it where they show that nothing will come of it. It is
// used by one goroutine.
type complaints struct {
	tail

	// made is how many bytes of output there are so far; nil where nobody asks.
	made func() int64
	stop context.CancelCauseFunc

	printed  int64
	unserved int
}

const (
	// mostUnserved is how often a process may get no memory: a broken picture may ask for more than there is, and the next
	// ones do not.
	mostUnserved = 64
	// mostComplaints is what a process may print before it has made anything: some twenty thousand pictures that are none. For
	// each byte that it makes it may print so many more.
	mostComplaints    = 4 << 20
	complaintsPerByte = 256
)

// unserved counts what ffmpeg, its decoders and x264 print where they get no memory.
func unserved(p []byte) (n int) {
	for _, words := range []string{"Cannot allocate memory", "get_buffer() failed", "malloc of size"} {
		n += bytes.Count(p, []byte(words))
	}
	return n
}

func (c *complaints) Write(p []byte) (int, error) {
	c.printed += int64(len(p))
	if c.unserved += unserved(p); c.unserved >= mostUnserved {
		c.stop(errMemory)
	}
	if c.made != nil && c.printed > mostComplaints && c.printed > mostComplaints+complaintsPerByte*c.made() {
		c.stop(errComplaints)
	}
	return c.tail.Write(p)
}
