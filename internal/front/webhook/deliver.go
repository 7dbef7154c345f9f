package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
	"filmcan/internal/outbound"
	"filmcan/internal/point"
)

// Catalog is what the door needs of keep/catalog.
type Catalog interface {
	Delivery(ctx context.Context, id film.DeliveryID) (film.Delivery, error)
	Environment(ctx context.Context, id film.EnvironmentID) (film.Environment, error)
	RecordAttempt(ctx context.Context, id film.DeliveryID, a film.Attempt, retryAt time.Time) error
}

// Client sends requests to customers' addresses; it must not follow redirects of a POST.
type Client interface {
	Do(req *http.Request) (*http.Response, error)
}

// Config of a [Deliverer]. Zero values take the defaults.
type Config struct {
	// Timeout is how long an attempt may take, from resolution to the answer's last byte.
	Timeout time.Duration
	// Answer is how many bytes of an answer are kept.
	Answer int64
	// InFlight is how many deliveries one receiver gets at once from this process; it is one while it fails.
	InFlight int
	// FailingInFlight is how many all receivers that fail get at once. It must be less than the workers that deliver:
	// each may hold one for Timeout.
	FailingInFlight int
	Now             func() time.Time
}

// Default is what production uses: five seconds, as Mux gives (reference page, 4.1).
func Default() Config {
	return Config{Timeout: 5 * time.Second, Answer: 4 << 10, InFlight: 4, FailingInFlight: 8, Now: time.Now}
}

// Deliverer makes attempts. It may be used by any number of workers.
type Deliverer struct {
	cfg     Config
	catalog Catalog
	client  Client
	links   muxapi.Links
	log     *slog.Logger
	slots   *slots
}

// New returns a deliverer.
func New(c Catalog, client Client, links muxapi.Links, cfg Config, log *slog.Logger) *Deliverer {
	def := Default()
	if cfg.Timeout <= 0 {
		cfg.Timeout = def.Timeout
	}
	if cfg.Answer <= 0 {
		cfg.Answer = def.Answer
	}
	if cfg.InFlight <= 0 {
		cfg.InFlight = def.InFlight
	}
	if cfg.FailingInFlight <= 0 {
		cfg.FailingInFlight = def.FailingInFlight
	}
	if cfg.Now == nil {
		cfg.Now = def.Now
	}
	return &Deliverer{
		cfg: cfg, catalog: c, client: client, links: links, log: log,
		slots: newSlots(cfg.InFlight, cfg.FailingInFlight, cfg.Timeout, cfg.Now),
	}
}

// Deliver makes the attempt that the job orders and records it. A receiver that does not take the event is no error of
// the job: the next attempt is ordered with the record. The error is a [film.Later] when the receiver has its hands
// full.
func (d *Deliverer) Deliver(ctx context.Context, job film.DeliverEvent) error {
	delivery, err := d.catalog.Delivery(ctx, job.Delivery)
	if film.IsCode(err, film.CodeNotFound) {
		return nil // deleted with its webhook
	}
	if err != nil {
		return err
	}
	if !delivery.Due(job) {
		return nil
	}
	give, wait := d.slots.take(delivery.Webhook.ID, job.Attempt > 1)
	if give == nil {
		return &film.Later{After: wait + rand.N(wait/4+time.Millisecond)} //nolint:gosec // spreads load, protects nothing
	}
	succeeded := false
	defer func() { give(succeeded) }()

	env, err := d.catalog.Environment(ctx, delivery.Event.Environment)
	if err != nil {
		return err
	}
	body, err := muxapi.DeliveryBody(delivery, env, d.links)
	if err != nil {
		return err
	}
	if point.Broken("record-before-send") {
		early := film.Attempt{Number: job.Attempt, At: d.cfg.Now(), Status: http.StatusOK, Finished: true}
		if err := d.catalog.RecordAttempt(ctx, delivery.ID, early, time.Time{}); err != nil {
			return err
		}
	}
	point.Hit("webhook.before-send")
	attempt := d.attempt(ctx, delivery, body)
	point.Hit("webhook.sent")
	if err := context.Cause(ctx); err != nil && attempt.Status == 0 {
		return err // we were stopped: that says nothing about the receiver
	}
	attempt.Number = job.Attempt
	succeeded = attempt.Succeeded()
	retryAt := attempt.At.Add(attempt.Took).Add(Pause(job.Attempt, rand.Float64())) //nolint:gosec // as above
	// What was sent is recorded, also when the process was told to stop meanwhile.
	err = d.catalog.RecordAttempt(context.WithoutCancel(ctx), delivery.ID, attempt, retryAt)
	if err != nil && !film.IsCode(err, film.CodeNotFound) {
		return fmt.Errorf("record attempt %d of delivery %s: %w", job.Attempt, delivery.ID, err)
	}
	point.Hit("webhook.recorded")
	d.log.InfoContext(ctx, "webhook", "event", delivery.Event.ID, "type", delivery.Event.Type, "object", delivery.Event.Object.ID,
		"webhook", delivery.Webhook.ID, "attempt", job.Attempt, "status", attempt.Status, "failure", attempt.Failure, "dur", attempt.Took)
	return nil
}

// attempt sends the body once.
func (d *Deliverer) attempt(ctx context.Context, delivery film.Delivery, body []byte) film.Attempt {
	began := d.cfg.Now()
	a := film.Attempt{At: began}
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.Timeout, errTimeout)
	defer cancel()
	resp, err := d.post(ctx, delivery.Webhook, began, body)
	if err == nil {
		defer resp.Body.Close()
		a.Status = resp.StatusCode
		a.Header = headers(resp.Header)
		var text []byte
		text, err = io.ReadAll(io.LimitReader(resp.Body, d.cfg.Answer))
		a.Body = string(text)
		a.Finished = err == nil
		if err != nil && errors.Is(context.Cause(ctx), errTimeout) {
			err = errTimeout
		}
	}
	a.Took = d.cfg.Now().Sub(began)
	if err != nil {
		a.Failure = explain(err)
	}
	return a
}

var errTimeout = errors.New("the receiver did not answer in time")

func (d *Deliverer) post(ctx context.Context, w film.Webhook, at time.Time, body []byte) (*http.Response, error) {
	address, err := outbound.Parse(w.Address)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method: http.MethodPost, URL: address, Host: address.Host, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(SignatureHeader, Sign(w.Secret, at, body))
	return d.client.Do(req)
}

// headers keeps the first value of each header, for the record.
func headers(h http.Header) map[string]string {
	kept := make(map[string]string, len(h))
	for name, values := range h {
		kept[name] = values[0]
	}
	return kept
}

// explain says to the webhook's owner why no answer came.
func explain(err error) string {
	if errors.Is(err, errTimeout) {
		return errTimeout.Error()
	}
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return "the connection broke before the answer was complete"
	}
	switch e.Kind {
	case outbound.KindAddress, outbound.KindScheme:
		return "the address is not an http or https URL"
	case outbound.KindDNS:
		return "the host's name could not be resolved"
	case outbound.KindRefused:
		return "the address is not one that this server may send to"
	case outbound.KindConnect:
		return "nobody answered at the address"
	case outbound.KindTLS:
		return "no trustworthy TLS connection could be made"
	case outbound.KindTimeout:
		return errTimeout.Error()
	case outbound.KindRedirect:
		return "the receiver answered with a redirect, which is not followed"
	case outbound.KindResponse:
	}
	return "the connection broke before an answer came"
}
