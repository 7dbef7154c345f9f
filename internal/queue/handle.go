package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"

	"filmcan/internal/film"
)

const (
	defaultAttempts = 10
	defaultTimeout  = time.Minute
	// timeoutSlack is how much later River's own time limit comes, which tells less about why.
	timeoutSlack = 5 * time.Second
	// closingRuns is how often a handler with the last word is run after the last attempt.
	closingRuns = 30
	closingMax  = time.Minute
)

// Options says how the jobs of a kind are run. The zero value is a short job with ten attempts of a minute.
type Options struct {
	// Lane is the line it waits in: Short when empty.
	Lane Lane
	// MaxAttempts is how many runs may fail: 10 when zero.
	MaxAttempts int
	// Timeout ends the context of a run, with the cause [ErrTimeout]: a minute when zero. There is always a limit,
	// for without one the job of a handler that hangs would never be taken up again.
	Timeout time.Duration
	// Backoff is the pause after so many failed runs (1, 2, …): [Exponential] from 1 s to 5 min when nil.
	Backoff func(failed int) time.Duration
	// Unique makes an enqueued job vanish when an equal one (kind and args) is waiting or running.
	Unique bool
	// Closing gives the handler the last word: when the attempts are used up, whether by errors, a panic, a time
	// limit or the death of the process, it is run again, with [Attempt.Over], until it returns nil, so that the end
	// and its reason reach the customer also if reporting them failed. Without it a job is dropped after the last
	// failed attempt.
	Closing bool
	// Resumes says that a run goes on where the one before it ended: when the queue stops, it is not given the grace
	// period, which would hardly see its end, but stopped at once.
	Resumes bool
}

func (o Options) withDefaults() Options {
	if o.Lane == "" {
		o.Lane = Short
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = defaultAttempts
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Backoff == nil {
		o.Backoff = Exponential(time.Second, 5*time.Minute)
	}
	return o
}

// Attempt tells a handler which run of its job this is.
type Attempt struct {
	// Number counts the runs from 1. Those that were snoozed or stopped by a shutdown do not count.
	Number int
	// Max is the number of the last attempt. Number is greater when the process died in the last one, or when the
	// handler has the last word.
	Max int
}

// Last reports whether a failure of this run is final.
func (a Attempt) Last() bool { return a.Number >= a.Max }

// Over reports whether the attempts are used up: the work is not to be tried again, but its end to be told.
func (a Attempt) Over() bool { return a.Number > a.Max }

// Exponential returns pauses that double from first to limit, each up to a quarter shorter or longer than that, so
// that jobs which failed together do not come back together.
func Exponential(first, limit time.Duration) func(failed int) time.Duration {
	return func(failed int) time.Duration {
		d := first
		for range failed - 1 {
			if d >= limit/2 {
				d = limit
				break
			}
			d *= 2
		}
		return d - d/4 + rand.N(d/2+1) //nolint:gosec // jitter is no secret
	}
}

// kind is a registered kind of job.
type kind struct {
	Options

	name string
}

// stored is the number of attempts that River is told.
func (k kind) stored() int {
	if k.Closing {
		return k.MaxAttempts + closingRuns
	}
	return k.MaxAttempts
}

// attempt returns the run's number for the handler. The maximum is the one that was in force when the job was made.
func (k kind) attempt(number, stored int) Attempt {
	a := Attempt{Number: number, Max: stored}
	if k.Closing {
		a.Max = max(1, stored-closingRuns)
	}
	return a
}

// pause returns how long the job rests after a failed run.
func (k kind) pause(a Attempt) time.Duration {
	if a.Last() {
		return min(k.Backoff(a.Number-a.Max+1), closingMax)
	}
	return k.Backoff(a.Number)
}

func (k kind) insertOpts(at time.Time) *river.InsertOpts {
	if !at.After(time.Now()) {
		at = time.Time{} // River leaves every other time to the scheduler, which comes by each five seconds
	}
	opts := &river.InsertOpts{MaxAttempts: k.stored(), Queue: string(k.Lane), ScheduledAt: at}
	if k.Unique {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: uniqueStates()}
	}
	return opts
}

// Handle makes fn the handler of the jobs of A's kind. The context of fn ends with a cause: [ErrStopping], [ErrTimeout]
// or [ErrCancelled]. It panics when the kind has a handler already or the options make no sense.
func Handle[A film.JobArgs](q *Queue, opts Options, fn func(ctx context.Context, args A, attempt Attempt) error) {
	var args A
	k := kind{Options: opts.withDefaults(), name: args.Kind()}
	switch {
	case k.Timeout < 0 || k.MaxAttempts < 0:
		panic(fmt.Sprintf("queue: jobs of kind %s must have a time limit and attempts", k.name))
	case q.cfg.Workers[k.Lane] < 1:
		panic(fmt.Sprintf("queue: jobs of kind %s wait in the lane %s, which has no workers", k.name, k.Lane))
	}
	river.AddWorker(q.workers, &worker[A]{q: q, kind: k, fn: fn}) // panics at a second handler
	q.kinds[k.name] = k
}

// worker is a handler as River has it.
type worker[A film.JobArgs] struct {
	river.WorkerDefaults[A]

	q    *Queue
	kind kind
	fn   func(ctx context.Context, args A, attempt Attempt) error
}

func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	return w.q.work(ctx, w.kind, job.JobRow, job.Args, func(ctx context.Context, a Attempt) error {
		return w.fn(ctx, job.Args, a)
	})
}

func (w *worker[A]) Timeout(*river.Job[A]) time.Duration { return w.kind.Timeout + timeoutSlack }

func (w *worker[A]) NextRetry(job *river.Job[A]) time.Time {
	return time.Now().Add(w.kind.pause(w.kind.attempt(job.Attempt, job.MaxAttempts)))
}
