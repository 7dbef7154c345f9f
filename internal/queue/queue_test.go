package queue_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/queue"
	"filmcan/internal/sqldb"
)

func TestJobIsThereWhenItsTransactionCommits(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			done := make(chan string, 10)
			queue.Handle(q, queue.Options{}, func(ctx context.Context, n note, a queue.Attempt) error {
				var found int
				if err := db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM things WHERE id = $1", n.Text).Scan(&found); err != nil {
					return err
				}
				done <- fmt.Sprint(n.Text, " ", found, " ", a)
				return nil
			})
			start(t, q)
			add := func(id string, result error) error {
				return db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
					if _, err := tx.ExecContext(ctx, "INSERT INTO things (id) VALUES ($1)", id); err != nil {
						return err
					}
					if err := q.EnqueueTx(ctx, tx, []film.Job{job(id)}); err != nil {
						return err
					}
					return result
				})
			}
			broken := errors.New("broken")
			if err := add("never", broken); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
			if err := add("real", nil); err != nil {
				t.Fatal(err)
			}
			if got, want := next(t, "the job", done), "real 1 {1 10}"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if n := count(t, db, "SELECT COUNT(*) FROM river_job"); n != 1 {
				t.Errorf("%d jobs were stored, want 1", n)
			}
		})
	}
}

func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			queue.Handle(q, queue.Options{}, func(context.Context, note, queue.Attempt) error { return nil })
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				return q.EnqueueTx(ctx, tx, []film.Job{job("a"), {Args: chore{}}})
			})
			if err == nil || !strings.Contains(err.Error(), "chore") {
				t.Errorf("got %v", err)
			}
			if n := count(t, db, "SELECT COUNT(*) FROM river_job"); n != 0 {
				t.Errorf("%d jobs were stored", n)
			}
		})
	}
}

// The trap of the bridge: transactions whose contexts end at any moment must not race with database/sql, and domain
// rows and jobs must be the same in number whatever happens.
func TestTransactionsUnderDeadlines(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			queue.Handle(q, queue.Options{}, func(context.Context, note, queue.Attempt) error { return nil })
			later := time.Now().Add(time.Hour)
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for i := range 60 {
						id := fmt.Sprintf("%d-%d", w, i)
						ctx, cancel := context.WithTimeout(t.Context(), rand.N(15*time.Millisecond))
						_ = db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
							if _, err := tx.ExecContext(ctx, "INSERT INTO things (id) VALUES ($1)", id); err != nil {
								return err
							}
							return q.EnqueueTx(ctx, tx, []film.Job{{Args: note{id}, At: later}})
						})
						cancel()
					}
				})
			}
			wg.Wait()
			rows, jobs := count(t, db, "SELECT COUNT(*) FROM things"), count(t, db, "SELECT COUNT(*) FROM river_job")
			t.Logf("%d of 240 were committed", rows)
			if rows != jobs {
				t.Errorf("%d rows, but %d jobs", rows, jobs)
			}
		})
	}
}

func TestScheduledJobWaitsForItsTime(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			began := make(chan string, 10)
			queue.Handle(q, queue.Options{}, func(_ context.Context, n note, _ queue.Attempt) error {
				began <- n.Text
				return nil
			})
			due := time.Now().Add(2 * time.Second)
			enqueue(t, db, q, film.Job{Args: note{"later"}, At: due}, film.Job{Args: note{"past"}, At: time.Now().Add(-time.Hour)})
			start(t, q)
			for _, want := range []string{"past", "later"} {
				if got := next(t, "the job", began); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			if early := time.Until(due); early > 0 {
				t.Errorf("began %s too early", early)
			}
		})
	}
}

func TestUniqueJobIsThereOnce(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			began, release := make(chan string, 10), make(chan struct{})
			queue.Handle(q, queue.Options{Unique: true}, func(_ context.Context, n note, _ queue.Attempt) error {
				began <- n.Text
				<-release
				return nil
			})
			stop := start(t, q)
			enqueue(t, db, q, job("a"), job("a"), job("b"))
			got := map[string]int{next(t, "a job", began): 1}
			got[next(t, "a job", began)]++
			if got["a"] != 1 || got["b"] != 1 {
				t.Errorf("began: %v", got)
			}
			enqueue(t, db, q, job("a")) // while one runs
			if n := count(t, db, "SELECT COUNT(*) FROM river_job"); n != 2 {
				t.Errorf("%d jobs, want 2", n)
			}
			close(release)
			eventually(t, "both to be done", func() bool { return inState(t, q, "running") == 0 })
			enqueue(t, db, q, job("a")) // a new one, now that the other is done
			if got := next(t, "the job again", began); got != "a" {
				t.Errorf("got %s", got)
			}
			stop()
			if len(began) != 0 {
				t.Errorf("%d more jobs began", len(began))
			}
		})
	}
}

func TestPeriodicJob(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			began := make(chan time.Time, 100)
			queue.Handle(q, queue.Options{Lane: queue.Slow}, func(context.Context, chore, queue.Attempt) error {
				began <- time.Now()
				return nil
			})
			q.Every(chore{}, time.Second)
			start(t, q)
			first := next(t, "the first", began)
			next(t, "the second", began)
			third := next(t, "the third", began)
			if d := third.Sub(first); d < time.Second {
				t.Errorf("three of one per second within %s", d)
			}
		})
	}
}

func TestStatsCountsPerKindAndState(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			queue.Handle(q, queue.Options{}, func(context.Context, note, queue.Attempt) error { return nil })
			queue.Handle(q, queue.Options{}, func(context.Context, chore, queue.Attempt) error { return nil })
			enqueue(t, db, q, job("a"), job("b"), film.Job{Args: note{"c"}, At: time.Now().Add(time.Hour)}, film.Job{Args: chore{}})
			got, err := q.Stats(t.Context())
			if want := "[{chore available 1} {note available 2} {note scheduled 1}]"; err != nil || fmt.Sprint(got) != want {
				t.Errorf("got %v (%v), want %s", got, err, want)
			}
		})
	}
}

func TestEveryOneOfManyJobsRunsOnce(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, address(t))
			q := newQueue(db, queue.Config{})
			const jobs = 500
			done := make(chan string, 2*jobs)
			queue.Handle(q, queue.Options{}, func(_ context.Context, n note, _ queue.Attempt) error {
				done <- n.Text
				return nil
			})
			all := make([]film.Job, jobs)
			for i := range all {
				all[i] = job(fmt.Sprint(i))
			}
			enqueue(t, db, q, all...)
			began := time.Now()
			stop := start(t, q)
			runs := make(map[string]int)
			for range jobs {
				runs[next(t, "a job", done)]++
			}
			t.Logf("%.0f jobs/s", jobs/time.Since(began).Seconds())
			stop()
			if len(runs) != jobs || len(done) != 0 {
				t.Errorf("%d of %d jobs ran, and %d runs too many", len(runs), jobs, jobs-len(runs)+len(done))
			}
		})
	}
}

// Four nodes that are started together on an empty server must all come up.
func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	var wg sync.WaitGroup
	for range 4 {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		wg.Go(func() {
			if err := db.Migrate(t.Context(), things(), newQueue(db, queue.Config{}).Migrate); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	wg.Wait()
}
