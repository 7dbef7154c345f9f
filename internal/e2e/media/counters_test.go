package media

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/oracle"
)

// get fetches one file and returns its status.
func get(ctx context.Context, link string) (int, error) {
	status, _, _, err := rig.Download(ctx, link)
	return status, err
}

// below are the addresses of the segments of the renditions whose playlist's address has that word in it.
func (h *house) below(t *testing.T, a asset, word string) []string {
	t.Helper()
	list, err := oracle.Getter{Client: http.DefaultClient}.Addresses(t.Context(), h.stream(a))
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, link := range list {
		if strings.Contains(link, word) {
			links = append(links, link)
		}
	}
	if len(links) == 0 {
		t.Fatalf("no segments of %s in %v", word, list)
	}
	return links
}

// TestStarts counts processes: none for what is passed through, one for twenty viewers of the same place.
func TestStarts(t *testing.T) {
	t.Parallel()
	if *scorched {
		t.Skip("what was made is made again in a scorched run")
	}
	h := newHouse(t)
	a := h.ingest(t, films.Get(t, films.Spec{Card: true, Width: 640, Height: 360, BFrames: 2, GOP: 2 * time.Second, Duration: 9 * time.Second}))
	links := append(h.below(t, a, "/video/"), h.below(t, a, "/audio/")...)
	for range 3 {
		for _, link := range links {
			if status, err := get(t.Context(), link); err != nil || status != http.StatusOK {
				t.Errorf("%s: %d %v", link, status, err)
			}
		}
	}
	if n := h.client.Metric(t, "filmcan_renditions_started_total"); n != 0 {
		t.Errorf("%v processes were begun for what is passed through", n)
	}
	encoded := h.below(t, a, "/270p")
	const viewers = 20
	var all sync.WaitGroup
	for range viewers {
		all.Go(func() {
			if status, err := get(t.Context(), encoded[1]); err != nil || status != http.StatusOK {
				t.Errorf("%s: %d %v", encoded[1], status, err)
			}
		})
	}
	all.Wait()
	if n := h.client.Metric(t, "filmcan_renditions_started_total"); n != 1 {
		t.Errorf("%v processes were begun for %d viewers of one place, want 1", n, viewers)
	}
}

// TestKilledEncode kills the program while it encodes a film: the next one goes on, and nothing is lost or doubled where
// the pieces meet.
func TestKilledEncode(t *testing.T) {
	t.Parallel()
	if !*every {
		t.Skip("a long film: with -every")
	}
	spec := films.Spec{Card: true, Container: films.MKV, Video: films.VP8, Audio: films.Opus, Width: 640, Height: 360, Duration: 35 * time.Second}
	path := films.Get(t, spec)
	w := rig.NewWorld(t, path)
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--webhook", w.WebhookURL()}}
	h := &house{Process: rig.Start(t, o), world: w}
	h.client = h.Client(t)
	created := h.client.Create(t, w.FilmURL(path), map[string]any{"master_access": "temporary"})
	waitFor(t, "a piece of the encode", func() bool { return pieces(t, h.Data()) > 0 })
	h.Kill()
	kept := pieces(t, h.Data())
	h.Process = rig.Start(t, o)
	h.client = h.Client(t)
	a := h.client.Ready(t, created.ID)
	t.Logf("%d pieces were there when it was killed", kept)
	// They go after the event, which must not wait for them.
	waitFor(t, "end of the pieces", func() bool { return pieces(t, h.Data()) == 0 })
	v := &visit{
		T: t, house: h, film: spec, path: path, asset: h.asset(t, a.ID),
		row: row{master: made, reasons: "audio_codec video_codec", clock: millisecond, lead: packet},
	}
	v.told()
	v.played(h.fetch(t, v.asset))
	v.downloaded()
}

// TestCutOff: an MP4 without its moov cannot be read, and says so.
func TestCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	created := h.client.Create(t, h.world.FilmURL(films.Get(t, films.Spec{BFrames: 2, Card: true, Duration: 3 * time.Second, Keep: 60})), nil)
	if a := h.client.Settled(t, created.ID); a.Status != "errored" || a.Errors == nil || len(a.Errors.Messages) == 0 {
		t.Errorf("the film is %s: %+v", a.Status, a.Errors)
	}
}

// pieces counts the pieces of encodes under way.
func pieces(t *testing.T, data string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(data, "derived"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() && strings.Contains(path, "/chunk-") {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}
