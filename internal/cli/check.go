package cli

import (
	"context"
	"errors"
	"fmt"

	"filmcan/internal/app"
	"filmcan/internal/film"
	"filmcan/internal/keep/check"
	"filmcan/internal/sqldb"
)

type checkCommand struct {
	place
	Deep   bool `help:"Read every byte and compare digests, not presence and length alone."`
	Repair bool `help:"Make rows and bytes agree: remove orphans, mark damaged masters, clear marks of whole ones."`
}

// Help is shown below the flags.
func (checkCommand) Help() string {
	return `Compares what the rows say with what the vault holds. It may run beside a server; --repair with SQLite wants the
server stopped. Exit status 3 when something was found that is not repaired.

A film that was deleted a moment ago shows as an orphan until the server has purged it.`
}

// Run checks.
func (c checkCommand) Run(ctx context.Context, s Streams) error {
	if err := c.mustExist(); err != nil {
		return err
	}
	cfg := c.config()
	open := app.OpenStore
	if c.Repair {
		open = app.OpenStoreAlone
	}
	st, err := open(ctx, cfg)
	if errors.Is(err, sqldb.ErrLocked) {
		return fmt.Errorf("%w: stop the server first, --repair must be alone", err)
	}
	if err != nil {
		return err
	}
	defer st.Close()
	films, left := 0, 0
	show := terminal(s.Err)
	options := check.Options{Deep: c.Deep, Repair: c.Repair, Each: func(film.FilmID) {
		if films++; show {
			fmt.Fprintf(s.Err, "\r%d films", films)
		}
	}}
	err = check.Run(ctx, st.Catalog, st.Vault, options, func(f check.Finding) {
		fmt.Fprintln(s.Out, f)
		if !f.Repaired {
			left++
		}
	})
	if show {
		fmt.Fprint(s.Err, "\r")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%d films checked, %d findings open\n", films, left)
	if left > 0 {
		return errFound
	}
	return nil
}
