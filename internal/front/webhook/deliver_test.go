package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/webhook"
	"filmcan/internal/outbound"
)

const secret = "SuperSecret123"

// shelf is a catalog with one delivery.
type shelf struct {
	mu       sync.Mutex
	delivery film.Delivery
	retryAt  []time.Time
	broken   error // what recording gives
}

func (s *shelf) Delivery(_ context.Context, id film.DeliveryID) (film.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != s.delivery.ID {
		return film.Delivery{}, fmt.Errorf("read delivery: %w", film.NotFound())
	}
	return s.delivery, nil
}

func (s *shelf) Environment(context.Context, film.EnvironmentID) (film.Environment, error) {
	return film.Environment{ID: "abc123", Name: "dev"}, nil
}

func (s *shelf) RecordAttempt(_ context.Context, _ film.DeliveryID, a film.Attempt, retryAt time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.delivery.Attempts = append(s.delivery.Attempts, a)
	s.delivery.Tries = max(s.delivery.Tries, a.Number)
	s.delivery.Done = a.Succeeded()
	s.retryAt = append(s.retryAt, retryAt)
	return nil
}

type links struct{}

func (links) MasterURL(film.Grant, film.Master) string { return "http://x/master" }
func (links) UploadURL(film.Upload) string             { return "http://x/upload" }

// deliverer has one delivery d1 to the address, and reaches loopback.
func deliverer(t *testing.T, address string, cfg webhook.Config) (*webhook.Deliverer, *shelf) {
	t.Helper()
	a := film.Asset{ID: "a1", Environment: "abc123", Status: film.AssetReady, CreatedAt: time.Unix(1700000000, 0)}
	s := &shelf{delivery: film.Delivery{
		ID:      "d1",
		Webhook: film.Webhook{ID: "w1", Address: address, Secret: secret, Enabled: true},
		Event: film.Event{
			ID: "e1", Environment: "abc123", Type: film.EventAssetReady, At: time.Unix(1700000001, 0),
			Object: film.Object{Type: film.ObjectAsset, ID: "a1"}, Snapshot: film.Snapshot{Asset: &a},
		},
	}}
	client := outbound.New(outbound.Config{Policy: outbound.Policy{Private: true}})
	t.Cleanup(client.Close)
	return webhook.New(s, client, links{}, cfg, slog.New(slog.DiscardHandler)), s
}

func job(attempt int) film.DeliverEvent { return film.DeliverEvent{Delivery: "d1", Attempt: attempt} }

func TestSign(t *testing.T) {
	t.Parallel()
	// The vector of the official SDK (reference page, 4.5).
	got := webhook.Sign(secret, time.Unix(1565125718, 0), []byte(`{"test":"body"}`))
	want := "t=1565125718,v1=854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7"
	if got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	var body []byte
	var header http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "thanks")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "noted")
	}))
	defer srv.Close()
	d, s := deliverer(t, srv.URL+"/hook?a=%2f", webhook.Config{})
	if err := d.Deliver(t.Context(), job(1)); err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		Type, ID string
		Data     struct{ ID string }
		Attempts []any
	}
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.ID != "e1" || envelope.Type != "video.asset.ready" ||
		envelope.Data.ID != "a1" || len(envelope.Attempts) != 0 {
		t.Errorf("body %s: %v", body, err)
	}
	a := s.delivery.Attempts[0]
	if got, want := header.Get("mux-signature"), webhook.Sign(secret, a.At, body); got != want {
		t.Errorf("mux-signature %s, want %s over the bytes that came", got, want)
	}
	if header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", header)
	}
	if a.Number != 1 || a.Status != 202 || a.Body != "noted" || a.Header["X-Answer"] != "thanks" || a.Failure != "" || !a.Finished || a.Took <= 0 {
		t.Errorf("recorded %+v", a)
	}
}

func TestFailedAttempts(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var dialer net.ListenConfig
	closed, err := dialer.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, c := range []struct {
		name    string
		address string
		answer  http.HandlerFunc
		status  int
		failure string
		size    int // of the recorded body, if not 0
	}{
		{"refuses", "", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }, 500, "", 3},
		{"redirects", "", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, 307, "", 0},
		{"is silent", "", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, 0, "in time", 0},
		{"talks without end", "", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, strings.Repeat("x", 1<<10))
			}
		}, 502, "", 4 << 10},
		{"is not there", "http://" + closed.Addr().String(), nil, 0, "nobody answered", 0},
		{"has no name", "http://host.invalid/", nil, 0, "name could not be resolved", 0},
		{"is forbidden", "http://169.254.169.254/latest", nil, 0, "not one that this server may send to", 0},
		{"is no URL", "ftp://x/", nil, 0, "not an http or https URL", 0},
		{"is nonsense", "http://[", nil, 0, "not an http or https URL", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := c.address
			if c.answer != nil {
				srv := httptest.NewServer(c.answer)
				defer srv.Close()
				address = srv.URL
			}
			d, s := deliverer(t, address, webhook.Config{Timeout: 2 * time.Second})
			before := time.Now()
			if err := d.Deliver(t.Context(), job(1)); err != nil {
				t.Fatalf("a receiver's failure became one of the job: %v", err)
			}
			a := s.delivery.Attempts[0]
			if a.Status != c.status || !strings.Contains(a.Failure, c.failure) || c.failure == "" && a.Failure != "" {
				t.Errorf("recorded %+v, want status %d and failure %q", a, c.status, c.failure)
			}
			if c.size > 0 && len(a.Body) != c.size {
				t.Errorf("%d bytes of the answer are kept, want %d", len(a.Body), c.size)
			}
			if retry := s.retryAt[0].Sub(before); retry < 3*time.Second || retry > 10*time.Second+a.Took {
				t.Errorf("retry after %v, want within seconds", retry)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

func TestAttemptsOfBefore(t *testing.T) {
	t.Parallel()
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		w.WriteHeader(map[bool]int{true: 200, false: 503}[len(bodies) == 2])
	}))
	defer srv.Close()
	d, s := deliverer(t, srv.URL, webhook.Config{})
	for n := 1; n <= 3; n++ { // the third has nothing to do
		if err := d.Deliver(t.Context(), job(n)); err != nil {
			t.Fatal(err)
		}
	}
	if len(bodies) != 2 || !strings.Contains(bodies[1], `"response_status_code":503`) || !strings.Contains(bodies[1], `"id":"e1"`) {
		t.Errorf("sent %q", bodies)
	}
	if len(s.delivery.Attempts) != 2 || !s.delivery.Done {
		t.Errorf("recorded %+v", s.delivery.Attempts)
	}
}

func TestNothingToDo(t *testing.T) {
	t.Parallel()
	d, s := deliverer(t, "http://127.0.0.1:1/", webhook.Config{})
	if err := d.Deliver(t.Context(), film.DeliverEvent{Delivery: "gone", Attempt: 1}); err != nil {
		t.Errorf("deleted delivery: %v", err)
	}
	s.delivery.Tries = 3
	if err := d.Deliver(t.Context(), job(3)); err != nil || len(s.delivery.Attempts) != 0 {
		t.Errorf("recorded attempt made again: %v, %+v", err, s.delivery.Attempts)
	}
}

// TestAtLeastOnce: an attempt that could not be recorded is made again.
func TestAtLeastOnce(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer srv.Close()
	d, s := deliverer(t, srv.URL, webhook.Config{})
	s.broken = errors.New("the disk is full")
	if err := d.Deliver(t.Context(), job(1)); !errors.Is(err, s.broken) {
		t.Fatalf("error %v: the queue would not try again", err)
	}
	s.broken = nil
	if err := d.Deliver(t.Context(), job(1)); err != nil || came.Load() != 2 {
		t.Errorf("%d requests, %v; want the second", came.Load(), err)
	}
}

// TestStopped: a program that ends records nothing against a receiver that had no time to answer.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	drain := errors.New("shutdown")
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel(drain)
		<-r.Context().Done()
	}))
	defer srv.Close()
	d, s := deliverer(t, srv.URL, webhook.Config{})
	if err := d.Deliver(ctx, job(1)); !errors.Is(err, drain) || len(s.delivery.Attempts) != 0 {
		t.Errorf("error %v, recorded %+v", err, s.delivery.Attempts)
	}
}

// TestBusyReceiver: while as many attempts as may be are on their way, a further one is sent away with a time.
func TestBusyReceiver(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	defer srv.Close()
	d, _ := deliverer(t, srv.URL, webhook.Config{InFlight: 1})
	done := make(chan error)
	go func() { done <- d.Deliver(t.Context(), job(1)) }()
	<-arrived
	err := d.Deliver(t.Context(), job(1))
	later, ok := errors.AsType[*film.Later](err)
	if !ok || later.After <= 0 || later.After > 10*time.Second {
		t.Errorf("second delivery: %v, want a pause", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
