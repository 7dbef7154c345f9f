package derive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/blob"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

// TestFullEvicts: on a full disk what was of use longest ago makes room, also in the middle of what is being written.
func TestFullEvicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{})
	var segments []film.Artifact
	for n := range 8 {
		segments = append(segments, part("film0001", "segment", n, 1<<20))
		w.put(t, segments[n])
		w.advance(time.Minute)
	}
	w.disk.capacity = 8 << 20
	w.restart(t) // nothing is known yet of what is there
	fresh := part("film0002", "segment", 1, 5<<19)
	if err := reads(t.Context(), w.cache, fresh); err != nil {
		t.Fatal(err)
	}
	w.wantGone(t, segments, 0, 1, 2)
	if s := w.cache.Stats(); s.Made != 1 || s.Unkept != 0 || s.Evicted != 3 {
		t.Errorf("stats %+v", s)
	}
	w.put(t, part("film0002", "segment", 2, 2<<20))
	w.wantGone(t, segments, 0, 1, 2, 3, 4)
}

// TestFullAndNothingToEvict: what is small is handed out all the same, to everybody, from one run; what is large fails in
// a way that says that it will pass; what is put is refused. The log hears of it once a minute.
func TestFullAndNothingToEvict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{})
	base := part("film0001", "base", 1, 1<<20)
	w.put(t, base)
	w.advance(time.Hour)
	w.disk.capacity = 3 << 20
	var log bytes.Buffer
	makers := map[string]derive.Maker{"segment": write, "huge": huge}
	w.cache = derive.New(w.disk, makers, w.cfg, slog.New(slog.NewTextHandler(&log, nil)))
	large := part("film0001", "segment", 2, 4<<20) // begins on the disk, ends in memory
	for range 3 {
		if err := reads(t.Context(), w.cache, large); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := w.cache.Get(t.Context(), large); err != nil || !bytes.Equal(b, pattern(large)) {
		t.Errorf("as bytes: %d, %v", len(b), err)
	}
	if _, err := w.cache.Open(t.Context(), part("film0001", "huge", 1, 0)); !film.IsCode(err, film.CodeUnavailable) || film.FaultOf(err) != film.FaultTransient {
		t.Errorf("a huge one: %v", err)
	}
	if err := w.cache.Put(t.Context(), large, bytes.NewReader(pattern(large))); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("put: %v", err)
	}
	if s := w.cache.Stats(); s.Made != 4 || s.Unkept != 4 || s.Failed != 1 || s.Evicted != 0 {
		t.Errorf("stats %+v", s)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines in the log:\n%s", n, log.String())
	}
	w.advance(2 * time.Minute)
	if err := reads(t.Context(), w.cache, large); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines in the log after two minutes", n)
	}
	if !w.has(t, base) || w.has(t, large) || w.disk.used != 1<<20 {
		t.Errorf("%d bytes are taken", w.disk.used)
	}
	w.wantNoTemps(t)
	w.disk.capacity = 0
	if err := reads(t.Context(), w.cache, large); err != nil || !w.has(t, large) {
		t.Errorf("with room again: %v", err)
	}
}

// huge is the maker of what neither a full disk nor memory takes.
func huge(_ context.Context, _ film.Artifact, out io.Writer) error {
	for range 3 * derive.SpoolEach >> 20 {
		if _, err := out.Write(make([]byte, 1<<20)); err != nil {
			return errors.New("it did not go well") // and hides why
		}
	}
	return nil
}

// TestRoomForIngests: derived things keep off what ingests need, before anything is full; what is pinned may take more,
// but not all.
func TestRoomForIngests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{})
	const total = 40 << 20
	free := func(n int64) {
		w.disk.mu.Lock()
		defer w.disk.mu.Unlock()
		w.disk.total, w.disk.capacity = total, w.disk.used+n
	}
	old := part("film0001", "segment", 1, 1<<20)
	w.put(t, old)
	w.advance(time.Hour)

	free(derive.Floor(total) + 100_000)
	w.put(t, part("film0001", "segment", 2, 100_000))
	if !w.has(t, old) {
		t.Error("evicted while there was room")
	}
	w.put(t, part("film0001", "segment", 3, 100_000))
	if w.has(t, old) {
		t.Error("not evicted when there was no room")
	}

	free(derive.Floor(total) - 1)
	if err := w.cache.Put(t.Context(), part("film0001", "segment", 4, 100_000), bytes.NewReader(make([]byte, 100_000))); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("below the floor: %v", err)
	}
	w.put(t, part("film0001", "base", 4, 100_000))
	free(derive.Reserve(total))
	if err := w.cache.Put(t.Context(), part("film0001", "base", 5, 100_000), bytes.NewReader(make([]byte, 100_000))); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("below the reserve: %v", err)
	}
}

// TestMakesWay: with nobody putting anything, derived things go when the disk runs low, and when an ingest asks for room.
func TestMakesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, derive.Config{Now: time.Now})
		const total = 40 << 20
		for n := range 10 {
			w.put(t, part("film0001", "segment", n, 1<<20))
		}
		<-time.After(time.Minute)
		free := func(n int64) {
			w.disk.mu.Lock()
			defer w.disk.mu.Unlock()
			w.disk.total, w.disk.capacity = total, w.disk.used+n
		}
		free(derive.Floor(total))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.cache.Run(ctx) }()
		<-time.After(10 * time.Second)
		if s := w.cache.Stats(); s.Evicted != 0 {
			t.Errorf("with room: %+v", s)
		}
		free(derive.Floor(total) - 1)
		<-time.After(10 * time.Second)
		if s := w.cache.Stats(); s.Evicted != 1 {
			t.Errorf("below the floor: %+v", s)
		}
		now, _, _ := w.disk.Room()
		w.cache.Yield(now + 3<<20)
		w.cache.Yield(now + 1<<20)
		synctest.Wait()
		if s := w.cache.Stats(); s.Evicted != 4 {
			t.Errorf("when asked for 3 MB: %+v", s)
		}
		<-time.After(10 * time.Second)
		if s := w.cache.Stats(); s.Evicted != 4 {
			t.Errorf("nobody asked again: %+v", s)
		}
		stop()
		<-ended
	})
}
