package derive

import (
	"context"
	"fmt"
	"runtime/debug"

	"filmcan/internal/film"
)

// flightKey tells runs apart that may not share a result: one that looks into the store first, and one that does not.
type flightKey struct {
	artifact film.Artifact
	rebuild  bool
}

// flight is one run of a maker and those who wait for it.
type flight struct {
	cancel  context.CancelFunc
	waiting int // guarded by Cache.mu

	done  chan struct{}
	bytes []byte // set before done is closed
	err   error
}

// wait joins the run for this artifact, or begins it.
func (c *Cache) wait(ctx context.Context, a film.Artifact, rebuild bool) ([]byte, error) {
	key := flightKey{a, rebuild}
	f, err := c.join(ctx, key)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.bytes, f.err
	case <-ctx.Done():
		c.leave(key, f)
		return nil, context.Cause(ctx)
	}
}

func (c *Cache) join(ctx context.Context, key flightKey) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if f := c.flights[key]; f != nil {
		f.waiting++
		c.shared.Add(1)
		return f, nil
	}
	// The run belongs to everybody who will wait for it, so it does not end with the one who began it.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, waiting: 1, done: make(chan struct{})}
	c.flights[key] = f
	c.running.Go(func() { c.run(run, key, f) })
	return f, nil
}

// leave takes one who waits away. The last one stops the run, and whoever comes now begins another.
func (c *Cache) leave(key flightKey, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.waiting == 0 {
		f.cancel()
		c.remove(key, f)
	}
}

// remove takes the run out of the line; c.mu is held.
func (c *Cache) remove(key flightKey, f *flight) {
	if c.flights[key] == f {
		delete(c.flights, key)
	}
}

func (c *Cache) run(ctx context.Context, key flightKey, f *flight) {
	defer func() {
		// A maker reads what a stranger sent: a bug that one film touches must not take everybody's playback down.
		if p := recover(); p != nil {
			c.failed.Add(1)
			f.bytes, f.err = nil, fmt.Errorf("make %s: panic: %v\n%s", key.artifact.Key(), p, debug.Stack())
		}
		c.mu.Lock()
		c.remove(key, f)
		c.mu.Unlock()
		f.cancel()
		close(f.done)
	}()
	f.bytes, f.err = c.make(ctx, key.artifact, key.rebuild)
}
