package ops_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"filmcan/internal/front/ops"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "filmcan_test_total", Help: "A test."})
	registry.MustRegister(counter)
	counter.Add(3)
	good := ops.Check{Name: "database", Test: func(context.Context) error { return nil }}
	bad := ops.Check{Name: "sandbox", Test: func(context.Context) error { return errors.New("not active") }}
	// hangs ends only with the bound that the door sets.
	hangs := ops.Check{Name: "folder", Test: func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			return errors.New("unbounded")
		}
		return nil
	}}
	for _, c := range []struct {
		name, path string
		checks     []ops.Check
		status     int
		want       string
	}{
		{"alive", "/healthz", []ops.Check{bad}, http.StatusOK, "ok\n"},
		{"ready", "/readyz", []ops.Check{good, hangs}, http.StatusOK, `"ready":true`},
		{"not ready", "/readyz", []ops.Check{good, bad}, http.StatusServiceUnavailable, `"sandbox":"not active"`},
		{"metrics", "/metrics", nil, http.StatusOK, "filmcan_test_total 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			h := ops.Handler(ops.Config{Checks: c.checks, Gatherer: registry})
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%s = %d %q, want %d with %q", c.path, w.Code, w.Body, c.status, c.want)
			}
		})
	}
}
