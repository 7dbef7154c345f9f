package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// minPostgres is the oldest server version that is supported, as server_version_num has it.
	minPostgres = 140000

	postgresConnectTimeout = 10 * time.Second
	// postgresIdleInTx ends the transactions of a node that froze while it held locks.
	postgresIdleInTx = "60s"
)

// openPostgres connects to the server and looks whether it will do.
func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err) // pgx leaves the password out
	}
	tunePostgres(pc, cfg.URL)
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	if err := checkPostgres(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	// Writers and readers may each use a part only, so that neither starves the other nor the queue, which takes its
	// connections (fetching, completing, listening, the lock of migrations) from the pool itself.
	part := max(2, int(pc.MaxConns)*2/5)
	return &DB{dialect: Postgres, pool: pool, write: viewOf(pool, part), read: viewOf(pool, part)}, nil
}

// tunePostgres sets what the address leaves open.
func tunePostgres(pc *pgxpool.Config, address string) {
	if u, err := url.Parse(address); err != nil || !u.Query().Has("pool_max_conns") {
		pc.MaxConns = int32(min(40, 16+2*runtime.NumCPU()))
	}
	pc.MaxConns = max(pc.MaxConns, 8) // fewer, and one process waits for itself
	cc := pc.ConnConfig
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = postgresConnectTimeout
	}
	for name, value := range map[string]string{
		"application_name":                    "filmcan",
		"idle_in_transaction_session_timeout": postgresIdleInTx,
		"timezone":                            "UTC",
	} {
		if _, ok := cc.RuntimeParams[name]; !ok {
			cc.RuntimeParams[name] = value
		}
	}
	// An operator may ask for more than "on" (remote_apply), never for less: what was acknowledged must be on disk.
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx,
			"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
		return err
	}
}

// checkPostgres refuses servers that are too old or do not store text as UTF-8.
func checkPostgres(ctx context.Context, pool *pgxpool.Pool) error {
	var (
		version           int
		release, encoding string
	)
	err := pool.QueryRow(ctx, `SELECT CAST(current_setting('server_version_num') AS INTEGER),
		current_setting('server_version'), current_setting('server_encoding')`).Scan(&version, &release, &encoding)
	switch {
	case err != nil:
		return fmt.Errorf("connect to database: %w", err)
	case version < minPostgres:
		return fmt.Errorf("the PostgreSQL server is version %s; filmcan needs %d or newer", release, minPostgres/10000)
	case encoding != "UTF8":
		return fmt.Errorf("the PostgreSQL database has the encoding %s; filmcan needs one created with ENCODING 'UTF8'", encoding)
	}
	return nil
}

// viewOf returns the pool as database/sql has it, with a limit of its own.
func viewOf(pool *pgxpool.Pool, limit int) *sql.DB {
	db := stdlib.OpenDBFromPool(pool) // keeps no idle connections of its own
	db.SetMaxOpenConns(limit)
	return db
}
