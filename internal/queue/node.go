package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
)

// River has no heartbeat: it gives a job that was running on a dead node to another one after an hour. So each node
// keeps a row in queue_nodes that says when it was last seen, and the jobs of nodes that were not seen for a while
// are taken back by whoever notices first.
//
// On PostgreSQL a node is a name and a number, NAME/1, NAME/2, …, and holds an advisory lock of that on a connection
// of its own for as long as it lives. The lock falls with the process, so that its successor gets the same number at
// once and knows that whatever runs under it was left behind. On SQLite there is one node.
const (
	nodeLocks  = 0x66696c71 // the class of the nodes' locks: "filq"
	rescueLock = 0          // the lock of that class for taking back; the others are hashes of names
	nodesMax   = 100
	// joinPatience is how long the server may take to notice that a process is dead, whose name is then free again.
	joinPatience = 2 * time.Second
	joinPause    = 20 * time.Millisecond
	nodeTimeout  = 10 * time.Second
	forgetAfter  = "1 day"
)

// errNodeTaken says that a node lost its lock while the database was away, and that its name went to another process.
var errNodeTaken = errors.New("another process has taken over the name of this node")

// node is this process as the other ones see it.
type node struct {
	q      *Queue
	id     string
	client *river.Client[boundTx]

	conn *pgx.Conn // holds the lock; nil on SQLite, and while the connection is lost
}

// join makes this process a node.
func (q *Queue) join(ctx context.Context) (*node, error) {
	n := &node{q: q}
	if q.cfg.Pool == nil {
		n.id = q.cfg.NodeID + "/1"
		return n, nil
	}
	if err := n.connect(ctx); err != nil {
		return nil, err
	}
	ok, err := n.succeed(ctx)
	for number := 1; err == nil && !ok && number <= nodesMax; number++ {
		n.id = fmt.Sprintf("%s/%d", q.cfg.NodeID, number)
		ok, err = n.tryLock(ctx)
	}
	if err == nil && !ok {
		err = fmt.Errorf("all of %d nodes named %s are taken", nodesMax, q.cfg.NodeID)
	}
	if err != nil {
		return nil, errors.Join(err, n.conn.Close(context.WithoutCancel(ctx)))
	}
	return n, nil
}

// succeed takes the place of a process of this name that did not take its leave, if there is one and it is dead.
func (n *node) succeed(ctx context.Context) (ok bool, err error) {
	t := time.NewTicker(joinPause)
	defer t.Stop()
	for deadline := time.Now().Add(joinPatience); time.Now().Before(deadline); {
		rows, err := n.conn.Query(ctx, "SELECT id FROM queue_nodes WHERE starts_with(id, $1) ORDER BY seen_at", n.q.cfg.NodeID+"/")
		if err != nil {
			return false, fmt.Errorf("list nodes: %w", err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return false, fmt.Errorf("list nodes: %w", err)
		}
		for _, n.id = range ids {
			if ok, err := n.tryLock(ctx); ok || err != nil {
				return ok, err
			}
		}
		if len(ids) == 0 {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-t.C:
		}
	}
	return false, nil
}

// connect opens the node's own connection, with the settings of the pool.
func (n *node) connect(ctx context.Context) error {
	conn, err := n.q.cfg.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect node: %w", err)
	}
	n.conn = conn.Hijack() // the pool is for others
	return nil
}

func (n *node) tryLock(ctx context.Context) (ok bool, err error) {
	if err := n.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, hashtext($2))", nodeLocks, n.id).Scan(&ok); err != nil {
		return false, fmt.Errorf("lock node %s: %w", n.id, err)
	}
	return ok, nil
}

// inherit takes back what an earlier process left under this node's name, before this one fetches anything.
func (n *node) inherit(ctx context.Context) error {
	if err := n.resign(ctx); err != nil {
		return err
	}
	mine := func(id string) bool { return id == n.id || n.q.cfg.Pool == nil }
	if err := n.takeBack(ctx, mine); err != nil {
		return err
	}
	if n.conn == nil {
		return nil
	}
	if err := n.beat(ctx); err != nil {
		return err
	}
	return n.rescue(ctx)
}

// resign gives up the leadership that an earlier process held under this node's name. Otherwise nothing would be
// scheduled or retried until its term is over, some 15 s.
func (n *node) resign(ctx context.Context) error {
	exec := n.client.Driver().GetExecutor()
	leader, err := exec.LeaderGetElectedLeader(ctx, &riverdriver.LeaderGetElectedLeaderParams{})
	switch {
	case errors.Is(err, river.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("find leader: %w", err)
	case leader.LeaderID != n.id && n.q.cfg.Pool != nil:
		return nil
	}
	if _, err := exec.LeaderResign(ctx, &riverdriver.LeaderResignParams{
		ElectedAt: leader.ElectedAt, LeaderID: leader.LeaderID, LeadershipTopic: "river_leadership",
	}); err != nil {
		return fmt.Errorf("resign as leader: %w", err)
	}
	return nil
}

// live shows that this node lives and looks for those that do not, until ctx ends. It returns an error only when this
// node must not go on.
func (n *node) live(ctx context.Context) error {
	if n.q.cfg.Pool == nil {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(n.q.cfg.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := n.tick(ctx); errors.Is(err, errNodeTaken) {
			return err
		} else if err != nil {
			n.q.cfg.Log.WarnContext(ctx, "heartbeat failed", "node", n.id, "error", err)
		}
	}
}

// tick is not interrupted by a stop, for that would cost the connection on which this node takes its leave.
func (n *node) tick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), nodeTimeout)
	defer cancel()
	if n.conn != nil && n.conn.IsClosed() {
		n.conn = nil
	}
	if n.conn == nil {
		if err := n.connect(ctx); err != nil {
			return err
		}
		if ok, err := n.tryLock(ctx); err != nil {
			return err
		} else if !ok {
			return fmt.Errorf("%s: %w", n.id, errNodeTaken)
		}
	}
	if err := n.beat(ctx); err != nil {
		return err
	}
	return n.rescue(ctx)
}

// beat shows that this node lives.
func (n *node) beat(ctx context.Context) error {
	if _, err := n.conn.Exec(ctx, `INSERT INTO queue_nodes (id, seen_at) VALUES ($1, now())
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, n.id); err != nil {
		return fmt.Errorf("show node %s: %w", n.id, err)
	}
	return nil
}

// rescue takes back the jobs of nodes that have not been seen for long enough. One node at a time does it, for two
// could take the same job back twice, the second time from the node that runs it by then.
func (n *node) rescue(ctx context.Context) error {
	var ok bool
	if err := n.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", nodeLocks, rescueLock).Scan(&ok); err != nil || !ok {
		return err
	}
	err := n.takeBackFromDead(ctx)
	if _, uerr := n.conn.Exec(ctx, "SELECT pg_advisory_unlock($1, $2)", nodeLocks, rescueLock); uerr != nil {
		// With the connection the lock goes too.
		err = errors.Join(err, uerr, n.conn.Close(context.WithoutCancel(ctx)))
	}
	return err
}

func (n *node) takeBackFromDead(ctx context.Context) error {
	// First the jobs, then the nodes: a node that joins in between is seen as living.
	jobs, err := n.list(ctx)
	if err != nil || len(jobs) == 0 {
		return err
	}
	rows, err := n.conn.Query(ctx, "SELECT id FROM queue_nodes WHERE seen_at > now() - make_interval(secs => $1)",
		n.q.cfg.DeadAfter.Seconds())
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	living := make(map[string]bool, len(ids))
	for _, id := range ids {
		living[id] = true
	}
	if err := n.setFree(ctx, jobs, func(id string) bool { return !living[id] }); err != nil {
		return err
	}
	if _, err := n.conn.Exec(ctx, "DELETE FROM queue_nodes WHERE seen_at < now() - CAST($1 AS INTERVAL)", forgetAfter); err != nil {
		return fmt.Errorf("forget nodes: %w", err)
	}
	return nil
}

// leave removes this node from the sight of the others. Its lock falls with the connection.
func (n *node) leave(ctx context.Context) error {
	if n.q.cfg.Pool == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), nodeTimeout)
	defer cancel()
	// A job that is left behind nonetheless is taken back at once: its node has no row. The row of a node whose name
	// was taken over, or that has lost its lock, is not for this process to remove.
	var errs []error
	if n.conn != nil && !n.conn.IsClosed() {
		_, err := n.conn.Exec(ctx, "DELETE FROM queue_nodes WHERE id = $1", n.id)
		errs = append(errs, err, n.conn.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("leave as node %s: %w", n.id, err)
	}
	return nil
}
