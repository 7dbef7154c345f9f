package film

import (
	"testing"
	"time"
)

func TestDeliveryRecord(t *testing.T) {
	t.Parallel()
	const ttl = 24 * time.Hour
	end := now.Add(ttl)
	retry := now.Add(time.Minute)
	for _, c := range []struct {
		name    string
		was     DeliveryState
		attempt Attempt
		retryAt time.Time
		want    DeliveryState
		job     *DeliverEvent
		jobAt   time.Time
	}{
		{
			name: "first succeeds", was: DeliveryState{}, attempt: Attempt{Number: 1, At: now, Status: 204},
			want: DeliveryState{Tries: 1, Outcome: OutcomeDelivered, Deadline: end},
		},
		{
			name: "first fails", was: DeliveryState{}, attempt: Attempt{Number: 1, At: now, Status: 500}, retryAt: retry,
			want: DeliveryState{Tries: 1, Deadline: end}, job: &DeliverEvent{Attempt: 2}, jobAt: retry,
		},
		{
			name: "no answer", was: DeliveryState{Tries: 4, Deadline: end}, attempt: Attempt{Number: 5, At: now, Failure: "refused"}, retryAt: retry,
			want: DeliveryState{Tries: 5, Deadline: end}, job: &DeliverEvent{Attempt: 6}, jobAt: retry,
		},
		{
			name: "a redirect is no success", was: DeliveryState{Tries: 1, Deadline: end}, attempt: Attempt{Number: 2, At: now, Status: 301}, retryAt: retry,
			want: DeliveryState{Tries: 2, Deadline: end}, job: &DeliverEvent{Attempt: 3}, jobAt: retry,
		},
		{
			name: "the last one is at the deadline", was: DeliveryState{Tries: 9, Deadline: end},
			attempt: Attempt{Number: 10, At: end.Add(-time.Minute), Status: 500}, retryAt: end.Add(time.Hour),
			want: DeliveryState{Tries: 10, Deadline: end}, job: &DeliverEvent{Attempt: 11}, jobAt: end,
		},
		{
			name: "given up at the deadline", was: DeliveryState{Tries: 10, Deadline: end}, attempt: Attempt{Number: 11, At: end, Status: 500}, retryAt: end.Add(time.Hour),
			want: DeliveryState{Tries: 11, Deadline: end, Outcome: OutcomeGivenUp},
		},
		{
			name: "the same number again orders nothing", was: DeliveryState{Tries: 2, Deadline: end}, attempt: Attempt{Number: 2, At: now, Status: 500}, retryAt: retry,
			want: DeliveryState{Tries: 2, Deadline: end},
		},
		{
			name: "the same number again succeeds", was: DeliveryState{Tries: 2, Deadline: end}, attempt: Attempt{Number: 2, At: now, Status: 200},
			want: DeliveryState{Tries: 2, Deadline: end, Outcome: OutcomeDelivered},
		},
		{
			name: "delivered stays delivered", was: DeliveryState{Tries: 2, Deadline: end, Outcome: OutcomeDelivered}, attempt: Attempt{Number: 3, At: now, Status: 500}, retryAt: retry,
			want: DeliveryState{Tries: 3, Deadline: end, Outcome: OutcomeDelivered},
		},
		{
			name: "dropped, but under way", was: DeliveryState{Outcome: OutcomeDropped}, attempt: Attempt{Number: 1, At: now, Status: 500}, retryAt: retry,
			want: DeliveryState{Tries: 1, Deadline: end, Outcome: OutcomeDropped},
		},
	} {
		got, change := c.was.Record(c.attempt, c.retryAt, ttl)
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		var want []Job
		if c.job != nil {
			want = []Job{{Args: *c.job, At: c.jobAt}}
		}
		if len(change.Jobs) != len(want) || len(want) == 1 && change.Jobs[0] != want[0] {
			t.Errorf("%s: jobs %+v, want %+v", c.name, change.Jobs, want)
		}
	}
}

func TestDeliveryDue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d       Delivery
		attempt int
		want    bool
	}{
		{Delivery{}, 1, true},
		{Delivery{Tries: 1}, 1, false},
		{Delivery{Tries: 1}, 2, true},
		{Delivery{Tries: 1, Done: true}, 2, false},
	} {
		if got := c.d.Due(DeliverEvent{Attempt: c.attempt}); got != c.want {
			t.Errorf("after %d tries (done: %v) attempt %d is due: %v, want %v", c.d.Tries, c.d.Done, c.attempt, got, c.want)
		}
	}
}
