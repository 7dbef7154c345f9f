package rendition

import (
	"container/list"
	"sync"
	"time"
)

const (
	// hotBytes is how much memory segments may take that are asked for again and again; hotEach is how large one of them may
	// be: it would push out too many others.
	hotBytes = 64 << 20
	hotEach  = 2 << 20
	// hotFor is for how long one is served without a look at the store, which has to know what is used: less than what it
	// spares because it was used just now ([derive.Config]).
	hotFor = 5 * time.Second
	// hotName is about what it takes to remember that a segment was asked for once.
	hotName = 256
)

// hot holds in memory what many viewers watch: sent from there, a segment costs about two thirds of the processor time
// that opening its file and sendfile take. What was asked for only once, as most is, is not held. Neither is what would
// not fit beside the segments that are being sent, which stay until their slowest viewer has them. Safe for concurrent
// use.
type hot struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element // of *held
	order   list.List                // the one used last in front
	bytes   int64                    // of the entries
	others  int64                    // of what is no entry: not any more and still sent, or not yet and being read
	busy    int64                    // of all that is being sent or read
}

// held is a segment in memory, or the memory that it was asked for: then without bytes.
type held struct {
	key, etag string
	bytes     []byte
	since     time.Time
	users     int  // who sends it
	gone      bool // no entry any more
	claimed   bool // somebody reads it
}

func (h *held) cost() int64 { return hotName + int64(len(h.bytes)) }

func newHot(now func() time.Time) *hot { return &hot{now: now, entries: map[string]*list.Element{}} }

// get returns a segment that is held, which must be given back. Where it is not, again says that it was asked for before.
func (h *hot) get(key string) (one *held, again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.entries[key]
	if !ok {
		h.add(&held{key: key})
		return nil, false
	}
	h.order.MoveToFront(e)
	one = e.Value.(*held)
	if one.bytes == nil || h.now().Sub(one.since) >= hotFor {
		return nil, true
	}
	if one.users++; one.users == 1 {
		h.busy += int64(len(one.bytes))
	}
	return one, true
}

// claim asks for leave to read a segment of that size into memory: one at a time, and where it fits. Who has it calls put
// or leave.
func (h *hot) claim(key string, size int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.entries[key]
	if !ok || size > hotEach || h.busy+size > hotBytes || e.Value.(*held).claimed {
		return false
	}
	e.Value.(*held).claimed = true
	h.others, h.busy = h.others+size, h.busy+size
	h.shrink()
	return true
}

// leave gives a claim back.
func (h *hot) leave(key string, size int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.others, h.busy = h.others-size, h.busy-size
	h.remove(key)
}

// put holds what was claimed; the bytes must not be changed any more. It returns it as get does.
func (h *hot) put(key, etag string, b []byte) *held {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.others -= int64(len(b)) // busy it stays
	h.remove(key)
	one := &held{key: key, etag: etag, bytes: b, since: h.now(), users: 1}
	h.add(one)
	return one
}

// give gives back what get or put returned.
func (h *hot) give(one *held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one.users--; one.users > 0 {
		return
	}
	h.busy -= int64(len(one.bytes))
	if one.gone {
		h.others -= int64(len(one.bytes))
	}
}

// drop forgets a segment that the store does not have any more.
func (h *hot) drop(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(key)
}

func (h *hot) add(one *held) {
	h.entries[one.key] = h.order.PushFront(one)
	h.bytes += one.cost()
	h.shrink()
}

func (h *hot) remove(key string) {
	e, ok := h.entries[key]
	if !ok {
		return
	}
	one := h.order.Remove(e).(*held)
	delete(h.entries, key)
	h.bytes -= one.cost()
	if one.gone = true; one.users > 0 {
		h.others += int64(len(one.bytes))
	}
}

// shrink makes room, but not of what is being sent: that would stay.
func (h *hot) shrink() {
	for e := h.order.Back(); e != nil && h.bytes+h.others > hotBytes; {
		one := e.Value.(*held)
		e = e.Prev()
		if one.users == 0 {
			h.remove(one.key)
		}
	}
}
