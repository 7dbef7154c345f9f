package derive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

// Maker makes one artifact and returns its bytes. It stops soon after its context ends, and what it returns depends on
// nothing but the artifact's name and the film that it names.
type Maker func(ctx context.Context, a film.Artifact) ([]byte, error)

// ErrClosed is returned once the cache is closed.
var ErrClosed = errors.New("derive: closed")

// Cache hands out artifacts, from the store or from their makers.
type Cache struct {
	store  blob.Store
	makers map[string]Maker
	log    *slog.Logger

	mu      sync.Mutex
	flights map[flightKey]*flight
	closed  bool

	running sync.WaitGroup
	hits    atomic.Int64
	made    atomic.Int64
	failed  atomic.Int64
	shared  atomic.Int64
	unkept  atomic.Int64
}

// New returns a cache over that store. makers has one maker for each kind of artifact.
func New(store blob.Store, makers map[string]Maker, log *slog.Logger) *Cache {
	return &Cache{store: store, makers: makers, log: log, flights: map[flightKey]*flight{}}
}

// Stats counts what the cache has done since it began.
type Stats struct {
	Hits   int64 // found in the store
	Made   int64 // runs of a maker that succeeded
	Failed int64 // runs of a maker that failed or were abandoned
	Shared int64 // callers who joined a run that was under way
	Unkept int64 // made, but not taken by the store
}

// Stats returns the counts.
func (c *Cache) Stats() Stats {
	return Stats{c.hits.Load(), c.made.Load(), c.failed.Load(), c.shared.Load(), c.unkept.Load()}
}

// Get returns the artifact's bytes; they belong to all callers and must not be changed. It waits while the artifact is
// made, together with everybody else who wants it. A run of a maker outlives the caller who began it and stops when
// the last one who waits for it has left. Failures are not remembered: the next caller begins anew.
func (c *Cache) Get(ctx context.Context, a film.Artifact) ([]byte, error) {
	if b, ok := c.find(ctx, a); ok {
		c.hits.Add(1)
		return b, nil
	}
	return c.wait(ctx, a, false)
}

// Rebuild makes the artifact anew, whatever the store has, and replaces it there: for a caller who found that what Get
// returned cannot be right.
func (c *Cache) Rebuild(ctx context.Context, a film.Artifact) ([]byte, error) {
	return c.wait(ctx, a, true)
}

// Forget removes everything derived from a film. What is being made meanwhile may stay behind: it is disposable.
func (c *Cache) Forget(ctx context.Context, id film.FilmID) error {
	folders := map[string]struct{}{}
	for info, err := range c.store.List(ctx, film.ArtifactPrefix(id)) {
		if err != nil {
			return fmt.Errorf("list what is derived from film %s: %w", id, err)
		}
		if err := c.store.Delete(ctx, info.Key); err != nil {
			return fmt.Errorf("forget %s: %w", info.Key, err)
		}
		folders[path.Dir(info.Key)+"/"] = struct{}{}
	}
	pruner, ok := c.store.(blob.Pruner)
	if !ok {
		return nil
	}
	for _, folder := range append(slices.Collect(maps.Keys(folders)), film.ArtifactPrefix(id)) {
		if err := pruner.Prune(ctx, folder); err != nil {
			return fmt.Errorf("forget film %s: %w", id, err)
		}
	}
	return nil
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
func (c *Cache) find(ctx context.Context, a film.Artifact) ([]byte, bool) {
	b, err := c.read(ctx, a.Key())
	switch {
	case err == nil:
		return b, true
	case !errors.Is(err, blob.ErrNotFound) && ctx.Err() == nil:
		c.log.WarnContext(ctx, "derived artifact cannot be read", "artifact", a.Key(), "error", err)
	}
	return nil, false
}

func (c *Cache) read(ctx context.Context, key string) ([]byte, error) {
	object, err := c.store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	b := make([]byte, object.Size())
	if n, err := object.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("read %s: %w", key, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return b, nil
}

// make runs the artifact's maker and keeps what it returns.
func (c *Cache) make(ctx context.Context, a film.Artifact, rebuild bool) ([]byte, error) {
	maker, ok := c.makers[a.Kind]
	if !ok {
		return nil, fmt.Errorf("derive: no maker of kind %q", a.Kind)
	}
	if !rebuild {
		// Somebody else may have finished it between this caller's look and its place in line.
		if b, ok := c.find(ctx, a); ok {
			c.hits.Add(1)
			return b, nil
		}
	}
	b, err := maker(ctx, a)
	if err != nil {
		c.failed.Add(1)
		return nil, fmt.Errorf("make %s: %w", a.Key(), err)
	}
	c.made.Add(1)
	if err := c.store.Put(ctx, a.Key(), bytes.NewReader(b)); err != nil {
		c.unkept.Add(1)
		c.log.WarnContext(ctx, "derived artifact not kept", "artifact", a.Key(), "error", err)
	}
	return b, nil
}
