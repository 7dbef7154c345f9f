package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"filmcan/internal/film"
)

const (
	selectFilms query = `SELECT f.id, f.verified_at, a.document FROM films f LEFT JOIN assets a ON a.film_id = f.id
		WHERE f.id > $1 ORDER BY f.id LIMIT $2`
	selectFilm      query = `SELECT COUNT(*) FROM films WHERE id = $1`
	selectScrubNext query = `SELECT f.id, f.verified_at, a.document FROM films f JOIN assets a ON a.film_id = f.id
		WHERE a.status = 'ready' AND f.verified_at < $1 ORDER BY f.verified_at, f.id LIMIT 1`
	updateVerified  query = `UPDATE films SET verified_at = $2 WHERE id = $1`
	extendPurgeHold query = `UPDATE purge_hold SET held_until = $1 WHERE id = 1 AND held_until < $1`
	selectPurgeHold query = `SELECT held_until FROM purge_hold WHERE id = 1`
	filmsPerRead          = 500
)

// Film is what the rows say of a film in the vault.
type Film struct {
	ID film.FilmID
	// Asset is who owns it, nil while nobody does.
	Asset *film.Asset
	// VerifiedAt is when all of it was last read and found whole; zero: never.
	VerifiedAt time.Time
}

// Films yields every film that has a row, by the order of their ids. It reads a page at a time: films that come or go
// meanwhile may be missed or met.
func (c *Catalog) Films(ctx context.Context) iter.Seq2[Film, error] {
	return func(yield func(Film, error) bool) {
		for last := film.FilmID(""); ; {
			var page []Film
			err := c.rows(ctx, selectFilms, []any{last, filmsPerRead}, func(scan func(...any) error) error {
				f, err := scanFilm(scan)
				page = append(page, f)
				return err
			})
			if err != nil {
				yield(Film{}, fmt.Errorf("list films: %w", err))
				return
			}
			for _, f := range page {
				if !yield(f, nil) {
					return
				}
			}
			if len(page) < filmsPerRead {
				return
			}
			last = page[len(page)-1].ID
		}
	}
}

// HasFilm reports whether a film has a row. The bytes of one that has none may be removed.
func (c *Catalog) HasFilm(ctx context.Context, id film.FilmID) (bool, error) {
	var n int
	err := c.row(ctx, selectFilm, []any{id}, &n)
	return n > 0, notFound("look for film", err)
}

// ScrubNext returns the film of a ready asset whose verification is longest ago, if that was before the given time.
func (c *Catalog) ScrubNext(ctx context.Context, before time.Time) (f Film, ok bool, err error) {
	f, err = scanFilm(func(dest ...any) error { return c.row(ctx, selectScrubNext, []any{micros(before)}, dest...) })
	if errors.Is(err, sql.ErrNoRows) {
		return Film{}, false, nil
	}
	return f, err == nil, notFound("choose film to scrub", err)
}

// ScrubDone notes that all of a film was read just now. Whether it was whole is told by [Catalog.DamageMaster] and
// [Catalog.RepairMaster]. A film that is gone is no error.
func (c *Catalog) ScrubDone(ctx context.Context, id film.FilmID) error {
	return notFound("note verification", c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx, updateVerified, id, micros(c.now()))
		return err
	}))
}

// HoldPurges keeps films from being purged until that time, so that a backup finds every byte that its copy of the
// rows speaks of. It never shortens a hold: a backup extends its own while it runs and then lets it run out.
func (c *Catalog) HoldPurges(ctx context.Context, until time.Time) error {
	return notFound("hold purges", c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx, extendPurgeHold, micros(until))
		return err
	}))
}

// PurgesHeld returns how long purges are still held off: zero when they are not.
func (c *Catalog) PurgesHeld(ctx context.Context) (time.Duration, error) {
	var until int64
	err := c.row(ctx, selectPurgeHold, nil, &until)
	return max(0, timeOf(until).Sub(c.now())), notFound("read hold of purges", err)
}

func scanFilm(scan func(dest ...any) error) (Film, error) {
	var (
		f        Film
		verified int64
		document sql.Null[string]
	)
	if err := scan(&f.ID, &verified, &document); err != nil {
		return Film{}, err
	}
	if verified != 0 {
		f.VerifiedAt = timeOf(verified)
	}
	if document.Valid {
		f.Asset = new(film.Asset)
		if err := json.Unmarshal([]byte(document.V), f.Asset); err != nil {
			return Film{}, fmt.Errorf("read stored asset: %w", err)
		}
	}
	return f, nil
}
