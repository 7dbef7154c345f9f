package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"filmcan/internal/filmtest/pgtest"
	"filmcan/internal/sqldb"
)

// databases returns what gives a test a new SQLite file, and a new PostgreSQL database where there is a server (the
// test is skipped where there is none): their addresses.
func databases() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite": func(tb testing.TB) string {
			tb.Helper()
			return "sqlite:" + filepath.Join(tb.TempDir(), "a folder?", "film 100%.db")
		},
		"postgres": pgtest.New,
	}
}

func open(t *testing.T, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open %s: %v", cfg.URL, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// schema is a set of migrations with one table of films and the clips that refer to them.
func schema() fstest.MapFS {
	return fstest.MapFS{"00001_films.sql": {Data: []byte(`-- +goose Up
CREATE TABLE films (
	id TEXT NOT NULL PRIMARY KEY,
	size BIGINT NOT NULL,
	ready BOOLEAN NOT NULL,
	rate DOUBLE PRECISION NOT NULL,
	secret TEXT
);
CREATE TABLE clips (
	film TEXT NOT NULL REFERENCES films (id) ON DELETE CASCADE,
	number BIGINT NOT NULL,
	PRIMARY KEY (film, number)
);
`)}}
}

func migrate(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if err := db.Migrate(t.Context(), schema(), nil); err != nil {
		t.Fatalf("migrate: %v", err)
	}
}

func addFilm(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO films (id, size, ready, rate) VALUES ($1, $2, $3, $4)", id, 1<<40, true, 23.976)
	return err
}

func count(t *testing.T, db *sqldb.DB, query string) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestValuesComeBackAsTheyWentIn(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			migrate(t, db)
			want := sqldb.Bytes{0, 0xff, '\'', 0x80}
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				if err := addFilm(ctx, tx, "f1"); err != nil {
					return err
				}
				_, err := tx.ExecContext(ctx, "UPDATE films SET secret = $2 WHERE id = $1", "f1", want)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var (
				size  int64
				ready bool
				rate  float64
				got   sqldb.Bytes
			)
			if err := db.Read().QueryRowContext(t.Context(), "SELECT size, ready, rate, secret FROM films").
				Scan(&size, &ready, &rate, &got); err != nil {
				t.Fatal(err)
			}
			if size != 1<<40 || !ready || rate != 23.976 || string(got) != string(want) {
				t.Errorf("got %d, %t, %v, %x; want %d, true, 23.976, %x", size, ready, rate, got, int64(1<<40), want)
			}
		})
	}
}

func TestErrorsMeanTheSameOnBoth(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			migrate(t, db)
			add := func(ctx context.Context, tx *sql.Tx) error { return addFilm(ctx, tx, "f1") }
			if err := db.InTx(t.Context(), add); err != nil {
				t.Fatal(err)
			}
			if err := db.InTx(t.Context(), add); !sqldb.IsUnique(err) || sqldb.IsForeignKey(err) {
				t.Errorf("second row of a key: %v is not a unique violation", err)
			}
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO clips (film, number) VALUES ('nobody', 1)")
				return err
			})
			if !sqldb.IsForeignKey(err) || sqldb.IsUnique(err) {
				t.Errorf("row without parent: %v is not a foreign key violation", err)
			}
			if sqldb.IsUnique(nil) || sqldb.IsUnique(sql.ErrNoRows) {
				t.Error("other errors count as unique violations")
			}
		})
	}
}

func TestTransactionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			migrate(t, db)
			broken := errors.New("broken")
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				return errors.Join(addFilm(ctx, tx, "f1"), broken)
			})
			if !errors.Is(err, broken) {
				t.Errorf("error of the function: got %v", err)
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("a panic did not come through")
					}
				}()
				_ = db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
					if err := addFilm(ctx, tx, "f2"); err != nil {
						t.Error(err)
					}
					panic("broken")
				})
			}()
			ctx, cancel := context.WithCancelCause(t.Context())
			err = db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
				defer cancel(broken)
				return addFilm(ctx, tx, "f3")
			})
			if !errors.Is(err, broken) {
				t.Errorf("cancelled before the commit: got %v", err)
			}
			if n := count(t, db, "SELECT COUNT(*) FROM films"); n != 0 {
				t.Errorf("%d rows were left by transactions that failed", n)
			}
			if err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error { return addFilm(ctx, tx, "f4") }); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestTransactionInsideATransactionIsRefused(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			err := db.InTx(t.Context(), func(ctx context.Context, _ *sql.Tx) error {
				return db.InTx(ctx, func(context.Context, *sql.Tx) error { return nil })
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

// A reader takes a value, adds one and writes it back only where nobody else has: both databases must end with the
// sum, whatever they refuse on the way.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			migrate(t, db)
			if err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO films (id, size, ready, rate) VALUES ('a', 0, true, 1), ('b', 0, true, 1)")
				return err
			}); err != nil {
				t.Fatal(err)
			}
			const writers, rounds = 4, 10
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					first, second := "a", "b"
					if w%2 == 1 { // the other way round: deadlocks on PostgreSQL
						first, second = second, first
					}
					for range rounds {
						err := db.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
							for _, id := range []string{first, second} {
								if _, err := tx.ExecContext(ctx, "UPDATE films SET size = size + 1 WHERE id = $1", id); err != nil {
									return err
								}
							}
							return nil
						})
						if err != nil {
							t.Errorf("writer %d: %v", w, err)
						}
					}
				})
			}
			wg.Wait()
			if n := count(t, db, "SELECT SUM(size) FROM films"); n != 2*writers*rounds {
				t.Errorf("sum is %d, want %d", n, 2*writers*rounds)
			}
		})
	}
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			migrate(t, db)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err := db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
				if err := addFilm(ctx, tx, "f1"); err != nil {
					return err
				}
				var n int
				if err := db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM films").Scan(&n); err != nil {
					return err
				}
				if n != 0 {
					t.Errorf("a reader sees %d rows that are not committed", n)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	for name, address := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{URL: address(t)})
			if err := db.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if (db.Dialect() == sqldb.Postgres) != (db.Pool() != nil) {
				t.Errorf("dialect %s with pool %v", db.Dialect(), db.Pool())
			}
		})
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "mysql://localhost/films", "sqlite:", "film.db", "postgres://localhost:port/"} {
		if db, err := sqldb.Open(t.Context(), sqldb.Config{URL: address}); err == nil {
			db.Close()
			t.Errorf("%q was opened", address)
		}
	}
}

func TestSQLiteFilesAreForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := open(t, sqldb.Config{URL: "sqlite:" + filepath.Join(folder, "film.db"), Exclusive: true})
	migrate(t, db)
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 4 { // the database, its log, its shared memory, the lock
		t.Errorf("only %d files: %v", len(files), files)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "film.db")})
	for _, tc := range []struct {
		pool       *sql.DB
		name, want string
	}{
		{db.Write(), "journal_mode", "wal"},
		{db.Write(), "synchronous", "2"}, // FULL
		{db.Write(), "foreign_keys", "1"},
		{db.Read(), "journal_mode", "wal"},
		{db.Read(), "query_only", "1"},
	} {
		var got string
		if err := tc.pool.QueryRowContext(t.Context(), "PRAGMA "+tc.name).Scan(&got); err != nil || got != tc.want {
			t.Errorf("%s is %q (%v), want %q", tc.name, got, err, tc.want)
		}
	}
}
