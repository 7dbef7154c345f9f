package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Dialect tells the two databases apart where the text of a statement must differ.
type Dialect string

const (
	// SQLite is a file, used by one machine.
	SQLite Dialect = "sqlite"
	// Postgres is a server, shared by any number of nodes.
	Postgres Dialect = "postgres"
)

// Config says which database to open.
type Config struct {
	// URL is "sqlite:PATH" or "postgres://…". For the latter all of pgx's parameters work, pool_max_conns among them.
	URL string
	// Exclusive makes this process the only one that may use the folder of a SQLite file exclusively; any number of
	// others may still open it without. A program that works jobs must set it. No effect on PostgreSQL.
	Exclusive bool
	// Log gets warnings about the surroundings, such as a network file system. Nil: none are given.
	Log *slog.Logger
}

// DB is an open database. All methods may be called from any goroutine.
type DB struct {
	dialect Dialect
	read    *sql.DB
	write   *sql.DB

	pool *pgxpool.Pool // PostgreSQL only
	path string        // SQLite only
	lock *folderLock   // SQLite, when exclusive
}

// Open connects to the database, which must be there (PostgreSQL) or is created (SQLite, with the folder it lies in).
// It does not look at the schema: call [DB.Migrate]. The error is [ErrLocked] when another process has exclusive use
// of the SQLite file's folder.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	scheme, rest, _ := strings.Cut(cfg.URL, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, cfg, strings.TrimPrefix(rest, "//"))
	case "postgres", "postgresql":
		return openPostgres(ctx, cfg)
	default:
		return nil, fmt.Errorf("database %q: the address must begin with sqlite: or postgres://", scheme)
	}
}

// Dialect returns which of the two databases this is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Read returns the pool for reading. On SQLite its connections refuse to write.
func (db *DB) Read() *sql.DB { return db.read }

// Write returns the pool for single writing statements. On SQLite it has one connection: whoever waits for a second
// one while holding the first waits for ever.
func (db *DB) Write() *sql.DB { return db.write }

// Pool returns the connections under Read and Write, and nil on SQLite.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping reports whether the database can be read now.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// Close waits for the connections in use and frees everything. On SQLite the last one folds the log into the file.
func (db *DB) Close() error {
	// Readers first: the last connection to close does the checkpoint, and a reader cannot.
	errs := []error{db.read.Close(), db.write.Close()}
	if db.pool != nil {
		db.pool.Close()
	}
	if db.lock != nil {
		errs = append(errs, db.lock.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
