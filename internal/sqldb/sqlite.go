package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteReaders is the number of reading connections: each costs a file handle and up to 2 MB of page cache.
const sqliteReaders = 8

// openSQLite opens the file at path, or creates it for the owner's eyes only.
func openSQLite(ctx context.Context, cfg Config, path string) (_ *DB, err error) {
	if path == "" {
		return nil, errors.New("database sqlite: the address has no path")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of database: %w", err)
	}

	db := &DB{dialect: SQLite, path: path}
	defer func() {
		if err != nil {
			db.abandon()
		}
	}()
	if cfg.Exclusive {
		if db.lock, err = lockFolder(folder); err != nil {
			return nil, err
		}
	}
	// SQLite gives its -wal and -shm files the mode of the main file, so it is enough to make that one right.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if fs := networkFS(folder); fs != "" {
		cfg.Log.WarnContext(ctx, "the database lies on a network file system, which may damage it: use a local disk or postgresql",
			"file_system", fs, "folder", folder)
	}

	if db.write, err = openSQLitePool(ctx, path, 1, "journal_mode(WAL)", "synchronous(FULL)"); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	if db.read, err = openSQLitePool(ctx, path, sqliteReaders, "query_only(1)"); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, nil
}

// openSQLitePool opens n connections at most, with the pragmas that all of them need and those given.
func openSQLitePool(ctx context.Context, path string, n int, pragmas ...string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: path}
	dsn.RawQuery = url.Values{
		"_pragma": append([]string{"busy_timeout(5000)", "foreign_keys(1)"}, pragmas...),
		// A deferred transaction that reads and then writes fails with SQLITE_BUSY at once when another process has
		// written in between, whatever the timeout.
		"_txlock": {"immediate"},
	}.Encode()
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// abandon closes what a failed open had opened already.
func (db *DB) abandon() {
	for _, pool := range []*sql.DB{db.read, db.write} {
		if pool != nil {
			pool.Close()
		}
	}
	if db.lock != nil {
		_ = db.lock.release() // the error of the open is the one to tell
	}
}

// Snapshot writes a copy of a SQLite database to a new file at path, while it is in use: one moment's state, compacted,
// synced, under its name only when it is whole. Writers go on meanwhile. An existing file is not replaced. PostgreSQL
// has pg_dump for this: there the error is [errors.ErrUnsupported].
func (db *DB) Snapshot(ctx context.Context, path string) (err error) {
	if db.dialect != SQLite {
		return fmt.Errorf("snapshot of a PostgreSQL database: %w: use pg_dump", errors.ErrUnsupported)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("snapshot of database to %s: %w", path, os.ErrExist)
	}
	partial := path + ".partial"
	f, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("snapshot of database: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(partial)
		}
	}()

	// A connection of its own: the readers' refuse to write, and the writer's would be held up.
	pool, err := openSQLitePool(ctx, db.path, 1)
	if err != nil {
		return fmt.Errorf("snapshot of database: %w", err)
	}
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, "VACUUM INTO $1", partial); err != nil {
		return fmt.Errorf("snapshot of database to %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync snapshot of database: %w", err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("name snapshot of database: %w", err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("sync folder of snapshot: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
