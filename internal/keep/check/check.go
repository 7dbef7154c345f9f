// Package check compares the two halves of the keep, rows and bytes, and says where they disagree. With repair it
// makes them agree again, always in the direction that loses nothing: bytes that no row speaks of are removed, a
// master whose bytes are missing or wrong is marked damaged, and one that is whole again is marked so.
package check

import (
	"context"
	"errors"
	"fmt"

	"filmcan/internal/film"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
)

// Kind is what is wrong.
type Kind string

// The kinds of findings.
const (
	// Orphan: bytes of a film that no row speaks of. A purge may be due; the server's next run of it removes them.
	Orphan Kind = "orphan"
	// Missing: a ready asset whose film is not there or has the wrong length.
	Missing Kind = "missing"
	// Damaged: bytes that differ from their digest.
	Damaged Kind = "damaged"
	// Disagree: rows and bytes name different things: another length, another digest.
	Disagree Kind = "disagree"
	// Healed: a master that is marked damaged and is whole.
	Healed Kind = "healed"
	// Unreadable: it could not be told, for a reason that lies elsewhere.
	Unreadable Kind = "unreadable"
)

// Finding is one disagreement.
type Finding struct {
	Kind     Kind
	Film     film.FilmID
	Asset    film.AssetID // empty where there is none
	Detail   string
	Repaired bool
}

func (f Finding) String() string {
	s := fmt.Sprintf("%-10s film %s", f.Kind, f.Film)
	if f.Asset != "" {
		s += " asset " + string(f.Asset)
	}
	s += ": " + f.Detail
	if f.Repaired {
		s += " (repaired)"
	}
	return s
}

// Options says how thorough a check is.
type Options struct {
	// Deep reads every byte and compares digests.
	Deep bool
	// Repair makes rows and bytes agree.
	Repair bool
	// Each is called after each film, for progress; may be nil.
	Each func(film.FilmID)
}

// Run compares all films and calls found for each disagreement, in no particular order. It may run beside a server.
func Run(ctx context.Context, rows *catalog.Catalog, bytes *vault.Vault, o Options, found func(Finding)) error {
	c := checker{rows: rows, bytes: bytes, Options: o, found: found}
	for f, err := range rows.Films(ctx) {
		if err != nil {
			return err
		}
		if err := c.film(ctx, f); err != nil {
			return err
		}
		if o.Each != nil {
			o.Each(f.ID)
		}
	}
	// Rows are written before bytes and removed before them: bytes that are there now and have no row after this are
	// nobody's.
	for id, err := range bytes.Films(ctx) {
		if err != nil {
			return err
		}
		known, err := rows.HasFilm(ctx, id)
		if err != nil {
			return err
		}
		if !known {
			if err := c.orphan(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

type checker struct {
	Options
	rows  *catalog.Catalog
	bytes *vault.Vault
	found func(Finding)
}

// film checks what the rows say of one film against its bytes.
func (c checker) film(ctx context.Context, f catalog.Film) error {
	a := f.Asset
	if a == nil || a.Status != film.AssetReady {
		return nil // its bytes are still coming, or were not what they should be; the rows promise nothing
	}
	finding, err := c.look(ctx, *a)
	if err != nil {
		return err
	}
	switch {
	case finding.Kind == "" && a.Master.Damage != "":
		finding = Finding{Kind: Healed, Detail: "marked damaged (" + a.Master.Damage + "), but whole"}
		if !c.Deep {
			return nil // presence alone does not acquit
		}
	case finding.Kind == "":
		return nil
	}
	finding.Film, finding.Asset = f.ID, a.ID
	if c.Repair {
		switch finding.Kind {
		case Healed:
			err = c.rows.RepairMaster(ctx, a.ID)
			finding.Repaired = err == nil
		case Missing, Damaged, Disagree:
			err = c.rows.DamageMaster(ctx, a.ID, finding.Detail)
			finding.Repaired = err == nil
		case Orphan, Unreadable:
		}
		if film.IsCode(err, film.CodeNotFound) {
			return nil // deleted meanwhile: nothing is wrong any more
		}
	}
	c.found(finding)
	return err
}

// look returns a finding without a kind when all is well.
func (c checker) look(ctx context.Context, a film.Asset) (Finding, error) {
	refs := []vault.Ref{{Film: a.Film, Part: vault.Source}}
	if a.Master.Kind != film.MasterSource {
		refs = append(refs, vault.Ref{Film: a.Film, Part: vault.Master})
	}
	for i, ref := range refs {
		sealed, err := c.bytes.Stat(ctx, ref)
		if err == nil && c.Deep {
			err = c.bytes.Verify(ctx, ref)
		}
		switch {
		case ctx.Err() != nil:
			return Finding{}, ctx.Err()
		case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrNotSealed):
			return Finding{Kind: Missing, Detail: err.Error()}, nil
		case errors.Is(err, vault.ErrDamaged):
			return Finding{Kind: Damaged, Detail: err.Error()}, nil
		case err != nil:
			return Finding{Kind: Unreadable, Detail: err.Error()}, nil //nolint:nilerr // it is the finding
		}
		if i < len(refs)-1 {
			continue
		}
		m := a.Master
		if sealed.Size != m.Size || sealed.ETag != m.ETag || sealed.SHA256 != m.SHA256 {
			return Finding{Kind: Disagree, Detail: fmt.Sprintf("the rows say %d bytes, ETag %s; the vault %d bytes, ETag %s", m.Size, m.ETag, sealed.Size, sealed.ETag)}, nil
		}
	}
	return Finding{}, nil
}

func (c checker) orphan(ctx context.Context, id film.FilmID) error {
	finding := Finding{Kind: Orphan, Film: id, Detail: "no row speaks of these bytes"}
	held, err := c.rows.PurgesHeld(ctx)
	if err != nil {
		return err
	}
	// While a backup runs its copy of the rows may speak of them.
	if c.Repair && held == 0 {
		err = c.bytes.Delete(ctx, id)
		finding.Repaired = err == nil
	}
	c.found(finding)
	return err
}
