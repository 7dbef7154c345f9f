package export

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/scratch"
)

type world struct {
	*Exporter

	vault *vault.Vault
	cache *derive.Cache
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	dir := t.TempDir()
	store, err := fs.Open(filepath.Join(dir, "keep"))
	must(t, err)
	v, err := vault.New(store, vault.Config{})
	must(t, err)
	disposable, err := fs.OpenDisposable(filepath.Join(dir, "derived"))
	must(t, err)
	folders, err := scratch.Open(filepath.Join(dir, "work"))
	must(t, err)
	w := &world{vault: v}
	makers := map[string]derive.Maker{}
	for _, kind := range []string{film.KindBase, film.KindSound} {
		makers[kind] = func(ctx context.Context, a film.Artifact, to io.Writer) error { return w.Make(ctx, a, to) }
	}
	w.cache = derive.New(disposable, makers, derive.Default(), slog.New(slog.DiscardHandler))
	t.Cleanup(w.cache.Close)
	w.Exporter = New(cfg, v, ffmpeg.New(ffmpeg.Config{}), folders, w.cache, slog.New(slog.DiscardHandler))
	t.Cleanup(w.Close)
	return w
}

// add brings a film into the vault, as the source of film0001.
func (w *world) add(t *testing.T, spec films.Spec) {
	t.Helper()
	b, err := os.ReadFile(films.Get(t, spec))
	must(t, err)
	writer, err := w.vault.Append(t.Context(), vault.Ref{Film: "film0001", Part: vault.Source})
	must(t, err)
	_, err = io.Copy(writer, bytes.NewReader(b))
	must(t, err)
	_, err = writer.Seal()
	must(t, err)
	must(t, writer.Close())
}

var must = filmtest.Must

// TestMake: what is gone is made for who asks, and the work goes on when nobody waits any more.
func TestMake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.add(t, films.Spec{OpenGOP: true, BFrames: 2, Channels: 6})
	for _, a := range []film.Artifact{PicturesOf("film0001", film.PartSource), SoundOf("film0001", film.PartSource)} {
		asking, leave := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := w.cache.Open(asking, a)
			left <- err
		}()
		for w.makes() == 0 {
			runtime.Gosched()
		}
		leave(errLeft)
		if err := <-left; !errors.Is(err, errLeft) {
			t.Fatalf("%s: got %v", a.Kind, err)
		}
		must(t, w.Ensure(t.Context(), a)) // joins what is under way
		object, err := w.cache.Open(t.Context(), a)
		must(t, err)
		x, err := mp4.Parse(t.Context(), object, object.Size(), mp4.Limits{})
		must(t, err)
		if v, s := x.Video(), x.Audio(); (v != nil) != (a.Kind == film.KindBase) || (s != nil) != (a.Kind == film.KindSound) ||
			s != nil && s.Sound.Channels != 2 || v != nil && v.Len() != 60 {
			t.Errorf("%s: got %+v and %+v", a.Kind, v, s)
		}
		must(t, object.Close())
	}
	// Each is written by who made it, and not by the cache once more.
	if got := w.cache.Stats(); got.Unkept != 0 || got.Objects != 2 {
		t.Errorf("the cache: %+v", got)
	}
	if got := w.ffmpeg.Stats(); got.Transcodes != 1 || got.Sounds != 1 {
		t.Errorf("started %+v", got)
	}
}

var errLeft = errors.New("somebody left")

// makes is how many things are being made.
func (w *world) makes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.making)
}

// TestMakeSoon: who is patient gets it from the first call.
func TestMakeSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.add(t, films.Spec{Channels: 6})
	object, err := w.cache.Open(t.Context(), SoundOf("film0001", film.PartSource))
	must(t, err)
	must(t, object.Close())
}

// underway is a world in which pictures are being encoded, one chunk of which is done; done gets how that ends.
func underway(t *testing.T) (w *world, done chan error) {
	t.Helper()
	w = newWorld(t, Config{Chunk: time.Second})
	w.add(t, films.Spec{Duration: 12 * time.Second, OpenGOP: true, BFrames: 2, Grain: true})
	done = make(chan error, 1)
	go func() { done <- w.Ensure(t.Context(), PicturesOf("film0001", film.PartSource)) }()
	for w.Stats().Chunks == 0 {
		runtime.Gosched()
	}
	return w, done
}

// TestForget stops what is being made.
func TestForget(t *testing.T) {
	t.Parallel()
	w, done := underway(t)
	must(t, w.Forget(t.Context(), "film0001"))
	if err := <-done; !errors.Is(err, errForgotten) {
		t.Errorf("got %v", err)
	}
	usage, err := w.cache.Usage(t.Context())
	must(t, err)
	if usage.Objects != 0 {
		t.Errorf("left: %+v", usage)
	}
}

// TestChunk stores chunks and reads them back; what is cut or changed is none.
func TestChunk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{Chunk: time.Second})
	w.add(t, films.Spec{Duration: 3 * time.Second})
	part, err := w.vault.Open(t.Context(), vault.Ref{Film: "film0001", Part: vault.Source})
	must(t, err)
	defer part.Close()
	f, err := w.Indexed(t.Context(), "film0001", film.PartSource, part, part.Size(), localPath(part))
	must(t, err)
	p, err := w.pictures(t.Context(), encoding{film: f, args: f.transcode(film.QualityPlus, 0)}, nil)
	must(t, err)
	defer p.Close()
	if p.frames != 90 || len(p.chunks) != 2 { // a key frame each two seconds
		t.Fatalf("%d frames in %d chunks", p.frames, len(p.chunks))
	}
	whole := make([]byte, p.chunks[0].object.Size())
	_, err = p.chunks[0].object.ReadAt(whole, 0)
	must(t, err)
	read := func(b []byte) error {
		_, _, err := readChunk(memory{bytes.NewReader(b)})
		return err
	}
	must(t, read(whole))
	for _, n := range []int{0, 1, chunkFixed - 1, chunkFixed, chunkFixed + 10, len(whole) - 1} {
		if err := read(whole[:n]); !errors.Is(err, errNoChunk) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
	for i := range p.chunks[0].data {
		b := bytes.Clone(whole)
		b[i] ^= 0x41
		if err := read(b); !errors.Is(err, errNoChunk) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// panicky is a store in which a bug hides.
type panicky struct{ Store }

func (panicky) Find(context.Context, film.Artifact) (derive.Object, bool) { panic("a bug") }

// TestPanic: what one film's making does wrong costs that film, not the server.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.add(t, films.Spec{})
	w.store = panicky{w.store}
	for range 2 {
		if err := w.Make(t.Context(), PicturesOf("film0001", film.PartSource), nil); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("got %v", err)
		}
	}
}

// TestPurgedElsewhere: what another process deleted while this one encoded it leaves nothing behind. It would be nobody's,
// and pinned.
func TestPurgedElsewhere(t *testing.T) {
	t.Parallel()
	w, done := underway(t)
	must(t, w.vault.Delete(t.Context(), "film0001"))
	if err := <-done; !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	usage, err := w.cache.Usage(t.Context())
	must(t, err)
	if usage.Objects != 0 {
		t.Errorf("left: %+v", usage)
	}
}
