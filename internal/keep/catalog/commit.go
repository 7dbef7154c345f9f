package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"filmcan/internal/film"
)

const (
	lockAsset query = `UPDATE assets SET revision = revision WHERE id = $1 AND environment_id = $2
		RETURNING document`
	lockAssetForWork query = `UPDATE assets SET revision = revision WHERE id = $1 RETURNING document`
	updateAsset      query = `UPDATE assets SET revision = $2, status = $3, document = $4
		WHERE id = $1 AND revision = $2 - 1`
	insertGrant query = `INSERT INTO grants (id, asset_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`
	// A grant that is over and past its hour of grace needs no revocation.
	revokeGrants query = `UPDATE grants SET revoked_at = $2
		WHERE asset_id = $1 AND revoked_at IS NULL AND expires_at > $3`
	raiseRevocationClock query = `UPDATE revocation_clock SET seq = seq + 1 WHERE id = 1`
)

// move is a transition of an asset, or several in a row.
type move func(a film.Asset, now time.Time) (film.Asset, film.Change, error)

// step is what a move of an asset takes with it: other rows, changed after the asset's own in the same transaction. What
// they cause comes after what the move caused.
type step func(ctx context.Context, tx *sql.Tx, a film.Asset, now time.Time) (film.Change, error)

// also makes a step of a statement that causes nothing further.
func also(q query, args ...any) step {
	return func(ctx context.Context, tx *sql.Tx, _ film.Asset, _ time.Time) (film.Change, error) {
		_, err := exec(ctx, tx, q, args...)
		return film.Change{}, err
	}
}

// certain makes a move of a transition that cannot be refused.
func certain(a film.Asset, c film.Change) (film.Asset, film.Change, error) { return a, c, nil }

// moveAsset is the way in which assets change: it locks the row, lets the move decide, and commits what came of it.
// A move that changes nothing commits nothing. The asset is returned as it is to be shown.
func (c *Catalog) moveAsset(ctx context.Context, lock assetLock, m move, steps ...step) (film.Asset, error) {
	now := c.now()
	var next film.Asset
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err := lock(ctx, tx)
		if err != nil {
			return err
		}
		a.Revision++ // so that snapshots say which commit they are of
		var change film.Change
		if next, change, err = m(a, now); err != nil {
			return err
		}
		changed, err := storeAsset(ctx, tx, a, next)
		if err != nil {
			return err
		}
		if !changed {
			next.Revision--
		}
		for _, step := range steps {
			more, err := step(ctx, tx, next, now)
			if err != nil {
				return err
			}
			change = then(change, more)
		}
		return c.commit(ctx, tx, next.Environment, next.ID, change, now)
	})
	return next.At(now), err
}

// assetLock reads an asset's row and locks it for the rest of the transaction.
type assetLock func(ctx context.Context, tx *sql.Tx) (film.Asset, error)

// in locks an asset of one environment.
func in(env film.EnvironmentID, id film.AssetID) assetLock {
	return func(ctx context.Context, tx *sql.Tx) (film.Asset, error) {
		return decodeAsset(func(dest ...any) error { return txRow(ctx, tx, lockAsset, []any{id, env}, dest...) })
	}
}

// forWork locks an asset for a job, in whichever environment it is.
func forWork(id film.AssetID) assetLock {
	return func(ctx context.Context, tx *sql.Tx) (film.Asset, error) {
		return decodeAsset(func(dest ...any) error { return txRow(ctx, tx, lockAssetForWork, []any{id}, dest...) })
	}
}

// storeAsset writes the asset's row if the transition changed it. The row is locked, so the comparison of revisions
// can only fail where a lock was forgotten.
func storeAsset(ctx context.Context, tx *sql.Tx, a, next film.Asset) (changed bool, err error) {
	before, err := encode(a)
	if err != nil {
		return false, err
	}
	after, err := encode(next)
	if err != nil || before == after {
		return false, err
	}
	n, err := exec(ctx, tx, updateAsset, next.ID, next.Revision, next.Status, after)
	if err == nil && n != 1 {
		err = fmt.Errorf("asset %s changed under its lock", next.ID)
	}
	return true, err
}

// commit stores what a transition of an asset caused beside the asset's own row.
func (c *Catalog) commit(ctx context.Context, tx *sql.Tx, env film.EnvironmentID, id film.AssetID, change film.Change, now time.Time) error {
	for _, g := range change.Granted {
		if _, err := exec(ctx, tx, insertGrant, g.ID, id, micros(g.CreatedAt), micros(g.ExpiresAt)); err != nil {
			return fmt.Errorf("store grant: %w", err)
		}
	}
	revoked := int64(0)
	if change.Revoke {
		var err error
		if revoked, err = exec(ctx, tx, revokeGrants, id, micros(now), micros(now.Add(-film.MasterGrace))); err != nil {
			return fmt.Errorf("revoke grants: %w", err)
		}
	}
	return c.commitRest(ctx, tx, env, change, revoked > 0)
}

// commitRest stores events with their deliveries, raises the revocation clock, and orders all jobs.
func (c *Catalog) commitRest(ctx context.Context, tx *sql.Tx, env film.EnvironmentID, change film.Change, revoked bool) error {
	deliveries, err := c.storeEvents(ctx, tx, env, change.Events)
	if err != nil {
		return err
	}
	if revoked {
		if _, err := exec(ctx, tx, raiseRevocationClock); err != nil {
			return fmt.Errorf("raise revocation clock: %w", err)
		}
	}
	return c.enqueue(ctx, tx, append(deliveries, change.Jobs...))
}

func (c *Catalog) enqueue(ctx context.Context, tx *sql.Tx, jobs []film.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	if err := c.queue.EnqueueTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("enqueue jobs: %w", err)
	}
	return nil
}

// then joins two changes of one transaction.
func then(a, b film.Change) film.Change {
	a.Events = append(a.Events, b.Events...)
	a.Jobs = append(a.Jobs, b.Jobs...)
	a.Granted = append(a.Granted, b.Granted...)
	a.Revoke = a.Revoke || b.Revoke
	return a
}

// decodeAsset reads an asset from a row that is its document alone.
func decodeAsset(scan func(dest ...any) error) (film.Asset, error) {
	var document []byte
	if err := scan(&document); errors.Is(err, sql.ErrNoRows) {
		return film.Asset{}, film.NotFound()
	} else if err != nil {
		return film.Asset{}, err
	}
	var a film.Asset
	if err := json.Unmarshal(document, &a); err != nil {
		return film.Asset{}, fmt.Errorf("read stored asset: %w", err)
	}
	return a, nil
}

// encode returns the stored form of a document.
func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(text), nil
}
