package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	txAttempts = 8
	txPatience = 30 * time.Second // no new attempt after this long: each may have waited for SQLite's five seconds
	txPauseMin = 2 * time.Millisecond
	txPauseMax = 200 * time.Millisecond
)

type inTx struct{ db *DB }

// InTx runs fn in a transaction and commits when fn returns nil; an error or a panic rolls back. When the database
// refuses the transaction for the sake of another one (serialization failure, deadlock, busy), fn runs again, up to
// eight times: so fn must have no effect but through tx, and set what it returns anew each time.
//
// A cancelled ctx ends the statements of fn that are given it, and nothing is committed after. On SQLite only one
// transaction runs at a time: keep fn short, do no other I/O in it, and pass the ctx that fn is given, for a second
// InTx under it is refused instead of waiting for itself.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	if ctx.Value(inTx{db}) != nil {
		return errors.New("a transaction inside a transaction")
	}
	ctx = context.WithValue(ctx, inTx{db}, true)
	for started, attempt := time.Now(), 1; ; attempt++ {
		err := db.once(ctx, fn)
		if err == nil || !isConflict(err) {
			return err
		}
		if attempt == txAttempts || time.Since(started) > txPatience {
			return fmt.Errorf("transaction refused %d times: %w", attempt, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// once is the only place in the house that begins a transaction; a test sees to that.
func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer conn.Close()
	// If the context of BeginTx is cancelled, database/sql rolls back from a goroutine of its own, while queue's
	// bridge may be using the same connection: a data race. So the transaction itself has a context that is never
	// cancelled, and each statement the caller's.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // fails after the commit, as it should, or because the connection is gone
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// pause waits before the next attempt: longer each time, and not the same for two that met each other.
func pause(ctx context.Context, attempt int) error {
	d := min(txPauseMin<<attempt, txPauseMax)
	t := time.NewTimer(d/2 + rand.N(d)) //nolint:gosec // jitter is no secret
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
