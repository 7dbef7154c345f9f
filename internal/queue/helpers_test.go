package queue_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/queue"
	"filmcan/internal/sqldb"
)

// patience is how long a test waits for what must happen. It is long because machines are busy, not because the
// queue is slow.
const patience = time.Minute

// note is the job of these tests.
type note struct{ Text string }

func (note) Kind() string { return "note" }

// chore is another one.
type chore struct{}

func (chore) Kind() string { return "chore" }

// things is the table that stands for the catalog.
func things() fstest.MapFS {
	return fstest.MapFS{"00001_things.sql": {Data: []byte("-- +goose Up\nCREATE TABLE things (id TEXT NOT NULL PRIMARY KEY);\n")}}
}

// databases returns what gives a test a new SQLite file, and a new PostgreSQL database where there is a server (the
// test is skipped where there is none): their addresses.
func databases() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { tb.Helper(); return "sqlite:" + filepath.Join(tb.TempDir(), "film.db") },
		"postgres": pgtest.New,
	}
}

// open opens the database and brings its schema up to date.
func open(t *testing.T, address string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := db.Migrate(t.Context(), things(), newQueue(db, queue.Config{}).Migrate); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return db
}

func newQueue(db *sqldb.DB, cfg queue.Config) *queue.Queue {
	cfg.Write, cfg.Read, cfg.Pool = db.Write(), db.Read(), db.Pool()
	return queue.New(cfg)
}

// start runs the queue until the returned function is called, or the test ends.
func start(t *testing.T, q *queue.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// enqueue adds jobs in a transaction of their own.
func enqueue(t *testing.T, db *sqldb.DB, q *queue.Queue, jobs ...film.Job) {
	t.Helper()
	err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error { return q.EnqueueTx(ctx, tx, jobs) })
	if err != nil {
		t.Fatal(err)
	}
}

func job(text string) film.Job { return film.Job{Args: note{text}} }

// next waits for the next value.
func next[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// eventually waits until the database is as it should be.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// inState returns how many notes are in a state.
func inState(t *testing.T, q *queue.Queue, state string) int64 {
	t.Helper()
	all, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Kind == (note{}).Kind() && d.State == state {
			return d.Jobs
		}
	}
	return 0
}

func count(t *testing.T, db *sqldb.DB, query string) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// logBook is a log that a test can read.
type logBook struct{ filmtest.Log }

func (b *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// at is a pause between attempts that takes no time.
func at(int) time.Duration { return time.Millisecond }
