package webhook

import (
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Unix(1700000000, 0)} }

// fill takes slots until there are none and returns what gives them back.
func fill(s *slots, id film.WebhookID, retry bool) (given []func(bool)) {
	for range 100 {
		give, _ := s.take(id, retry)
		if give == nil {
			return given
		}
		given = append(given, give)
	}
	return given
}

func TestSlotsOfAReceiver(t *testing.T) {
	t.Parallel()
	s := newSlots(4, 8, 5*time.Second, newClock().now)
	given := fill(s, "w", false)
	if len(given) != 4 {
		t.Fatalf("%d at once, want 4", len(given))
	}
	for i, give := range given {
		give(i != 3) // the last one fails
	}
	given = fill(s, "w", false)
	if len(given) != 1 {
		t.Fatalf("%d at once to a receiver that failed, want 1", len(given))
	}
	given[0](true)
	if given = fill(s, "w", false); len(given) != 4 {
		t.Errorf("%d at once after its success, want 4", len(given))
	}
	if given = fill(s, "retried", true); len(given) != 1 {
		t.Errorf("%d retries at once to a receiver of which nothing else is known, want 1", len(given))
	}
}

func TestFailingReceiversLeaveRoom(t *testing.T) {
	t.Parallel()
	s := newSlots(4, 3, 5*time.Second, newClock().now)
	var dead int
	for _, id := range []film.WebhookID{"a", "b", "c", "d", "e"} {
		dead += len(fill(s, id, true))
	}
	if dead != 3 {
		t.Errorf("%d attempts to dead receivers at once, want 3", dead)
	}
	if well := fill(s, "well", false); len(well) != 4 {
		t.Errorf("%d attempts to a healthy receiver beside them, want 4", len(well))
	}
}

// TestLine: those who find no slot are given moments one behind the other, up to a bound; and after the receiver has
// recovered the line begins anew.
func TestLine(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newSlots(4, 8, 5*time.Second, c.now)
	give, _ := s.take("w", true)
	var last time.Duration
	for i := range 1000 {
		_, wait := s.take("w", true)
		if want := min(time.Duration(i+1)*5*time.Second, maxWait); wait != want {
			t.Fatalf("waiter %d waits %v, want %v", i, wait, want)
		}
		last = wait
	}
	give(true)
	fill(s, "w", false)
	if _, wait := s.take("w", false); wait >= last || wait > time.Second {
		t.Errorf("after the recovery one waits %v", wait)
	}
}

func TestReceiversAreForgotten(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newSlots(4, 10000, 5*time.Second, c.now)
	for i := range 2000 {
		give, _ := s.take(film.WebhookID(rune('a'+i)), false)
		give(i%2 == 0)
	}
	if n := len(s.receivers); n != 1000 {
		t.Errorf("%d receivers are remembered, want those that failed: 1000", n)
	}
	c.at = c.at.Add(forget + time.Minute)
	fill(s, "new", false)
	if n := len(s.receivers); n != 1 {
		t.Errorf("%d receivers are remembered, want 1", n)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failed int
		random float64
		want   time.Duration
	}{
		{1, 0, 5 * time.Second},
		{1, 0.5, 4375 * time.Millisecond},
		{0, 0, 5 * time.Second},
		{2, 0, 10 * time.Second},
		{3, 0, 20 * time.Second},
		{10, 0, 2560 * time.Second},
		{11, 0, time.Hour},
		{11, 0.8, 48 * time.Minute},
		{100, 0, time.Hour},
	} {
		if got := Pause(c.failed, c.random); got != c.want {
			t.Errorf("after %d failures, random %v: %v, want %v", c.failed, c.random, got, c.want)
		}
	}
}

// TestADayOfRetries plays a receiver that is dead all day through the catalog's own rule.
func TestADayOfRetries(t *testing.T) {
	t.Parallel()
	for _, random := range []float64{0, 0.5, 0.999} {
		begin := time.Unix(1700000000, 0)
		at, attempts, firstHour := begin, 0, 0
		state := film.DeliveryState{ID: "d"}
		for {
			attempts++
			if at.Sub(begin) <= time.Hour {
				firstHour++
			}
			next, change := state.Record(film.Attempt{Number: attempts, At: at}, at.Add(5*time.Second+Pause(attempts, random)), film.DeliveryTTL)
			state = next
			if len(change.Jobs) == 0 {
				break
			}
			if !change.Jobs[0].At.After(at) {
				t.Fatalf("attempt %d is ordered for the past", attempts+1)
			}
			at = change.Jobs[0].At
		}
		if last := at.Sub(begin); last != film.DeliveryTTL || state.Outcome != film.OutcomeGivenUp {
			t.Errorf("random %v: the last attempt is after %v, outcome %s", random, last, state.Outcome)
		}
		if attempts > muxapi.MaxAttempts || attempts < 25 || firstHour < 8 {
			t.Errorf("random %v: %d attempts, %d in the first hour; receivers are told of %d at most", random, attempts, firstHour, muxapi.MaxAttempts)
		}
	}
}
