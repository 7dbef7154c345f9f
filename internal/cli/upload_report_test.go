package cli

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestBytesText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.00 kB", 9994: "9.99 kB", 9999: "10.0 kB", 99_960: "100 kB", 999_499: "999 kB",
		999_999: "1.00 MB", 1_500_000_000: "1.50 GB", 200_000_000_000: "200 GB", 5e15: "5000 TB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// TestProgress: what a terminal and what a log shows of the same upload.
func TestProgress(t *testing.T) {
	t.Parallel()
	play := func(bar bool, every time.Duration) string {
		var out strings.Builder
		now := time.Unix(0, 0)
		p := &progress{out: &out, name: "a film with a rather long name.mp4", bar: bar, every: every, now: func() time.Time { return now }}
		p.Started("u1", 100e6)
		for _, step := range []struct {
			after time.Duration
			sent  int64
		}{{0, 0}, {4 * time.Second, 20e6}, {8 * time.Second, 60e6}} {
			now = now.Add(step.after)
			p.Sent(step.sent)
		}
		p.Retry(errors.New("cut"), time.Second)
		p.Sent(50e6) // less arrived than was sent
		now = now.Add(time.Second)
		p.Sent(100e6)
		p.Waiting("a1")
		for percent := range 3 {
			now = now.Add(5 * time.Second)
			p.Encoded(float64(25 + 10*percent))
		}
		p.end()
		return out.String()
	}
	const name = "a film with a rather long name.mp4: "
	want := name + "sending 100 MB as upload u1\n" +
		name + "60% of 100 MB  5.00 MB/s  8s left\n" +
		name + "cut; trying again in 1s\n" +
		name + "sent; asset a1 is being prepared\n" +
		name + "35% encoded\n"
	if got := play(false, 10*time.Second); got != want {
		t.Errorf("in a log:\n%q\nwant\n%q", got, want)
	}
	const erase, short = "\r\x1b[K", "a film with a rathe… "
	want = name + "sending 100 MB as upload u1\n" +
		erase + short + "[####--------------------] 20% of 100 MB  5.00 MB/s  16s left" +
		erase + short + "[##############----------] 60% of 100 MB  5.00 MB/s  8s left" +
		erase + name + "cut; trying again in 1s\n" +
		erase + short + "[########################] 100% of 100 MB  50.0 MB/s  0s left" +
		erase + name + "sent; asset a1 is being prepared\n" +
		erase + short + "[######------------------] 25% encoded" +
		erase + short + "[########----------------] 35% encoded" +
		erase + short + "[##########--------------] 45% encoded" +
		erase
	if got := play(true, 100*time.Millisecond); got != want {
		t.Errorf("on a terminal:\n%q\nwant\n%q", got, want)
	}
}
