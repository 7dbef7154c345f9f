package derive

import (
	"context"
	"fmt"
	"runtime/debug"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

// flightKey tells runs apart that may not share a result: one that looks into the store first, and one that does not.
type flightKey struct {
	artifact film.Artifact
	rebuild  bool
}

// flight is one run of a maker and those who wait for it, or still read what came of it.
type flight struct {
	cancel  context.CancelFunc
	waiting int  // guarded by Cache.mu
	ended   bool // guarded by Cache.mu

	done chan struct{}
	out  output // set before done is closed
	err  error
}

// output is what came of a run: a file, which the flight closes when the last one leaves, or else bytes.
type output struct {
	bytes []byte
	file  blob.Reader
	kept  bool // the store has the file
}

func (o output) close() {
	if o.file != nil {
		_ = o.file.Close() // it was read, or never will be
	}
}

// wait joins the run for this artifact, or begins it, and returns it when it has ended well. It must be released then.
func (c *Cache) wait(ctx context.Context, key flightKey) (*flight, error) {
	f, err := c.join(ctx, key)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		if f.err != nil {
			c.release(key, f)
			return nil, f.err
		}
		return f, nil
	case <-ctx.Done():
		c.release(key, f)
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

// release takes one who waits or reads away. The last one stops the run, and whoever comes now begins another.
func (c *Cache) release(key flightKey, f *flight) {
	c.mu.Lock()
	f.waiting--
	last := f.waiting == 0
	if last {
		f.cancel()
		c.remove(key, f)
	}
	ended := f.ended
	c.mu.Unlock()
	if last && ended {
		f.out.close()
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
			f.out, f.err = output{}, fmt.Errorf("make %s: panic: %v\n%s", key.artifact.Key(), p, debug.Stack())
		}
		c.mu.Lock()
		c.remove(key, f)
		f.ended = true
		nobody := f.waiting == 0
		c.mu.Unlock()
		f.cancel()
		close(f.done)
		if nobody {
			f.out.close()
		}
	}()
	f.out, f.err = c.make(ctx, key.artifact, key.rebuild)
}
