package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"filmcan/internal/app"
	"filmcan/internal/keep/backup"
)

type backupCommand struct {
	place
	FilmsOnly bool   `name:"films-only" help:"Copy the films and not the rows: with PostgreSQL, after pg_dump."`
	Hold      bool   `help:"Copy nothing: keep deleted films from being purged until interrupted, for a backup by tools of your own."`
	Dir       string `arg:"" optional:"" help:"The folder of the backup; a second backup into it copies what is new." type:"path"`
}

// Help is shown below the flags.
func (backupCommand) Help() string {
	return `The server goes on meanwhile. While a backup runs no film is purged, so the copy of the films has everything that
the copy of the rows speaks of.

  filmcan backup /backup/2026-11-22            SQLite: rows and films

With PostgreSQL the rows are pg_dump's:

  filmcan backup --hold --database URL --data DIR &      keeps purges off
  pg_dump URL > /backup/rows.sql
  filmcan backup --films-only --database URL --data DIR /backup
  kill %1`
}

// Run makes a backup.
func (c backupCommand) Run(ctx context.Context, s Streams) error {
	if c.Dir == "" && !c.Hold {
		return usageError{errors.New("name the folder of the backup: filmcan backup DIR")}
	}
	cfg := c.config()
	if !cfg.SQLite() && !c.FilmsOnly && !c.Hold {
		return usageError{errors.New("with PostgreSQL the rows are copied by pg_dump: see `filmcan backup --help` for the three steps")}
	}
	return withRows(ctx, c.place, func(st *app.Store) (err error) {
		stop, err := backup.Hold(ctx, st.Catalog)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		if c.Hold {
			fmt.Fprintln(s.Err, "purges are held off; interrupt this when the backup is done")
			<-ctx.Done()
			return nil
		}
		if !c.FilmsOnly {
			if err := backup.Rows(ctx, st.DB, c.Dir); err != nil {
				return err
			}
		}
		return counted(s.Err, func(p backup.Progress) error { return backup.Films(ctx, st.Blobs, c.Dir, p) })
	})
}

type restoreCommand struct {
	Dir  string `arg:"" help:"The folder of the backup." type:"existingdir"`
	Data string `help:"The data folder to make: new, or empty (./filmcan-data)." type:"path" placeholder:"DIR"`
}

// Help is shown below the flags.
func (restoreCommand) Help() string {
	return `Makes a data folder from a backup; afterwards ` + "`filmcan check --deep --data DIR`" + ` compares every byte. What is derived is
made again when it is asked for.`
}

// Run restores.
func (c restoreCommand) Run(ctx context.Context, s Streams) error {
	data := cmp.Or(c.Data, app.Dev().Data)
	return counted(s.Err, func(p backup.Progress) error { return backup.Restore(ctx, c.Dir, data, p) })
}

// counted shows how far a copy is, on a terminal, and sums it up at the end.
func counted(w io.Writer, copying func(backup.Progress) error) error {
	var objects int
	var bytes int64
	show, last := terminal(w), time.Now()
	err := copying(func(o int, b int64) {
		objects, bytes = o, b
		if show && time.Since(last) > 200*time.Millisecond {
			last = time.Now()
			fmt.Fprintf(w, "\r%d objects, %.1f MB copied", objects, float64(bytes)/1e6)
		}
	})
	if show {
		fmt.Fprint(w, "\r")
	}
	if err == nil {
		fmt.Fprintf(w, "%d objects, %.1f MB copied\n", objects, float64(bytes)/1e6)
	}
	return err
}

// terminal reports whether somebody is watching.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
