package catalog

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the schema's migrations for [sqldb.DB.Migrate].
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is constant
	}
	return sub
}

// Enqueuer stores work orders in the transaction that causes them.
type Enqueuer interface {
	EnqueueTx(ctx context.Context, tx *sql.Tx, jobs []film.Job) error
}

// Keep is asked, before master access begins, whether the master is there.
type Keep interface {
	// Present looks at presence and length of a ready asset's master, without reading it. The error wraps [ErrDamaged]
	// where the bytes are not what they should be; any other error means that it could not be told.
	Present(ctx context.Context, a film.Asset) error
}

// ErrDamaged marks the errors of [Keep] that say that a master is missing or has the wrong length.
var ErrDamaged = errors.New("the master is damaged")

// DefaultRetention is how long events, their deliveries and attempts are kept.
const DefaultRetention = 30 * 24 * time.Hour

// Config sets up a Catalog. Zero values are replaced by the defaults that are named.
type Config struct {
	// Keep is required by [Catalog.SetMasterAccess] alone.
	Keep Keep
	// Now is the clock: time.Now.
	Now func() time.Time
	// MasterTTL is how long master access lasts: [film.MasterTTL].
	MasterTTL time.Duration
	// DeliveryTTL is how long a delivery is tried: [film.DeliveryTTL].
	DeliveryTTL time.Duration
	// Retention is how long events are kept: [DefaultRetention].
	Retention time.Duration
}

// Catalog has the use cases. All methods may be called from any goroutine and any number of processes.
type Catalog struct {
	cfg   Config
	db    database
	queue Enqueuer
	reads statements
	// playing is what doors for viewers ask for.
	playing *resolved
}

// New returns a Catalog on a database whose schema is up to date. It does no I/O.
func New(db *sqldb.DB, queue Enqueuer, cfg Config) *Catalog {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MasterTTL == 0 {
		cfg.MasterTTL = film.MasterTTL
	}
	if cfg.DeliveryTTL == 0 {
		cfg.DeliveryTTL = film.DeliveryTTL
	}
	if cfg.Retention == 0 {
		cfg.Retention = DefaultRetention
	}
	playing := newResolved(db.Dialect())
	return &Catalog{cfg: cfg, db: database{db, playing.changed}, queue: queue, reads: statements{db: db.Read()}, playing: playing}
}

// database is the database with its errors in our words.
type database struct {
	*sqldb.DB

	changed func() // after a transaction, before whoever wanted it knows of its end
}

// InTx is [sqldb.DB.InTx]. A full disk is an error with the code [film.CodeUnavailable]: it will pass, and nothing of the
// transaction was kept.
func (db database) InTx(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	defer db.changed()
	err := db.DB.InTx(ctx, fn)
	if sqldb.IsFull(err) {
		return &film.Error{
			Code: film.CodeUnavailable, Fault: film.FaultTransient,
			Message: "There is no room to store this at the moment.", Cause: err,
		}
	}
	return err
}

// Close frees the prepared statements. The database stays open.
func (c *Catalog) Close() error { return c.reads.close() }

// now returns the time to store: in UTC and in whole microseconds, as it will be read back.
func (c *Catalog) now() time.Time { return c.cfg.Now().UTC().Truncate(time.Microsecond) }

// micros is how times are stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

func timeOf(µs int64) time.Time { return time.UnixMicro(µs).UTC() }

// notFound gives an empty result its meaning for the caller.
func notFound(act string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return film.NotFound()
	case film.AsError(err) != nil:
		return err
	default:
		return fmt.Errorf("%s: %w", act, err)
	}
}
