package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// ErrNewer says that the database was made by a newer program than this one.
var ErrNewer = errors.New("the database is newer than this program")

const (
	// migrationLock is the key of the advisory lock under which the schema changes: "filmcan" in ASCII.
	migrationLock = 0x66696c6d63616e
	unlockTimeout = 5 * time.Second
)

// Migrate brings the schema up to date: it runs first (the queue's own migrations; may be nil), then those of the SQL
// files in the root of migrations that have not been applied yet, each in a transaction. It is safe to call from any
// number of processes at once: on PostgreSQL a lock lets one in at a time, on SQLite the caller has exclusive use of
// the folder. Migrations only go forward; the error is [ErrNewer] when the database is ahead of the program.
func (db *DB) Migrate(ctx context.Context, migrations fs.FS, first func(ctx context.Context) error) error {
	if db.pool == nil {
		return db.migrate(ctx, migrations, first)
	}
	return underLock(ctx, db.pool, func() error { return db.migrate(ctx, migrations, first) })
}

func (db *DB) migrate(ctx context.Context, migrations fs.FS, first func(ctx context.Context) error) error {
	dialect := goose.DialectSQLite3
	if db.dialect == Postgres {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, db.write, migrations, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	// The age is checked before anything is changed, the queue's tables included.
	current, known, err := versions(ctx, db, p)
	if err != nil {
		return err
	}
	if current > known {
		return fmt.Errorf("%w: its schema has version %d, and this program knows %d at most; "+
			"start the newer program, or restore a backup from before the upgrade", ErrNewer, current, known)
	}
	if first != nil {
		if err := first(ctx); err != nil {
			return err
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// SchemaVersion returns the number of the newest migration that was applied: 0 for an empty database.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) {
	exists := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if db.dialect == Postgres {
		exists = "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass($1)"
	}
	var tables int
	if err := db.read.QueryRowContext(ctx, exists, goose.DefaultTablename).Scan(&tables); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if tables == 0 {
		return 0, nil
	}
	var version sql.NullInt64
	if err := db.read.QueryRowContext(ctx,
		"SELECT MAX(version_id) FROM "+goose.DefaultTablename).Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version.Int64, nil
}

// versions returns the schema's version and the newest that the program has.
func versions(ctx context.Context, db *DB, p *goose.Provider) (current, known int64, err error) {
	if current, err = db.SchemaVersion(ctx); err != nil {
		return 0, 0, err
	}
	sources := p.ListSources() // in ascending order
	return current, sources[len(sources)-1].Version, nil
}

// underLock runs fn while this process holds the lock of migrations, on a connection that does nothing else.
func underLock(ctx context.Context, pool *pgxpool.Pool, fn func() error) (err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("lock schema: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("lock schema: %w", err)
	}
	defer func() {
		// Also when ctx has ended; and if it fails, the server unlocks when the connection closes.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		if _, uerr := conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(migrationLock)); uerr != nil {
			err = errors.Join(err, fmt.Errorf("unlock schema: %w", uerr), conn.Conn().Close(ctx))
		}
	}()
	return fn()
}
