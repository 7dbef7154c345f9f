package sqldb

import (
	"errors"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The classes of errors that mean the same on both databases (postgresql.org/docs, appendix A; sqlite.org/rescode.html).
const (
	pgUniqueViolation      = "23505"
	pgForeignKeyViolation  = "23503"
	pgSerializationFailure = "40001"
	pgDeadlock             = "40P01"
	pgDiskFull             = "53100"
)

// IsUnique reports whether a statement failed because a row with that key exists already.
func IsUnique(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return pgCode(err) == pgUniqueViolation
}

// IsForeignKey reports whether a statement failed because a row that it refers to is missing, or is referred to.
func IsForeignKey(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
	}
	return pgCode(err) == pgForeignKeyViolation
}

// IsFull reports whether a statement failed because the database's disk has no room. Nothing of its transaction was kept,
// and it may succeed when there is room again.
func IsFull(err error) bool {
	if code, ok := sqliteCode(err); ok {
		// The second: the memory that readers and writer share is a file, too.
		return code == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR_SHMSIZE
	}
	return pgCode(err) == pgDiskFull || errors.Is(err, syscall.ENOSPC)
}

// isConflict reports whether the transaction failed for the sake of another one and may succeed when run again.
func isConflict(err error) bool {
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff { // the extended codes carry the primary one in their low byte
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return true
		}
		return false
	}
	switch pgCode(err) {
	case pgSerializationFailure, pgDeadlock:
		return true
	}
	return false
}

func sqliteCode(err error) (int, bool) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code(), true
	}
	return 0, false
}

func pgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
