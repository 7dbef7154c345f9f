package derive_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/film"
)

// TestLeastRecentlyUsedGoesFirst: down to a tenth below the budget, indexes last, what is pinned never, and nothing that
// was of use a moment ago. The order survives a restart.
func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{Budget: 1000, TouchEvery: time.Minute})
	base, index := part("film0001", "base", 0, 5000), part("film0001", "index", 0, 100)
	w.put(t, base)
	w.put(t, index)
	var segments []film.Artifact
	for n := range 10 {
		w.advance(time.Minute)
		segments = append(segments, part(fmt.Sprintf("film%04d", n), "segment", n, 100))
		w.put(t, segments[n])
	}
	w.advance(time.Hour)
	for _, n := range []int{2, 0} { // these are of use again
		w.advance(time.Minute)
		if err := reads(t.Context(), w.cache, segments[n]); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(time.Hour)
	w.restart(t)
	if err := w.cache.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.cache.KeepBudget(t.Context())
	w.wantGone(t, segments, 1, 3) // 1100 to 900
	if _, err := os.Stat(filepath.Join(w.disk.root, "fi", "film0001")); err != nil {
		t.Error("the folder of what is left is gone")
	}
	if _, err := os.Stat(filepath.Join(w.disk.root, "fi", "film0003")); !os.IsNotExist(err) {
		t.Errorf("the folder of what was removed: %v", err)
	}

	fresh := part("film0001", "segment", 99, 5000)
	w.put(t, fresh)
	w.cache.KeepBudget(t.Context())
	w.wantGone(t, segments, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if w.has(t, index) || !w.has(t, base) || !w.has(t, fresh) {
		t.Errorf("index %v, base %v, fresh %v", w.has(t, index), w.has(t, base), w.has(t, fresh))
	}
	if got := w.cache.Stats(); got.Evicted != 11 || got.EvictedBytes != 1100 || got.Bytes != 10000 || got.PinnedBytes != 5000 || got.Made != 0 {
		t.Errorf("stats %+v", got)
	}
}

func (w *world) wantGone(t *testing.T, list []film.Artifact, want ...int) {
	t.Helper()
	var got []int
	for n, a := range list {
		if !w.has(t, a) {
			got = append(got, n)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("gone are %v, want %v", got, want)
	}
}

// thing is an object as the model knows it.
type thing struct {
	size          int64
	used, written time.Time
	class         int
}

// model is the cache, simply.
type model struct {
	things map[string]*thing
	budget int64
	grace  time.Duration
	touch  time.Duration
}

func (m *model) use(a film.Artifact, now time.Time, put bool) {
	class := map[string]int{"segment": 0, "index": 1, "base": 2}[a.Kind]
	o := m.things[a.Key()]
	if o == nil || put {
		o = &thing{int64(sizeOf(a)), now, now, class}
		m.things[a.Key()] = o
	}
	if o.used = now; now.Sub(o.written) >= m.touch {
		o.written = now
	}
}

func (m *model) bytes(pinned bool) (n int64) {
	for _, o := range m.things {
		if o.class == 2 == pinned {
			n += o.size
		}
	}
	return n
}

func (m *model) tidy(now time.Time) {
	keys := slices.SortedFunc(maps.Keys(m.things), func(a, b string) int {
		x, y := m.things[a], m.things[b]
		return cmp.Or(cmp.Compare(x.class, y.class), x.used.Compare(y.used), cmp.Compare(a, b))
	})
	for _, key := range keys {
		if m.bytes(false) <= m.budget-m.budget/10 {
			return
		}
		if o := m.things[key]; o.class < 2 && o.used.Before(now.Add(-m.grace)) {
			delete(m.things, key)
		}
	}
}

func (m *model) remove(match func(key string) bool) {
	maps.DeleteFunc(m.things, func(key string, _ *thing) bool { return match(key) })
}

// TestModel does random things to the cache and to a simple model of it: after each the same things must be there, and
// the same numbers be told.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, derive.Config{Budget: 20_000, Grace: 3 * time.Minute, TouchEvery: 20 * time.Minute})
			m := &model{map[string]*thing{}, 20_000, 3 * time.Minute, 20 * time.Minute}
			for step := range 400 {
				what := w.random(t, rng, m)
				w.compare(t, m, fmt.Sprintf("seed %d, step %d, %s", seed, step, what))
				if t.Failed() {
					return
				}
			}
		})
	}
}

// random does one random thing to both.
func (w *world) random(t *testing.T, rng *rand.Rand, m *model) string {
	t.Helper()
	w.advance(time.Duration(rng.IntN(90)) * time.Second)
	kind := []string{"segment", "segment", "segment", "index", "base"}[rng.IntN(5)]
	n := rng.IntN(20)
	a := part(fmt.Sprintf("film%04d", rng.IntN(4)), kind, n, 100+n*150)
	switch dice := rng.IntN(100); {
	case dice < 30:
		w.put(t, a)
		m.use(a, w.Now(), true)
		return "put " + a.Key()
	case dice < 55:
		put := m.things[a.Key()] == nil
		if err := reads(t.Context(), w.cache, a); err != nil {
			t.Fatal(err)
		}
		m.use(a, w.Now(), put)
		return "open " + a.Key()
	case dice < 65:
		if _, ok := w.cache.Find(t.Context(), a); ok != (m.things[a.Key()] != nil) {
			t.Fatalf("find %s: %v", a.Key(), ok)
		} else if ok {
			m.use(a, w.Now(), false)
		}
		return "find " + a.Key()
	case dice < 80:
		w.cache.KeepBudget(t.Context())
		m.tidy(w.Now())
		return "tidy"
	case dice < 84:
		if err := w.cache.Drop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		m.remove(func(key string) bool { return key == a.Key() })
		return "drop " + a.Key()
	case dice < 86:
		pinned := rng.IntN(2) == 0
		if _, err := w.cache.Clear(t.Context(), derive.Selection{Film: a.Film, Pinned: pinned}); err != nil {
			t.Fatal(err)
		}
		m.remove(func(key string) bool {
			return strings.HasPrefix(key, film.ArtifactPrefix(a.Film)) && (pinned || m.things[key].class < 2)
		})
		return "clear " + string(a.Film)
	case dice < 90: // by hand
		prefix := film.ArtifactPrefix(a.Film)
		if err := os.RemoveAll(filepath.Join(w.disk.root, filepath.FromSlash(prefix))); err != nil {
			t.Fatal(err)
		}
		m.remove(func(key string) bool { return strings.HasPrefix(key, prefix) })
		if err := w.cache.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		return "remove " + string(a.Film)
	case dice < 95:
		if err := w.cache.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		return "list"
	}
	w.restart(t)
	for _, o := range m.things {
		o.used = o.written
	}
	if err := w.cache.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	return "restart"
}

func (w *world) compare(t *testing.T, m *model, after string) {
	t.Helper()
	var got []string
	for info, err := range w.disk.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	if want := slices.Sorted(maps.Keys(m.things)); !slices.Equal(got, want) {
		t.Errorf("%s: there are\n%s\nwant\n%s", after, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s := w.cache.Stats()
	if loose, pinned := m.bytes(false), m.bytes(true); s.Objects != int64(len(m.things)) || s.Bytes != loose+pinned || s.PinnedBytes != pinned {
		t.Errorf("%s: told %+v, want %d objects, %d bytes, %d pinned", after, s, len(m.things), loose+pinned, pinned)
	}
}

// TestTwoOnOneFolder: each process learns from the folder what the other one put, and does not remove what the other one
// has use for.
func TestTwoOnOneFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{Budget: 1000, TouchEvery: time.Minute})
	first := w.cache
	w.restart(t)
	second := w.cache
	var segments []film.Artifact
	for n := range 8 {
		w.advance(time.Minute)
		segments = append(segments, part("film0001", "segment", n, 100))
		w.put(t, segments[n])
	}
	if err := first.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Hour)
	for _, n := range []int{0, 1} {
		if err := reads(t.Context(), second, segments[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.Drop(t.Context(), segments[2]); err != nil { // the first one does not know
		t.Fatal(err)
	}
	w.advance(time.Minute)
	w.cache = first
	w.put(t, part("film0001", "segment", 8, 500))
	first.KeepBudget(t.Context())
	w.wantGone(t, segments, 2, 3, 4, 5)
	if s := first.Stats(); s.Evicted != 3 || s.Bytes != 900 {
		t.Errorf("the one who removed: %+v", s)
	}
	if err := second.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := second.Stats(); s.Bytes != 900 || s.Objects != 5 {
		t.Errorf("the other one: %+v", s)
	}
}

// TestRun: the house is kept beside the requests, without anybody's asking, and left-overs of crashes go.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, derive.Config{Budget: 1000, Now: time.Now})
		stray := filepath.Join(w.disk.root, ".tmp", "stray")
		if err := os.WriteFile(stray, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			w.put(t, part("film0001", "segment", n, 400))
		}
		<-time.After(time.Minute)
		w.restart(t) // one that knows of nothing
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.cache.Run(ctx) }()
		synctest.Wait()
		if s := w.cache.Stats(); s.Bytes != 800 || s.Evicted != 1 {
			t.Errorf("after the start: %+v", s)
		}
		if _, err := os.Stat(stray); !os.IsNotExist(err) {
			t.Errorf("what a crash left: %v", err)
		}
		w.put(t, part("film0001", "segment", 9, 500))
		synctest.Wait()
		if s := w.cache.Stats(); s.Bytes != 900 || s.Evicted != 2 {
			t.Errorf("after a put: %+v", s)
		}
		if err := os.RemoveAll(w.disk.root); err != nil {
			t.Fatal(err)
		}
		<-time.After(20 * time.Minute)
		if s := w.cache.Stats(); s.Objects != 0 || s.Evicted != 2 {
			t.Errorf("after the folder was removed: %+v", s)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestBurst: what was safe when the budget was passed, because it was of use a moment ago, goes soon after, though nothing
// more is put.
func TestBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, derive.Config{Budget: 1000, Now: time.Now})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.cache.Run(ctx) }()
		synctest.Wait()
		for n := range 5 {
			w.put(t, part("film0001", "segment", n, 400))
		}
		synctest.Wait()
		if s := w.cache.Stats(); s.Bytes != 2000 {
			t.Errorf("at once: %+v", s)
		}
		<-time.After(derive.Default().Grace + 5*time.Second)
		if s := w.cache.Stats(); s.Bytes != 800 {
			t.Errorf("afterwards: %+v", s)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestEmptiedWhileServing: readers of two processes always get what they ask for, whatever is removed meanwhile, by budget
// or by hand.
func TestEmptiedWhileServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{Budget: 3 << 20, Grace: time.Nanosecond, TouchEvery: time.Nanosecond, Now: time.Now})
	caches := []*derive.Cache{w.cache}
	w.restart(t)
	caches = append(caches, w.cache)
	ctx, stop := context.WithCancel(t.Context())
	var house, readers sync.WaitGroup
	for _, c := range caches {
		house.Go(func() { _ = c.Run(ctx) })
	}
	house.Go(func() {
		for ctx.Err() == nil {
			entries, _ := os.ReadDir(w.disk.root)
			for _, e := range entries {
				_ = os.RemoveAll(filepath.Join(w.disk.root, e.Name())) // it may be filled meanwhile
			}
			_ = os.Remove(w.disk.root)
			_ = caches[0].List(ctx)
		}
	})
	for n := range 8 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 2))
			for range 60 {
				c := caches[rng.IntN(2)]
				kind := []string{"segment", "index", "base"}[rng.IntN(3)]
				size := []int{10, 1000, 200_000, derive.SpillAt + 5}[rng.IntN(4)]
				a := part(fmt.Sprintf("film%04d", rng.IntN(3)), kind, rng.IntN(5), size)
				switch rng.IntN(4) {
				case 0:
					if object, ok := c.Find(ctx, a); ok {
						if err := whole(object, a); err != nil {
							t.Error(err)
						}
					}
				case 1:
					if b, err := c.Get(ctx, a); err != nil || string(b) != string(pattern(a)) {
						t.Errorf("get %s: %d bytes, %v", a.Key(), len(b), err)
					}
				default:
					if err := reads(ctx, c, a); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	readers.Wait()
	stop()
	house.Wait()
	for _, c := range caches {
		c.Close()
		if s := c.Stats(); s.Failed != 0 {
			t.Errorf("stats %+v", s)
		}
	}
	// What the two know is what there is, once they looked.
	last := derive.New(w.disk, nil, w.cfg, slog.New(slog.DiscardHandler))
	for _, c := range append(caches, last) {
		if err := c.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	u, err := last.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(caches, last) {
		if s := c.Stats(); s.Bytes != u.Bytes || s.Objects != u.Objects || s.PinnedBytes != u.Pinned.Bytes {
			t.Errorf("known %+v, there are %+v", s, u.Amount)
		}
	}
	w.wantNoTemps(t)
}
