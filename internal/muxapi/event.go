package muxapi

import (
	"fmt"
	"hash/fnv"
	"maps"

	"filmcan/internal/film"
)

// Event is the body of a webhook request and of a line of the event stream (reference page, 4.2).
type Event struct {
	Type        film.EventType   `json:"type"`
	ID          film.EventID     `json:"id"`
	CreatedAt   string           `json:"created_at" doc:"ISO 8601 with microseconds, UTC."`
	Object      EventObject      `json:"object"`
	Environment EventEnvironment `json:"environment"`
	Data        any              `json:"data" doc:"The object as it was at that moment."`
	Attempts    []Attempt        `json:"attempts" doc:"Earlier tries of this delivery."`
}

// EventObject names what an event is about.
type EventObject struct {
	Type film.ObjectType `json:"type"`
	ID   string          `json:"id"`
}

// EventEnvironment names where an event happened.
type EventEnvironment struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// Attempt is one try of a delivery. Mux's types want a number for the webhook although its id is a string: WebhookID
// is a stable digest of the id.
type Attempt struct {
	WebhookID          uint32            `json:"webhook_id"`
	ID                 string            `json:"id"`
	Address            string            `json:"address"`
	CreatedAt          string            `json:"created_at" doc:"ISO 8601 with microseconds, UTC."`
	MaxAttempts        int               `json:"max_attempts" doc:"An upper bound: deliveries are tried for 24 hours."`
	ResponseStatusCode int               `json:"response_status_code,omitempty" doc:"Left out when no answer came."`
	ResponseHeaders    map[string]string `json:"response_headers"`
	ResponseBody       *string           `json:"response_body" doc:"Null when no answer came."`
}

// Delivery is filmcan's own: one event on its way to one webhook, with every attempt so far.
type Delivery struct {
	ID        film.DeliveryID   `json:"id"`
	Webhook   film.WebhookID    `json:"webhook_id"`
	EventID   film.EventID      `json:"event_id"`
	EventType film.EventType    `json:"event_type"`
	Object    EventObject       `json:"object"`
	CreatedAt string            `json:"created_at" doc:"When the event happened; ISO 8601, UTC."`
	Status    string            `json:"status" enum:"pending delivered given_up dropped"`
	Deadline  string            `json:"deadline,omitempty" doc:"When it is given up; ISO 8601, UTC. There from the first attempt on."`
	Attempts  []DeliveryAttempt `json:"attempts"`
}

// DeliveryAttempt is one try, with what the envelope's attempts do not tell: how long it took and why it failed.
type DeliveryAttempt struct {
	ID        string            `json:"id"`
	CreatedAt string            `json:"created_at"`
	Duration  float64           `json:"duration" doc:"Seconds."`
	Status    int               `json:"response_status_code,omitempty"`
	Error     string            `json:"error,omitempty" doc:"Why no answer came."`
	Headers   map[string]string `json:"response_headers,omitempty"`
	Body      string            `json:"response_body,omitempty" doc:"The beginning of the answer."`
}

// MaxAttempts is what the envelope gives as the largest number of attempts. Deliveries end by time, not by number;
// this is above what the growing delays leave room for in 24 hours.
const MaxAttempts = 50

// EventBody renders an event for the stream, where nothing was tried before.
func EventBody(e film.Event, env film.Environment, links Links) ([]byte, error) {
	return DeliveryBody(film.Delivery{Event: e}, env, links)
}

// DeliveryBody renders the body of a delivery's next attempt: the event as it happened, with the attempts before. It is
// rendered from the stored snapshot, also years later, and is the same bytes whenever its input is the same.
func DeliveryBody(d film.Delivery, env film.Environment, links Links) ([]byte, error) {
	e := d.Event
	out := Event{
		Type: e.Type, ID: e.ID, CreatedAt: isoTime(e.At),
		Object:      EventObject{Type: e.Object.Type, ID: e.Object.ID},
		Environment: EventEnvironment{Name: env.Name, ID: string(env.ID)},
		Attempts:    []Attempt{},
	}
	switch {
	case e.Snapshot.Asset != nil:
		out.Data = assetOf(*e.Snapshot.Asset, links, true)
	case e.Snapshot.Upload != nil:
		out.Data = uploadOf(*e.Snapshot.Upload, links, true)
	default:
		return nil, fmt.Errorf("render event %s (%s): its snapshot holds no object that this version knows", e.ID, e.Type)
	}
	for _, a := range d.Attempts {
		out.Attempts = append(out.Attempts, attemptOf(a, d.Webhook))
	}
	return Encode(out)
}

func attemptOf(a film.Attempt, w film.Webhook) Attempt {
	out := Attempt{
		WebhookID: webhookNumber(w.ID), ID: a.ID, Address: w.Address, CreatedAt: isoTime(a.At),
		MaxAttempts: MaxAttempts, ResponseStatusCode: a.Status, ResponseHeaders: map[string]string{},
	}
	maps.Copy(out.ResponseHeaders, a.Header)
	if a.Status != 0 {
		out.ResponseBody = &a.Body
	}
	return out
}

// webhookNumber turns a webhook's id into the number that Mux's types want: 31 bits, never 0, so that it fits every
// client's integer.
func webhookNumber(id film.WebhookID) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum32()&0x7fffffff | 1
}

// DeliveriesOf lists deliveries with their attempts.
func DeliveriesOf(ds []film.Delivery) []Delivery {
	out := make([]Delivery, len(ds))
	for i, d := range ds {
		out[i] = deliveryOf(d)
	}
	return out
}

func deliveryOf(d film.Delivery) Delivery {
	out := Delivery{
		ID: d.ID, Webhook: d.Webhook.ID, EventID: d.Event.ID, EventType: d.Event.Type,
		Object:    EventObject{Type: d.Event.Object.Type, ID: d.Event.Object.ID},
		CreatedAt: isoTime(d.Event.At), Status: "pending",
		Attempts: make([]DeliveryAttempt, len(d.Attempts)),
	}
	if len(d.Attempts) > 0 {
		out.Deadline = isoTime(d.Deadline)
	}
	if d.Outcome != "" {
		out.Status = string(d.Outcome)
	}
	for i, a := range d.Attempts {
		out.Attempts[i] = DeliveryAttempt{
			ID: a.ID, CreatedAt: isoTime(a.At), Duration: seconds(a.Took), Status: a.Status, Error: a.Failure,
			Headers: a.Header, Body: a.Body,
		}
	}
	return out
}
