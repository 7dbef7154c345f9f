package e2e_test

import (
	"os"
	"testing"

	"filmcan/internal/filmtest/pgtest"
)

// databaseArgs gives each test a database of its own: SQLite in the data folder, or PostgreSQL where this run is for
// it.
func databaseArgs(t *testing.T) []string {
	t.Helper()
	if !postgres() {
		return nil
	}
	return []string{"--database", pgtest.New(t)}
}

func postgres() bool { return os.Getenv("FILMCAN_TEST_POSTGRES") != "" }
