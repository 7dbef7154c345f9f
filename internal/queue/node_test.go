package queue_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/queue"
)

// helper says what the other process is to do.
type helper struct {
	Address, Node        string
	MaxAttempts          int
	Closing              bool
	Heartbeat, DeadAfter time.Duration
}

const helperVariable = "QUEUE_TEST_HELPER"

// TestHelperProcess is no test: it is a process that takes jobs, says so and never finishes them.
func TestHelperProcess(t *testing.T) { //nolint:paralleltest // it is another process's only test
	text := os.Getenv(helperVariable)
	if text == "" {
		t.Skip("not a helper")
	}
	var h helper
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		t.Fatal(err)
	}
	q := newQueue(open(t, h.Address), queue.Config{NodeID: h.Node, Heartbeat: h.Heartbeat, DeadAfter: h.DeadAfter})
	queue.Handle(q, queue.Options{MaxAttempts: h.MaxAttempts, Closing: h.Closing},
		func(_ context.Context, n note, a queue.Attempt) error {
			fmt.Printf("took %s %d\n", n.Text, a.Number)
			select {}
		})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, whatever happens to it
		os.Exit(1)
	}()
	_ = q.Run(t.Context())
}

// startHelper starts the other process and returns what it takes, and a function that kills it with SIGKILL.
func startHelper(t *testing.T, h helper) (took func() string, kill func()) {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperProcess$")
	cmd.Env = append(os.Environ(), helperVariable+"="+string(text))
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			if what, ok := strings.CutPrefix(scanner.Text(), "took "); ok {
				lines <- what
			}
		}
	}()
	took = func() string { t.Helper(); return next(t, "the other process to take a job", lines) }
	return took, func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	}
}

// The process is killed in the middle of a job, again and again, and started again: the next one has the job at once.
func TestRestartTakesUpWhatTheDeadProcessDid(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := address(t)
			db := open(t, address)
			q := newQueue(db, queue.Config{NodeID: "node"})
			attempts := make(chan queue.Attempt, 10)
			opts := queue.Options{MaxAttempts: 3}
			queue.Handle(q, opts, func(_ context.Context, _ note, a queue.Attempt) error {
				attempts <- a
				return nil
			})
			enqueue(t, db, q, job("film"))
			for i := range 2 {
				took, kill := startHelper(t, helper{Address: address, Node: "node", MaxAttempts: opts.MaxAttempts})
				if got, want := took(), fmt.Sprint("film ", i+1); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				kill()
			}
			began := time.Now()
			start(t, q)
			if a := next(t, "the job", attempts); a.Number != 3 || a.Over() {
				t.Errorf("attempt %+v, want number 3 of 3", a)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("taken up after %s", d)
			} else {
				t.Logf("taken up after %s", d)
			}
		})
	}
}

// Who died in the last attempt cannot have told the customer: the next process must be able to.
func TestUsedUpAttemptsAreTakenUpToTellTheEnd(t *testing.T) {
	t.Parallel()
	for _, closing := range []bool{false, true} {
		t.Run(fmt.Sprint("closing ", closing), func(t *testing.T) {
			t.Parallel()
			for name, address := range databases() {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					address := address(t)
					db := open(t, address)
					q := newQueue(db, queue.Config{NodeID: "node"})
					attempts := make(chan queue.Attempt, 10)
					queue.Handle(q, queue.Options{MaxAttempts: 1, Closing: closing}, func(_ context.Context, _ note, a queue.Attempt) error {
						attempts <- a
						return nil
					})
					enqueue(t, db, q, job("film"))
					took, kill := startHelper(t, helper{Address: address, Node: "node", MaxAttempts: 1, Closing: closing})
					took()
					kill()
					stop := start(t, q)
					if a := next(t, "the job", attempts); a.Number != 2 || a.Max != 1 || !a.Over() {
						t.Errorf("attempt %+v, want number 2 of 1", a)
					}
					stop()
					if n := inState(t, q, "running") + inState(t, q, "discarded"); n != 0 {
						t.Errorf("%d jobs are not done", n)
					}
				})
			}
		})
	}
}

// A node dies for good. Those that live notice, and take its jobs and no others.
func TestLivingNodeTakesTheJobsOfADeadOne(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	db := open(t, address)
	beat := helper{Address: address, MaxAttempts: 5, Heartbeat: 100 * time.Millisecond, DeadAfter: 3 * time.Second}
	q := newQueue(db, queue.Config{NodeID: "survivor", Heartbeat: beat.Heartbeat, DeadAfter: beat.DeadAfter})
	attempts := make(chan string, 10)
	queue.Handle(q, queue.Options{MaxAttempts: 5}, func(_ context.Context, n note, a queue.Attempt) error {
		attempts <- fmt.Sprint(n.Text, " ", a.Number)
		return nil
	})

	enqueue(t, db, q, job("of the dead"))
	dead := beat
	dead.Node = "dead"
	tookDead, kill := startHelper(t, dead)
	tookDead()
	enqueue(t, db, q, job("of the living"))
	if got := tookDead(); got != "of the living 1" { // both jobs are with that node
		t.Errorf("got %q", got)
	}
	start(t, q)
	// It has looked for dead nodes once it has been seen: this node's first beat comes before its first look, so
	// two later beats are a look with the other one alive.
	seen := "SELECT COUNT(*) FROM queue_nodes WHERE id = 'survivor/1' AND seen_at > CAST('%s' AS TIMESTAMPTZ)"
	mark := time.Now().Add(2 * beat.Heartbeat)
	eventually(t, "heartbeats", func() bool { return count(t, db, fmt.Sprintf(seen, mark.Format(time.RFC3339Nano))) == 1 })
	if n := inState(t, q, "running"); n != 2 || len(attempts) != 0 {
		t.Errorf("%d jobs are running, %d were taken from a node that lives", n, len(attempts))
	}

	kill()
	began := time.Now()
	got := []string{next(t, "one job", attempts), next(t, "the other job", attempts)}
	slices.Sort(got)
	if want := []string{"of the dead 2", "of the living 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	t.Logf("taken up after %s, with nodes dead after %s", time.Since(began), beat.DeadAfter)
}

func TestNodesOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	db := open(t, address)
	var stops []func()
	var queues []*queue.Queue
	for range 2 {
		q := newQueue(db, queue.Config{NodeID: "twin"})
		queues = append(queues, q)
		queue.Handle(q, queue.Options{}, func(context.Context, note, queue.Attempt) error { return nil })
		stops = append(stops, start(t, q))
	}
	eventually(t, "both", func() bool { return queues[0].Ping() == nil && queues[1].Ping() == nil })
	if n := count(t, db, "SELECT COUNT(*) FROM queue_nodes WHERE id IN ('twin/1', 'twin/2')"); n != 2 {
		t.Errorf("%d nodes, want twin/1 and twin/2", n)
	}
	for _, stop := range stops {
		stop()
	}
	if n := count(t, db, "SELECT COUNT(*) FROM queue_nodes"); n != 0 {
		t.Errorf("%d nodes are left", n)
	}
}

// The server cuts every connection, as at its restart: the node must be seen again, and go on working.
func TestNodeOutlivesItsConnections(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	db := open(t, address)
	q := newQueue(db, queue.Config{NodeID: "node", Heartbeat: 50 * time.Millisecond})
	done := make(chan string, 10)
	queue.Handle(q, queue.Options{}, func(_ context.Context, n note, _ queue.Attempt) error {
		done <- n.Text
		return nil
	})
	start(t, q)
	holder := func() (pid int) {
		_ = db.Read().QueryRowContext(t.Context(), `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2
			AND classid = 1718185073 AND objid <> 0 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&pid)
		return pid
	}
	eventually(t, "the node", func() bool { return q.Ping() == nil && holder() != 0 })
	old := holder()
	_, _ = db.Write().ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	eventually(t, "the lock again", func() bool { pid := holder(); return pid != 0 && pid != old })
	enqueue(t, db, q, film.Job{Args: note{"after"}})
	if got := next(t, "a job", done); got != "after" {
		t.Errorf("got %q", got)
	}
}

// While its connection was lost, another process took the name: this one must end rather than be two.
func TestNodeEndsWhenItsNameIsTaken(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	db := open(t, address)
	q := newQueue(db, queue.Config{NodeID: "node", Heartbeat: 200 * time.Millisecond})
	queue.Handle(q, queue.Options{}, func(context.Context, note, queue.Attempt) error { return nil })
	ended := make(chan error, 1)
	go func() { ended <- q.Run(t.Context()) }()
	eventually(t, "the node", func() bool { return q.Ping() == nil })

	usurper, err := db.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer usurper.Release()
	// In one statement, so that the node cannot be quicker.
	var locked bool
	err = usurper.QueryRow(t.Context(), `WITH ended AS (SELECT pg_terminate_backend(pid, 10000) AS gone FROM pg_locks
			WHERE locktype = 'advisory' AND classid = 1718185073 AND objid <> 0 AND objsubid = 2
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
		SELECT pg_try_advisory_lock(1718185073, hashtext('node/1')) FROM ended WHERE gone`).Scan(&locked)
	if err != nil || !locked {
		t.Fatalf("take the name: %t, %v", locked, err)
	}
	defer usurper.Exec(context.WithoutCancel(t.Context()), "SELECT pg_advisory_unlock_all()")
	if err := next(t, "the end", ended); err == nil || !strings.Contains(err.Error(), "name of this node") {
		t.Errorf("got %v", err)
	}
}
