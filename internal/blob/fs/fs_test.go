package fs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/blobtest"
	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
)

func openDisk(t *testing.T) blob.Store {
	t.Helper()
	s, err := fs.Open(filepath.Join(t.TempDir(), "not", "there", "yet"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, openDisk)
}

// TestConformanceOfTheFaultLayer keeps the test double honest: without faults it is a store like any other.
func TestConformanceOfTheFaultLayer(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store {
		t.Helper()
		return boot(t, faultfs.New(), faultfs.Plan{})
	})
}

func boot(t *testing.T, d *faultfs.Disk, plan faultfs.Plan) *fs.Store {
	t.Helper()
	s, err := fs.OpenOn(d.Boot(plan), "/data/keep")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenSweepsWhatCrashedWritersLeft(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, err := fs.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(root, ".tmp", "stale")
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	// A Put that is running, in this process or another, is left alone.
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { done <- s.Put(t.Context(), "slow", &gated{entered: entered, leave: leave}) }()
	<-entered
	if _, err := fs.Open(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("stale temporary file: %v, want it gone", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("Put during a sweep: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(root, ".tmp")); err != nil || len(left) != 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

// gated is an empty reader that waits to be let go.
type gated struct{ entered, leave chan struct{} }

func (g *gated) Read([]byte) (int, error) {
	close(g.entered)
	<-g.leave
	return strings.NewReader("").Read(nil)
}

func TestFolderPrunedByAnotherProcess(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var stores [2]*fs.Store
	for i := range stores {
		s, err := fs.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		stores[i] = s
	}
	for _, key := range []string{"a/b/put", "a/b/appended"} {
		if err := stores[0].Put(t.Context(), key, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if err := stores[1].Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if err := stores[1].Prune(t.Context(), "a/b/"); err != nil {
			t.Fatal(err)
		}
	}
	if err := stores[0].Put(t.Context(), "a/b/put", strings.NewReader("x")); err != nil {
		t.Errorf("Put into a pruned folder: %v", err)
	}
	if err := stores[1].Delete(t.Context(), "a/b/put"); err != nil {
		t.Fatal(err)
	}
	if err := stores[1].Prune(t.Context(), "a/b/"); err != nil {
		t.Fatal(err)
	}
	w, err := stores[0].OpenAppend(t.Context(), "a/b/appended")
	if err != nil {
		t.Fatalf("OpenAppend in a pruned folder: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoSpace fails every write and sync in turn with a full disk.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("film", 10_000)
	for at := 1; ; at++ {
		d := faultfs.New()
		failed := false
		count := 0
		s := boot(t, d, faultfs.Plan{Fail: func(op faultfs.Op) error {
			if op.Kind != faultfs.Write && op.Kind != faultfs.Sync || failed {
				return nil
			}
			if count++; count == at {
				failed = true
				return syscall.ENOSPC
			}
			return nil
		}})
		putErr := s.Put(t.Context(), "put", strings.NewReader(content))
		w, err := s.OpenAppend(t.Context(), "appended")
		if err != nil {
			t.Fatal(err)
		}
		var writeErr error
		for i := 0; i < 3; i++ {
			n, err := w.Write([]byte(content))
			if err != nil {
				writeErr = err
				if n != 0 || w.Size() != int64(i*len(content)) {
					t.Errorf("write %d failed: n = %d, size = %d; want nothing kept", i, n, w.Size())
				}
				i--
			}
		}
		syncErr := w.Sync()
		if got := d.Tree()["/data/keep/appended"]; got != int64(3*len(content)) {
			t.Errorf("at %d: appended file has %d bytes, want %d", at, got, 3*len(content))
		}
		if _, ok := d.Tree()["/data/keep/put"]; ok == (putErr != nil) {
			t.Errorf("at %d: Put = %v, object there: %v", at, putErr, ok)
		}
		if !failed {
			break
		}
		err = errors.Join(putErr, writeErr, syncErr)
		if !errors.Is(err, blob.ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("at %d: %v, want ErrNoSpace", at, err)
		}
	}
}

// life does what a process does with a store, and keeps account of what was acknowledged to it.
type life struct {
	store  *fs.Store
	may    map[string][]string // per key what it may hold, "" being nothing: the last acknowledged and what was tried since
	synced string              // of the log: acknowledged
}

func newLife() *life { return &life{may: make(map[string][]string)} }

func (l *life) try(key, content string, do func() error) {
	if l.may[key] == nil {
		l.may[key] = []string{""}
	}
	l.may[key] = append(l.may[key], content)
	if do() == nil {
		l.may[key] = []string{content}
	}
}

func (l *life) tryPut(t *testing.T, key, content string) {
	t.Helper()
	l.try(key, content, func() error { return l.store.Put(t.Context(), key, strings.NewReader(content)) })
}

func (l *life) tryDelete(t *testing.T, key string) {
	t.Helper()
	l.try(key, "", func() error { return l.store.Delete(t.Context(), key) })
}

const logText = "the quick brown fox jumps over the lazy dog"

func (l *life) tryAppend(t *testing.T) {
	t.Helper()
	w, err := l.store.OpenAppend(t.Context(), "films/0/log")
	if err != nil {
		return
	}
	defer func() { _ = w.Close() }()
	if w.SyncName() != nil {
		return
	}
	for i := w.Size(); i+4 < int64(len(logText)); i += 4 {
		if _, err := w.Write([]byte(logText[i : i+4])); err != nil {
			return
		}
		if w.Sync() == nil {
			l.synced = logText[:i+4]
		}
	}
}

func (l *life) run(t *testing.T, system fs.OS) {
	t.Helper()
	s, err := fs.OpenOn(system, "/data/keep")
	if err != nil {
		return
	}
	l.store = s
	l.tryPut(t, "films/0/a", "first")
	l.tryPut(t, "films/0/a", "second, longer")
	l.tryPut(t, "films/1/x/b", "another folder")
	l.tryAppend(t)
	l.tryDelete(t, "films/0/a")
	l.tryPut(t, "films/1/x/b", "again")
}

// check looks at a store after a crash for what was promised.
func (l *life) check(t *testing.T, d *faultfs.Disk) error {
	t.Helper()
	s, err := fs.OpenOn(d.Boot(faultfs.Plan{}), "/data/keep")
	if err != nil {
		return fmt.Errorf("open after the crash: %w", err)
	}
	read := func(key string) (string, error) {
		r, err := s.Open(t.Context(), key)
		if err != nil {
			return "", err
		}
		p := make([]byte, r.Size())
		_, _ = r.ReadAt(p, 0)
		return string(p), r.Close()
	}
	for key, may := range l.may {
		got, err := read(key)
		if err != nil && !errors.Is(err, blob.ErrNotFound) || !slices.Contains(may, got) {
			return fmt.Errorf("%s holds %q, %w; want one of %q", key, got, err, may)
		}
	}
	got, err := read("films/0/log")
	if l.synced != "" && (err != nil || !strings.HasPrefix(got, l.synced)) {
		return fmt.Errorf("log holds %q, %w; %q was synced", got, err, l.synced)
	}
	return nil
}

func TestPowerCut(t *testing.T) {
	t.Parallel()
	if err := cutEverywhere(t, nil); err != nil {
		t.Error(err)
	}
}

// TestPowerCutFindsBrokenOrders plants the classic mistakes and wants each of them found.
func TestPowerCutFindsBrokenOrders(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(faultfs.Op) bool{
		"rename without sync of the folder": func(op faultfs.Op) bool {
			return op.Kind == faultfs.SyncDir && strings.HasSuffix(op.Name, "/films/0")
		},
		"new folder not synced into its parent": func(op faultfs.Op) bool {
			return op.Kind == faultfs.SyncDir && strings.HasSuffix(op.Name, "/films")
		},
		"rename without sync of the file": func(op faultfs.Op) bool {
			return op.Kind == faultfs.Sync && strings.Contains(op.Name, "/.tmp/")
		},
		"append without sync": func(op faultfs.Op) bool {
			return op.Kind == faultfs.Sync && strings.HasSuffix(op.Name, "/log")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := cutEverywhere(t, lie)
			if err == nil {
				t.Error("not found")
			}
			t.Log(err)
		})
	}
}

// cutEverywhere runs a life that ends after each of its operations in turn, in every way, and returns the first
// promise that was broken.
func cutEverywhere(t *testing.T, lie func(faultfs.Op) bool) error {
	t.Helper()
	whole := faultfs.New().Boot(faultfs.Plan{})
	newLife().run(t, whole)
	for _, how := range faultfs.Survivals() {
		seeds := uint64(1)
		if how == faultfs.Torn {
			seeds = 20
		}
		for stop := 1; stop <= whole.Ops(); stop++ {
			for seed := range seeds {
				d := faultfs.New()
				l := newLife()
				l.run(t, d.Boot(faultfs.Plan{StopAfter: stop, Lie: lie}))
				d.Crash(how, rand.New(rand.NewPCG(seed, uint64(stop))))
				if err := l.check(t, d); err != nil {
					return fmt.Errorf("stopped after %d of %d, %s, seed %d: %w", stop, whole.Ops(), how, seed, err)
				}
			}
		}
	}
	return nil
}
