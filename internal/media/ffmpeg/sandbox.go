package ffmpeg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"filmcan/internal/media/ffmpeg/sandbox"
)

// Sandbox starts a process in the sandbox that all others get, which looks from within whether it holds. The error's
// text is for the operator. It is not asked for where there is no sandbox by configuration.
func (r *Runner) Sandbox(ctx context.Context) (sandbox.State, error) {
	if !sandbox.Supported {
		return sandbox.State{}, fmt.Errorf("%w; this is %s on %s", sandbox.ErrUnavailable, runtime.GOOS, runtime.GOARCH)
	}
	out := &bounded{limit: 4 << 10}
	var started atomic.Int64
	err := r.run(ctx, job{name: "sandbox", limits: r.cfg.Probe, stdout: out, started: &started})
	if e, ok := errors.AsType[*Error](err); ok && e.Unstarted {
		return sandbox.State{}, e.Cause
	}
	if err != nil {
		return sandbox.State{}, err
	}
	var state sandbox.State
	if err := json.Unmarshal(out.buf.Bytes(), &state); err != nil {
		return sandbox.State{}, fmt.Errorf("sandbox: it said %.100q of itself: %w", out.buf.Bytes(), err)
	}
	return state, nil
}
