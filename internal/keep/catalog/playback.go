package catalog

import (
	"context"
	"slices"
	"time"

	"filmcan/internal/film"
)

const (
	insertPlayback query = `INSERT INTO playback_ids (id, asset_id) VALUES ($1, $2)`
	deletePlayback query = `DELETE FROM playback_ids WHERE id = $1 AND asset_id = $2`
	resolve        query = `SELECT a.document FROM playback_ids p JOIN assets a ON a.id = p.asset_id WHERE p.id = $1`
	resolveOwn     query = `SELECT a.document FROM playback_ids p JOIN assets a ON a.id = p.asset_id
		WHERE p.id = $1 AND a.environment_id = $2`
)

// CreatePlayback gives an asset a further playback id.
func (c *Catalog) CreatePlayback(ctx context.Context, env film.EnvironmentID, asset film.AssetID, policy film.Policy) (film.Playback, error) {
	p := film.Playback{ID: drawLong[film.PlaybackID](), Policy: policy}
	_, err := c.moveAsset(ctx, in(env, asset), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return a.AddPlayback(p, now)
	}, also(insertPlayback, p.ID, asset))
	if err != nil {
		return film.Playback{}, notFound("create playback id", err)
	}
	return p, nil
}

// DeletePlayback takes a playback id away; it can be played no more from the answer on.
func (c *Catalog) DeletePlayback(ctx context.Context, env film.EnvironmentID, asset film.AssetID, id film.PlaybackID) error {
	_, err := c.moveAsset(ctx, in(env, asset), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return a.RemovePlayback(id, now)
	}, also(deletePlayback, id, asset))
	return notFound("delete playback id", err)
}

// PlaybackOwner returns a playback id of the environment and the asset that it belongs to.
func (c *Catalog) PlaybackOwner(ctx context.Context, env film.EnvironmentID, id film.PlaybackID) (film.Playback, film.AssetID, error) {
	a, p, err := c.resolve(ctx, resolveOwn, id, env)
	return p, a.ID, notFound("look up playback id", err)
}

// ResolvePlayback returns the asset that a viewer's URL means, and the playback id with its policy. It is for doors:
// the environment does not matter, the policy does.
func (c *Catalog) ResolvePlayback(ctx context.Context, id film.PlaybackID) (film.Asset, film.Playback, error) {
	now, changes := c.now(), c.playing.changes.Load()
	if a, ok := c.playing.get(id, now); ok {
		if p, ok := a.Playback(id); ok {
			return a.At(now), p, nil
		}
	}
	a, p, err := c.resolve(ctx, resolve, id)
	if err == nil {
		c.playing.put(id, a, changes, now)
	}
	return a.At(now), p, notFound("resolve playback id", err)
}

func (c *Catalog) resolve(ctx context.Context, q query, id film.PlaybackID, more ...any) (film.Asset, film.Playback, error) {
	a, err := decodeAsset(func(dest ...any) error {
		return c.row(ctx, q, slices.Concat([]any{id}, more), dest...)
	})
	if err != nil {
		return film.Asset{}, film.Playback{}, err
	}
	p, ok := a.Playback(id)
	if !ok {
		return film.Asset{}, film.Playback{}, film.NotFound()
	}
	return a, p, nil
}
