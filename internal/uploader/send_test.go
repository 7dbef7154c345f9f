package uploader

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestStalledLine: a server that reads nothing, and one that reads all and says nothing, do not hold a chunk forever.
func TestStalledLine(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1 << 10, 64 << 20} { // fits into the line's buffers; does not
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := os.Create(t.TempDir() + "/film")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		s := &sender{
			http: http.DefaultClient, url: "http://" + l.Addr().String(), file: f, info: info, chunk: size, report: &recorder{},
			stalledLine: 50 * time.Millisecond, stalledAnswer: 50 * time.Millisecond,
		}
		if _, _, err := s.step(t.Context(), 0); !errors.Is(err, errStalled) || !errors.As(err, new(*broken)) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestStoredBytes(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]int64{"": 0, "bytes=0-0": 1, "bytes=0-999": 1000} {
		if got, err := storedBytes(header); got != want || err != nil {
			t.Errorf("%q: %d %v, want %d", header, got, err, want)
		}
	}
	for _, header := range []string{"bytes=1-9", "0-9", "bytes=0-", "bytes=0--1", "bytes=0-9223372036854775807", "bytes=0-5,7-9"} {
		if got, err := storedBytes(header); err == nil {
			t.Errorf("%q: %d", header, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "x": 0, "-3": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "999999999": longestRetryAfter, "1.5": 0,
		"Sun, 22 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		p := patience{limit: 5 * time.Minute, tell: func(_ error, d time.Duration) { pauses = append(pauses, d) }}
		began := time.Now()
		fail := &broken{cause: errors.New("cut")}
		var err error
		for err == nil {
			err = p.again(t.Context(), fail)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 5*time.Minute+lastPause {
			t.Errorf("gave up after %s", took)
		}
		if !errors.Is(err, fail.cause) {
			t.Errorf("gave up with %v", err)
		}
		if pauses[0] > firstPause || slices.Max(pauses) > lastPause || slices.Max(pauses) < lastPause/2 {
			t.Errorf("pauses %v", pauses)
		}
		p.moved()
		began = time.Now()
		if err := p.again(t.Context(), &broken{cause: fail.cause, after: time.Minute}); err != nil || time.Since(began) != time.Minute {
			t.Errorf("Retry-After: %s %v", time.Since(began), err)
		}
		final := errors.New("final")
		if err := p.again(t.Context(), final); !errors.Is(err, final) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.again(ctx, fail); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
