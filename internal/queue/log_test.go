package queue

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// TestStopIsNoError: what River says about being stopped is no error of anybody's; everything else that it warns of is
// passed on.
func TestStopIsNoError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := riverLog(slog.New(slog.NewTextHandler(&out, nil)))
	log.ErrorContext(t.Context(), "cannot begin", "error", context.Canceled)
	log.ErrorContext(t.Context(), "cannot begin", "error", context.Canceled.Error())
	log.InfoContext(t.Context(), "detail")
	if out.Len() > 0 {
		t.Errorf("logged: %s", out.String())
	}
	log.ErrorContext(t.Context(), "cannot begin", "error", "the disk is gone")
	if !strings.Contains(out.String(), "the disk is gone") {
		t.Errorf("not logged: %q", out.String())
	}
}
