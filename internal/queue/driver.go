package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// River's PostgreSQL driver takes pgx transactions; the house has *sql.Tx on both databases. (River's own bridge
// between the two is not to be had at a version that fits the SQLite driver.) So both drivers are made to take the
// type boundTx, which bind makes of an *sql.Tx.
//
// River says of its driver interface that it may change: with pinned versions that shows when an upgrade does not
// compile.
type driver = riverdriver.Driver[boundTx]

// boundTx is a transaction as the database's own driver has it: one field is set.
type boundTx struct {
	sqlite *sql.Tx
	pg     pgx.Tx
}

func newDriver(cfg Config) driver {
	if cfg.Pool != nil {
		return pgDriver{riverpgxv5.New(cfg.Pool)}
	}
	return sqliteDriver{riversqlite.New(cfg.Write)}
}

type sqliteDriver struct{ *riversqlite.Driver }

func (d sqliteDriver) UnwrapExecutor(tx boundTx) riverdriver.ExecutorTx {
	return d.Driver.UnwrapExecutor(tx.sqlite)
}

func (d sqliteDriver) UnwrapTx(tx riverdriver.ExecutorTx) boundTx {
	return boundTx{sqlite: d.Driver.UnwrapTx(tx)}
}

type pgDriver struct{ *riverpgxv5.Driver }

func (d pgDriver) UnwrapExecutor(tx boundTx) riverdriver.ExecutorTx {
	return d.Driver.UnwrapExecutor(tx.pg)
}

func (d pgDriver) UnwrapTx(tx riverdriver.ExecutorTx) boundTx {
	return boundTx{pg: d.Driver.UnwrapTx(tx)}
}

// bind returns the transaction for River. The result is good as long as tx is, and not at the same time as it.
func bind(ctx context.Context, tx *sql.Tx, postgres bool) (boundTx, error) {
	if !postgres {
		return boundTx{sqlite: tx}, nil
	}
	// pgx hands its connection to a rewriter of queries; this one keeps it and refuses the query, so that nothing
	// goes over the wire and the transaction is as it was.
	var grab grabber
	if _, err := tx.ExecContext(ctx, "", &grab); !errors.Is(err, errGrabbed) {
		return boundTx{}, fmt.Errorf("find the connection of a transaction: %w", err)
	}
	return boundTx{pg: &outerTx{conn: grab.conn}}, nil
}

var errGrabbed = errors.New("connection taken")

type grabber struct{ conn *pgx.Conn }

// RewriteQuery implements [pgx.QueryRewriter].
func (g *grabber) RewriteQuery(_ context.Context, conn *pgx.Conn, _ string, _ []any) (string, []any, error) {
	g.conn = conn
	return "", nil, errGrabbed
}

// outerTx is a transaction that someone else has begun and will end.
type outerTx struct {
	conn       *pgx.Conn
	savepoints int
}

var errNotOurs = errors.New("the transaction is ended by its owner")

func (t *outerTx) Commit(context.Context) error   { return errNotOurs }
func (t *outerTx) Rollback(context.Context) error { return errNotOurs }
func (t *outerTx) Conn() *pgx.Conn                { return t.conn }

func (t *outerTx) LargeObjects() pgx.LargeObjects { panic("queue: large objects are not used") }

func (t *outerTx) Begin(ctx context.Context) (pgx.Tx, error) {
	t.savepoints++
	s := &savepoint{outerTx: t, name: "queue_" + strconv.Itoa(t.savepoints)}
	if _, err := t.conn.Exec(ctx, "SAVEPOINT "+s.name); err != nil {
		return nil, err
	}
	return s, nil
}

func (t *outerTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	return t.conn.CopyFrom(ctx, table, columns, rows)
}

func (t *outerTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

func (t *outerTx) Prepare(ctx context.Context, name, query string) (*pgconn.StatementDescription, error) {
	return t.conn.Prepare(ctx, name, query)
}

func (t *outerTx) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	return t.conn.Exec(ctx, query, args...)
}

func (t *outerTx) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, query, args...)
}

func (t *outerTx) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, query, args...)
}

// savepoint is a part of the transaction that can be taken back by itself.
type savepoint struct {
	*outerTx

	name string
	done bool
}

func (s *savepoint) Commit(ctx context.Context) error {
	return s.end(ctx, "RELEASE SAVEPOINT "+s.name)
}

func (s *savepoint) Rollback(ctx context.Context) error {
	return s.end(ctx, "ROLLBACK TO SAVEPOINT "+s.name)
}

func (s *savepoint) end(ctx context.Context, statement string) error {
	if s.done {
		return pgx.ErrTxClosed
	}
	s.done = true
	_, err := s.conn.Exec(ctx, statement)
	return err
}
