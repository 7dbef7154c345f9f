package film

import "time"

// DeliveryTTL is how long a delivery is tried before it is given up, counted from its first attempt (reference page,
// 4.1).
const DeliveryTTL = 24 * time.Hour

// Webhook is an endpoint that receives the events of its environment.
type Webhook struct {
	ID          WebhookID
	Environment EnvironmentID
	Address     string
	// Secret signs deliveries: HMAC-SHA256 over "{unix time}.{body}".
	Secret    string
	Enabled   bool
	CreatedAt time.Time
}

// WebhookPatch changes what is not nil.
type WebhookPatch struct {
	Address *string
	Enabled *bool
}

// Patch returns the webhook as the patch leaves it.
func (w Webhook) Patch(p WebhookPatch) Webhook {
	if p.Address != nil {
		w.Address = *p.Address
	}
	if p.Enabled != nil {
		w.Enabled = *p.Enabled
	}
	return w
}

// Outcome says how a delivery ended; it is empty while the delivery is open.
type Outcome string

// The ends of a delivery.
const (
	// OutcomeDelivered: the receiver took the event.
	OutcomeDelivered Outcome = "delivered"
	// OutcomeGivenUp: the receiver did not take it in time.
	OutcomeGivenUp Outcome = "given_up"
	// OutcomeDropped: the webhook was disabled before the event was taken.
	OutcomeDropped Outcome = "dropped"
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID      DeliveryID
	Webhook Webhook
	Event   Event
	// Attempts in the order in which they were recorded.
	Attempts []Attempt
	// Tries is the number of the last attempt that is recorded.
	Tries int
	// Done is set when the delivery has its Outcome.
	Done    bool
	Outcome Outcome
	// Deadline is when it is given up.
	Deadline time.Time
}

// Due reports whether the job's attempt is still to be made.
func (d Delivery) Due(job DeliverEvent) bool {
	return !d.Done && job.Attempt > d.Tries
}

// Attempt is one try of a delivery, as it is recorded and shown. Status 0 means that no answer came; then Failure
// says why.
type Attempt struct {
	ID string
	// Number is [DeliverEvent.Attempt] of the job that made it. Two attempts have the same number where the first one's
	// worker was slow or died, and the job was taken up again.
	Number  int
	At      time.Time
	Took    time.Duration
	Status  int
	Failure string
	Header  map[string]string `json:",omitempty"`
	Body    string
	// Finished is set when the answer came whole.
	Finished bool
}

// Succeeded reports whether the receiver took the event: any 2xx.
func (a Attempt) Succeeded() bool { return a.Status >= 200 && a.Status < 300 }

// DeliveryState is what decides how a delivery goes on.
type DeliveryState struct {
	ID DeliveryID
	// Tries is the number of the last attempt that is recorded.
	Tries    int
	Outcome  Outcome
	Deadline time.Time
}

// Record notes an attempt. The first one starts the time (ttl) in which the receiver must take the event; a failure
// within it orders the next attempt at retryAt, at the latest at the deadline. A number that is recorded already
// orders nothing: its first recording did. A delivery that is done stays as it ended, unless the receiver took the
// event after all.
func (d DeliveryState) Record(a Attempt, retryAt time.Time, ttl time.Duration) (DeliveryState, Change) {
	again := a.Number <= d.Tries
	if d.Tries == 0 {
		d.Deadline = a.At.Add(ttl)
	}
	d.Tries = max(d.Tries, a.Number)
	var c Change
	switch {
	case a.Succeeded():
		d.Outcome = OutcomeDelivered
	case d.Outcome != "" || again:
	case !a.At.Before(d.Deadline):
		d.Outcome = OutcomeGivenUp
	default:
		if retryAt.After(d.Deadline) {
			retryAt = d.Deadline
		}
		c.Jobs = append(c.Jobs, Job{Args: DeliverEvent{Delivery: d.ID, Attempt: d.Tries + 1}, At: retryAt})
	}
	return d, c
}
