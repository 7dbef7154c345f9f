package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// PurgeFilm is the handler of [film.PurgeFilm]: it removes the bytes of a film whose row is gone. It comes back later
// while a backup holds purges off, or an ingest has not noticed yet that its asset was deleted.
func (in *Intake) PurgeFilm(ctx context.Context, job film.PurgeFilm) error {
	if owned, err := in.catalog.HasFilm(ctx, job.Film); err != nil {
		return err
	} else if owned {
		return fmt.Errorf("purge film %s: it has a row", job.Film)
	}
	held, err := in.catalog.PurgesHeld(ctx)
	if err != nil {
		return err
	}
	if held > 0 {
		return &film.Later{After: held + time.Second}
	}
	return in.remove(ctx, job.Film)
}

// Scrub is the handler of [film.ScrubFilms]: it reads the films whose last verification is longer ago than
// Config.ScrubEvery, the oldest first, until none is due. Damage sets the master errored; a master that is whole again,
// from a backup say, is given free.
func (in *Intake) Scrub(ctx context.Context, _ film.ScrubFilms) error {
	for {
		f, due, err := in.catalog.ScrubNext(ctx, time.Now().Add(-in.cfg.ScrubEvery))
		if err != nil || !due {
			return err
		}
		if err := in.scrub(ctx, *f.Asset); err != nil {
			return fmt.Errorf("scrub film %s: %w", f.ID, err)
		}
		if err := in.catalog.ScrubDone(ctx, f.ID); err != nil {
			return err
		}
	}
}

func (in *Intake) scrub(ctx context.Context, a film.Asset) error {
	source := in.verify(ctx, a, vault.Source)
	master := source
	if a.Master.Kind != film.MasterSource {
		master = in.verify(ctx, a, vault.Master)
	}
	for _, err := range []error{source, master} {
		if err != nil && !isDamage(err) {
			return err // it could not be told; another time
		}
	}
	if source != nil {
		in.log.ErrorContext(ctx, "film damaged", "asset", a.ID, "err", source)
	}
	var err error
	switch {
	case master != nil:
		in.log.ErrorContext(ctx, "master damaged", "asset", a.ID, "err", master)
		err = in.catalog.DamageMaster(ctx, a.ID, master.Error())
	case a.Master.Damage != "":
		in.log.InfoContext(ctx, "master whole again", "asset", a.ID)
		err = in.catalog.RepairMaster(ctx, a.ID)
	}
	if film.IsCode(err, film.CodeNotFound) {
		return nil // deleted meanwhile
	}
	return err
}

// verify reads all of a part and holds it against its digests, and its length and digest against the row.
func (in *Intake) verify(ctx context.Context, a film.Asset, part vault.Part) error {
	ref := vault.Ref{Film: a.Film, Part: part}
	if err := in.vault.Verify(ctx, ref); err != nil {
		return err
	}
	if isMaster := (part == vault.Master) == (a.Master.Kind != film.MasterSource); !isMaster {
		return nil
	}
	sealed, err := in.vault.Stat(ctx, ref)
	if err == nil && (sealed.Size != a.Master.Size || sealed.ETag != a.Master.ETag) {
		return &vault.Damage{Ref: ref, Reason: "it is not the film that the catalog speaks of"}
	}
	return err
}

func isDamage(err error) bool {
	return errors.Is(err, vault.ErrDamaged) || errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrNotSealed)
}
