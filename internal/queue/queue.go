package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"filmcan/internal/film"
)

// Lane is a line that jobs of a like nature wait in, each with workers of its own, so that a long transcode never
// stands before a webhook.
type Lane string

const (
	// Short is for work of milliseconds to seconds, mostly waiting: webhooks, state changes.
	Short Lane = "short"
	// Fetch is for long waits on other people's servers and our own disk.
	Fetch Lane = "fetch"
	// Media is for work that needs processors.
	Media Lane = "media"
	// Encode is for work that takes processors for as long as films last: what needs them for moments goes past it.
	Encode Lane = "encode"
	// Slow is for housekeeping, one at a time.
	Slow Lane = "slow"
)

// Config holds what a queue works with.
type Config struct {
	// Write is where jobs are inserted from; Read is for looking. On PostgreSQL, Pool is under both; nil means SQLite,
	// and then this process must have exclusive use of the file.
	Write, Read *sql.DB
	Pool        *pgxpool.Pool

	// NodeID names this process among those that share a PostgreSQL database; by default the host's name. Each
	// process takes the first free number under its name, so a process that is restarted becomes the same node again
	// and takes back at once what it had been doing.
	NodeID string
	// Workers is how many jobs of a lane run at once in this process; missing lanes get defaults.
	Workers map[Lane]int
	// Grace is how long running jobs may go on after a stop before they are cancelled: 20 s by default.
	Grace time.Duration
	// Heartbeat is how often a node shows that it lives (5 s), DeadAfter how long a node is silent until the others
	// take its jobs (30 s). PostgreSQL only.
	Heartbeat, DeadAfter time.Duration

	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.NodeID == "" {
		c.NodeID, _ = os.Hostname()
	}
	if c.NodeID == "" {
		c.NodeID = "node"
	}
	workers := map[Lane]int{Short: 24, Fetch: 16, Media: max(1, runtime.NumCPU()/2), Encode: 1, Slow: 1}
	maps.Copy(workers, c.Workers)
	c.Workers = workers
	c.Grace = positiveOr(c.Grace, 20*time.Second)
	c.Heartbeat = positiveOr(c.Heartbeat, 5*time.Second)
	c.DeadAfter = positiveOr(c.DeadAfter, 30*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func positiveOr(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

// cooldown returns the pause between two looks into a lane. It starts at most its number of workers in each.
func cooldown(lane Lane) time.Duration {
	if lane == Short {
		return 5 * time.Millisecond
	}
	return 50 * time.Millisecond
}

// poll returns how often a lane is looked into unasked. SQLite tells nobody of a new job, so that this is what an event
// waits for on its way out; a look that finds nothing costs some ten microseconds of the one writer.
func (q *Queue) poll(lane Lane) time.Duration {
	if q.cfg.Pool == nil && lane == Short {
		return 50 * time.Millisecond
	}
	return time.Second
}

// Queue is the background work of one process. Handlers and periodic jobs are registered first, from one goroutine;
// then all methods may be called from any.
type Queue struct {
	cfg      Config
	driver   driver
	inserter func() (*river.Client[boundTx], error)

	kinds    map[string]kind
	workers  *river.Workers
	periodic []*river.PeriodicJob

	ready atomic.Bool

	mu      sync.Mutex
	running map[*run]struct{}
	// stopping: there is nothing to be begun any more that takes long.
	stopping bool
}

// New returns a queue that does nothing yet.
func New(cfg Config) *Queue {
	q := &Queue{
		cfg:     cfg.withDefaults(),
		driver:  newDriver(cfg),
		kinds:   make(map[string]kind),
		workers: river.NewWorkers(),
		running: make(map[*run]struct{}),
	}
	q.inserter = sync.OnceValues(func() (*river.Client[boundTx], error) {
		// Its cooldown is how seldom it tells other nodes of a new job.
		return river.NewClient(q.driver, &river.Config{Logger: riverLog(q.cfg.Log), FetchCooldown: cooldown(Short)})
	})
	return q
}

// EnqueueTx adds the jobs to the transaction: they are there when it commits, and never were when it does not.
func (q *Queue) EnqueueTx(ctx context.Context, tx *sql.Tx, jobs []film.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	client, err := q.inserter()
	if err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	bound, err := bind(ctx, tx, q.cfg.Pool != nil)
	if err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	params := make([]river.InsertManyParams, 0, len(jobs))
	seen := make(map[string]bool)
	for _, j := range jobs {
		k, ok := q.kinds[j.Args.Kind()]
		if !ok {
			return fmt.Errorf("enqueue: no handler for jobs of kind %s", j.Args.Kind())
		}
		if k.Unique {
			// River of this version fails on two equal ones in a batch.
			text, err := json.Marshal(j.Args)
			if err != nil {
				return fmt.Errorf("enqueue %s: %w", j.Args.Kind(), err)
			}
			key := j.Args.Kind() + string(text)
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		params = append(params, river.InsertManyParams{Args: j.Args, InsertOpts: k.insertOpts(j.At)})
	}
	if _, err := client.InsertManyTx(ctx, bound, params); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	return nil
}

// Every enqueues a job of these args once per interval, of at least a second, for as long as any node runs; also at
// a start when there was none yet in this interval. A job that is late or missed is not made up for.
func (q *Queue) Every(args film.JobArgs, interval time.Duration) {
	k, ok := q.kinds[args.Kind()]
	if !ok || interval < time.Second {
		panic(fmt.Sprintf("queue: every %s a job of kind %s: no handler, or too often", interval, args.Kind()))
	}
	opts := k.insertOpts(time.Time{})
	opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByPeriod: interval}
	q.periodic = append(q.periodic, river.NewPeriodicJob(river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) { return args, opts },
		&river.PeriodicJobOpts{RunOnStart: true}))
}

// Ping reports whether the queue takes jobs now: Run has started and not ended.
func (q *Queue) Ping() error {
	if !q.ready.Load() {
		return errors.New("the queue is not running")
	}
	return nil
}

// Depth is how many jobs of a kind are in a state: available, scheduled, retryable, running, cancelled or discarded.
type Depth struct {
	Kind, State string
	Jobs        int64
}

// Stats counts the jobs of all nodes that are not done, and those that ended badly of late.
func (q *Queue) Stats(ctx context.Context) ([]Depth, error) {
	rows, err := q.cfg.Read.QueryContext(ctx, `SELECT kind, CAST(state AS TEXT), COUNT(*) FROM river_job
		WHERE state IN ('available', 'scheduled', 'retryable', 'running', 'cancelled', 'discarded')
		GROUP BY kind, state ORDER BY kind, state`)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	defer rows.Close()
	var all []Depth
	for rows.Next() {
		var d Depth
		if err := rows.Scan(&d.Kind, &d.State, &d.Jobs); err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return all, nil
}

// config returns River's settings for the working client of a node.
func (q *Queue) config(node string) *river.Config {
	lanes := make(map[string]river.QueueConfig)
	for lane, n := range q.cfg.Workers {
		lanes[string(lane)] = river.QueueConfig{MaxWorkers: n, FetchCooldown: cooldown(lane), FetchPollInterval: q.poll(lane)}
	}
	longest := time.Duration(0)
	for _, k := range q.kinds {
		longest = max(longest, k.Timeout)
	}
	return &river.Config{
		ID:           node,
		Queues:       lanes,
		Workers:      q.workers,
		PeriodicJobs: q.periodic,
		Logger:       riverLog(q.cfg.Log),
		ErrorHandler: &errorLog{q.cfg.Log},

		FetchCooldown:   cooldown(Short),
		SoftStopTimeout: q.cfg.Grace,
		// River's own rescue is for handlers that ignore their time limit, on a node that lives; the jobs of dead
		// nodes are taken back much sooner, see node.go.
		JobTimeout:           longest + timeoutSlack,
		RescueStuckJobsAfter: longest + time.Hour,
		JobStuckHandler:      q.stuck,

		CompletedJobRetentionPeriod: 24 * time.Hour,
		CancelledJobRetentionPeriod: 24 * time.Hour,
		DiscardedJobRetentionPeriod: 7 * 24 * time.Hour,
	}
}

// uniqueStates are those in which a job still stands for what is to be done.
func uniqueStates() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}
