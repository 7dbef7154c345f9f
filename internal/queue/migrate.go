package queue

import (
	"context"
	"fmt"

	"github.com/riverqueue/river/rivermigrate"
)

// Migrate brings the queue's tables up to date. River's migrator takes no lock: call it under the one of
// sqldb.DB.Migrate.
func (q *Queue) Migrate(ctx context.Context) error {
	m, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: riverLog(q.cfg.Log)})
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	there, err := m.ExistingVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	known := m.AllVersions()
	if newest := known[len(known)-1].Version; len(there) > 0 && there[len(there)-1].Version > newest {
		return fmt.Errorf("the queue's tables have version %d, and this program knows %d at most; start the newer program",
			there[len(there)-1].Version, newest)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	if q.cfg.Pool == nil {
		return nil
	}
	// The server's clock is the one for all nodes. On SQLite there is one node.
	if _, err := q.cfg.Pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS queue_nodes (
		id TEXT NOT NULL PRIMARY KEY,
		seen_at TIMESTAMPTZ NOT NULL
	)`); err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	return nil
}
