package reel

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestRecentKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	r := newRecent[int, int](100)
	loads := 0
	get := func(key int, bytes int64) {
		t.Helper()
		v, err := r.get(t.Context(), key, func(context.Context) (int, int64, error) { loads++; return key * 10, bytes, nil })
		if err != nil || v != key*10 {
			t.Fatalf("get %d: %d, %v", key, v, err)
		}
	}
	for _, step := range []struct {
		key   int
		bytes int64
		loads int
	}{
		{1, 40, 1}, {2, 40, 2}, {1, 40, 2}, // both fit
		{3, 40, 3}, {1, 40, 3}, {2, 40, 4}, // 3 drove out 2, the one used longest ago
		{4, 500, 5}, {4, 500, 5}, // above the budget alone: kept alone
		{1, 40, 6}, {4, 500, 7},
	} {
		get(step.key, step.bytes)
		if loads != step.loads {
			t.Fatalf("after get %d: %d loads, want %d", step.key, loads, step.loads)
		}
	}
	if len(r.places) != 1 || r.bytes != 500 || r.order.Len() != 1 {
		t.Errorf("%d places, %d bytes, %d in order", len(r.places), r.bytes, r.order.Len())
	}
}

func TestRecentLoadsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecent[string, int](100)
		var loads atomic.Int64
		release := make(chan struct{})
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				v, err := r.get(t.Context(), "a", func(context.Context) (int, int64, error) {
					loads.Add(1)
					<-release
					return 7, 1, nil
				})
				if v != 7 || err != nil {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		callers.Wait()
		if loads.Load() != 1 {
			t.Errorf("%d loads", loads.Load())
		}
	})
}

// TestRecentTakesOver: when the one who loads leaves or fails, the next in line loads; when all have left, nothing
// stays behind.
func TestRecentTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecent[string, int](100)
		ctx, leave := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := r.get(ctx, "a", func(ctx context.Context) (int, int64, error) {
				<-ctx.Done()
				return 0, 0, ctx.Err()
			})
			first <- err
		}()
		synctest.Wait()
		second := make(chan error, 1)
		go func() {
			_, err := r.get(t.Context(), "a", func(context.Context) (int, int64, error) { return 1, 1, errors.New("no") })
			second <- err
		}()
		impatient, cancel := context.WithCancel(t.Context())
		third := make(chan error, 1)
		go func() {
			_, err := r.get(impatient, "a", nil)
			third <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-third; !errors.Is(err, context.Canceled) {
			t.Errorf("third: %v", err)
		}
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("first: %v", err)
		}
		if err := <-second; err == nil || err.Error() != "no" {
			t.Errorf("second: %v", err)
		}
		synctest.Wait()
		if len(r.places) != 0 {
			t.Errorf("%d places left", len(r.places))
		}
	})
}
