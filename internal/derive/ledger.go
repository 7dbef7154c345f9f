package derive

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

// class is how a thing is dealt with when there is no room.
type class uint8

const (
	ordinary class = iota
	last           // goes when no ordinary thing is left
	pinned         // stays
)

// ledger is what is known of the store's contents: what lies there, and when it was last of use. It may be wrong for a
// while, as others put and remove things, too: what is not there costs a vain attempt to remove it, what is not known
// of is found by the next listing.
type ledger struct {
	cfg Config

	mu      sync.Mutex
	entries map[string]*entry
	bytes   [pinned + 1]int64 // by class
	round   uint32            // of listings
	listing map[string]bool   // removed while a listing runs, which may have seen them before
	listed  bool              // once
}

type entry struct {
	size    int64
	used    int64 // in nanoseconds of Unix time
	written int64 // what of that the store knows
	round   uint32
	class   class
}

func newLedger(cfg Config) *ledger { return &ledger{cfg: cfg, entries: map[string]*entry{}} }

// class tells how a kind is dealt with.
func (l *ledger) class(kind string) class {
	switch {
	case kind == "":
		return ordinary
	case l.cfg.Pinned(kind):
		return pinned
	case l.cfg.Last(kind):
		return last
	}
	return ordinary
}

// totals tells how much there is.
func (l *ledger) totals() (objects, bytes, pinnedBytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.entries)), l.bytes[ordinary] + l.bytes[last] + l.bytes[pinned], l.bytes[pinned]
}

// loose is how many bytes there are that are not pinned.
func (l *ledger) loose() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes[ordinary] + l.bytes[last]
}

// set notes an object of that size; l.mu is held.
func (l *ledger) set(key string, size int64) *entry {
	e := l.entries[key]
	if e == nil {
		_, kind, _ := film.ArtifactOf(key)
		e = &entry{class: l.class(kind)}
		l.entries[key] = e
	}
	l.bytes[e.class] += size - e.size
	e.size, e.round = size, l.round
	delete(l.listing, key)
	return e
}

// put notes an object that was stored just now.
func (l *ledger) put(key string, size int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.set(key, size)
	e.used, e.written = now.UnixNano(), now.UnixNano()
}

// used notes that an object was of use, and reports whether that should be written down.
func (l *ledger) used(key string, size int64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.set(key, size)
	e.used = max(e.used, now.UnixNano())
	due := e.used-e.written >= l.cfg.TouchEvery.Nanoseconds()
	if due {
		e.written = e.used
	}
	return due
}

// remove forgets an object.
func (l *ledger) remove(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(key)
	if l.listing != nil {
		l.listing[key] = true
	}
}

func (l *ledger) drop(key string) {
	if e := l.entries[key]; e != nil {
		l.bytes[e.class] -= e.size
		delete(l.entries, key)
	}
}

// begin begins a listing, saw notes what it finds, end forgets what it did not find.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.round++
	l.listing = map[string]bool{}
}

func (l *ledger) saw(info blob.Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listing[info.Key] {
		return
	}
	if e := l.entries[info.Key]; e != nil && e.round == l.round {
		return // put or read since the listing began: that is newer
	}
	e := l.set(info.Key, info.Size)
	e.written = info.Modified.UnixNano()
	e.used = max(e.used, e.written)
}

func (l *ledger) end(whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listing = nil
	if !whole {
		return
	}
	l.listed = true
	for key, e := range l.entries {
		if e.round != l.round {
			l.drop(key)
		}
	}
}

func (l *ledger) known() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listed
}

// victim is what may be removed.
type victim struct {
	key   string
	size  int64
	used  int64
	class class
}

// victims lists what may be removed and was not of use since then, in the order in which it goes.
func (l *ledger) victims(since time.Time) []victim {
	l.mu.Lock()
	list := make([]victim, 0, len(l.entries))
	for key, e := range l.entries {
		if e.class != pinned && e.used < since.UnixNano() {
			list = append(list, victim{key, e.size, e.used, e.class})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b victim) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.used, b.used), cmp.Compare(a.key, b.key))
	})
	return list
}

// take forgets a victim if it was not of use meanwhile, according to this process or, by what the store tells, another.
func (l *ledger) take(v victim, modified time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[v.key]
	if e == nil || e.used != v.used {
		return false
	}
	if m := modified.UnixNano(); m > e.used {
		e.used, e.written = m, m
		return false
	}
	l.drop(v.key)
	if l.listing != nil {
		l.listing[v.key] = true
	}
	return true
}
