package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/uploader"
)

// How often progress is shown: often to eyes, seldom to logs.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 10 * time.Second
	barWidth  = 24
)

// progress shows how a file is doing: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	out   io.Writer
	name  string
	bar   bool
	quiet bool
	every time.Duration
	now   func() time.Time

	mu    sync.Mutex
	size  int64
	sent  int64
	shown time.Time
	began time.Time // when sending began, or began anew after a pause
	from  int64     // what was there then; −1 until the first bytes tell
	drawn bool
}

func (c uploadCommand) reporter(s Streams, file string) *progress {
	p := &progress{out: s.Err, name: filepath.Base(file), quiet: c.JSON, every: lineEvery, now: time.Now}
	if terminal(s.Err) {
		p.bar, p.every = true, barEvery
	}
	return p
}

var _ uploader.Reporter = (*progress)(nil)

// Started names the upload.
func (p *progress) Started(upload film.UploadID, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size, p.from, p.began, p.shown = size, -1, p.now(), p.now()
	p.say("sending %s as upload %s", bytesText(size), upload)
}

// Sent draws, at times.
func (p *progress) Sent(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from < 0 || n < p.sent {
		p.from, p.began = n, p.now()
	}
	p.sent = n
	if now := p.now(); now.Sub(p.shown) >= p.every || n == p.size && p.bar {
		p.shown = now
		p.draw()
	}
}

// Retry says what is wrong.
func (p *progress) Retry(why error, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say("%s; trying again in %s", why, pause.Round(100*time.Millisecond))
	p.from = -1
}

// Waiting says that the server is at work.
func (p *progress) Waiting(asset film.AssetID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say("sent; asset %s is being prepared", asset)
}

// Encoded draws, at times, how far the server is.
func (p *progress) Encoded(percent float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.shown) >= p.every {
		p.shown = now
		p.show(percent/100, fmt.Sprintf("%.0f%% encoded", percent))
	}
}

// end leaves the terminal with a line of its own.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// say prints a line above the bar.
func (p *progress) say(format string, args ...any) {
	if p.quiet {
		return
	}
	p.clear()
	fmt.Fprintf(p.out, "%s: %s\n", p.name, fmt.Sprintf(format, args...))
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *progress) draw() {
	p.show(float64(p.sent)/float64(max(p.size, 1)), progressText(p.sent, p.size, p.sent-p.from, p.now().Sub(p.began)))
}

// show draws the bar of a part of the whole, or prints a line.
func (p *progress) show(part float64, text string) {
	switch {
	case p.quiet:
		return
	case !p.bar:
		fmt.Fprintf(p.out, "%s: %s\n", p.name, text)
		return
	}
	full := min(int(barWidth*part), barWidth)
	name := []rune(p.name)
	if len(name) > 20 {
		name = append(name[:19], '…')
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s [%s%s] %s", string(name), strings.Repeat("#", full), strings.Repeat("-", barWidth-full), text)
	p.drawn = true
}

// progressText is such as `45% of 1.00 GB  85.2 MB/s  6s left`; moved bytes in that time tell the speed.
func progressText(sent, size, moved int64, in time.Duration) string {
	text := fmt.Sprintf("%d%% of %s", 100*sent/max(size, 1), bytesText(size))
	if in < 500*time.Millisecond || moved <= 0 {
		return text
	}
	rate := float64(moved) / in.Seconds()
	left := time.Duration(float64(size-sent) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s  %s/s  %s left", text, bytesText(int64(rate)), left)
}

// bytesText is a number of bytes for people, in three digits.
func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for ; v >= 999.5 && i < len(units)-1; i++ {
		v /= 1000
	}
	switch {
	case i == 0, v >= 99.95:
		return fmt.Sprintf("%.0f %s", v, units[i])
	case v >= 9.995:
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.2f %s", v, units[i])
}
