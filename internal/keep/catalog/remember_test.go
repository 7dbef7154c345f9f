package catalog

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/film"
)

// TestResolvedIsForgotten: from the answer to a deletion on nobody gets the asset, however many ask all the time.
func TestResolvedIsForgotten(t *testing.T) {
	t.Parallel()
	w := sqlite(t)
	ctx := t.Context()
	a := w.asset(t, film.PolicyPublic)
	for range 20 {
		p, err := w.CreatePlayback(ctx, w.env, a.ID, film.PolicyPublic)
		must(t, err)
		var deleted, end atomic.Bool
		var viewers sync.WaitGroup
		asked := make(chan struct{}, 4)
		for range cap(asked) {
			viewers.Go(func() {
				for first := true; !end.Load(); first = false {
					gone := deleted.Load()
					_, _, err := w.ResolvePlayback(ctx, p.ID)
					if first {
						asked <- struct{}{}
					}
					if gone && !film.IsCode(err, film.CodeNotFound) {
						t.Errorf("a deleted id is resolved: %v", err)
						return
					}
				}
			})
		}
		for range cap(asked) {
			<-asked
		}
		must(t, w.DeletePlayback(ctx, w.env, a.ID, p.ID))
		deleted.Store(true)
		for range 10 {
			_, _, err := w.ResolvePlayback(ctx, p.ID)
			wantCode(t, "a deleted id", err, film.CodeNotFound)
		}
		end.Store(true)
		viewers.Wait()
	}
}

// TestResolvedIsRemembered: what another process does is seen a second later on SQLite, and at once on PostgreSQL.
func TestResolvedIsRemembered(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			id := w.asset(t, film.PolicyPublic).Playbacks[0].ID
			_, _, err := w.ResolvePlayback(ctx, id)
			must(t, err)
			_, err = w.db.Write().ExecContext(ctx, `DELETE FROM playback_ids WHERE id = $1`, id)
			must(t, err)
			if name == "sqlite" {
				w.clock.Advance(rememberFor - time.Microsecond)
				_, _, err = w.ResolvePlayback(ctx, id)
				must(t, err)
				w.clock.Advance(time.Microsecond)
			}
			_, _, err = w.ResolvePlayback(ctx, id)
			wantCode(t, "an id that is gone", err, film.CodeNotFound)
		})
	}
}

func TestResolvedHasABound(t *testing.T) {
	t.Parallel()
	w := sqlite(t)
	now := w.clock.Now()
	for i := range 3 * rememberMost {
		w.playing.put(film.PlaybackID(rune(i+0x4e00)), film.Asset{}, w.playing.changes.Load(), now)
	}
	if n := len(w.playing.assets); n == 0 || n > rememberMost {
		t.Errorf("%d assets are remembered", n)
	}
}
