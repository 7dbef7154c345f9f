package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/point"
)

const (
	selectGrant query = `SELECT g.id, g.created_at, g.expires_at, g.opened_at, g.revoked_at, a.id, a.film_id, a.document
		FROM grants g JOIN assets a ON a.id = g.asset_id WHERE g.id = $1`
	openGrant             query = `UPDATE grants SET opened_at = $2 WHERE id = $1 AND opened_at IS NULL`
	selectRevocationClock query = `SELECT seq FROM revocation_clock WHERE id = 1`
)

// SetMasterAccess is the PUT of master access. Temporary access begins in this one transaction, `preparing` and `ready`
// in a row, for the master exists already; the keep is asked before it whether the bytes are there, and where they
// are not the master is errored instead. None ends it: every grant of the asset dies with the commit.
func (c *Catalog) SetMasterAccess(ctx context.Context, env film.EnvironmentID, id film.AssetID, access film.Access) (film.Asset, error) {
	var (
		a   film.Asset
		err error
	)
	switch access {
	case film.AccessTemporary:
		a, err = c.enableMaster(ctx, env, id)
	case film.AccessNone:
		a, err = c.moveAsset(ctx, in(env, id), film.Asset.DisableMaster)
	default:
		return film.Asset{}, film.Invalid("master_access must be one of: none, temporary")
	}
	if err != nil {
		return film.Asset{}, notFound("set master access", err)
	}
	point.Hit("catalog.committed:master_access")
	return a, nil
}

func (c *Catalog) enableMaster(ctx context.Context, env film.EnvironmentID, id film.AssetID) (film.Asset, error) {
	grant := drawLong[film.GrantID]()
	enable := func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return a.EnableMaster(grant, c.cfg.MasterTTL, now)
	}
	a, err := c.Asset(ctx, env, id)
	if err != nil {
		return film.Asset{}, err
	}
	if _, _, err := enable(a, c.now()); err != nil {
		return film.Asset{}, err // refused: no need to look at the keep
	}
	damage := c.cfg.Keep.Present(ctx, a)
	if damage != nil && !errors.Is(damage, ErrDamaged) {
		return film.Asset{}, fmt.Errorf("look at master of asset %s: %w", id, damage)
	}
	return c.moveAsset(ctx, in(env, id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		if damage == nil {
			return enable(a, now)
		}
		a, damaged := a.DamageMaster(damage.Error(), now)
		a, enabled, err := enable(a, now)
		return a, then(damaged, enabled), err
	})
}

// HandleExpireMaster ends a grant whose time is over. It comes back later where the grant is not over yet.
func (c *Catalog) HandleExpireMaster(ctx context.Context, job film.ExpireMaster) error {
	_, err := c.moveAsset(ctx, forWork(job.Asset), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		if g := a.Master.Grant; g != nil && g.ID == job.Grant && now.Before(g.ExpiresAt) {
			return a, film.Change{}, &film.Later{After: g.ExpiresAt.Sub(now)}
		}
		return certain(a.ExpireMaster(job.Grant, now))
	})
	if film.IsCode(err, film.CodeNotFound) {
		return nil // deleted meanwhile, and its grants with it
	}
	if err != nil {
		return fmt.Errorf("expire master of asset %s: %w", job.Asset, err)
	}
	point.Hit("catalog.committed:expired")
	return nil
}

// DamageMaster notes that a master's bytes are missing or wrong: its grants are revoked and nobody gets it any more.
// Why is for the operator.
func (c *Catalog) DamageMaster(ctx context.Context, id film.AssetID, why string) error {
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return certain(a.DamageMaster(why, now))
	})
	return notFound("note damage of master", err)
}

// RepairMaster notes that a master's bytes are whole again. Access that was errored begins with the next PUT.
func (c *Catalog) RepairMaster(ctx context.Context, id film.AssetID) error {
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, _ time.Time) (film.Asset, film.Change, error) {
		return certain(a.RepairMaster())
	})
	return notFound("note repair of master", err)
}

// Grant returns what the master's door needs to serve a grant or refuse it. A grant whose asset is gone is not found.
func (c *Catalog) Grant(ctx context.Context, id film.GrantID) (film.GrantState, error) {
	var (
		g                film.GrantState
		created, expires int64
		opened, revoked  sql.Null[int64]
		document         []byte
	)
	err := c.row(ctx, selectGrant, []any{id}, &g.Grant.ID, &created, &expires, &opened, &revoked, &g.Asset, &g.Film, &document)
	if err != nil {
		return film.GrantState{}, notFound("read grant", err)
	}
	var a film.Asset
	if err := json.Unmarshal(document, &a); err != nil {
		return film.GrantState{}, fmt.Errorf("read stored asset: %w", err)
	}
	g.Master = a.Master
	g.Grant.CreatedAt, g.Grant.ExpiresAt = timeOf(created), timeOf(expires)
	if opened.Valid {
		g.OpenedAt = timeOf(opened.V)
	}
	g.Revoked = revoked.Valid
	return g, nil
}

// GrantOpened notes the first download of a grant; later ones change nothing.
func (c *Catalog) GrantOpened(ctx context.Context, id film.GrantID) error {
	return notFound("open grant", c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx, openGrant, id, micros(c.now()))
		return err
	}))
}

// RevocationSeq returns a number that is higher than before after any grant was revoked or deleted. Whoever serves
// masters reads it while transfers run, and looks at their grants again when it has changed.
func (c *Catalog) RevocationSeq(ctx context.Context) (int64, error) {
	var seq int64
	err := c.row(ctx, selectRevocationClock, nil, &seq)
	return seq, notFound("read revocation clock", err)
}
