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
	// hotFor is for how long one is served without a look at the store, which has to know what is used.
	hotFor = time.Minute
	// hotName is about what it takes to remember that a segment was asked for once.
	hotName = 256
)

// hot holds in memory what many viewers watch: sent from there, a segment costs about half of the processor time that
// opening its file and sendfile take. What was asked for only once, as most is, is not held. Safe for concurrent use.
type hot struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element // of *held
	order   list.List                // the one used last in front
	bytes   int64
}

// held is a segment in memory, or the memory that it was asked for: then without bytes.
type held struct {
	key, etag string
	bytes     []byte
	since     time.Time
}

func (h *held) cost() int64 { return hotName + int64(len(h.bytes)) }

func newHot(now func() time.Time) *hot { return &hot{now: now, entries: map[string]*list.Element{}} }

// get returns a segment that is held. Where it is not, again says that it is worth it.
func (h *hot) get(key string) (b []byte, etag string, again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.entries[key]
	if !ok {
		h.entries[key] = h.order.PushFront(&held{key: key})
		h.bytes += hotName
		h.shrink()
		return nil, "", false
	}
	h.order.MoveToFront(e)
	one := e.Value.(*held)
	if one.bytes == nil || h.now().Sub(one.since) >= hotFor {
		return nil, "", true
	}
	return one.bytes, one.etag, true
}

// put holds a segment; the bytes must not be changed any more.
func (h *hot) put(key, etag string, b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(key)
	one := &held{key: key, etag: etag, bytes: b, since: h.now()}
	h.entries[key] = h.order.PushFront(one)
	h.bytes += one.cost()
	h.shrink()
}

// drop forgets a segment that the store does not have any more.
func (h *hot) drop(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(key)
}

func (h *hot) remove(key string) {
	if e, ok := h.entries[key]; ok {
		h.bytes -= h.order.Remove(e).(*held).cost()
		delete(h.entries, key)
	}
}

func (h *hot) shrink() {
	for h.bytes > hotBytes {
		h.remove(h.order.Back().Value.(*held).key)
	}
}
