package export

import (
	"context"
	"fmt"
	"runtime/debug"
)

// together does both at the same time, and returns when both have ended. The one that fails first ends the other, and it
// is its error that is returned.
func together(ctx context.Context, first, second func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { // waited for below
		err := guarded(ctx, second)
		if err != nil {
			cancel(err)
		}
		ended <- err
	}()
	err := guarded(ctx, first)
	if err != nil {
		cancel(err)
	}
	other := <-ended
	if err != nil || other != nil {
		return context.Cause(ctx)
	}
	return nil
}

// guarded makes an error of a panic: work reads what a stranger sent, and nobody is above a goroutine to notice.
func guarded(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return work(ctx)
}
