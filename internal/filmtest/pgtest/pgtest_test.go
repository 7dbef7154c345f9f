package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"filmcan/internal/filmtest/pgtest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for range 2 { // the same statements on both would fail on one and the same database
		conn, err := pgx.Connect(t.Context(), pgtest.New(t))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), "CREATE TABLE films (id TEXT PRIMARY KEY)"); err != nil {
			t.Error(err)
		}
	}
}
