package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/point"
)

const (
	insertDelivery query = `INSERT INTO deliveries
		(id, event_id, webhook_id, object_type, object_id, event_seq, released, deadline)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	selectLaneHead query = `SELECT id FROM deliveries
		WHERE webhook_id = $1 AND object_type = $2 AND object_id = $3 AND tries = 0 AND outcome = ''
		ORDER BY event_seq LIMIT 1`
	releaseDelivery     query = `UPDATE deliveries SET released = TRUE WHERE id = $1 AND NOT released`
	selectDeliverySpace query = `SELECT e.environment_id FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = $1`
	lockDelivery        query = `UPDATE deliveries SET tries = tries WHERE id = $1
		RETURNING tries, outcome, deadline, webhook_id, object_type, object_id`
	updateDelivery query = `UPDATE deliveries SET tries = $2, outcome = $3, deadline = $4 WHERE id = $1`
	insertAttempt  query = `INSERT INTO attempts (id, delivery_id, at, document) VALUES ($1, $2, $3, $4)`
	selectOverdue  query = `SELECT id, tries FROM deliveries WHERE outcome = '' AND released AND deadline < $1
		ORDER BY deadline LIMIT $2`
	postponeDelivery query = `UPDATE deliveries SET deadline = $2 WHERE id = $1 AND outcome = ''`
	selectAttempts   query = `SELECT document FROM attempts WHERE delivery_id = $1 ORDER BY at, id`

	selectDelivery query = `SELECT e.id, e.environment_id, e.seq, e.type, e.object_type, e.object_id, e.at, e.snapshot_version,
		e.snapshot, d.id, d.tries, d.outcome, d.deadline, w.id, w.environment_id, w.address, w.secret, w.enabled, w.created_at
		FROM deliveries d JOIN events e ON e.id = d.event_id JOIN webhooks w ON w.id = d.webhook_id
		WHERE d.id = $1`
	selectDeliveriesOfEvent query = `SELECT e.id, e.environment_id, e.seq, e.type, e.object_type, e.object_id, e.at, e.snapshot_version,
		e.snapshot, d.id, d.tries, d.outcome, d.deadline, w.id, w.environment_id, w.address, w.secret, w.enabled, w.created_at
		FROM deliveries d JOIN events e ON e.id = d.event_id JOIN webhooks w ON w.id = d.webhook_id
		WHERE d.event_id = $1 AND e.environment_id = $2 ORDER BY w.created_at, w.id`
	selectDeliveriesOfWebhook query = `SELECT e.id, e.environment_id, e.seq, e.type, e.object_type, e.object_id, e.at, e.snapshot_version,
		e.snapshot, d.id, d.tries, d.outcome, d.deadline, w.id, w.environment_id, w.address, w.secret, w.enabled, w.created_at
		FROM deliveries d JOIN events e ON e.id = d.event_id JOIN webhooks w ON w.id = d.webhook_id
		WHERE d.webhook_id = $1 AND w.environment_id = $2 ORDER BY d.event_seq DESC LIMIT $3 OFFSET $4`
)

// What is kept of a receiver's answer. It is a stranger's, and each attempt is kept for the retention.
const (
	maxAttemptText    = 2048
	maxAttemptHeaders = 32
	maxAttemptHeader  = 256
)

const (
	// overdue is how long after its deadline a delivery's job must have ended it.
	overdue      = time.Hour
	overdueBatch = 500
)

// lane is what first attempts keep their order in.
type lane struct {
	webhook film.WebhookID
	object  film.Object
}

// head returns the lane's earliest delivery that was not attempted yet, if there is one. The caller holds the
// environment's lock.
func (l lane) head(ctx context.Context, tx *sql.Tx) (id film.DeliveryID, ok bool, err error) {
	err = txRow(ctx, tx, selectLaneHead, []any{l.webhook, l.object.Type, l.object.ID}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look into lane: %w", err)
	}
	return id, true, nil
}

// storeDeliveries stores a delivery of each event to each enabled webhook. The caller holds the environment's lock. A
// delivery behind another one of its lane that was not attempted yet waits for it; for the others it returns the jobs.
func (c *Catalog) storeDeliveries(ctx context.Context, tx *sql.Tx, env film.EnvironmentID, events []film.Event) ([]film.Job, error) {
	webhooks, err := enabledWebhooks(ctx, tx, env)
	if err != nil {
		return nil, err
	}
	var jobs []film.Job
	for _, w := range webhooks {
		for _, e := range events {
			l := lane{webhook: w, object: e.Object}
			_, waits, err := l.head(ctx, tx)
			if err != nil {
				return nil, err
			}
			id, released := drawShort[film.DeliveryID](), !waits
			if _, err := exec(ctx, tx, insertDelivery, id, e.ID, w, e.Object.Type, e.Object.ID, e.Seq, released,
				micros(e.At.Add(c.cfg.DeliveryTTL))); err != nil {
				return nil, fmt.Errorf("store delivery: %w", err)
			}
			if released {
				jobs = append(jobs, film.Job{Args: film.DeliverEvent{Delivery: id, Attempt: 1}})
			}
		}
	}
	return jobs, nil
}

func enabledWebhooks(ctx context.Context, tx *sql.Tx, env film.EnvironmentID) ([]film.WebhookID, error) {
	var ids []film.WebhookID
	err := txRows(ctx, tx, selectEnabledWebhooks, []any{env}, func(scan func(...any) error) error {
		var id film.WebhookID
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	return ids, nil
}

// Delivery returns a delivery with everything that an attempt needs. One that is not found was deleted with its webhook
// or its event: its job is done.
func (c *Catalog) Delivery(ctx context.Context, id film.DeliveryID) (film.Delivery, error) {
	d, err := scanDelivery(func(dest ...any) error { return c.row(ctx, selectDelivery, []any{id}, dest...) })
	if err == nil {
		err = c.readAttempts(ctx, &d)
	}
	return d, notFound("read delivery", err)
}

// DeliveriesOfEvent returns the deliveries of an event of the environment, with their attempts.
func (c *Catalog) DeliveriesOfEvent(ctx context.Context, env film.EnvironmentID, id film.EventID) ([]film.Delivery, error) {
	return c.deliveries(ctx, selectDeliveriesOfEvent, id, env)
}

// DeliveriesOfWebhook returns a page of the deliveries to a webhook of the environment, newest event first, with their
// attempts; pages count from 1.
func (c *Catalog) DeliveriesOfWebhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID, limit, page int) ([]film.Delivery, error) {
	limit, offset := pageOf(limit, page)
	return c.deliveries(ctx, selectDeliveriesOfWebhook, id, env, limit, offset)
}

func (c *Catalog) deliveries(ctx context.Context, q query, args ...any) ([]film.Delivery, error) {
	var deliveries []film.Delivery
	err := c.rows(ctx, q, args, func(scan func(...any) error) error {
		d, err := scanDelivery(scan)
		deliveries = append(deliveries, d)
		return err
	})
	for i := range deliveries {
		if err == nil {
			err = c.readAttempts(ctx, &deliveries[i])
		}
	}
	return deliveries, notFound("list deliveries", err)
}

func scanDelivery(scan func(dest ...any) error) (film.Delivery, error) {
	var (
		d                      film.Delivery
		deadline, webhookSince int64
		w                      = &d.Webhook
		err                    error
	)
	d.Event, err = scanEvent(scan, &d.ID, &d.Tries, &d.Outcome, &deadline,
		&w.ID, &w.Environment, &w.Address, &w.Secret, &w.Enabled, &webhookSince)
	d.Done, d.Deadline, w.CreatedAt = d.Outcome != "", timeOf(deadline), timeOf(webhookSince)
	return d, err
}

func (c *Catalog) readAttempts(ctx context.Context, d *film.Delivery) error {
	return c.rows(ctx, selectAttempts, []any{d.ID}, func(scan func(...any) error) error {
		var document []byte
		if err := scan(&document); err != nil {
			return err
		}
		var a film.Attempt
		if err := json.Unmarshal(document, &a); err != nil {
			return fmt.Errorf("read stored attempt: %w", err)
		}
		d.Attempts = append(d.Attempts, a)
		return nil
	})
}

// RecordAttempt stores an attempt and what follows from it (see [film.DeliveryState.Record]): the delivery is done, or
// its next attempt is ordered for retryAt. A first attempt, however it went, also releases the next delivery of its
// lane. A delivery that was deleted meanwhile is not found: its job is done.
func (c *Catalog) RecordAttempt(ctx context.Context, id film.DeliveryID, a film.Attempt, retryAt time.Time) error {
	if a.Number < 1 {
		return fmt.Errorf("record attempt of delivery %s: it has no number", id)
	}
	a = bounded(a)
	if a.ID == "" {
		a.ID = drawShort[string]()
	}
	document, err := encode(a)
	if err != nil {
		return err
	}
	err = c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// First attempts take the environment's lock before the delivery's own; which it is, is seen under the locks.
		// Retries do without, so that dead receivers hold up nobody's events.
		if a.Number == 1 {
			if err := lockSpaceOf(ctx, tx, id); err != nil {
				return err
			}
		}
		state := film.DeliveryState{ID: id}
		var (
			l        lane
			deadline int64
		)
		if err := txRow(ctx, tx, lockDelivery, []any{id}, &state.Tries, &state.Outcome, &deadline,
			&l.webhook, &l.object.Type, &l.object.ID); err != nil {
			return err
		}
		state.Deadline = timeOf(deadline)
		next, change := state.Record(a, retryAt, c.cfg.DeliveryTTL)
		if _, err := exec(ctx, tx, updateDelivery, id, next.Tries, next.Outcome, micros(next.Deadline)); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, insertAttempt, a.ID, id, micros(a.At), document); err != nil {
			return err
		}
		jobs := change.Jobs
		if state.Tries == 0 {
			released, err := releaseNext(ctx, tx, l)
			if err != nil {
				return err
			}
			jobs = append(jobs, released...)
		}
		return c.enqueue(ctx, tx, jobs)
	})
	if err != nil {
		return notFound("record attempt", err)
	}
	point.Hit("catalog.committed:attempt")
	return nil
}

// reorderOverdue orders the next attempt of deliveries that are open long after their deadline. The queue gives a job up
// after some failures of ours (a bug, say), and without this its delivery would stay open, and its lane closed, for
// ever. An order too many does no harm: attempts are numbered.
func (c *Catalog) reorderOverdue(ctx context.Context) error {
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now := c.now()
		var jobs []film.Job
		err := txRows(ctx, tx, selectOverdue, []any{micros(now.Add(-overdue)), overdueBatch}, func(scan func(...any) error) error {
			var job film.DeliverEvent
			err := scan(&job.Delivery, &job.Attempt)
			job.Attempt++
			jobs = append(jobs, film.Job{Args: job})
			return err
		})
		if err != nil {
			return err
		}
		for _, job := range jobs { // so that the next look finds others
			if _, err := exec(ctx, tx, postponeDelivery, job.Args.(film.DeliverEvent).Delivery, micros(now)); err != nil {
				return err
			}
		}
		return c.enqueue(ctx, tx, jobs)
	})
	return notFound("order overdue deliveries", err)
}

func lockSpaceOf(ctx context.Context, tx *sql.Tx, id film.DeliveryID) error {
	var env film.EnvironmentID
	if err := txRow(ctx, tx, selectDeliverySpace, []any{id}, &env); err != nil {
		return err
	}
	_, err := lockEvents(ctx, tx, env, 0)
	return err
}

// releaseNext orders the first attempt of the lane's next delivery. The caller holds the environment's lock.
func releaseNext(ctx context.Context, tx *sql.Tx, l lane) ([]film.Job, error) {
	id, ok, err := l.head(ctx, tx)
	if err != nil || !ok {
		return nil, err
	}
	n, err := exec(ctx, tx, releaseDelivery, id)
	if err != nil || n == 0 {
		return nil, err
	}
	return []film.Job{{Args: film.DeliverEvent{Delivery: id, Attempt: 1}}}, nil
}

// bounded returns the attempt as it is stored: with no more of the answer than is worth keeping.
func bounded(a film.Attempt) film.Attempt {
	a.At = a.At.UTC().Truncate(time.Microsecond)
	a.Failure, a.Body = head(a.Failure, maxAttemptText), head(a.Body, maxAttemptText)
	headers := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(a.Header)) {
		if i < maxAttemptHeaders && len(name) <= maxAttemptHeader {
			headers[name] = head(a.Header[name], maxAttemptHeader)
		}
	}
	a.Header = headers
	return a
}

// head returns the first n bytes of a text; encoding/json replaces what is cut in the middle of a character.
func head(text string, n int) string { return text[:min(n, len(text))] }
