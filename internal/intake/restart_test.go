package intake

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/derive/export"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/mp4"
)

// slow is a film that takes a moment to encode: with grain, in groups that cannot be cut.
func slow() films.Spec {
	return films.Spec{Duration: 12 * time.Second, OpenGOP: true, BFrames: 2, GOP: 4 * time.Second, Grain: true}
}

// begun brings an asset of the film to where its encoding is ordered.
func (w *world) begun(t *testing.T, spec films.Spec) film.Asset {
	t.Helper()
	a := w.create(t, serveFile(t, films.Get(t, spec)))
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	if a = w.asset(t, a.ID); a.Progress.State != film.ProgressTranscoding || len(a.NonStandard) == 0 {
		t.Fatalf("after the look: %+v, %+v", a.Progress, a.Failure)
	}
	return a
}

// encodeUntil runs the encoding of an asset and stops it, as the end of a process would, when enough is true.
func (w *world) encodeUntil(t *testing.T, a film.Asset, cause error, enough func() bool) error {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Encode(ctx, film.EncodeAsset{Asset: a.ID}, 1, 3) }()
	for !enough() {
		select {
		case err := <-done:
			t.Fatalf("the encoding was over before it could be stopped: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	stop(cause)
	return <-done
}

// TestEncodeIsTakenUp: an encoding that ends in the middle costs one chunk; its progress never goes back; what comes out is
// what one run would have made: every frame once, in order.
func TestEncodeIsTakenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var lines bytes.Buffer // the log's handler has a lock
	w.log = slog.New(slog.NewTextHandler(&lines, nil))
	a := w.begun(t, slow())
	var mu sync.Mutex
	var seen []float64
	watching, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watching)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				now, err := w.catalog.AssetForWork(context.WithoutCancel(t.Context()), a.ID)
				if err == nil && now.Status == film.AssetPreparing {
					mu.Lock()
					seen = append(seen, now.Progress.Percent)
					mu.Unlock()
				}
			}
		}
	}()
	dead := errors.New("killed")
	for _, chunks := range []int64{1, 3} {
		if err := w.encodeUntil(t, a, dead, func() bool { return w.export.Stats().Chunks >= chunks }); !errors.Is(err, dead) {
			t.Fatalf("got %v, want the cause", err)
		}
	}
	must(t, w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID}, 1, 3))
	close(quit)
	<-watching
	a = w.asset(t, a.ID)
	if a.Status != film.AssetReady {
		t.Fatalf("got %s %+v", a.Status, a.Failure)
	}
	stats := w.export.Stats()
	const frames = 12 * 30
	// Each of the two ends costs the chunk that was open, of four seconds of film at most, and what the pipe held.
	if stats.Reused < 2 || stats.Frames < frames || stats.Frames >= 2*frames {
		t.Errorf("got %+v for %d frames", stats, frames)
	}
	w.wantPlayable(t, a, films.Get(t, slow()), encodedCase{spec: slow()})
	mu.Lock()
	defer mu.Unlock()
	if !slices.IsSorted(seen) || len(seen) == 0 || seen[len(seen)-1] < 50 {
		t.Errorf("progress: %v", slices.Compact(seen))
	}
	for _, want := range []string{`msg="asset must be encoded" asset=` + string(a.ID) + " reasons=map[", `msg="asset is being encoded" asset=` + string(a.ID) + " percent="} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, lines.String())
		}
	}
	if got := w.events(t); got != "created non_standard_input_detected ready" {
		t.Errorf("events: got %s", got)
	}
}

// TestEncodedTwice: an encoding that is done is not done again, wherever its run died after it.
func TestEncodedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, spec := range []films.Spec{
		{OpenGOP: true, BFrames: 2}, {Container: films.WebM, Video: films.VP9, Audio: films.Opus}, {Container: films.MKV, OpenGOP: true, BFrames: 2},
	} {
		a := w.begun(t, spec)
		must(t, w.catalog.AssetTranscoding(t.Context(), a.ID, a.NonStandard)) // again: nothing
		must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 2, 3))   // again: nothing
		must(t, w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID}, 1, 3))
		starts := w.runner.Stats()
		must(t, w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID}, 2, 3))
		if again := w.runner.Stats(); again != starts {
			t.Errorf("%s: started %+v, then %+v", spec.Container, starts, again)
		}
	}
}

// TestDeletedWhileEncoding: the encoder goes at once, and what it made with it.
func TestDeletedWhileEncoding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.begun(t, slow())
	done := make(chan error, 1)
	go func() { done <- w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID}, 1, 3) }()
	for w.export.Stats().Chunks == 0 {
		runtime.Gosched()
	}
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, a.ID))
	w.wantCleared(t, a, <-done)
	w.wantNoFilms(t)
	w.wantCleanWork(t)
	usage, err := w.derived.Usage(t.Context())
	must(t, err)
	if usage.Objects != 0 {
		t.Errorf("left: %+v", usage)
	}
}

// TestDeletedAfterDeath: a process puts its last chunk into the store behind the purge, and dies. The job that comes back
// clears it away; and while a backup holds purges off, nothing but what is derived.
func TestDeletedAfterDeath(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		w := newWorld(t, nil)
		a := w.begun(t, slow())
		must(t, w.catalog.DeleteAsset(t.Context(), w.env, a.ID))
		if held {
			must(t, w.catalog.HoldPurges(t.Context(), time.Now().Add(time.Hour)))
		} else {
			must(t, w.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film}))
		}
		chunk := film.Artifact{Film: a.Film, Part: film.PartSource, Kind: film.KindChunk, Parameters: "0", Recipe: export.Recipe}
		for _, again := range []func() error{
			func() error { return w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID, Film: a.Film}, 2, 3) },
			func() error { return w.MakeBase(t.Context(), film.MakeBase{Asset: a.ID, Film: a.Film}) },
		} {
			must(t, w.derived.Put(t.Context(), chunk, strings.NewReader("chunk")))
			must(t, again())
			usage, err := w.derived.Usage(t.Context())
			must(t, err)
			if usage.Objects != 0 {
				t.Errorf("left: %+v", usage)
			}
		}
		if there, err := w.vault.Stat(t.Context(), vault.Ref{Film: a.Film, Part: vault.Source}); held != (err == nil) {
			t.Errorf("held %v: the source: %+v, %v", held, there, err)
		}
	}
}

// TestUndecodable: a film with pictures that nobody can decode is refused, with a reason, and kept.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b, err := os.ReadFile(films.Get(t, films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.None}))
	must(t, err)
	b = bytes.ReplaceAll(b, []byte("FMP4"), []byte("ZZZZ")) // a codec that nobody knows
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
	a := w.ingest(t, url)
	if a.Status != film.AssetErrored || a.NonStandard[film.ReasonVideoCodec] == "" || !strings.Contains(a.Failure.Messages[0], "could not be decoded") {
		t.Errorf("got %s %+v", a.Status, a.Failure)
	}
	if got := w.read(t, a.Film, "source"); digest(got) != digest(b) {
		t.Error("the source is not kept")
	}
	must(t, w.Encode(t.Context(), film.EncodeAsset{Asset: a.ID}, 2, 3))
	if got := w.read(t, a.Film, "source"); digest(got) != digest(b) {
		t.Error("the source is not kept when the job comes again")
	}
}

// TestDerivedEmptied: bases and sound that are gone are made anew for who asks, with the same frames at the same times.
func TestDerivedEmptied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, spec := range []films.Spec{
		{OpenGOP: true, BFrames: 2, Channels: 6},
		{Container: films.MOV, OpenGOP: true, BFrames: 2, Channels: 6},
		{Container: films.MKV, OpenGOP: true, BFrames: 2, VariableRate: true},
	} {
		a := w.ingest(t, serveFile(t, films.Get(t, spec)))
		if a.Status != film.AssetReady {
			t.Fatalf("got %+v", a.Failure)
		}
		before := w.pictures(t, a)
		_, err := w.derived.Clear(t.Context(), derive.Selection{Pinned: true})
		must(t, err)
		must(t, w.MakeBase(t.Context(), film.MakeBase{Asset: a.ID}))
		if before, after := times(t, before), times(t, w.pictures(t, a)); !slices.Equal(before, after) {
			t.Errorf("%s: other frames came out: %v, then %v", spec.Container, before, after)
		}
		if !a.Base.EncodedSound {
			continue
		}
		if object, ok := w.derived.Find(t.Context(), export.SoundOf(a.Film, a.BasePart())); !ok {
			t.Errorf("%s: there is no sound", spec.Container)
		} else {
			must(t, object.Close())
		}
	}
}

// times are when the frames of a film are shown, in decode order.
func times(t *testing.T, b []byte) []int64 {
	t.Helper()
	x, err := mp4.Parse(t.Context(), bytes.NewReader(b), int64(len(b)), mp4.Limits{})
	must(t, err)
	var list []int64
	for i := range x.Video().Len() {
		list = append(list, x.Video().PTS(i))
	}
	return list
}
