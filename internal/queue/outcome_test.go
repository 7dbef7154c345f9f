package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/queue"
)

// outcomes lists what a handler returns, run after run, and what is left of the job then.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	customer := fmt.Errorf("look at film: %w", film.Invalid("not a film"))
	for _, tc := range []struct {
		name    string
		opts    queue.Options
		returns []error  // the handler panics where it is nil
		runs    []string // what the handler saw
		state   string   // the state of Stats that the job is in; none for a job that is done
		logged  string
	}{
		{
			name: "done at once", returns: []error{errDone}, runs: []string{"1/10"}, logged: `msg="job done"`,
		}, {
			name: "retried until it works", returns: []error{broken, broken, errDone}, runs: []string{"1/10", "2/10", "3/10"},
			logged: "level=ERROR",
		}, {
			name: "out of attempts", opts: queue.Options{MaxAttempts: 2}, returns: []error{broken, broken},
			runs: []string{"1/2", "2/2"}, state: "discarded", logged: "last=true",
		}, {
			name: "the customer's fault", returns: []error{customer}, runs: []string{"1/10"}, state: "cancelled",
			logged: `level=INFO msg="job refused"`,
		}, {
			name: "the endpoint's fault", opts: queue.Options{MaxAttempts: 1},
			returns: []error{&film.Error{Fault: film.FaultEndpoint, Message: "503"}}, runs: []string{"1/1"}, state: "discarded",
			logged: `level=INFO msg="job failed"`,
		}, {
			name: "snoozing does not count", returns: []error{&film.Later{After: time.Millisecond}, &film.Later{}, broken, errDone},
			runs: []string{"1/10", "1/10", "1/10", "2/10"}, logged: `msg="job done"`,
		}, {
			name: "a panic is a failed attempt", returns: []error{nil, errDone}, runs: []string{"1/10", "2/10"},
			logged: "outcome_test.go",
		}, {
			name: "the last word after errors", opts: queue.Options{MaxAttempts: 2, Closing: true},
			returns: []error{broken, broken, broken, errDone}, runs: []string{"1/2", "2/2", "3/2", "4/2"}, logged: `msg="job done"`,
		}, {
			name: "the last word after a panic", opts: queue.Options{MaxAttempts: 1, Closing: true},
			returns: []error{nil, errDone}, runs: []string{"1/1", "2/1"}, logged: `msg="job done"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, address := range databases() {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var book logBook
					db := open(t, address(t))
					q := newQueue(db, queue.Config{Log: book.logger()})
					opts := tc.opts
					opts.Backoff = at
					seen := make(chan string, len(tc.returns)+10)
					run := 0 // jobs of one kind, one job: one run at a time
					queue.Handle(q, opts, func(_ context.Context, _ note, a queue.Attempt) error {
						seen <- fmt.Sprintf("%d/%d", a.Number, a.Max)
						if a.Over() != (a.Number > a.Max) || a.Last() != (a.Number >= a.Max) {
							t.Errorf("attempt %+v: over %t, last %t", a, a.Over(), a.Last())
						}
						if run == len(tc.returns) {
							t.Error("one run too many")
							return nil
						}
						err := tc.returns[run]
						run++
						switch {
						case err == nil:
							panic("a broken handler")
						case errors.Is(err, errDone):
							return nil
						}
						return err
					})
					enqueue(t, db, q, job("a"))
					stop := start(t, q)
					for i, want := range tc.runs {
						if got := next(t, "run "+want, seen); got != want {
							t.Errorf("run %d: got attempt %s, want %s", i+1, got, want)
						}
					}
					eventually(t, "the end", func() bool {
						return inState(t, q, "running")+inState(t, q, "available")+inState(t, q, "retryable") == 0
					})
					stop()
					for _, state := range []string{"cancelled", "discarded"} {
						if n := inState(t, q, state); (n == 1) != (state == tc.state) {
							t.Errorf("%d jobs are %s", n, state)
						}
					}
					if !strings.Contains(book.String(), tc.logged) {
						t.Errorf("the log does not say %q:\n%s", tc.logged, book.String())
					}
					if n := strings.Count(book.String(), "job=1 attempt="); n > len(tc.runs) {
						t.Errorf("%d lines for %d runs:\n%s", n, len(tc.runs), book.String())
					}
					if strings.Contains(book.String(), "from=river") {
						t.Errorf("noise in the log:\n%s", book.String())
					}
				})
			}
		})
	}
}

// errDone stands for nil in the table.
var errDone = errors.New("done")

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			causes := make(chan error, 10)
			queue.Handle(q, queue.Options{Timeout: 50 * time.Millisecond, Backoff: at, MaxAttempts: 2},
				func(ctx context.Context, _ note, a queue.Attempt) error {
					if _, ok := ctx.Deadline(); !ok {
						t.Error("the context has no deadline")
					}
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return ctx.Err()
				})
			enqueue(t, db, q, job("a"))
			start(t, q)
			for range 2 {
				if err := next(t, "the time limit", causes); !errors.Is(err, queue.ErrTimeout) {
					t.Errorf("cause is %v", err)
				}
			}
			eventually(t, "the end", func() bool { return inState(t, q, "discarded") == 1 })
		})
	}
}

func TestCancelEndsTheRunsThatMatch(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			began, ended, release := make(chan string, 10), make(chan string, 10), make(chan struct{})
			queue.Handle(q, queue.Options{Backoff: at}, func(ctx context.Context, n note, _ queue.Attempt) error {
				began <- n.Text
				select {
				case <-release:
					return nil
				case <-ctx.Done():
					ended <- fmt.Sprint(n.Text, ": ", context.Cause(ctx))
					return ctx.Err()
				}
			})
			enqueue(t, db, q, job("a"), job("b"))
			start(t, q)
			next(t, "one", began)
			next(t, "the other", began)
			if n := q.Cancel(func(args film.JobArgs) bool { return args == note{"a"} }); n != 1 {
				t.Errorf("%d runs were cancelled, want 1", n)
			}
			if got, want := next(t, "the end", ended), "a: "+queue.ErrCancelled.Error(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			close(release)
			eventually(t, "both to end", func() bool { return inState(t, q, "running") == 0 })
			if n := inState(t, q, "cancelled"); n != 1 {
				t.Errorf("%d jobs are cancelled, want 1", n)
			}
			if n := q.Cancel(func(film.JobArgs) bool { return true }); n != 0 {
				t.Errorf("%d runs are still known", n)
			}
		})
	}
}

func TestStopLetsRunningJobsFinish(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			began, release := make(chan error, 10), make(chan struct{})
			queue.Handle(q, queue.Options{}, func(ctx context.Context, _ note, _ queue.Attempt) error {
				began <- ctx.Err()
				<-release
				return ctx.Err()
			})
			enqueue(t, db, q, job("a"))
			stop := start(t, q)
			next(t, "the job", began)
			eventually(t, "the queue to say that it runs", func() bool { return q.Ping() == nil })
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				stop()
			}()
			eventually(t, "the queue to stop fetching", func() bool { return q.Ping() != nil })
			enqueue(t, db, q, job("too late"))
			close(release)
			next(t, "the end", stopped)
			if r, a := inState(t, q, "running"), inState(t, q, "available"); r != 0 || a != 1 {
				t.Errorf("%d jobs are running, %d available; want 0 and 1", r, a)
			}
		})
	}
}

// TestStopEndsWhatResumes: a run that the next one goes on with is stopped at once, with time for the others still left; it
// does not count.
func TestStopEndsWhatResumes(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{Grace: patience})
			began, causes, finished, release := make(chan string, 10), make(chan error, 10), make(chan error, 10), make(chan struct{})
			queue.Handle(q, queue.Options{MaxAttempts: 1, Resumes: true}, func(ctx context.Context, _ note, _ queue.Attempt) error {
				began <- "resumes"
				<-ctx.Done()
				causes <- context.Cause(ctx)
				return fmt.Errorf("encode: %w", context.Cause(ctx))
			})
			queue.Handle(q, queue.Options{}, func(ctx context.Context, _ chore, _ queue.Attempt) error {
				began <- "finishes"
				<-release
				finished <- ctx.Err()
				return ctx.Err()
			})
			enqueue(t, db, q, job("a"), film.Job{Args: chore{}})
			stop := start(t, q)
			next(t, "a job", began)
			next(t, "the other job", began)
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				stop()
			}()
			if err := next(t, "the end of what resumes", causes); !errors.Is(err, queue.ErrStopping) {
				t.Errorf("cause is %v", err)
			}
			close(release)
			next(t, "the end", stopped)
			if r, a := inState(t, q, "running"), inState(t, q, "available"); r != 0 || a != 1 {
				t.Errorf("of what resumes %d run and %d are available, want 0 and 1", r, a)
			}
			if err := next(t, "the end of what finishes", finished); err != nil {
				t.Errorf("what finishes ended with %v", err)
			}
		})
	}
}

func TestStopThatRunsOutOfPatience(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			causes, attempts := make(chan error, 10), make(chan queue.Attempt, 10)
			handle := func(q *queue.Queue) {
				queue.Handle(q, queue.Options{MaxAttempts: 1}, func(ctx context.Context, _ note, a queue.Attempt) error {
					attempts <- a
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return fmt.Errorf("copy: %w", context.Cause(ctx))
				})
			}
			for range 2 { // it is not counted, so there can be any number of them
				q := newQueue(db, queue.Config{Grace: time.Millisecond})
				handle(q)
				if n := inState(t, q, "available"); n == 0 {
					enqueue(t, db, q, job("a"))
				}
				stop := start(t, q)
				if a := next(t, "the job", attempts); a.Number != 1 {
					t.Errorf("attempt %d, want 1", a.Number)
				}
				stop()
				if err := next(t, "the end", causes); !errors.Is(err, queue.ErrStopping) {
					t.Errorf("cause is %v", err)
				}
				if n := inState(t, q, "available"); n != 1 {
					t.Errorf("%d jobs are available again, want 1", n)
				}
			}
		})
	}
}

func TestExponential(t *testing.T) {
	t.Parallel()
	pause := queue.Exponential(time.Second, time.Minute)
	for failed, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute,
	} {
		shortest, longest := want, want
		for range 1000 {
			d := pause(failed)
			shortest, longest = min(shortest, d), max(longest, d)
		}
		if shortest < want*3/4 || longest > want*5/4 || longest-shortest < want/4 {
			t.Errorf("after %d failures: from %s to %s, want %s give or take a quarter", failed, shortest, longest, want)
		}
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	handler := func(context.Context, note, queue.Attempt) error { return nil }
	for name, register := range map[string]func(q *queue.Queue){
		"no time limit": func(q *queue.Queue) { queue.Handle(q, queue.Options{Timeout: -1}, handler) },
		"no such lane":  func(q *queue.Queue) { queue.Handle(q, queue.Options{Lane: "fast"}, handler) },
		"twice": func(q *queue.Queue) {
			queue.Handle(q, queue.Options{}, handler)
			queue.Handle(q, queue.Options{}, handler)
		},
		"periodic without handler": func(q *queue.Queue) { q.Every(chore{}, time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			register(queue.New(queue.Config{}))
		})
	}
}
