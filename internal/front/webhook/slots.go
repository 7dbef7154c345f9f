package webhook

import (
	"sync"
	"time"

	"filmcan/internal/film"
)

// slots says which attempts may be in flight, so that receivers that do not answer leave room for those that do. A
// receiver has a few slots, and one from its first failure until its next success; all receivers that fail share a
// bounded number.
type slots struct {
	each, failing int
	pace          time.Duration // how long a slot is taken at most
	now           func() time.Time

	mu            sync.Mutex
	receivers     map[film.WebhookID]*receiver
	failingFlight int
}

// receiver is what is known of a webhook. It is forgotten when nothing of it is in flight and it does not fail.
type receiver struct {
	flight int
	fails  bool
	// next is when the last of those who were sent away may come again: they form a line in time.
	next time.Time
	used time.Time
}

// forget is after how long without an attempt a failing receiver is forgotten.
const forget = 2 * longestPause

// maxWait bounds how far ahead the line reaches: a receiver that recovers is to get its events soon.
const maxWait = 5 * time.Minute

func newSlots(each, failing int, pace time.Duration, now func() time.Time) *slots {
	return &slots{each: each, failing: failing, pace: pace, now: now, receivers: map[film.WebhookID]*receiver{}}
}

// take takes a slot of the webhook for a first attempt or a retry, which tells that the receiver failed before. The slot
// must be given back by calling give with whether the attempt succeeded.
// Without a free one it returns how long to wait: each who asks is given a later moment, about as far apart as slots
// come free, so that a thousand waiting deliveries do not all ask every second.
func (s *slots) take(id film.WebhookID, retry bool) (give func(succeeded bool), wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	r := s.receivers[id]
	if r == nil {
		r = &receiver{fails: retry}
		s.receivers[id] = r
	}
	now := s.now()
	r.used = now
	limit := s.each
	if r.fails {
		limit = 1
	}
	if r.flight >= limit || r.fails && s.failingFlight >= s.failing {
		return nil, s.later(r, now, limit)
	}
	r.flight++
	suspect := r.fails
	if suspect {
		s.failingFlight++
	}
	return func(ok bool) { s.free(id, r, suspect, ok) }, 0
}

func (s *slots) later(r *receiver, now time.Time, limit int) time.Duration {
	step := s.pace / time.Duration(limit)
	if !r.fails {
		step /= 50 // healthy receivers answer much faster than they must
	}
	if r.next.Before(now) {
		r.next = now
	}
	r.next = r.next.Add(step)
	if farthest := now.Add(maxWait); r.next.After(farthest) {
		r.next = farthest
	}
	return r.next.Sub(now)
}

func (s *slots) free(id film.WebhookID, r *receiver, suspect, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.flight--
	if suspect {
		s.failingFlight--
	}
	if ok && r.fails {
		r.next = time.Time{} // it answers again: those who ask now need not queue behind the old line
	}
	r.fails = !ok
	if r.flight == 0 && !r.fails && s.receivers[id] == r && r.next.Before(s.now()) {
		delete(s.receivers, id)
	}
}

// sweep forgets receivers that nothing was sent to for long: webhooks get deleted. The lock is held.
func (s *slots) sweep() {
	const crowd = 1000
	if len(s.receivers) < crowd {
		return
	}
	now := s.now()
	for id, r := range s.receivers {
		if r.flight == 0 && now.Sub(r.used) > forget {
			delete(s.receivers, id)
		}
	}
}
