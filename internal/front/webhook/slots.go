package webhook

import (
	"sync"

	"filmcan/internal/film"
)

const (
	// slotsWell is how many deliveries one receiver gets at once from this process, slotsFailing how many while its
	// last attempt failed: each may hold a worker for as long as an attempt may take.
	slotsWell    = 4
	slotsFailing = 1
)

// slots keeps one receiver from holding all workers: a dead one delays nobody.
type slots struct {
	mu        sync.Mutex
	receivers map[film.WebhookID]*receiver
}

type receiver struct {
	busy    int
	failing bool
}

// take reserves a slot; it reports false when the receiver has as many deliveries under way as it may.
func (s *slots) take(id film.WebhookID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.receivers == nil {
		s.receivers = map[film.WebhookID]*receiver{}
	}
	r := s.receivers[id]
	if r == nil {
		r = &receiver{}
		s.receivers[id] = r
	}
	limit := slotsWell
	if r.failing {
		limit = slotsFailing
	}
	if r.busy >= limit {
		return false
	}
	r.busy++
	return true
}

// give returns a slot and notes how the attempt went. A receiver that is well and idle is forgotten.
func (s *slots) give(id film.WebhookID, succeeded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.receivers[id]
	r.busy--
	r.failing = !succeeded
	if r.busy == 0 && !r.failing {
		delete(s.receivers, id)
	}
}
