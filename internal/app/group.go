package app

import (
	"context"
	"errors"
	"sync"
)

// group runs components that live until the context ends. The first one that fails ends the others; Wait returns when
// all have, with everything that went wrong.
type group struct {
	ctx    context.Context //nolint:containedctx // the group's whole purpose is this context's life
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

func newGroup(ctx context.Context) *group {
	g := &group{}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// Go runs a component.
func (g *group) Go(run func(context.Context) error) {
	g.wg.Go(func() {
		if err := run(g.ctx); err != nil && !errors.Is(err, context.Canceled) {
			g.mu.Lock()
			g.errs = append(g.errs, err)
			g.mu.Unlock()
			g.cancel()
		}
	})
}

// Stop ends all of them.
func (g *group) Stop() { g.cancel() }

// Wait waits for all.
func (g *group) Wait() error {
	g.wg.Wait()
	g.cancel()
	return errors.Join(g.errs...)
}
