package film

import "time"

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

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID       DeliveryID
	Webhook  Webhook
	Event    Event
	Attempts []Attempt
	// Done is set when the delivery succeeded or was given up.
	Done bool
	// Deadline is when it is given up.
	Deadline time.Time
}

// Attempt is one try of a delivery, as it is recorded and shown. Status 0 means that no answer came; then Failure
// says why.
type Attempt struct {
	ID       string
	At       time.Time
	Took     time.Duration
	Status   int
	Failure  string
	Header   map[string]string `json:",omitempty"`
	Body     string
	Finished bool
}

// Succeeded reports whether the receiver took the event: any 2xx.
func (a Attempt) Succeeded() bool { return a.Status >= 200 && a.Status < 300 }
