package reel

import "context"

// gate lets one through at a time.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter waits until nobody else is inside. Who was let in leaves again.
func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g gate) leave() { <-g }
