package derive

import "context"

// The steps of Run, one at a time.

func (c *Cache) List(ctx context.Context) error { return c.list(ctx) }
func (c *Cache) KeepBudget(ctx context.Context) { c.keepBudget(ctx) }
func (c *Cache) KeepRoom(ctx context.Context)   { c.keepRoom(ctx) }

// The bounds of what is held in memory, and of the room that is left.
const (
	SpillAt   = spillAt
	SpoolEach = spoolEach
)

func Floor(total int64) int64   { return floor(total) }
func Reserve(total int64) int64 { return reserve(total) }
