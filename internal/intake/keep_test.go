package intake

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ffmpeg"
)

func brokenRunner() *ffmpeg.Runner {
	return ffmpeg.New(ffmpeg.Config{FFmpeg: "/nonexistent/ffmpeg", FFprobe: "/nonexistent/ffprobe"})
}

func TestPurgeFilm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.ingest(t, serveFile(t, films.Get(t, films.Spec{})))
	if err := w.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film}); err == nil {
		t.Fatal("purged a film that has an asset")
	}
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, a.ID))
	must(t, w.catalog.HoldPurges(t.Context(), time.Now().Add(time.Hour)))
	err := w.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film})
	if later, ok := errors.AsType[*film.Later](err); !ok || later.After < 59*time.Minute {
		t.Errorf("while held: got %v", err)
	}

	w2 := newWorld(t, nil)
	a = w2.ingest(t, serveFile(t, films.Get(t, films.Spec{Container: films.MOV})))
	must(t, w2.catalog.DeleteAsset(t.Context(), w2.env, a.ID))
	for range 2 {
		must(t, w2.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film}))
		w2.wantNoFilms(t)
	}
}

// flip turns one bit in the middle of the film's largest file, or turns it back.
func (w *world) flip(t *testing.T) {
	t.Helper()
	var largest string
	var size int64
	must(t, filepath.WalkDir(w.keep, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	}))
	must(t, os.Chmod(largest, 0o600))
	b, err := os.ReadFile(largest)
	must(t, err)
	b[len(b)/2] ^= 1
	must(t, os.WriteFile(largest, b, 0o600))
}

func TestScrub(t *testing.T) {
	t.Parallel()
	for _, spec := range []films.Spec{{Container: films.FastStart}, {Container: films.MOV}} {
		w := newWorld(t, nil)
		scrub := func() film.Asset {
			t.Helper()
			f, due, err := w.catalog.ScrubNext(t.Context(), time.Now().Add(time.Hour))
			if err != nil || !due {
				t.Fatalf("nothing to scrub: %v", err)
			}
			must(t, w.scrub(t.Context(), *f.Asset))
			must(t, w.catalog.ScrubDone(t.Context(), f.ID))
			return w.asset(t, f.Asset.ID)
		}
		a := w.ingest(t, serveFile(t, films.Get(t, spec)))
		if a.Status != film.AssetReady {
			t.Fatalf("got %+v", a.Failure)
		}
		if got := scrub(); got.Master.Damage != "" {
			t.Errorf("%s: a whole film: got %q", spec.Container, got.Master.Damage)
		}
		_, err := w.catalog.SetMasterAccess(t.Context(), w.env, a.ID, film.AccessTemporary)
		must(t, err)
		w.flip(t)
		if got := scrub(); !strings.Contains(got.Master.Damage, "damaged") || got.Master.Status != film.MasterErrored {
			t.Errorf("%s: a damaged film: got %+v", spec.Container, got.Master)
		}
		w.flip(t)
		if got := scrub(); got.Master.Damage != "" {
			t.Errorf("%s: a repaired film: got %q", spec.Container, got.Master.Damage)
		}
		if got := w.events(t); got != "created ready master.preparing master.ready master.errored" {
			t.Errorf("%s: events: got %s", spec.Container, got)
		}
	}
}

// TestScrubEndsAndSpares: every film is read once in its time, and no more.
func TestScrubEndsAndSpares(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.ScrubEvery = time.Hour })
	for range 3 {
		if a := w.ingest(t, serveFile(t, films.Get(t, films.Spec{}))); a.Status != film.AssetReady {
			t.Fatalf("got %+v", a.Failure)
		}
	}
	before := w.vault.Stats().BytesRead
	must(t, w.Scrub(t.Context(), film.ScrubFilms{}))
	once := w.vault.Stats().BytesRead - before
	if once == 0 {
		t.Error("nothing was read")
	}
	must(t, w.Scrub(t.Context(), film.ScrubFilms{}))
	if again := w.vault.Stats().BytesRead - before; again != once {
		t.Errorf("read %d bytes, then %d", once, again)
	}
}
