package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"filmcan/internal/film"
)

const (
	// raiseEventSeq is also the lock of an environment's events: it is held until the commit.
	raiseEventSeq query = `UPDATE environments SET event_seq = event_seq + $2 WHERE id = $1 RETURNING event_seq`
	insertEvent   query = `INSERT INTO events
		(id, environment_id, seq, type, object_type, object_id, at, snapshot_version, snapshot)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	selectEventsAfter query = `SELECT id, environment_id, seq, type, object_type, object_id, at, snapshot_version, snapshot
		FROM events WHERE environment_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	selectLastEventSeq query = `SELECT event_seq FROM environments WHERE id = $1`
	// An event that is still being delivered stays.
	deleteEvents query = `DELETE FROM events WHERE id IN (
		SELECT e.id FROM events e WHERE e.at < $1
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id AND d.outcome = '')
		ORDER BY e.at LIMIT $2)`
	deleteGrants query = `DELETE FROM grants WHERE id IN (
		SELECT id FROM grants WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`
)

// pruneBatch is how many rows one transaction of pruning deletes: it holds up the other writers for some milliseconds.
const pruneBatch = 500

// storeEvents numbers the events, stores them with a delivery for each enabled webhook, and returns the jobs of the
// deliveries that may leave now.
func (c *Catalog) storeEvents(ctx context.Context, tx *sql.Tx, env film.EnvironmentID, events []film.Event) ([]film.Job, error) {
	if len(events) == 0 {
		return nil, nil
	}
	last, err := lockEvents(ctx, tx, env, len(events))
	if err != nil {
		return nil, err
	}
	for i := range events {
		e := &events[i]
		e.ID, e.Environment, e.Seq = drawUUID[film.EventID](), env, last-int64(len(events)-1-i)
		snapshot, err := encode(e.Snapshot)
		if err != nil {
			return nil, err
		}
		if _, err := exec(ctx, tx, insertEvent, e.ID, env, e.Seq, e.Type, e.Object.Type, e.Object.ID, micros(e.At),
			film.SnapshotVersion, snapshot); err != nil {
			return nil, fmt.Errorf("store event: %w", err)
		}
	}
	return c.storeDeliveries(ctx, tx, env, events)
}

// lockEvents raises the number of the environment's last event by n and returns it. Until the commit no other
// transaction numbers events of the environment, or releases their deliveries.
func lockEvents(ctx context.Context, tx *sql.Tx, env film.EnvironmentID, n int) (int64, error) {
	var last int64
	if err := txRow(ctx, tx, raiseEventSeq, []any{env, n}, &last); err != nil {
		return 0, notFound("number events", err)
	}
	return last, nil
}

// EventsAfter returns the environment's events with a higher number than seq, in their order, at most limit of them.
// An event is seen only after all with lower numbers were.
func (c *Catalog) EventsAfter(ctx context.Context, env film.EnvironmentID, seq int64, limit int) ([]film.Event, error) {
	var events []film.Event
	err := c.rows(ctx, selectEventsAfter, []any{env, seq, limit}, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		events = append(events, e)
		return err
	})
	return events, notFound("read events", err)
}

// LastEventSeq returns the number of the environment's last event, 0 when there was none yet.
func (c *Catalog) LastEventSeq(ctx context.Context, env film.EnvironmentID) (int64, error) {
	var seq int64
	err := c.row(ctx, selectLastEventSeq, []any{env}, &seq)
	return seq, notFound("read number of last event", err)
}

// HandlePruneEvents forgets what is older than the retention, and looks for deliveries whose job was lost.
func (c *Catalog) HandlePruneEvents(ctx context.Context, _ film.PruneEvents) error {
	if err := c.reorderOverdue(ctx); err != nil {
		return err
	}
	_, err := c.PruneEvents(ctx, c.now().Add(-c.cfg.Retention))
	return err
}

// PruneEvents forgets the events from before that time, with their deliveries and attempts, but for those that are
// still being delivered; and the grants that ended before it. It returns how many events it forgot.
func (c *Catalog) PruneEvents(ctx context.Context, before time.Time) (int64, error) {
	events, err := c.deleteInBatches(ctx, deleteEvents, before)
	if err != nil {
		return events, fmt.Errorf("prune events: %w", err)
	}
	if _, err := c.deleteInBatches(ctx, deleteGrants, before.Add(-film.MasterGrace)); err != nil {
		return events, fmt.Errorf("prune grants: %w", err)
	}
	return events, nil
}

func (c *Catalog) deleteInBatches(ctx context.Context, q query, before time.Time) (deleted int64, err error) {
	for {
		var n int64
		err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			n, err = exec(ctx, tx, q, micros(before), pruneBatch)
			return err
		})
		deleted += n
		if err != nil || n < pruneBatch {
			return deleted, err
		}
	}
}

func scanEvent(scan func(dest ...any) error, more ...any) (film.Event, error) {
	var (
		e        film.Event
		at       int64
		version  int
		snapshot []byte
	)
	dest := append([]any{
		&e.ID, &e.Environment, &e.Seq, &e.Type, &e.Object.Type, &e.Object.ID, &at, &version, &snapshot,
	}, more...)
	if err := scan(dest...); err != nil {
		return film.Event{}, err
	}
	e.At = timeOf(at)
	if version != film.SnapshotVersion {
		return film.Event{}, fmt.Errorf("event %s has a snapshot of version %d, which this program does not know", e.ID, version)
	}
	if err := json.Unmarshal(snapshot, &e.Snapshot); err != nil {
		return film.Event{}, fmt.Errorf("read snapshot of event %s: %w", e.ID, err)
	}
	return e, nil
}
