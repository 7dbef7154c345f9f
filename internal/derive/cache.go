package derive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

// Maker makes one artifact and writes its bytes to w, which keeps what is large out of memory. It stops soon after its
// context ends (writing then fails), and what it writes depends on nothing but the artifact's name and the film that it
// names. When the store was full it may be run again.
type Maker func(ctx context.Context, a film.Artifact, w io.Writer) error

// ErrKept is returned by a maker that wrote nothing, because it has put the artifact into the cache itself.
var ErrKept = errors.New("derive: the artifact is in the store already")

// Bytes is the maker of artifacts that are small enough to be made in memory.
func Bytes(maker func(ctx context.Context, a film.Artifact) ([]byte, error)) Maker {
	return func(ctx context.Context, a film.Artifact, w io.Writer) error {
		b, err := maker(ctx, a)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
}

// Store is what the cache needs of its store. It asks for the powers blob.Pruner, blob.Roomer, blob.Toucher and
// blob.Sweeper as well.
type Store interface {
	blob.Store
	blob.Creator
}

// Object is an artifact, open to be read, by many at once. It must be closed, and stays readable until then whatever
// happens to the store. One that is a local file of its own has the power blob.Filer.
type Object interface {
	io.ReaderAt
	io.Closer
	// Size is its length in bytes.
	Size() int64
}

// ErrClosed is returned once the cache is closed.
var ErrClosed = errors.New("derive: closed")

// Cache hands out artifacts, from the store or from their makers, and keeps house in the store while [Cache.Run] runs.
type Cache struct {
	store  Store
	makers map[string]Maker
	cfg    Config
	log    *slog.Logger

	mu      sync.Mutex
	flights map[flightKey]*flight
	closed  bool
	running sync.WaitGroup

	ledger  *ledger
	house   house
	spooled atomic.Int64 // bytes of artifacts in memory that the store did not take

	hits, misses, made, failed, shared, unkept atomic.Int64
	evicted, evictedBytes                      atomic.Int64
}

// New returns a cache over that store. makers has one maker for each kind of artifact that is made on demand.
func New(store Store, makers map[string]Maker, cfg Config, log *slog.Logger) *Cache {
	cfg = cfg.orDefault()
	return &Cache{
		store: store, makers: makers, cfg: cfg, log: log,
		flights: map[flightKey]*flight{}, ledger: newLedger(cfg), house: newHouse(),
	}
}

// Stats counts what the cache has done since it began, and what it knows to be in its store.
type Stats struct {
	Hits         int64 // found in the store
	Misses       int64 // looked for there in vain
	Made         int64 // runs of a maker that succeeded
	Failed       int64 // runs of a maker that failed or were abandoned
	Shared       int64 // callers who joined a run that was under way
	Unkept       int64 // made, but not taken by the store
	Evicted      int64 // removed to keep to the budget or to make room
	EvictedBytes int64

	Objects     int64 // in the store now
	Bytes       int64
	PinnedBytes int64 // of these
}

// Stats returns the counts.
func (c *Cache) Stats() Stats {
	objects, bytes, pinned := c.ledger.totals()
	return Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Made: c.made.Load(), Failed: c.failed.Load(),
		Shared: c.shared.Load(), Unkept: c.unkept.Load(), Evicted: c.evicted.Load(), EvictedBytes: c.evictedBytes.Load(),
		Objects: objects, Bytes: bytes, PinnedBytes: pinned,
	}
}

// Get returns the artifact's bytes; they belong to all callers and must not be changed. It waits while the artifact is
// made, together with everybody else who wants it. A run of a maker outlives the caller who began it and stops when
// the last one who waits for it has left. Failures are not remembered: the next caller begins anew.
func (c *Cache) Get(ctx context.Context, a film.Artifact) ([]byte, error) {
	if object, ok := c.Find(ctx, a); ok {
		b, err := content(object)
		if err == nil {
			return b, nil
		}
		c.unreadable(ctx, a, err)
	}
	return c.bytes(ctx, flightKey{artifact: a})
}

// Rebuild makes the artifact anew, whatever the store has, and replaces it there: for a caller who found that what Get
// returned cannot be right.
func (c *Cache) Rebuild(ctx context.Context, a film.Artifact) ([]byte, error) {
	return c.bytes(ctx, flightKey{artifact: a, rebuild: true})
}

func (c *Cache) bytes(ctx context.Context, key flightKey) ([]byte, error) {
	f, err := c.wait(ctx, key)
	if err != nil {
		return nil, err
	}
	defer c.release(key, f)
	if f.out.file == nil {
		return f.out.bytes, nil
	}
	return read(f.out.file)
}

// Open is Get for what may be large: the artifact comes as an object to be read.
func (c *Cache) Open(ctx context.Context, a film.Artifact) (Object, error) {
	if object, ok := c.Find(ctx, a); ok {
		return object, nil
	}
	key := flightKey{artifact: a}
	f, err := c.wait(ctx, key)
	if err != nil {
		return nil, err
	}
	if f.out.file == nil {
		defer c.release(key, f)
		return inMemory(f.out.bytes), nil
	}
	if f.out.kept {
		// A file of its own has a position of its own, which sendfile wants.
		if object, err := c.store.Open(ctx, a.Key()); err == nil {
			c.release(key, f)
			return object, nil
		}
	}
	return &sharedObject{ReaderAt: f.out.file, size: f.out.file.Size(), release: sync.OnceFunc(func() { c.release(key, f) })}, nil
}

// Find returns the artifact if the store has it. It is never made.
func (c *Cache) Find(ctx context.Context, a film.Artifact) (Object, bool) {
	object, ok := c.find(ctx, a)
	if !ok {
		c.misses.Add(1)
		return nil, false
	}
	c.hits.Add(1)
	return object, true
}

// Put keeps an artifact that somebody made who makes many at once. An error says that it was not kept, ErrNoSpace among
// others: then what there is of it is the caller's.
func (c *Cache) Put(ctx context.Context, a film.Artifact, r io.Reader) error {
	d := c.draft(ctx, a)
	d.strict = true
	defer d.close()
	if _, err := io.Copy(d, r); err != nil {
		return fmt.Errorf("keep %s: %w", a.Key(), err)
	}
	return d.keep()
}

// Drop removes one artifact, for who found it to be wrong or has no more use for it.
func (c *Cache) Drop(ctx context.Context, a film.Artifact) error {
	c.ledger.remove(a.Key())
	return c.store.Delete(ctx, a.Key())
}

// Forget removes everything derived from a film, what is pinned as well. What is being made meanwhile may stay behind:
// it is disposable.
func (c *Cache) Forget(ctx context.Context, id film.FilmID) error {
	_, err := c.Clear(ctx, Selection{Film: id, Pinned: true})
	return err
}

// Close stops every maker and returns when all have ended. Later calls of Get return [ErrClosed].
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.flights {
		f.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// find looks into the store. Whatever goes wrong there, the artifact can be made.
func (c *Cache) find(ctx context.Context, a film.Artifact) (blob.Reader, bool) {
	key := a.Key()
	object, err := c.store.Open(ctx, key)
	switch {
	case err == nil:
		c.used(ctx, key, object.Size())
		return object, true
	case !errors.Is(err, blob.ErrNotFound) && ctx.Err() == nil:
		c.unreadable(ctx, a, err)
	default:
		c.ledger.remove(key) // if it was there, somebody removed it
	}
	return nil, false
}

func (c *Cache) unreadable(ctx context.Context, a film.Artifact, err error) {
	c.log.WarnContext(ctx, "derived artifact cannot be read", "artifact", a.Key(), "error", err)
}

// used notes that a thing was of use, and writes it down where that is due.
func (c *Cache) used(ctx context.Context, key string, size int64) {
	now := c.cfg.Now()
	if !c.ledger.used(key, size, now) {
		return
	}
	if toucher, ok := c.store.(blob.Toucher); ok {
		_ = toucher.Touch(ctx, key, now) // it costs the thing a better place in the order
	}
}

// make runs the artifact's maker and keeps what it writes.
func (c *Cache) make(ctx context.Context, a film.Artifact, rebuild bool) (output, error) {
	maker, ok := c.makers[a.Kind]
	if !ok {
		return output{}, fmt.Errorf("derive: no maker of kind %q", a.Kind)
	}
	if !rebuild {
		// Somebody else may have finished it between this caller's look and its place in line.
		if object, ok := c.find(ctx, a); ok {
			c.hits.Add(1)
			return output{file: object, kept: true}, nil
		}
	}
	d := c.draft(ctx, a)
	defer d.close()
	err := maker(ctx, a, d)
	if d.lost != nil {
		err = d.lost
	}
	if errors.Is(err, ErrKept) {
		if object, ok := c.find(ctx, a); ok {
			c.made.Add(1)
			return output{file: object, kept: true}, nil
		}
	}
	if err != nil {
		c.failed.Add(1)
		return output{}, fmt.Errorf("make %s: %w", a.Key(), err)
	}
	c.made.Add(1)
	if err := d.keep(); err != nil {
		c.unkept.Add(1)
		if c.house.speak(c.cfg.Now()) {
			c.log.WarnContext(ctx, "derived artifacts are not kept", "artifact", a.Key(), "unkept", c.unkept.Load(), "error", err)
		}
	}
	return d.output(), nil
}
