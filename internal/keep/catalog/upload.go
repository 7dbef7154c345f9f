package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/point"
)

const (
	insertUpload query = `INSERT INTO uploads
		(id, environment_id, created_at, revision, status, film_id, asset_id, document)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	selectUpload     query = `SELECT document FROM uploads WHERE id = $1 AND environment_id = $2`
	selectOpenUpload query = `SELECT document FROM uploads WHERE id = $1`
	selectUploads    query = `SELECT document FROM uploads WHERE environment_id = $1
		ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3`
	lockUpload query = `UPDATE uploads SET revision = revision WHERE id = $1 AND environment_id = $2
		RETURNING document`
	lockUploadForWork query = `UPDATE uploads SET revision = revision WHERE id = $1 RETURNING document`
	updateUpload      query = `UPDATE uploads SET revision = $2, status = $3, asset_id = $4, document = $5
		WHERE id = $1 AND revision = $2 - 1`
)

// CreateUpload begins a direct upload, with a film of its own in which its bytes will be kept. The settings of its asset
// and the timeout are as the door checked them; a timeout of 0 is [film.UploadTimeout].
func (c *Catalog) CreateUpload(ctx context.Context, env film.EnvironmentID, s film.AssetSettings, corsOrigin string, timeout time.Duration) (film.Upload, error) {
	now := c.now()
	u, change := film.CreateUpload(film.NewUpload{
		ID: drawLong[film.UploadID](), Environment: env, Film: drawShort[film.FilmID](),
		Settings: s, CORSOrigin: corsOrigin, Timeout: timeout,
	}, now)
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := exec(ctx, tx, insertFilm, u.Film, env, micros(now)); err != nil {
			return missingEnvironment(err)
		}
		document, err := encode(u)
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, insertUpload, u.ID, env, micros(now), u.Revision, u.Status, u.Film,
			optional(u.Asset), document); err != nil {
			return err
		}
		return c.commitRest(ctx, tx, env, change, false)
	})
	if err != nil {
		return film.Upload{}, notFound("create upload", err)
	}
	point.Hit("catalog.committed:upload_created")
	return u, nil
}

// Upload returns an upload.
func (c *Catalog) Upload(ctx context.Context, env film.EnvironmentID, id film.UploadID) (film.Upload, error) {
	u, err := decodeUpload(func(dest ...any) error { return c.row(ctx, selectUpload, []any{id, env}, dest...) })
	return u, notFound("read upload", err)
}

// OpenUpload returns the upload that an uploader's URL means, and is for jobs too: the environment does not matter.
func (c *Catalog) OpenUpload(ctx context.Context, id film.UploadID) (film.Upload, error) {
	u, err := decodeUpload(func(dest ...any) error { return c.row(ctx, selectOpenUpload, []any{id}, dest...) })
	return u, notFound("open upload", err)
}

// Uploads returns a page of the environment's uploads, newest first; pages count from 1.
func (c *Catalog) Uploads(ctx context.Context, env film.EnvironmentID, limit, page int) ([]film.Upload, error) {
	limit, offset := pageOf(limit, page)
	var uploads []film.Upload
	err := c.rows(ctx, selectUploads, []any{env, limit, offset}, func(scan func(...any) error) error {
		u, err := decodeUpload(scan)
		uploads = append(uploads, u)
		return err
	})
	return uploads, notFound("list uploads", err)
}

// CompleteUpload makes an upload whose film is sealed into its asset, with the ingest ordered. An upload that became its
// asset before (the answer was lost, or two saw the last byte) is returned as it is, whatever became of the asset since;
// one that was cancelled, timed out or refused is [film.CodeForbidden].
func (c *Catalog) CompleteUpload(ctx context.Context, id film.UploadID) (film.Upload, error) {
	u, err := c.moveUpload(ctx, uploadForWork(id), func(ctx context.Context, tx *sql.Tx, u film.Upload, now time.Time) (film.Upload, film.Change, error) {
		if u.Asset != "" {
			return u, film.Change{}, nil
		}
		next, a, change, err := u.Complete(drawLong[film.AssetID](), drawPlaybacks(u.Settings), now)
		if err != nil {
			return u, film.Change{}, err
		}
		return next, change, insertNewAsset(ctx, tx, a)
	})
	if err != nil {
		return film.Upload{}, notFound("complete upload", err)
	}
	point.Hit("catalog.committed:upload_completed")
	return u, nil
}

// CancelUpload ends an upload on its owner's word; its bytes are purged by a job. One that is not waiting any more is
// [film.CodeForbidden].
func (c *Catalog) CancelUpload(ctx context.Context, env film.EnvironmentID, id film.UploadID) (film.Upload, error) {
	u, err := c.moveUpload(ctx, uploadIn(env, id), func(_ context.Context, _ *sql.Tx, u film.Upload, now time.Time) (film.Upload, film.Change, error) {
		return u.Cancel(now)
	})
	if err != nil {
		return film.Upload{}, notFound("cancel upload", err)
	}
	point.Hit("catalog.committed:upload_cancelled")
	return u, nil
}

// FailUpload ends an upload whose bytes are no film; a job purges them. An upload that is not waiting any more is left
// as it is, without an error.
func (c *Catalog) FailUpload(ctx context.Context, id film.UploadID, f film.UploadFailure) error {
	_, err := c.moveUpload(ctx, uploadForWork(id), func(_ context.Context, _ *sql.Tx, u film.Upload, now time.Time) (film.Upload, film.Change, error) {
		if u.Status != film.UploadWaiting {
			return u, film.Change{}, nil
		}
		u, change := u.Fail(f, now)
		return u, change, nil
	})
	if err != nil {
		return notFound("make upload errored", err)
	}
	point.Hit("catalog.committed:upload_failed")
	return nil
}

// ExpireUpload ends an upload whose time is over; a job purges its bytes. An upload that is not waiting any more, or is
// gone, is left alone. Before its deadline it is a [film.Later].
func (c *Catalog) ExpireUpload(ctx context.Context, id film.UploadID) error {
	_, err := c.moveUpload(ctx, uploadForWork(id), func(_ context.Context, _ *sql.Tx, u film.Upload, now time.Time) (film.Upload, film.Change, error) {
		if left := u.Deadline().Sub(now); u.Status == film.UploadWaiting && left > 0 {
			return u, film.Change{}, &film.Later{After: left}
		}
		u, change := u.Expire(now)
		return u, change, nil
	})
	if film.IsCode(err, film.CodeNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("expire upload %s: %w", id, err)
	}
	point.Hit("catalog.committed:upload_expired")
	return nil
}

// uploadMove is a transition of an upload, with the rows beside its own that must come first.
type uploadMove func(ctx context.Context, tx *sql.Tx, u film.Upload, now time.Time) (film.Upload, film.Change, error)

// moveUpload is to uploads what moveAsset is to assets.
func (c *Catalog) moveUpload(ctx context.Context, lock uploadLock, m uploadMove) (film.Upload, error) {
	now := c.now()
	var next film.Upload
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		u, err := lock(ctx, tx)
		if err != nil {
			return err
		}
		var change film.Change
		if next, change, err = changeUpload(ctx, tx, u, now, m); err != nil {
			return err
		}
		return c.commitRest(ctx, tx, next.Environment, change, false)
	})
	return next, err
}

// changeUpload lets the move decide about a locked upload and stores its row. What else came of it is the caller's to
// commit.
func changeUpload(ctx context.Context, tx *sql.Tx, u film.Upload, now time.Time, m uploadMove) (film.Upload, film.Change, error) {
	before, status := u, u.Status
	u.Revision++ // so that snapshots say which commit they are of
	next, change, err := m(ctx, tx, u, now)
	if err != nil {
		return before, film.Change{}, err
	}
	if next.Status == status {
		return before, change, nil // every transition of an upload is one of its status
	}
	document, err := encode(next)
	if err != nil {
		return before, film.Change{}, err
	}
	n, err := exec(ctx, tx, updateUpload, next.ID, next.Revision, next.Status, optional(next.Asset), document)
	if err == nil && n != 1 {
		err = fmt.Errorf("upload %s changed under its lock", next.ID)
	}
	if err == nil && next.Asset == "" { // it will never be an asset's
		_, err = exec(ctx, tx, deleteFilm, next.Film)
	}
	return next, change, err
}

// failUploadOf returns the step that makes the upload of an asset errored together with it. An upload that is not
// asset_created, or gone, is left alone.
func failUploadOf(f film.Failure) step {
	return func(ctx context.Context, tx *sql.Tx, a film.Asset, now time.Time) (film.Change, error) {
		if a.Upload == "" {
			return film.Change{}, nil
		}
		u, err := uploadForWork(a.Upload)(ctx, tx)
		if film.IsCode(err, film.CodeNotFound) {
			return film.Change{}, nil
		}
		if err != nil {
			return film.Change{}, err
		}
		_, change, err := changeUpload(ctx, tx, u, now, func(_ context.Context, _ *sql.Tx, u film.Upload, now time.Time) (film.Upload, film.Change, error) {
			u, change := u.Fail(film.UploadFailure{Type: f.Type, Message: strings.Join(f.Messages, " ")}, now)
			return u, change, nil
		})
		return change, err
	}
}

// uploadLock reads an upload's row and locks it for the rest of the transaction.
type uploadLock func(ctx context.Context, tx *sql.Tx) (film.Upload, error)

// uploadIn locks an upload of one environment.
func uploadIn(env film.EnvironmentID, id film.UploadID) uploadLock {
	return func(ctx context.Context, tx *sql.Tx) (film.Upload, error) {
		return decodeUpload(func(dest ...any) error { return txRow(ctx, tx, lockUpload, []any{id, env}, dest...) })
	}
}

// uploadForWork locks an upload for its door or a job, in whichever environment it is.
func uploadForWork(id film.UploadID) uploadLock {
	return func(ctx context.Context, tx *sql.Tx) (film.Upload, error) {
		return decodeUpload(func(dest ...any) error { return txRow(ctx, tx, lockUploadForWork, []any{id}, dest...) })
	}
}

// decodeUpload reads an upload from a row that is its document alone.
func decodeUpload(scan func(dest ...any) error) (film.Upload, error) {
	var document []byte
	if err := scan(&document); errors.Is(err, sql.ErrNoRows) {
		return film.Upload{}, film.NotFound()
	} else if err != nil {
		return film.Upload{}, err
	}
	var u film.Upload
	if err := json.Unmarshal(document, &u); err != nil {
		return film.Upload{}, fmt.Errorf("read stored upload: %w", err)
	}
	return u, nil
}
