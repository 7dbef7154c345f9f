package intake

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// TestDownloadsKeepNobodyWaiting: an input that comes without end, or hardly, takes nobody's turn.
func TestDownloadsKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Jobs = 1 })
	path := films.Get(t, films.Spec{})
	asked := make(chan struct{}, 2)
	slow := serve(t, func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Length", "1000000")
		_ = http.NewResponseController(out).Flush()
		asked <- struct{}{}
		<-r.Context().Done()
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range cap(asked) {
		a := w.create(t, slow)
		running.Go(func() {
			if err := w.Ingest(ctx, film.IngestAsset{Asset: a.ID}, 1, 3); !errors.Is(err, context.Canceled) {
				t.Errorf("the slow one: %v", err)
			}
		})
	}
	for range cap(asked) {
		<-asked
	}
	if a := w.ingest(t, serveFile(t, path)); a.Status != film.AssetReady {
		t.Errorf("got %s, %+v", a.Status, a.Failure)
	}
	stop()
	running.Wait()
}

// TestTurnsAreGivenBack: whatever becomes of a film, the next one gets its turn; and it waits for it only as long as
// its own asset is wanted.
func TestTurnsAreGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Jobs = 1 })
	for _, path := range []string{
		films.Get(t, films.Spec{}),
		films.Get(t, films.Spec{Container: films.MOV}), // composed: its tables are needed until the end
		films.Get(t, films.Spec{Container: films.MKV}),
		films.Get(t, films.Spec{Container: films.AVI}),
	} {
		w.ingest(t, serveFile(t, path))
		if len(w.turns) != 0 || len(w.tables) != 0 {
			t.Fatalf("%s: %d turns and %d tables are taken still", path, len(w.turns), len(w.tables))
		}
	}
	done, err := w.tables.take(t.Context())
	must(t, err)
	a := w.create(t, serveFile(t, films.Get(t, films.Spec{})))
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { waits <- w.Ingest(ctx, film.IngestAsset{Asset: a.ID}, 1, 3) }()
	must(t, w.turns.wait(t.Context()))
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it waited: %v", err)
	}
	done()
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 2, 3))
	if a = w.asset(t, a.ID); a.Status != film.AssetReady {
		t.Errorf("got %s, %+v", a.Status, a.Failure)
	}
}

// wait returns when all turns are taken.
func (t turns) wait(ctx context.Context) error {
	for len(t) < cap(t) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		runtime.Gosched()
	}
	return nil
}

// TestLongHosts: what a redirect names is shown to the customer, but not all of it.
func TestLongHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	url := serve(t, func(out http.ResponseWriter, r *http.Request) {
		http.Redirect(out, r, "http://"+strings.Repeat("host.", 2000)+"invalid/", http.StatusFound)
	})
	a := w.ingest(t, url)
	wantErrored(t, a, "host.host.")
	if n := len(a.Failure.Messages[0]); n > 500 {
		t.Errorf("a message of %d bytes", n)
	}
}

// TestEncodingHoldsNoTables: while a base is encoded, which may take hours, other films are looked at.
func TestEncodingHoldsNoTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	path := films.Get(t, films.Spec{Duration: 12 * time.Second, Container: films.MOV, OpenGOP: true, BFrames: 2, Grain: true})
	a := w.create(t, serveFile(t, path))
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	encoding, over := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID, Film: a.Film}, 1, 3)
		over()
		done <- err
	}()
	for w.export.Stats().Frames == 0 && encoding.Err() == nil {
		runtime.Gosched()
	}
	if len(w.tables) != 0 {
		t.Error("no film is looked at until the encoding is over")
	}
	must(t, <-done)
	if a := w.asset(t, a.ID); a.Status != film.AssetReady || a.Master.Kind != film.MasterComposed || !a.Base.EncodedVideo {
		t.Errorf("got %s, master %s, base %+v", a.Status, a.Master.Kind, a.Base)
	}
}
