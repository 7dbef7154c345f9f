// Package ops is the operator's door: is the process alive, is it ready for work, how is it doing. It says nothing
// about customers and needs no credentials.
package ops

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds one answer of /readyz.
const checkTimeout = 3 * time.Second

// Check is one condition of readiness.
type Check struct {
	Name string
	// Test returns nil while the condition holds. Its text is shown to whoever asks: no secrets, no addresses.
	Test func(context.Context) error
}

// Config is what the door shows.
type Config struct {
	Checks   []Check
	Gatherer prometheus.Gatherer
	// Facts are shown by /readyz as they are, such as the version.
	Facts map[string]string
}

// Handler serves /healthz (the process lives), /readyz (it can do its work; 503 says what it lacks) and /metrics
// (Prometheus text format).
func Handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, cfg) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{}))
	return mux
}

type readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
	Facts  map[string]string `json:"facts,omitempty"`
}

// ready runs all checks at once: one that hangs must not hide another.
func ready(w http.ResponseWriter, r *http.Request, cfg Config) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := readiness{Ready: true, Checks: map[string]string{}, Facts: cfg.Facts}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range cfg.Checks {
		wg.Go(func() {
			err := c.Test(ctx)
			mu.Lock()
			defer mu.Unlock()
			if answer.Checks[c.Name] = "ok"; err != nil {
				answer.Ready, answer.Checks[c.Name] = false, err.Error()
			}
		})
	}
	wg.Wait()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
