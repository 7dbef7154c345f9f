package uploader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The pauses between tries grow from the first to the last, by half each.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 15 * time.Second
	// longestRetryAfter bounds what a server may ask for.
	longestRetryAfter = 10 * time.Minute
)

// broken is a failure that may be over soon: the line, or the server for a while.
type broken struct {
	cause error
	after time.Duration // what Retry-After asks for; 0 when it says nothing
}

func (b *broken) Error() string { return b.cause.Error() }
func (b *broken) Unwrap() error { return b.cause }

// failure is the error of a request that was not answered: the caller's end, or a broken line.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &broken{cause: err}
}

// patience decides how long a failing thing is tried again. It is used by one goroutine.
type patience struct {
	limit time.Duration // how long without any progress
	tell  func(why error, pause time.Duration)

	since time.Time // of the first failure after the last progress; zero when there was none
	pause time.Duration
}

// moved says that there was progress.
func (p *patience) moved() { p.since, p.pause = time.Time{}, 0 }

// again waits until err, which came of a try, may be over. It returns an error when there is no use in another try.
func (p *patience) again(ctx context.Context, err error) error {
	b, ok := errors.AsType[*broken](err)
	if !ok {
		return err
	}
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	if now.Sub(p.since) >= p.limit {
		return fmt.Errorf("nothing moved for %s: %w", p.limit, b.cause)
	}
	p.pause = min(max(firstPause, p.pause*3/2), lastPause)
	// Many clients that were cut off at once are not to come back at once.
	pause := max(p.pause/2+rand.N(p.pause/2+1), b.after) //nolint:gosec // no secret
	p.tell(b.cause, pause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// persist tries until it succeeds, or fails for good.
func persist[T any](ctx context.Context, p patience, try func(context.Context) (T, error)) (T, error) {
	for {
		v, err := try(ctx)
		if err == nil {
			return v, nil
		}
		if err := p.again(ctx, err); err != nil {
			return v, err
		}
	}
}

// retryAfter reads the header of that name: seconds, or a date (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	var d time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), longestRetryAfter)
}
