package ffmpeg

import (
	"bytes"
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
