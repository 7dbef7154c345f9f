package catalog

import (
	"sync"
	"sync/atomic"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/sqldb"
)

const (
	// rememberFor bounds what is remembered in a process beside the one that changes the catalog.
	rememberFor = time.Second
	// rememberMost is how many playback ids are remembered.
	rememberMost = 1000
)

// resolved remembers the assets that playback ids mean: every segment that a viewer takes asks for one. Any transaction
// of this Catalog makes it forget. On PostgreSQL, where others write too, nothing is remembered.
type resolved struct {
	on      bool
	changes atomic.Uint64 // transactions that have ended

	mu     sync.Mutex
	at     uint64 // changes when the first of the assets was read
	assets map[film.PlaybackID]remembered
}

type remembered struct {
	asset film.Asset
	read  time.Time
}

func newResolved(d sqldb.Dialect) *resolved { return &resolved{on: d == sqldb.SQLite} }

// changed makes what was read before it out of date.
func (r *resolved) changed() { r.changes.Add(1) }

// get returns the asset as it is in the database, if that is known.
func (r *resolved) get(id film.PlaybackID, now time.Time) (film.Asset, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at != r.changes.Load() {
		return film.Asset{}, false
	}
	m, ok := r.assets[id]
	if age := now.Sub(m.read); !ok || age < 0 || age >= rememberFor {
		return film.Asset{}, false
	}
	return m.asset, true
}

// put remembers an asset that was read after so many changes.
func (r *resolved) put(id film.PlaybackID, a film.Asset, changes uint64, now time.Time) {
	if !r.on {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if changes != r.changes.Load() {
		return
	}
	if r.at != changes || len(r.assets) >= rememberMost || r.assets == nil {
		r.at, r.assets = changes, map[film.PlaybackID]remembered{}
	}
	r.assets[id] = remembered{a, now}
}
