package catalog

import (
	"context"
	"database/sql"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/point"
)

const (
	insertFilm  query = `INSERT INTO films (id, environment_id, created_at) VALUES ($1, $2, $3)`
	insertAsset query = `INSERT INTO assets
		(id, environment_id, created_at, revision, status, film_id, upload_id, live_stream_id, document)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	selectAsset        query = `SELECT document FROM assets WHERE id = $1 AND environment_id = $2`
	selectAssetForWork query = `SELECT document FROM assets WHERE id = $1`
	deleteAsset        query = `DELETE FROM assets WHERE id = $1`
	deleteFilm         query = `DELETE FROM films WHERE id = $1`
)

// CreateAsset begins an asset from inputs: preparing, with its playback ids drawn and its ingest ordered. The settings
// and inputs are as the door checked them.
func (c *Catalog) CreateAsset(ctx context.Context, env film.EnvironmentID, s film.AssetSettings, inputs []film.Input) (film.Asset, error) {
	request := film.NewAsset{
		ID: drawLong[film.AssetID](), Environment: env, Film: drawShort[film.FilmID](),
		Settings: s, Inputs: inputs, IngestType: film.IngestURL, Playbacks: drawPlaybacks(s),
	}
	now := c.now()
	a, change := film.CreateAsset(request, now)
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := exec(ctx, tx, insertFilm, a.Film, env, micros(now)); err != nil {
			return missingEnvironment(err)
		}
		if err := insertNewAsset(ctx, tx, a); err != nil {
			return err
		}
		return c.commit(ctx, tx, env, a.ID, change, now)
	})
	if err != nil {
		return film.Asset{}, notFound("create asset", err)
	}
	point.Hit("catalog.committed:created")
	return a, nil
}

// drawPlaybacks returns a new playback id for each policy that the settings ask for.
func drawPlaybacks(s film.AssetSettings) []film.Playback {
	var playbacks []film.Playback
	for _, policy := range s.Policies {
		playbacks = append(playbacks, film.Playback{ID: drawLong[film.PlaybackID](), Policy: policy})
	}
	return playbacks
}

// insertNewAsset stores the rows of an asset that was just created. Its film has one.
func insertNewAsset(ctx context.Context, tx *sql.Tx, a film.Asset) error {
	document, err := encode(a)
	if err != nil {
		return err
	}
	if _, err := exec(ctx, tx, insertAsset, a.ID, a.Environment, micros(a.CreatedAt), a.Revision, a.Status, a.Film,
		optional(a.Upload), optional(a.LiveStream), document); err != nil {
		return err
	}
	for _, p := range a.Playbacks {
		if _, err := exec(ctx, tx, insertPlayback, p.ID, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// Asset returns an asset as it is to be shown now.
func (c *Catalog) Asset(ctx context.Context, env film.EnvironmentID, id film.AssetID) (film.Asset, error) {
	a, err := decodeAsset(func(dest ...any) error { return c.row(ctx, selectAsset, []any{id, env}, dest...) })
	return a.At(c.now()), notFound("read asset", err)
}

// AssetForWork returns the asset of a job, in whichever environment it is.
func (c *Catalog) AssetForWork(ctx context.Context, id film.AssetID) (film.Asset, error) {
	a, err := decodeAsset(func(dest ...any) error { return c.row(ctx, selectAssetForWork, []any{id}, dest...) })
	return a.At(c.now()), notFound("read asset", err)
}

// UpdateAsset changes free-form fields. A patch that changes nothing sends no event.
func (c *Catalog) UpdateAsset(ctx context.Context, env film.EnvironmentID, id film.AssetID, p film.AssetPatch) (film.Asset, error) {
	a, err := c.moveAsset(ctx, in(env, id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return certain(a.Patch(p, now))
	})
	return a, notFound("update asset", err)
}

// DeleteAsset removes an asset, whatever its state: its playback ids and URLs die with the answer, its bytes are purged
// by a job.
func (c *Catalog) DeleteAsset(ctx context.Context, env film.EnvironmentID, id film.AssetID) error {
	now := c.now()
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err := in(env, id)(ctx, tx)
		if err != nil {
			return err
		}
		a.Revision++
		change := a.Delete(now)
		// The grants go with the row, but whoever serves them must be told first.
		revoked, err := exec(ctx, tx, revokeGrants, id, micros(now), micros(now.Add(-film.MasterGrace)))
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, deleteAsset, id); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, deleteFilm, a.Film); err != nil {
			return err
		}
		return c.commitRest(ctx, tx, env, change, revoked > 0)
	})
	if err != nil {
		return notFound("delete asset", err)
	}
	point.Hit("catalog.committed:delete")
	return nil
}

// AssetProgress notes how far a preparation has come.
func (c *Catalog) AssetProgress(ctx context.Context, id film.AssetID, p film.Progress) error {
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, _ time.Time) (film.Asset, film.Change, error) {
		return a.Advance(p)
	})
	return notFound("note progress of asset", err)
}

// AssetDetected notes the reasons for which an input is not standard. Once they are noted, it does nothing.
func (c *Catalog) AssetDetected(ctx context.Context, id film.AssetID, reasons film.Reasons) error {
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return a.Detected(reasons, now)
	})
	return notFound("note reasons of asset", err)
}

// AssetTranscoding ends the look at an input that must be encoded, with the reasons why it is not standard, and orders
// the encoding. Where that is ordered already it does nothing.
func (c *Catalog) AssetTranscoding(ctx context.Context, id film.AssetID, reasons film.Reasons) error {
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return a.Transcode(reasons, now)
	})
	if err != nil {
		return notFound("order the encoding of asset", err)
	}
	point.Hit("catalog.committed:transcoding")
	return nil
}

// AssetReady ends a preparation with success; master access that was asked for at creation begins with it. Ids of
// tracks and of the grant are drawn here. An asset that is not preparing any more (a slow second worker) is a
// conflict, one that was deleted meanwhile is not found: both mean that there is nothing left to do.
func (c *Catalog) AssetReady(ctx context.Context, id film.AssetID, found film.Found) error {
	found.Grant, found.TTL = drawLong[film.GrantID](), c.cfg.MasterTTL
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		f := found
		f.Tracks = append([]film.Track(nil), found.Tracks...)
		for i := range f.Tracks {
			if f.Tracks[i].ID == "" {
				f.Tracks[i].ID = drawLong[film.TrackID]()
			}
		}
		return a.Ready(f, now)
	})
	if err != nil {
		return notFound("make asset ready", err)
	}
	point.Hit("catalog.committed:ready")
	return nil
}

// AssetFailed ends a preparation without success; the upload that the asset came from is errored with it. Its errors are
// those of [Catalog.AssetReady].
func (c *Catalog) AssetFailed(ctx context.Context, id film.AssetID, f film.Failure) error {
	_, err := c.moveAsset(ctx, forWork(id), func(a film.Asset, now time.Time) (film.Asset, film.Change, error) {
		return a.Fail(f, now)
	}, failUploadOf(f))
	if err != nil {
		return notFound("make asset errored", err)
	}
	point.Hit("catalog.committed:failed")
	return nil
}

// optional is NULL for an id that is not set.
func optional[ID ~string](id ID) sql.Null[string] {
	return sql.Null[string]{V: string(id), Valid: id != ""}
}
