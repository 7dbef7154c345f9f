package oracle_test

import (
	"context"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/oracle"
)

// TestFilms looks at the films as they are: what the oracles are to find behind the program is in them.
func TestFilms(t *testing.T) {
	t.Parallel()
	for _, f := range films.Every() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path, err := films.Make(ctx, f.Spec)
			if err != nil {
				t.Fatal(err)
			}
			if f.Spec.Keep > 0 {
				return
			}
			if f.Spec.Video != films.None && !f.Spec.Fields {
				looks, err := oracle.Watch(t.Context(), path)
				check(t, err)
				check(t, oracle.Frames(f.Spec.Frames(), looks))
				if f.Spec.Light == "" {
					check(t, oracle.Colors(oracle.RoughColor, looks))
				}
			}
			if f.Spec.Audio != films.None {
				s, err := oracle.Listen(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				n := f.Spec.Channels
				if n == 0 {
					n = 2
				}
				if f.Spec.Begin == 0 {
					check(t, oracle.Voices(n, s, 2.3, 2.9))
				}
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
