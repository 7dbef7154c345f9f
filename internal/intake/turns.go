package intake

import "context"

// turns lets so many through at a time.
type turns chan struct{}

func newTurns(n int) turns { return make(turns, n) }

// take waits for a turn. The one who got it calls done.
func (t turns) take(ctx context.Context) (done func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
