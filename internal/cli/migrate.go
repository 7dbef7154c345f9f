package cli

import (
	"context"
	"fmt"

	"filmcan/internal/app"
)

type migrateCommand struct{ place }

// Help is shown below the flags.
func (migrateCommand) Help() string {
	return `The server does this at its start by itself, under a lock; the command is for those who want it done before. The
schema only goes forward: make a backup first.`
}

// Run migrates.
func (c migrateCommand) Run(ctx context.Context, s Streams) error {
	st, err := app.OpenStoreAlone(ctx, c.config())
	if err != nil {
		return err
	}
	defer st.Close()
	version, err := st.DB.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "the schema is at version %d\n", version)
	return nil
}
