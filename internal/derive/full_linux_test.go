package derive_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

// TestSmallDisk: on a real file system that is too small by far everything is served, and the floor is kept to.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const size = 48 << 20
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	store, err := fs.OpenDisposable(filepath.Join(root, "derived"))
	if err != nil {
		t.Fatal(err)
	}
	makers := map[string]derive.Maker{"segment": write, "huge": huge}
	cache := derive.New(store, makers, derive.Config{Grace: time.Nanosecond}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	var house, readers sync.WaitGroup
	house.Go(func() { _ = cache.Run(ctx) })
	for r := range 4 {
		readers.Go(func() {
			for n := range 30 {
				if err := reads(ctx, cache, part(fmt.Sprintf("film%04d", r), "segment", n, 3<<20/2)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
	if free, total, err := store.Room(); err != nil || free < derive.Floor(total)-8<<20 || free > total/2 {
		t.Errorf("%d of %d bytes are free, %v", free, total, err)
	}
	if s := cache.Stats(); s.Evicted == 0 || s.Made != 120 || s.Failed != 0 || s.Unkept > 12 {
		t.Errorf("stats %+v", s)
	}

	// Another program fills the disk to the last byte; one that is kept goes on being read.
	kept := part("film0003", "segment", 29, 3<<20/2)
	object, ok := cache.Find(ctx, kept)
	if !ok {
		t.Fatal("what was made last is not there")
	}
	fill(t, filepath.Join(root, "ballast"))
	cache.KeepRoom(ctx)
	fill(t, filepath.Join(root, "ballast2"))
	for n := range 4 {
		if err := reads(ctx, cache, part("film0009", "segment", n, 3<<20/2)); err != nil {
			t.Error(err)
		}
	}
	if err := whole(object, kept); err != nil {
		t.Error(err)
	}
	if _, err := cache.Open(ctx, part("film0009", "huge", 1, 0)); !film.IsCode(err, film.CodeUnavailable) {
		t.Errorf("more than disk and memory take: %v", err)
	}
	stop()
	house.Wait()
	cache.Close()
	if left, err := os.ReadDir(filepath.Join(root, "derived", ".tmp")); err != nil || len(left) > 0 {
		t.Errorf("temporary files: %v, %v", left, err)
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(block)
	}
}
