package derive_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

// TestObjects: what is large is a file to those who wait for it as well as to those who come later, each with a position
// of its own, and stays readable whatever happens to the folder.
func TestObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{})
	large, small := part("film0001", "base", 1, 5<<20), part("film0001", "segment", 2, 3000)
	if _, ok := w.cache.Find(t.Context(), large); ok {
		t.Error("found what nobody made")
	}
	files := map[*os.File]bool{}
	var objects []derive.Object
	for range 3 {
		object, err := w.cache.Open(t.Context(), large)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := object.(blob.Filer)
		if !ok {
			t.Fatal("a large object is no file")
		}
		files[f.File()] = true
		objects = append(objects, object)
	}
	if len(files) != 3 {
		t.Errorf("%d files for three readers", len(files))
	}
	if err := os.RemoveAll(w.disk.root); err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if err := whole(object, large); err != nil {
			t.Errorf("after the folder was removed: %v", err)
		}
	}
	if err := reads(t.Context(), w.cache, small); err != nil {
		t.Error(err)
	}
	if b, err := w.cache.Get(t.Context(), large); err != nil || len(b) != 5<<20 {
		t.Errorf("a large one as bytes: %d, %v", len(b), err)
	}
	if err := w.cache.Drop(t.Context(), large); err != nil || w.has(t, large) || !w.has(t, small) {
		t.Errorf("drop: %v", err)
	}
	if got := w.cache.Stats(); got.Made != 3 || got.Objects != 1 || got.Bytes != 3000 {
		t.Errorf("stats %+v", got)
	}
}

// TestPut: what is put is found, and never was when its reader broke.
func TestPut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{})
	for _, size := range []int{0, 1, derive.SpillAt, derive.SpillAt + 1} {
		a := part("film0001", "segment", 1, size)
		w.put(t, a)
		object, ok := w.cache.Find(t.Context(), a)
		if !ok {
			t.Fatalf("%d bytes were put and not found", size)
		}
		if err := whole(object, a); err != nil {
			t.Error(err)
		}
		broken := part("film0001", "segment", 2, size)
		cause := errors.New("reader broke")
		if err := w.cache.Put(t.Context(), broken, io.MultiReader(&io.LimitedReader{R: zeros{}, N: int64(size)}, failing{cause})); !errors.Is(err, cause) {
			t.Errorf("a broken reader after %d bytes: %v", size, err)
		}
		if w.has(t, broken) {
			t.Errorf("what broke after %d bytes was kept", size)
		}
	}
	w.wantNoTemps(t)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (w *world) wantNoTemps(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Join(w.disk.root, ".tmp")); err != nil && !os.IsNotExist(err) || len(left) > 0 {
		t.Errorf("temporary files: %v, %v", left, err)
	}
}

// TestHalfMade: of what a maker gave up, by an error, a bug or because nobody waits any more, nothing stays.
func TestHalfMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, derive.Config{})
	ctx, leave := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	makers := map[string]derive.Maker{
		"failing": func(_ context.Context, _ film.Artifact, out io.Writer) error {
			_, err := out.Write(make([]byte, 3<<20))
			return errors.Join(err, errors.New("broke"))
		},
		"panicking": func(_ context.Context, _ film.Artifact, out io.Writer) error {
			_, _ = out.Write(make([]byte, 3<<20))
			panic("a bug")
		},
		"left": func(ctx context.Context, _ film.Artifact, out io.Writer) error {
			_, _ = out.Write(make([]byte, 3<<20))
			leave()
			<-ctx.Done()
			_, err := out.Write([]byte{1})
			stopped <- err
			return err
		},
	}
	cache := derive.New(w.disk, makers, w.cfg, slog.New(slog.DiscardHandler))
	for _, kind := range []string{"failing", "panicking", "left"} {
		a := part("film0001", kind, 1, 3<<20)
		if _, err := cache.Open(ctx, a); err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("writing for nobody: %v", err)
	}
	cache.Close()
	w.wantNoTemps(t)
	if got := cache.Stats(); got.Objects != 0 || got.Made != 0 {
		t.Errorf("stats %+v", got)
	}
}

// TestVanishedAtOnce: twenty wait for a large one that is gone as soon as it is there. All of them read it, it is made
// once, and no file stays open.
func TestVanishedAtOnce(t *testing.T) {
	t.Parallel()
	view := faultfs.New().Boot(faultfs.Plan{})
	store, err := fs.OpenOn(view, "/derived")
	if err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	var runs atomic.Int64
	makers := map[string]derive.Maker{"base": func(ctx context.Context, a film.Artifact, out io.Writer) error {
		if runs.Add(1) == 1 {
			close(begun)
		}
		<-release
		return write(ctx, a, out)
	}}
	cache := derive.New(vanishing{store}, makers, derive.Config{}, slog.New(slog.DiscardHandler))
	a := part("film0001", "base", 1, 2<<20)
	var readers, joined sync.WaitGroup
	for range 20 {
		joined.Add(1)
		readers.Go(func() {
			joined.Done()
			if err := reads(t.Context(), cache, a); err != nil {
				t.Error(err)
			}
		})
	}
	<-begun
	joined.Wait()
	for cache.Stats().Shared < 19 {
		runtime.Gosched()
	}
	close(release)
	readers.Wait()
	cache.Close()
	if runs.Load() != 1 || view.Open() != 0 {
		t.Errorf("%d runs, %d files open", runs.Load(), view.Open())
	}
}

// vanishing keeps things, but never finds them.
type vanishing struct{ *fs.Store }

func (vanishing) Open(context.Context, string) (blob.Reader, error) { return nil, blob.ErrNotFound }
