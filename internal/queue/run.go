package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// stopPatience is how long handlers may take to return after their contexts have ended.
const stopPatience = 10 * time.Second

// beginPause is between two tries to begin.
const beginPause = 2 * time.Second

// Run works jobs until ctx ends. Then it takes no more, stops those that resume, lets the others finish for the grace
// period, ends the contexts of those that have not, whose runs do not count, and returns when all have returned, or with an error when some
// will not. First of all it takes back the jobs that an earlier life of this node left behind; while the
// database does not let it, because its disk is full, it tries again, and [Queue.Ping] fails.
func (q *Queue) Run(ctx context.Context) error {
	if len(q.kinds) == 0 {
		return errors.New("run queue: no handlers")
	}
	n, err := q.join(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return fmt.Errorf("run queue: %w", err)
	}
	client, err := river.NewClient(q.driver, q.config(n.id))
	if err != nil {
		return errors.Join(fmt.Errorf("run queue: %w", err), n.leave(ctx))
	}
	n.client = client
	if err := n.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return n.leave(ctx) // stopped before it began
		}
		return errors.Join(fmt.Errorf("run queue: %w", err), n.leave(ctx))
	}

	// The node must be seen to live until its last job has returned.
	living, die := context.WithCancel(context.WithoutCancel(ctx))
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := n.live(living); err != nil {
			stop(err)
		}
	})
	err = q.serve(working, client)
	if cause := context.Cause(working); err == nil && ctx.Err() == nil {
		err = cause
	}
	die()
	wg.Wait()
	if err := errors.Join(err, n.leave(ctx)); err != nil {
		return fmt.Errorf("run queue: %w", err)
	}
	return nil
}

// begin takes over what was left behind. A node whose own connection is gone does not begin.
func (n *node) begin(ctx context.Context) error {
	return n.q.insist(ctx, func() (over bool, err error) {
		err = n.inherit(ctx)
		return n.conn != nil && n.conn.IsClosed(), err
	})
}

// insist tries until it succeeds, is over for good, or the context ends.
func (q *Queue) insist(ctx context.Context, try func() (over bool, err error)) error {
	t := time.NewTicker(beginPause)
	defer t.Stop()
	for {
		over, err := try()
		if err == nil || over || ctx.Err() != nil {
			return err
		}
		q.cfg.Log.WarnContext(ctx, "no work can begin yet", "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}

// serve lets the client work until ctx ends and everything has come to rest.
func (q *Queue) serve(ctx context.Context, client *river.Client[boundTx]) error {
	if err := q.insist(ctx, func() (bool, error) { return false, client.Start(ctx) }); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return err
	}
	q.ready.Store(true)
	<-ctx.Done()
	q.ready.Store(false)
	q.interrupt()

	t := time.NewTimer(q.cfg.Grace + stopPatience)
	defer t.Stop()
	select {
	case <-client.Stopped():
		return nil
	case <-t.C:
		return fmt.Errorf("%d jobs did not return after their contexts had ended", q.inHand())
	}
}

func (q *Queue) inHand() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.running)
}
