package hostile

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
)

// prober asks the API all the while, as its other customers do.
type prober struct {
	client *rig.Client

	mu    sync.Mutex
	asset string
	took  []time.Duration
	bad   []string
}

func newProber(t *testing.T, c *rig.Client) *prober {
	t.Helper()
	p := &prober{client: &rig.Client{Base: c.Base, ID: c.ID, Secret: c.Secret, HTTP: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}}}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			p.ask(ctx, "/healthz")
			if id := p.current(); id != "" {
				p.ask(ctx, "/video/v1/assets/"+id)
			}
			<-tick.C
		}
	})
	t.Cleanup(func() { stop(); wait.Wait() })
	return p
}

func (p *prober) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asset
}

func (p *prober) about(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asset = id
}

func (p *prober) ask(ctx context.Context, path string) {
	began := time.Now()
	status, _, err := p.client.Call(ctx, http.MethodGet, path, nil, nil)
	took := time.Since(began)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, took)
	if err != nil || status != http.StatusOK && status != http.StatusNotFound {
		p.bad = append(p.bad, path)
	}
}

// slow returns how long the 99th of a hundred answers took, and how many were none.
func (p *prober) slow() (p99 time.Duration, asked, bad int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) == 0 {
		return 0, 0, len(p.bad)
	}
	took := slices.Sorted(slices.Values(p.took))
	return took[len(took)*99/100], len(took), len(p.bad)
}
