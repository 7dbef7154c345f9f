package reel

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// TestOneFilmIsLoadedAtATime: whoever opens many long films at once gets them one by one, and the memory of one.
func TestOneFilmIsLoadedAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		p := New(nil, store, Config{})
		var done sync.WaitGroup
		for _, id := range []film.FilmID{"a", "b", "c"} {
			done.Go(func() {
				if _, _, err := p.load(t.Context(), closedFilm(id)); !errors.Is(err, errSlowStore) {
					t.Error(err)
				}
			})
		}
		left, leave := context.WithCancel(t.Context())
		done.Go(func() {
			if _, _, err := p.load(left, closedFilm("d")); !errors.Is(err, context.Canceled) {
				t.Errorf("a viewer who left: %v", err)
			}
		})
		synctest.Wait()
		leave()
		done.Wait()
		if store.most.Load() != 1 || store.gets.Load() > 4 {
			t.Errorf("%d loads, %d at once", store.gets.Load(), store.most.Load())
		}
	})
}

// closedFilm is a film of which nothing is read but the index.
func closedFilm(id film.FilmID) *Film {
	empty := &reader{noSource{}, "etag"}
	return &Film{ref: Part(vault.Ref{Film: id, Part: vault.Source}), pictures: empty, sound: empty}
}

type noSource struct{}

func (noSource) Size() int64                       { return 0 }
func (noSource) ReadAt([]byte, int64) (int, error) { return 0, nil }
func (noSource) Close() error                      { return nil }

var errSlowStore = errors.New("no such artifact")

// slowStore takes a second for each artifact, which it does not have.
type slowStore struct{ inside, most, gets atomic.Int64 }

func (s *slowStore) Get(ctx context.Context, _ film.Artifact) ([]byte, error) {
	s.gets.Add(1)
	s.most.Store(max(s.most.Load(), s.inside.Add(1)))
	defer s.inside.Add(-1)
	select {
	case <-time.After(time.Second):
		return nil, errSlowStore
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *slowStore) Rebuild(ctx context.Context, a film.Artifact) ([]byte, error) {
	return s.Get(ctx, a)
}
