package export

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestTogether: the first failure ends the other, and is the one that is told; a panic is a failure.
func TestTogether(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	fine := func(context.Context) error { return nil }
	fails := func(context.Context) error { return bad }
	panics := func(context.Context) error { panic("at once") }
	ended := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	one, other := make(chan struct{}), make(chan struct{})
	meets := func(mine, its chan struct{}) func(context.Context) error {
		return func(context.Context) error {
			close(mine)
			<-its
			return nil
		}
	}
	for name, tt := range map[string]struct {
		first, second func(context.Context) error
		want          string
	}{
		"both fine":            {fine, fine, ""},
		"the first fails":      {fails, ended, "bad"},
		"the second fails":     {ended, fails, "bad"},
		"one fails, one fine":  {fails, fine, "bad"},
		"one fine, one fails":  {fine, fails, "bad"},
		"the first panics":     {panics, ended, "panic: at once"},
		"the second panics":    {ended, panics, "panic: at once"},
		"each waits for other": {meets(one, other), meets(other, one), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := together(t.Context(), tt.first, tt.second)
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	gone, leave := context.WithCancelCause(t.Context())
	leave(bad)
	if err := together(gone, ended, ended); !errors.Is(err, bad) {
		t.Errorf("whoever asked has left: %v", err)
	}
}
