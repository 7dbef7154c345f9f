package reel

import (
	"container/list"
	"context"
	"sync"
)

// recent keeps the films used last in memory, up to a budget of bytes. A film is loaded by one caller at a time; the
// others wait for it, and take over when that one fails or leaves.
type recent[K comparable, V any] struct {
	budget int64

	mu     sync.Mutex
	places map[K]*place[K, V]
	order  *list.List // of places that hold a value, used last first
	bytes  int64
}

// place is where a value is, or is being loaded.
type place[K comparable, V any] struct {
	key     K
	loading chan struct{} // holds one token while somebody loads
	waiting int           // callers between their arrival and the value
	value   V
	bytes   int64
	element *list.Element // in recent.order; nil while there is no value
}

func newRecent[K comparable, V any](budget int64) *recent[K, V] {
	return &recent[K, V]{budget: budget, places: map[K]*place[K, V]{}, order: list.New()}
}

// get returns the value of the key. load makes it and tells how many bytes it takes; its error goes to its own caller
// alone.
func (r *recent[K, V]) get(ctx context.Context, key K, load func(context.Context) (V, int64, error)) (V, error) {
	var none V
	p, value, ok := r.enter(key)
	if ok {
		return value, nil
	}
	defer r.leave(p)
	select {
	case p.loading <- struct{}{}:
		defer func() { <-p.loading }()
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	if value, ok := r.peek(p); ok {
		return value, nil
	}
	value, bytes, err := load(ctx)
	if err != nil {
		return none, err
	}
	r.put(p, value, bytes)
	return value, nil
}

// enter finds the value, or the place where it will be.
func (r *recent[K, V]) enter(key K) (*place[K, V], V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.places[key]
	if p == nil {
		p = &place[K, V]{key: key, loading: make(chan struct{}, 1)}
		r.places[key] = p
	}
	if p.element != nil {
		r.order.MoveToFront(p.element)
		return p, p.value, true
	}
	p.waiting++
	return p, p.value, false
}

// leave forgets a place that nobody waits at and that has no value.
func (r *recent[K, V]) leave(p *place[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.waiting--
	if p.waiting == 0 && p.element == nil && r.places[p.key] == p {
		delete(r.places, p.key)
	}
}

func (r *recent[K, V]) peek(p *place[K, V]) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.value, p.element != nil
}

// put fills a place and lets go of what was used longest ago. The newest value stays even where it is above the budget
// alone: else a long film would be loaded for each of its segments.
func (r *recent[K, V]) put(p *place[K, V], value V, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.value, p.bytes, p.element = value, bytes, r.order.PushFront(p)
	r.bytes += bytes
	for r.bytes > r.budget && r.order.Len() > 1 {
		oldest, ok := r.order.Remove(r.order.Back()).(*place[K, V])
		if !ok {
			return // the list holds nothing else
		}
		r.bytes -= oldest.bytes
		var none V
		oldest.value, oldest.element = none, nil
		if oldest.waiting == 0 {
			delete(r.places, oldest.key)
		}
	}
}
