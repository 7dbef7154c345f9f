package reel

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/film"
)

// TestPatience: what must be encoded anew is waited for as long as the viewer's patience goes, pictures and sound
// together; who leaves before is told nothing.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pictures = 5 * time.Second // the sound takes for ever
		opener := func(takes time.Duration) Opener {
			return func(ctx context.Context, _ film.FilmID, _ string) (Source, error) {
				select {
				case <-time.After(takes):
					return noSource{}, nil
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			}
		}
		r := New(nil, nil, Config{Pictures: opener(pictures), Sound: opener(time.Hour)})
		ref := Ref{Film: "a", Base: film.Base{Part: "source", EncodedVideo: true, EncodedSound: true}}
		for _, patience := range []time.Duration{time.Second, Patience, 15 * time.Second} {
			begin := time.Now()
			_, err := r.Open(t.Context(), ref, patience)
			if !film.IsCode(err, film.CodeUnavailable) || film.FaultOf(err) != film.FaultTransient || time.Since(begin) != patience {
				t.Errorf("patience of %v: %v after %v", patience, err, time.Since(begin))
			}
		}
		left, leave := context.WithTimeout(t.Context(), 3*time.Second)
		defer leave()
		if _, err := r.Open(left, ref, Patience); !errors.Is(err, context.DeadlineExceeded) || film.AsError(err) != nil {
			t.Errorf("a viewer who left: %v", err)
		}
	})
}
