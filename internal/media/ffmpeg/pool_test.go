package ffmpeg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
)

// await waits until the pool has come to that.
func await(t *testing.T, p *Pool, what string, done func(PoolStats) bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(p.Stats()); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %+v", what, p.Stats())
		}
	}
}

// running runs the pool until the test ends.
func running(t *testing.T, p *Pool) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func lines(t *testing.T, p *Pool, n int) *Session {
	t.Helper()
	s, err := p.Start(t.Context(), EncodeArgs{
		Picture: Picture{Width: 320, Height: 180}, Settings: ladder.Encode{Width: 320, Height: n, Preset: "veryfast", CRF: 22, MaxRate: 400_000, Buffer: 400_000, Level: 13},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestPool(t *testing.T) {
	t.Parallel()
	runner := New(Config{})
	p := NewPool(runner, PoolConfig{Idle: 2})
	stop := running(t, p)
	r := openReel(t, films.Get(t, films.Spec{BFrames: 2}))
	n := len(r.times)
	encode := func(s *Session) {
		if out := drain(t, s, func() { r.feed(t, s, []int{0, n / 2, n}) }); len(out.pts) != n {
			t.Errorf("got %d frames, want %d", len(out.pts), n)
		}
	}

	encode(lines(t, p, 180)) // cold
	await(t, p, "one ahead", func(s PoolStats) bool { return s.Ahead == 1 })
	encode(lines(t, p, 180)) // warm
	await(t, p, "one more ahead", func(s PoolStats) bool { return s.Ahead == 2 })
	encode(lines(t, p, 90))
	await(t, p, "another kind", func(s PoolStats) bool { return s.Ahead == 3 })
	encode(lines(t, p, 60)) // a third kind takes the place of the one used longest ago
	await(t, p, "a third kind", func(s PoolStats) bool { return s.Ahead == 4 && s.Ended == 1 })
	if got := p.Stats(); got.Warm != 1 || got.Cold != 3 {
		t.Errorf("got %+v", got)
	}
	if got := runner.Stats().Encodes; got != 7 {
		t.Errorf("%d processes", got)
	}
	stop()
	if got := p.Stats(); got.Ended != 3 {
		t.Errorf("at the end: %+v", got)
	}
	// Without Run it only starts what it is asked for.
	encode(lines(t, p, 60))
}

// TestPoolStops: a process that was handed out finishes its work after the pool has stopped, as the requests of a server
// that drains do.
func TestPoolStops(t *testing.T) {
	t.Parallel()
	p := NewPool(New(Config{}), PoolConfig{})
	stop := running(t, p)
	_ = lines(t, p, 180).Close()
	await(t, p, "one ahead", func(s PoolStats) bool { return s.Ahead == 1 })
	s := lines(t, p, 180)
	await(t, p, "the next one ahead", func(s PoolStats) bool { return s.Warm == 1 && s.Ahead == 2 })
	stop()
	if got := p.Stats(); got.Ended != 1 {
		t.Errorf("at the end: %+v", got)
	}
	r := openReel(t, films.Get(t, films.Spec{BFrames: 2}))
	n := len(r.times)
	if out := drain(t, s, func() { r.feed(t, s, []int{0, n / 2, n}) }); len(out.pts) != n {
		t.Errorf("got %d frames, want %d", len(out.pts), n)
	}
}

func TestPoolLinger(t *testing.T) {
	t.Parallel()
	p := NewPool(New(Config{}), PoolConfig{Idle: 2, Linger: 300 * time.Millisecond})
	running(t, p)
	_ = lines(t, p, 180).Close()
	await(t, p, "the one that waits is ended", func(s PoolStats) bool { return s.Ahead == 1 && s.Ended == 1 })
}

// TestPoolDeath: a process that died while it waited is not handed out, and not started over and over.
func TestPoolDeath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "ffmpeg")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil { // #nosec G306 -- a program
		t.Fatal(err)
	}
	runner := New(Config{FFmpeg: program, NoSandbox: true})
	p := NewPool(runner, PoolConfig{})
	running(t, p)
	for i := range int64(3) {
		s := lines(t, p, 180)
		if e, ok := errors.AsType[*Error](s.Wait()); !ok || e.Unstarted {
			t.Errorf("got %v", s.Wait())
		}
		await(t, p, "it has died", func(s PoolStats) bool { return s.Ended == i+1 })
	}
	if got := p.Stats(); got.Warm != 0 || got.Cold != 3 || got.Ahead != 3 {
		t.Errorf("got %+v", got)
	}
}

// TestPoolDeathUnseen: what died between two looks is closed by who finds it: nobody else knows of it.
func TestPoolDeathUnseen(t *testing.T) {
	t.Parallel()
	p := NewPool(New(Config{}), PoolConfig{})
	_ = lines(t, p, 180).Close() // the pool knows the kind now
	dead, err := p.runner.Start(t.Context(), p.kinds[0].args)
	if err != nil {
		t.Fatal(err)
	}
	dead.stop(errClosed)
	_ = dead.Wait()
	p.kinds[0].idle = dead
	_ = lines(t, p, 180).Close()
	if _, err := dead.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("its pipe is open: %v", err)
	}
	if got := p.Stats(); got.Cold != 2 || got.Ended != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestClose: closing a session ends its process, its reader and its writer at once; so does the end of its context.
func TestClose(t *testing.T) {
	t.Parallel()
	p := NewPool(New(Config{}), PoolConfig{})
	running(t, p)
	_ = lines(t, p, 180).Close()
	await(t, p, "one ahead", func(s PoolStats) bool { return s.Ahead == 1 })
	why := errors.New("nobody watches")
	for _, how := range []func(*Session, context.CancelCauseFunc){
		func(s *Session, _ context.CancelCauseFunc) { _ = s.Close() },
		func(_ *Session, cancel context.CancelCauseFunc) { cancel(why) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		s, err := p.Start(ctx, EncodeArgs{
			Picture: Picture{Width: 320, Height: 180}, Settings: ladder.Encode{Width: 320, Height: 180, Preset: "veryfast", CRF: 22, MaxRate: 400_000, Buffer: 400_000, Level: 13},
		})
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			for {
				if _, err := s.Stdout().Read(make([]byte, 100)); err != nil {
					return
				}
			}
		}()
		how(s, cancel)
		if err := s.Wait(); !errors.Is(err, errClosed) && !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		<-read
		if _, err := s.Write(make([]byte, 1<<20)); err == nil {
			t.Error("written to the dead")
		}
		_ = s.Close()
		cancel(nil)
	}
}
