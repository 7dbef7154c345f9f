package e2e_test

import (
	"testing"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/pgtest"
)

// databaseArgs gives each test a database of its own: SQLite in the data folder, or PostgreSQL where this run is for
// it.
func databaseArgs(t *testing.T) []string {
	t.Helper()
	if !rig.Postgres() {
		return nil
	}
	return []string{"--database", pgtest.New(t)}
}
