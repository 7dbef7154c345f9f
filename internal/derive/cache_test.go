package derive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"filmcan/internal/blob"
	blobfs "filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

var index = film.Artifact{Film: "film0001", Part: "source", Kind: "index", Recipe: 1}

// bytesMaker is a maker of what is small.
type bytesMaker = func(context.Context, film.Artifact) ([]byte, error)

type setup struct {
	root  string
	store derive.Store
	cache *derive.Cache
	log   *bytes.Buffer
}

// open builds a cache over a folder with that maker for indexes.
func open(t *testing.T, maker bytesMaker) *setup {
	t.Helper()
	s := &setup{root: filepath.Join(t.TempDir(), "derived"), log: &bytes.Buffer{}}
	var err error
	if s.store, err = blobfs.Open(s.root); err != nil {
		t.Fatal(err)
	}
	s.cache = derive.New(s.store, map[string]derive.Maker{"index": derive.Bytes(maker)}, derive.Config{}, slog.New(slog.NewTextHandler(s.log, nil)))
	t.Cleanup(s.cache.Close)
	return s
}

// name is a maker whose artifacts say what they are.
func name(_ context.Context, a film.Artifact) ([]byte, error) { return []byte(a.Key()), nil }

func (s *setup) get(t *testing.T, a film.Artifact) {
	t.Helper()
	if b, err := s.cache.Get(t.Context(), a); err != nil || string(b) != a.Key() {
		t.Fatalf("get %s: %q, %v", a.Key(), b, err)
	}
}

func (s *setup) made(t *testing.T, want int64) {
	t.Helper()
	if got := s.cache.Stats().Made; got != want {
		t.Errorf("%d artifacts made, want %d", got, want)
	}
}

// files lists what lies in the store's folder.
func (s *setup) files(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(s.root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && p != s.root && d.Name() != ".tmp" {
			list = append(list, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestMadeOnceThenKept(t *testing.T) {
	t.Parallel()
	s := open(t, name)
	s.get(t, index)
	s.get(t, index)
	s.made(t, 1)
	other := index
	other.Recipe++
	s.get(t, other)
	s.made(t, 2)

	// Another process finds what this one made.
	second := derive.New(s.store, nil, derive.Config{}, slog.New(slog.DiscardHandler))
	if b, err := second.Get(t.Context(), index); err != nil || string(b) != index.Key() {
		t.Errorf("second cache: %q, %v", b, err)
	}
}

func TestStoreEmptied(t *testing.T) {
	t.Parallel()
	s := open(t, name)
	s.get(t, index)
	entries, err := os.ReadDir(s.root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.root, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	s.get(t, index)
	s.made(t, 2)
	s.get(t, index)
	s.made(t, 2)
	if err := os.RemoveAll(s.root); err != nil {
		t.Fatal(err)
	}
	s.get(t, index)
	s.made(t, 3)
}

// TestStoreUnusable: a full, read-only or broken store costs time, not playback.
func TestStoreUnusable(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	cache := derive.New(brokenStore{err: broken}, map[string]derive.Maker{"index": derive.Bytes(name)}, derive.Config{}, slog.New(slog.DiscardHandler))
	t.Cleanup(cache.Close)
	for range 2 {
		if b, err := cache.Get(t.Context(), index); err != nil || string(b) != index.Key() {
			t.Fatalf("get: %q, %v", b, err)
		}
	}
	if got := cache.Stats(); got.Made != 2 || got.Unkept != 2 {
		t.Errorf("stats %+v", got)
	}
}

type brokenStore struct {
	blob.Store
	err error
}

func (b brokenStore) Open(context.Context, string) (blob.Reader, error) { return nil, b.err }
func (b brokenStore) Create(context.Context, string) (blob.Creating, error) {
	return nil, b.err
}

func TestRebuildReplacesWhatIsThere(t *testing.T) {
	t.Parallel()
	s := open(t, name)
	if err := s.store.Put(t.Context(), index.Key(), strings.NewReader("rotten")); err != nil {
		t.Fatal(err)
	}
	if b, _ := s.cache.Get(t.Context(), index); string(b) != "rotten" {
		t.Fatalf("get: %q", b)
	}
	if b, err := s.cache.Rebuild(t.Context(), index); err != nil || string(b) != index.Key() {
		t.Fatalf("rebuild: %q, %v", b, err)
	}
	s.get(t, index)
	s.made(t, 1)
}

func TestForget(t *testing.T) {
	t.Parallel()
	s := open(t, name)
	other := index
	other.Film = "film0002"
	s.get(t, index)
	s.get(t, other)
	if err := s.cache.Forget(t.Context(), index.Film); err != nil {
		t.Fatal(err)
	}
	left := strings.Join(s.files(t), "\n")
	if strings.Contains(left, string(index.Film)) || !strings.Contains(left, string(other.Film)) {
		t.Errorf("left:\n%s", left)
	}
	if err := s.cache.Forget(t.Context(), "never"); err != nil {
		t.Errorf("forget a film that is not there: %v", err)
	}
}

func TestFailureIsNotRemembered(t *testing.T) {
	t.Parallel()
	cause := errors.New("no film")
	var calls atomic.Int64
	s := open(t, func(ctx context.Context, a film.Artifact) ([]byte, error) {
		switch calls.Add(1) {
		case 1:
			return nil, cause
		case 2:
			panic("a bug")
		}
		return name(ctx, a)
	})
	if _, err := s.cache.Get(t.Context(), index); !errors.Is(err, cause) {
		t.Errorf("first: %v, want %v", err, cause)
	}
	if _, err := s.cache.Get(t.Context(), index); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("second: %v, want the panic", err)
	}
	s.get(t, index)
	if got := s.cache.Stats(); got.Failed != 2 || got.Made != 1 {
		t.Errorf("stats %+v", got)
	}
	if _, err := s.cache.Get(t.Context(), film.Artifact{Film: "film0001", Part: "source", Kind: "unheard"}); err == nil {
		t.Error("an artifact without a maker was made")
	}
}

func TestTwentyCallersOneRun(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	s := open(t, func(ctx context.Context, a film.Artifact) ([]byte, error) {
		close(begun)
		<-release
		return name(ctx, a)
	})
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			if b, err := s.cache.Get(t.Context(), index); err != nil || string(b) != index.Key() {
				t.Errorf("get: %q, %v", b, err)
			}
		})
	}
	<-begun
	close(release)
	callers.Wait()
	s.made(t, 1)
}

// slow is a maker that runs until it is released or stopped, and tells which.
func slow(begun chan<- int64, release <-chan struct{}, stopped chan<- struct{}) bytesMaker {
	var runs atomic.Int64
	return func(ctx context.Context, a film.Artifact) ([]byte, error) {
		begun <- runs.Add(1)
		select {
		case <-release:
			return name(ctx, a)
		case <-ctx.Done():
			stopped <- struct{}{}
			return nil, context.Cause(ctx)
		}
	}
}

func TestRunOutlivesTheFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, release, stopped := make(chan int64, 2), make(chan struct{}), make(chan struct{}, 2)
		cache := derive.New(missingStore{}, map[string]derive.Maker{"index": derive.Bytes(slow(begun, release, stopped))}, derive.Config{}, slog.New(slog.DiscardHandler))
		first, leave := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { _, err := cache.Get(first, index); errs <- err }()
		<-begun
		go func() { _, err := cache.Get(t.Context(), index); errs <- err }()
		synctest.Wait()
		leave()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller got %v", err)
		}
		synctest.Wait()
		close(release)
		if err := <-errs; err != nil {
			t.Errorf("the second caller got %v", err)
		}
		if got := cache.Stats(); got.Made != 1 || got.Shared != 1 || got.Failed != 0 || len(stopped) != 0 {
			t.Errorf("stats %+v, %d stopped", got, len(stopped))
		}
		cache.Close()
	})
}

func TestRunStopsWithTheLastCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, release, stopped := make(chan int64, 2), make(chan struct{}), make(chan struct{}, 2)
		cache := derive.New(missingStore{}, map[string]derive.Maker{"index": derive.Bytes(slow(begun, release, stopped))}, derive.Config{}, slog.New(slog.DiscardHandler))
		ctx, leave := context.WithCancel(t.Context())
		for range 3 {
			go func() { _, _ = cache.Get(ctx, index) }()
		}
		<-begun
		synctest.Wait()
		leave()
		<-stopped
		// Whoever comes now begins anew, also while the stopped run still winds down.
		done := make(chan error, 1)
		go func() { _, err := cache.Get(t.Context(), index); done <- err }()
		if run := <-begun; run != 2 {
			t.Errorf("run %d", run)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		cache.Close()
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, stopped := make(chan int64, 1), make(chan struct{}, 1)
		cache := derive.New(missingStore{}, map[string]derive.Maker{"index": derive.Bytes(slow(begun, nil, stopped))}, derive.Config{}, slog.New(slog.DiscardHandler))
		done := make(chan error, 1)
		go func() { _, err := cache.Get(t.Context(), index); done <- err }()
		<-begun
		cache.Close()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who waited got %v", err)
		}
		if _, err := cache.Get(t.Context(), index); !errors.Is(err, derive.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// missingStore has nothing and keeps nothing.
type missingStore struct{ blob.Store }

func (missingStore) Open(context.Context, string) (blob.Reader, error) {
	return nil, blob.ErrNotFound
}

func (missingStore) Create(context.Context, string) (blob.Creating, error) {
	return nil, errors.New("keeps nothing")
}

// TestKeptByItsMaker: what a maker has put into the cache itself is not written again, and handed out.
func TestKeptByItsMaker(t *testing.T) {
	t.Parallel()
	for name, puts := range map[string]bool{"kept": true, "not there": false} {
		s := &setup{root: filepath.Join(t.TempDir(), "derived"), log: &bytes.Buffer{}}
		var err error
		if s.store, err = blobfs.Open(s.root); err != nil {
			t.Fatal(err)
		}
		maker := func(ctx context.Context, a film.Artifact, _ io.Writer) error {
			if puts {
				if err := s.cache.Put(ctx, a, strings.NewReader(a.Key())); err != nil {
					return err
				}
			}
			return derive.ErrKept
		}
		s.cache = derive.New(s.store, map[string]derive.Maker{"index": maker}, derive.Config{}, slog.New(slog.NewTextHandler(s.log, nil)))
		t.Cleanup(s.cache.Close)
		b, err := s.cache.Get(t.Context(), index)
		if puts != (err == nil) || puts && string(b) != index.Key() || !puts && !errors.Is(err, derive.ErrKept) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
