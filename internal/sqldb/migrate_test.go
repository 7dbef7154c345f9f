package sqldb_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/fstest"

	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/sqldb"
)

func TestMigrateAppliesWhatIsNew(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			version := func() int64 {
				v, err := db.SchemaVersion(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			if v := version(); v != 0 {
				t.Errorf("version %d before the first migration", v)
			}
			migrate(t, db)
			migrate(t, db)
			if v := version(); v != 1 {
				t.Errorf("version %d, want 1", v)
			}
			newer := schema()
			newer["00002_notes.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE films ADD COLUMN note TEXT NOT NULL DEFAULT '';\n")}
			if err := db.Migrate(t.Context(), newer, nil); err != nil {
				t.Fatal(err)
			}
			if v := version(); v != 2 {
				t.Errorf("version %d, want 2", v)
			}
			count(t, db, "SELECT COUNT(note) FROM films")
		})
	}
}

func TestMigrateRefusesANewerDatabase(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			newer := schema()
			newer["00007_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE later (id TEXT);\n")}
			if err := db.Migrate(t.Context(), newer, nil); err != nil {
				t.Fatal(err)
			}
			touched := false
			err := db.Migrate(t.Context(), schema(), func(context.Context) error { touched = true; return nil })
			if !errors.Is(err, sqldb.ErrNewer) {
				t.Errorf("got %v, want ErrNewer", err)
			}
			if touched {
				t.Error("something was changed before the refusal")
			}
		})
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			broken := schema()
			broken["00002_broken.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE half (id TEXT);\nCREATE TABLE half (id TEXT);\n")}
			if err := db.Migrate(t.Context(), broken, nil); err == nil {
				t.Fatal("no error")
			}
			if v, err := db.SchemaVersion(t.Context()); v != 1 || err != nil {
				t.Errorf("version %d (%v), want 1", v, err)
			}
			if _, err := db.Write().ExecContext(t.Context(), "CREATE TABLE half (id TEXT)"); err != nil {
				t.Errorf("half a migration was left: %v", err)
			}
			first := errors.New("first")
			if err := db.Migrate(t.Context(), schema(), func(context.Context) error { return first }); !errors.Is(err, first) {
				t.Errorf("error of what comes first: got %v", err)
			}
		})
	}
}

// Four nodes that are started together on an empty server must all come up.
func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		inside int
	)
	for range 4 {
		db := open(t, sqldb.Config{URL: address})
		wg.Go(func() {
			err := db.Migrate(t.Context(), schema(), func(ctx context.Context) error {
				mu.Lock()
				inside++
				if inside > 1 {
					t.Error("two migrate at the same time")
				}
				mu.Unlock()
				err := db.Ping(ctx) // lets the others come in, if they can
				mu.Lock()
				inside--
				mu.Unlock()
				return err
			})
			if err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestMigrateGivesUpWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	address := pgtest.New(t)
	slow, waiting := open(t, sqldb.Config{URL: address}), open(t, sqldb.Config{URL: address})
	err := slow.Migrate(t.Context(), schema(), func(context.Context) error {
		ctx, cancel := context.WithTimeout(t.Context(), 1)
		defer cancel()
		if err := waiting.Migrate(ctx, schema(), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	migrate(t, waiting) // the lock is free again
}
