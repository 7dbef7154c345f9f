package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"filmcan/internal/film"
	"filmcan/internal/point"
)

// The causes with which the context of a handler ends.
var (
	// ErrStopping: the process shuts down. The job will be run again, and this run does not count.
	ErrStopping = errors.New("the queue is stopping")
	// ErrTimeout: the run took longer than its kind may.
	ErrTimeout = errors.New("the job ran into its time limit")
	// ErrCancelled: what the job was for is gone, see [Queue.Cancel]. It will not be run again.
	ErrCancelled = errors.New("the job was cancelled")
)

// run is a job that is being worked on in this process.
type run struct {
	args    film.JobArgs
	resumes bool
	cancel  context.CancelCauseFunc
}

// Cancel ends the runs in this process of those jobs that match, with the cause [ErrCancelled], and returns how many.
// It waits for none. Jobs that have not begun, and runs in other processes, are not touched: their handlers find out
// by looking.
func (q *Queue) Cancel(match func(film.JobArgs) bool) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for r := range q.running {
		if match(r.args) {
			r.cancel(ErrCancelled)
			n++
		}
	}
	return n
}

// interrupt ends the runs that the next ones resume, and those that are still to begin.
func (q *Queue) interrupt() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopping = true
	for r := range q.running {
		if r.resumes {
			r.cancel(ErrStopping)
		}
	}
}

// panicked is a panic of a handler as an error.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// reported is an error that has been logged.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// work runs a handler, logs how it went and tells River what becomes of the job.
func (q *Queue) work(
	outer context.Context, k kind, row *rivertype.JobRow, args film.JobArgs, fn func(context.Context, Attempt) error,
) error {
	a := k.attempt(row.Attempt, row.MaxAttempts)
	log := q.cfg.Log.With("kind", k.name, "job", row.ID, "attempt", a.Number)
	started := time.Now()
	point.Hit("queue.job-started:" + k.name)

	ctx, cancel := q.context(outer, k, args)
	err := protect(ctx, a, fn)
	cause := context.Cause(ctx)
	cancel()

	log = log.With("dur", time.Since(started))
	if err == nil {
		point.Hit("queue.job-done:" + k.name)
		log.InfoContext(outer, "job done")
		return nil
	}
	return q.verdict(outer, log, a, err, cause)
}

// context returns the context of a run, which ends with a cause of ours, and enters the run into the list of those
// that can be cancelled until the returned function is called.
func (q *Queue) context(outer context.Context, k kind, args film.JobArgs) (context.Context, func()) {
	// Severed from River's context, whose cause of a stop is not to be had, and tied to its end again.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(outer))
	untie := context.AfterFunc(outer, func() { cancel(ErrStopping) })
	ctx, stop := context.WithTimeoutCause(ctx, k.Timeout, ErrTimeout)

	r := &run{args: args, resumes: k.Resumes, cancel: cancel}
	q.mu.Lock()
	q.running[r] = struct{}{}
	if q.stopping && r.resumes {
		cancel(ErrStopping)
	}
	q.mu.Unlock()
	return ctx, func() {
		q.mu.Lock()
		delete(q.running, r)
		q.mu.Unlock()
		untie()
		stop()
		cancel(nil)
	}
}

// protect turns a panic of the handler into an error.
func protect(ctx context.Context, a Attempt, fn func(context.Context, Attempt) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{value: v, stack: debug.Stack()}
		}
	}()
	return fn(ctx, a)
}

// verdict logs a run that did not succeed, once, and returns the error that makes River do what is due.
func (q *Queue) verdict(ctx context.Context, log *slog.Logger, a Attempt, err, cause error) error {
	if later, ok := errors.AsType[*film.Later](err); ok {
		log.DebugContext(ctx, "job snoozed", "after", later.After)
		return river.JobSnooze(max(0, later.After))
	}
	var (
		crash, isPanic = errors.AsType[*panicked](err)
		fault          = film.FaultOf(err)
	)
	switch {
	case isPanic:
		log.ErrorContext(ctx, "job panicked", "error", err, "stack", string(crash.stack))
	case errors.Is(cause, ErrStopping):
		log.InfoContext(ctx, "job stopped, to be run again", "error", err)
		if ctx.Err() == nil {
			return river.JobSnooze(0) // River itself has not come to stopping the job
		}
		return fmt.Errorf("%w: %w", context.Canceled, err) // River tells a stop from a failure by this
	case errors.Is(cause, ErrCancelled):
		log.InfoContext(ctx, "job cancelled", "error", err)
		return river.JobCancel(err)
	case fault == film.FaultCustomer:
		log.InfoContext(ctx, "job refused", "error", err)
		return river.JobCancel(err)
	case errors.Is(cause, ErrTimeout):
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
		log.ErrorContext(ctx, "job failed", "error", err, "last", a.Last())
	case fault == film.FaultEndpoint:
		log.InfoContext(ctx, "job failed", "error", err, "last", a.Last())
	case fault == film.FaultTransient && !a.Last():
		log.WarnContext(ctx, "job failed", "error", err, "last", a.Last())
	default:
		log.ErrorContext(ctx, "job failed", "error", err, "last", a.Last())
	}
	return reported{err}
}

// stuck is told of handlers that ignore the end of their context. They lose their place in the lane, so that others
// can work, as long as there are few of them.
func (q *Queue) stuck(ctx context.Context, p river.JobStuckHandlerParams) river.JobStuckHandlerResult {
	q.cfg.Log.ErrorContext(ctx, "job ignores the end of its context", "kind", p.Kind, "job", p.ID, "stuck", p.TotalStuckJobs)
	return river.JobStuckHandlerResult{AddWorkerSlot: p.TotalStuckJobs <= maxStuck}
}

const maxStuck = 8
