package derive

import (
	"cmp"
	"slices"
	"time"
)

// Config says how much the cache may keep, and for how long.
type Config struct {
	// Budget is how many bytes may be kept of what is not pinned; 0 is no bound. It is kept to beside the requests, so
	// that it may be passed for a moment.
	Budget int64
	// Pinned tells of the kinds that are too dear to be dropped unasked: they stay, and are not counted against Budget.
	Pinned func(kind string) bool
	// Last tells of the kinds that go when nothing else is left: small, and wanted for everything else.
	Last func(kind string) bool

	// Grace is how long a thing is safe after it was made or asked for.
	Grace time.Duration
	// TouchEvery is how often the use of a thing is written down: so exact is the order after a restart, and to others who
	// keep house in the same folder.
	TouchEvery time.Duration
	// ListEvery is how often the store is listed anew. Others put and remove things there, too.
	ListEvery time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Default returns the configuration of a server, without a budget.
func Default() Config {
	return Config{
		Pinned: kinds("base", "sound", "chunk"), Last: kinds("index", "init"),
		Grace: 10 * time.Second, TouchEvery: time.Hour, ListEvery: 10 * time.Minute,
		Now: time.Now,
	}
}

func kinds(list ...string) func(string) bool {
	return func(kind string) bool { return slices.Contains(list, kind) }
}

// orDefault fills what is left out.
func (c Config) orDefault() Config {
	d := Default()
	if c.Pinned == nil {
		c.Pinned = d.Pinned
	}
	if c.Last == nil {
		c.Last = d.Last
	}
	if c.Now == nil {
		c.Now = d.Now
	}
	c.Grace = cmp.Or(c.Grace, d.Grace)
	c.TouchEvery = cmp.Or(c.TouchEvery, d.TouchEvery)
	c.ListEvery = cmp.Or(c.ListEvery, d.ListEvery)
	return c
}

// SafeBudget is the budget of an operator who named none, on a disk of that many bytes: 20 GB, or a tenth of a small one.
func SafeBudget(total int64) int64 { return min(20e9, total/10) }

// reserve is what intake leaves free for the rows and for what is begun; floor, below which nothing that can be made
// again may take the room, lies above, so that derived things make way before an ingest has to wait.
func reserve(total int64) int64 { return min(1<<30, total/20) }
func floor(total int64) int64   { return reserve(total) * 3 / 2 }
