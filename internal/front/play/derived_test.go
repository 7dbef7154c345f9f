package play_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// everything gets all that there is of a film, and runs between before each request.
func (w *world) everything(t *testing.T, pb film.PlaybackID, between func()) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, path := range []string{
		"/" + string(pb) + ".m3u8",
		rendition(pb, "video", "rendition.m3u8"), rendition(pb, "video", "init.mp4"),
		rendition(pb, "video", "0.m4s"), rendition(pb, "video", "1.m4s"),
		rendition(pb, "audio", "rendition.m3u8"), rendition(pb, "audio", "init.mp4"), rendition(pb, "audio", "1.m4s"),
	} {
		between()
		all[path] = w.ok(t, path)
	}
	return all
}

func same(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	for path := range want {
		if !bytes.Equal(got[path], want[path]) {
			t.Errorf("%s: %d bytes, want %d others", path, len(got[path]), len(want[path]))
		}
	}
}

// TestBaseThatIsGone: a film whose base must be encoded anew is waited for, by who asks for a playlist longer than by others:
// players try a playlist but twice. Who has waited is told when to come again.
func TestBaseThatIsGone(t *testing.T) {
	t.Parallel()
	var patience time.Duration
	w := newWorld(t, options{base: func(ctx context.Context, _ film.FilmID, _ string) (reel.Source, error) {
		end, _ := ctx.Deadline()
		patience = time.Until(end).Round(time.Second)
		return nil, &film.Error{Code: film.CodeUnavailable, Fault: film.FaultTransient, Message: "It is being made"}
	}})
	a := w.create(t, film.AssetSettings{})
	sealed := w.store(t, vault.Ref{Film: a.Film, Part: vault.Source}, short(t))
	must(t, w.catalog.AssetReady(t.Context(), a.ID, film.Found{
		Media:  film.Media{Container: "mov,mp4,m4a,3gp,3g2,mj2", Duration: time.Second},
		Master: film.Master{Kind: film.MasterSource, Size: sealed.Size, SHA256: sealed.SHA256, ETag: sealed.ETag},
		Base:   film.Base{EncodedVideo: true},
	}))
	pb := a.Playbacks[0].ID
	for path, want := range map[string]time.Duration{
		"/" + string(pb) + ".m3u8":               15 * time.Second,
		rendition(pb, "video", "rendition.m3u8"): 15 * time.Second,
		rendition(pb, "video", "init.mp4"):       8 * time.Second,
		rendition(pb, "video", "0.m4s"):          8 * time.Second,
		rendition(pb, "audio", "1.m4s"):          8 * time.Second,
	} {
		got := w.get(t, path)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "5" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		if patience != want {
			t.Errorf("%s: waits %v, want %v", path, patience, want)
		}
	}
}

// TestTwentyViewersOneIndex: the counter of the acceptance.
func TestTwentyViewersOneIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	var viewers sync.WaitGroup
	for i := range 20 {
		path := "/" + string(pb) + ".m3u8"
		if i%2 == 1 {
			path = rendition(pb, "video", "1.m4s")
		}
		viewers.Go(func() {
			if a := w.get(t, path); a.status != 200 {
				t.Errorf("GET %s: %d", path, a.status)
			}
		})
	}
	viewers.Wait()
	if got := w.cache.Stats(); got.Made != 1 {
		t.Errorf("made %d times: %+v", got.Made, got)
	}
}

// TestDerivedEmptiedBetween empties what is derived before every request, with memory for a single film so that the
// other film drives this one's index out each time.
func TestDerivedEmptiedBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{memory: 1})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	_, other := w.add(t, short(t), film.AssetSettings{})
	want := w.everything(t, pb, func() {})
	before := w.cache.Stats().Made
	got := w.everything(t, pb, func() {
		w.ok(t, "/"+string(other))
		w.empty(t)
	})
	same(t, got, want)
	if made := w.cache.Stats().Made - before; made < int64(len(want)) {
		t.Errorf("%d indexes made for %d requests: nothing was rebuilt", made, len(want))
	}
	w.quiet(t)
}

// TestDerivedEmptiedWhileServing empties it again and again beside viewers who watch two films in turn.
func TestDerivedEmptiedWhileServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{memory: 1})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	_, other := w.add(t, short(t), film.AssetSettings{})
	want := w.everything(t, pb, func() {})
	again, emptied := make(chan struct{}, 1), make(chan int)
	go func() {
		n := 0
		for range again {
			// Beside a running server some of it may come back while it is removed.
			entries, _ := os.ReadDir(w.derived)
			for _, e := range entries {
				_ = os.RemoveAll(filepath.Join(w.derived, e.Name()))
			}
			n++
		}
		emptied <- n
	}()
	var viewers sync.WaitGroup
	for range 4 {
		viewers.Go(func() {
			for range 2 {
				same(t, w.everything(t, pb, func() {
					select {
					case again <- struct{}{}:
					default: // it is being emptied as it is
					}
					w.ok(t, "/"+string(other))
				}), want)
			}
		})
	}
	viewers.Wait()
	close(again)
	if n := <-emptied; n == 0 {
		t.Error("it was never emptied")
	}
	w.quiet(t)
}

// TestBrokenIndexIsRebuilt: whatever stands where the index should be costs one more look at the film.
func TestBrokenIndexIsRebuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{memory: 1})
	asset, pb := w.add(t, short(t), film.AssetSettings{})
	_, other := w.add(t, short(t), film.AssetSettings{})
	want := w.everything(t, pb, func() {})
	key := reel.Index(vault.Ref{Film: asset.Film, Part: vault.Source}).Key()
	file := filepath.Join(w.derived, filepath.FromSlash(key))
	good, err := os.ReadFile(file)
	must(t, err)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{"empty": {}, "cut": good[:len(good)/2], "flipped": flipped, "text": []byte("hello")} {
		must(t, os.WriteFile(file, content, 0o600))
		w.ok(t, "/"+string(other)) // drives the good one out of memory
		same(t, w.everything(t, pb, func() {}), want)
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, good) {
			t.Errorf("%s: what stands there now is not the index (%v)", name, err)
		}
	}
	w.quiet(t)
}

// TestNothingIsCopied: playing a film whole writes its index and not a byte more, and reads each sample about once.
func TestNothingIsCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	before := w.vault.Stats()
	all := w.everything(t, pb, func() {})
	sent := 0
	for _, b := range all {
		sent += len(b)
	}
	after := w.vault.Stats()
	if after.BytesWritten != before.BytesWritten {
		t.Errorf("%d bytes written to the vault", after.BytesWritten-before.BytesWritten)
	}
	info, err := os.Stat(short(t))
	must(t, err)
	if read := after.BytesRead - before.BytesRead; read > int64(sent)*3/2+info.Size()/4 {
		t.Errorf("%d bytes read to send %d", read, sent)
	}
	derived := int64(0)
	must(t, filepath.WalkDir(w.derived, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, err := d.Info()
			must(t, err)
			derived += info.Size()
		}
		return err
	}))
	if derived > 16<<10 {
		t.Errorf("%d bytes derived from a film of %d", derived, info.Size())
	}
}
