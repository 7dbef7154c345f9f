package derive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/blob"
	blobfs "filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

// clock is a time that tests set.
type clock struct{ now atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

// disk is a folder whose files have the clock's time, with as much room as the test wants.
type disk struct {
	*blobfs.Store
	root string
	now  func() time.Time

	mu       sync.Mutex
	capacity int64 // 0: no bound
	total    int64 // what Room tells of, with what capacity leaves; 0: nothing
	used     int64
}

func newDisk(t *testing.T, root string, now func() time.Time) *disk {
	t.Helper()
	store, err := blobfs.OpenDisposable(root)
	if err != nil {
		t.Fatal(err)
	}
	return &disk{Store: store, root: root, now: now}
}

func (d *disk) take(n int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.capacity > 0 && d.used+n > d.capacity {
		return blob.ErrNoSpace
	}
	d.used += n
	return nil
}

// Room tells what is left of the capacity.
func (d *disk) Room() (free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.total == 0 {
		return 0, 0, errors.New("nobody knows")
	}
	return d.capacity - d.used, d.total, nil
}

func (d *disk) Delete(ctx context.Context, key string) error {
	info, err := d.Stat(ctx, key)
	if err == nil {
		_ = d.take(-info.Size)
	}
	return d.Store.Delete(ctx, key)
}

func (d *disk) Create(ctx context.Context, key string) (blob.Creating, error) {
	w, err := d.Store.Create(ctx, key)
	return &writing{Creating: w, disk: d, key: key}, err
}

type writing struct {
	blob.Creating
	disk      *disk
	key       string
	published bool
}

func (w *writing) Write(p []byte) (int, error) {
	if err := w.disk.take(int64(len(p))); err != nil {
		return 0, err
	}
	return w.Creating.Write(p)
}

func (w *writing) Publish(ctx context.Context) error {
	old, err := w.disk.Stat(ctx, w.key)
	if err != nil {
		old.Size = 0
	}
	if err := w.Creating.Publish(ctx); err != nil {
		return err
	}
	w.published = true
	_ = w.disk.take(-old.Size)
	return w.disk.Touch(ctx, w.key, w.disk.now())
}

func (w *writing) Close() error {
	if !w.published {
		_ = w.disk.take(-w.Size())
	}
	return w.Creating.Close()
}

// part names an artifact of so many bytes; what it holds is told by its name.
func part(id, kind string, n, size int) film.Artifact {
	return film.Artifact{Film: film.FilmID(id), Part: "source", Kind: kind, Parameters: parameters(n, size), Recipe: 1}
}

// sizes of the artifacts are in their parameters.
func parameters(n, size int) string { return fmt.Sprintf("%d_%d", n, size) }

func sizeOf(a film.Artifact) int {
	_, digits, _ := strings.Cut(a.Parameters, "_")
	size, _ := strconv.Atoi(digits)
	return size
}

// pattern is what an artifact holds.
func pattern(a film.Artifact) []byte {
	b := make([]byte, sizeOf(a))
	key := a.Key() + "\n"
	for i := range b {
		b[i] = key[i%len(key)]
	}
	return b
}

// write is the maker of all kinds; it writes in pieces.
func write(_ context.Context, a film.Artifact, w io.Writer) error {
	b := pattern(a)
	for len(b) > 0 {
		n := min(len(b), 100_000)
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// world is a cache over a disk with a clock.
type world struct {
	*clock
	disk  *disk
	cfg   derive.Config
	cache *derive.Cache
}

func newWorld(t *testing.T, cfg derive.Config) *world {
	t.Helper()
	w := &world{clock: newClock(), cfg: cfg}
	if w.cfg.Now == nil {
		w.cfg.Now = w.Now
	}
	w.disk = newDisk(t, filepath.Join(t.TempDir(), "derived"), w.cfg.Now)
	w.restart(t)
	return w
}

// restart opens another cache over the same folder.
func (w *world) restart(t *testing.T) {
	t.Helper()
	makers := map[string]derive.Maker{"index": write, "segment": write, "base": write}
	w.cache = derive.New(w.disk, makers, w.cfg, slog.New(slog.DiscardHandler))
	t.Cleanup(w.cache.Close)
}

func (w *world) put(t *testing.T, a film.Artifact) {
	t.Helper()
	if err := w.cache.Put(t.Context(), a, bytes.NewReader(pattern(a))); err != nil {
		t.Fatalf("put %s: %v", a.Key(), err)
	}
}

// has tells whether the folder has it, without being a use of it.
func (w *world) has(t *testing.T, a film.Artifact) bool {
	t.Helper()
	_, err := w.disk.Stat(t.Context(), a.Key())
	return err == nil
}

// reads opens an artifact, reads it, and says what is wrong with it.
func reads(ctx context.Context, c *derive.Cache, a film.Artifact) error {
	object, err := c.Open(ctx, a)
	if err != nil {
		return err
	}
	return whole(object, a)
}

// whole reads and closes an object.
func whole(object derive.Object, a film.Artifact) error {
	defer object.Close()
	got, err := io.ReadAll(io.NewSectionReader(object, 0, object.Size()))
	if err == nil && !bytes.Equal(got, pattern(a)) {
		err = fmt.Errorf("%s: %d bytes that are not its own", a.Key(), len(got))
	}
	return err
}
