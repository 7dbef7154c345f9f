package catalog

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"filmcan/internal/film"
)

// query is the text of one statement.
type query string

// statements are the prepared statements of the read pool, each prepared when it is first used: on SQLite that saves
// most of the time of a short read.
type statements struct {
	db *sql.DB

	mu     sync.RWMutex
	byText map[query]*sql.Stmt
}

func (s *statements) prepared(ctx context.Context, q query) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.byText[q]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt = s.byText[q]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, string(q)) //nolint:sqlclosecheck // closed by close
	if err != nil {
		return nil, err
	}
	if s.byText == nil {
		s.byText = map[query]*sql.Stmt{}
	}
	s.byText[q] = stmt
	return stmt, nil
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.byText {
		errs = append(errs, stmt.Close())
	}
	s.byText = nil
	return errors.Join(errs...)
}

// row reads one row into dest. The error is sql.ErrNoRows where there is none.
func (c *Catalog) row(ctx context.Context, q query, args []any, dest ...any) error {
	if !storable(args) {
		return sql.ErrNoRows
	}
	stmt, err := c.reads.prepared(ctx, q) //nolint:sqlclosecheck // belongs to c.reads
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}

// rows reads rows, calling each with the function that scans one. The connection is in use until it returns.
func (c *Catalog) rows(ctx context.Context, q query, args []any, each func(scan func(dest ...any) error) error) error {
	if !storable(args) {
		return nil
	}
	stmt, err := c.reads.prepared(ctx, q) //nolint:sqlclosecheck // belongs to c.reads
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return readAll(rows, err, each)
}

// txRow is row inside a transaction, for statements with RETURNING too.
func txRow(ctx context.Context, tx *sql.Tx, q query, args []any, dest ...any) error {
	if !storable(args) {
		return sql.ErrNoRows
	}
	return tx.QueryRowContext(ctx, string(q), args...).Scan(dest...)
}

// txRows is rows inside a transaction. The transaction can do nothing else until it returns.
func txRows(ctx context.Context, tx *sql.Tx, q query, args []any, each func(scan func(dest ...any) error) error) error {
	if !storable(args) {
		return nil
	}
	rows, err := tx.QueryContext(ctx, string(q), args...)
	return readAll(rows, err, each)
}

func readAll(rows *sql.Rows, err error, each func(scan func(dest ...any) error) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec runs a statement and returns how many rows it changed.
func exec(ctx context.Context, tx *sql.Tx, q query, args ...any) (int64, error) {
	if !storable(args) {
		return 0, film.Invalid("Text must be valid UTF-8 without NUL characters")
	}
	result, err := tx.ExecContext(ctx, string(q), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// storable reports whether a TEXT column could hold the arguments. Ids come from URLs as they are, and PostgreSQL
// answers a NUL or broken UTF-8 with an error where SQLite finds nothing.
func storable(args []any) bool {
	for _, arg := range args {
		if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
			if s := v.String(); strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
				return false
			}
		}
	}
	return true
}
