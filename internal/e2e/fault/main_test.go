package fault

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
)

const mib = 1 << 20

func TestMain(m *testing.M) {
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

// until asks again and again until the condition holds.
func until(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

// idle waits until the program has nothing left to do, housekeeping apart, and compares rows and bytes.
func idle(t *testing.T, p *rig.Process, patience time.Duration) {
	t.Helper()
	client := &rig.Client{Base: p.Base(), HTTP: &http.Client{Timeout: 10 * time.Second}}
	var left string
	until(t, patience, "no work is left", func() bool {
		_, text, err := client.Call(t.Context(), http.MethodGet, "/metrics", nil, nil)
		left = ""
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "filmcan_jobs{") && !mentions(line, "expire_master", "scrub_films", "prune_events") {
				left = line
			}
		}
		return err == nil && left == ""
	})
	agreed(t, p)
}

func mentions(line string, kinds ...string) bool {
	for _, k := range kinds {
		if strings.Contains(line, `"`+k+`"`) {
			return true
		}
	}
	return false
}

// agreed compares rows and bytes to the last byte.
func agreed(t *testing.T, p *rig.Process) {
	t.Helper()
	if out, stderr, code := rig.Run(t, rig.Binary(t), nil, "check", "--deep", "--data", p.Data()); code != 0 {
		t.Errorf("rows and bytes disagree:\n%s%s", out, stderr)
	}
}

// download fetches the master of an asset and compares it with what it has to be.
func download(ctx context.Context, t *testing.T, a rig.Asset, sum string) {
	t.Helper()
	if a.Master == nil {
		t.Errorf("asset %s has no master", a.ID)
		return
	}
	if status, got, n, err := rig.Download(ctx, a.Master.URL); err != nil || status != http.StatusOK || got != sum {
		t.Errorf("download: %d, %d bytes, sha256 %s, %v; want sha256 %s", status, n, got, err, sum)
	}
}
