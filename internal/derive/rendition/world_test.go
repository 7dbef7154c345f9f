package rendition

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/ladder"
	"filmcan/internal/media/mp4"
)

// world is an engine with a real vault, store and ffmpeg.
type world struct {
	vault  *vault.Vault
	root   string // of what is derived
	cache  *derive.Cache
	reels  *reel.Reels
	runner *ffmpeg.Runner
	engine *Engine
	log    *filmtest.Log
	films  int
	ready  func() bool // a process waits
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	dir := tb.TempDir()
	w := &world{root: filepath.Join(dir, "derived"), log: &filmtest.Log{}, runner: ffmpeg.New(ffmpeg.Config{})}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	keep, err := fs.Open(filepath.Join(dir, "keep"))
	must(tb, err)
	w.vault, err = vault.New(keep, vault.Config{})
	must(tb, err)
	store, err := fs.OpenDisposable(w.root)
	must(tb, err)
	w.cache = derive.New(store, map[string]derive.Maker{
		reel.IndexKind: derive.Bytes(reel.IndexMaker(w.vault, mp4.Limits{})),
	}, derive.Config{}, log)
	tb.Cleanup(w.cache.Close)
	w.reels = reel.New(w.vault, w.cache, reel.Config{})
	version, err := w.runner.Version(tb.Context())
	must(tb, err)
	w.engine = New(Tools{Films: w.reels, Store: w.cache, Cold: w.runner, Warm: w.runner, Version: version.Text, Log: log}, Config{})
	tb.Cleanup(w.engine.Close)
	return w
}

// add stores a film and opens it.
func (w *world) add(tb testing.TB, path string) *reel.Film {
	tb.Helper()
	w.films++
	ref := vault.Ref{Film: film.FilmID(fmt.Sprintf("film%04d", w.films)), Part: vault.Source}
	src, err := os.Open(path)
	must(tb, err)
	defer src.Close()
	writer, err := w.vault.Append(tb.Context(), ref)
	must(tb, err)
	_, err = io.Copy(writer, src)
	must(tb, err)
	_, err = writer.Seal()
	must(tb, err)
	f, err := w.reels.Open(tb.Context(), reel.Part(ref), reel.Patience)
	must(tb, err)
	tb.Cleanup(func() { must(tb, f.Close()) })
	return f
}

// warm has the last segment made, so that a process of these arguments waits afterwards.
func (w *world) warm(tb testing.TB, f *reel.Film, r ladder.Rung) {
	tb.Helper()
	_, err := w.segment(tb.Context(), f, r, len(f.Timeline().Segments())-1)
	must(tb, err)
	for end := time.Now().Add(10 * time.Second); !w.ready(); {
		if time.Now().After(end) {
			tb.Fatal("no process waits")
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // its start is behind it
}

func (w *world) segment(ctx context.Context, f *reel.Film, r ladder.Rung, n int) ([]byte, error) {
	s, err := w.engine.Segment(ctx, f, r, n)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var b bytes.Buffer
	err = s.Copy(&b, 0, s.Size)
	return b.Bytes(), err
}

func (w *world) init(tb testing.TB, f *reel.Film, r ladder.Rung) []byte {
	tb.Helper()
	b, etag, err := w.engine.Init(tb.Context(), f, r)
	must(tb, err)
	if len(etag) != 32 {
		tb.Errorf("etag %q", etag)
	}
	return b
}

// empty removes everything derived, as an operator may at any time.
func (w *world) empty(tb testing.TB) {
	tb.Helper()
	entries, err := os.ReadDir(w.root)
	must(tb, err)
	for _, e := range entries {
		_ = os.RemoveAll(filepath.Join(w.root, e.Name())) // something may be put there meanwhile
	}
}

// whole gets all segments in that order (nil: as they come) and returns init and segments in theirs.
func (w *world) whole(tb testing.TB, f *reel.Film, r ladder.Rung, order []int) []byte {
	tb.Helper()
	all := make([][]byte, len(f.Timeline().Segments()))
	if order == nil {
		for i := range all {
			order = append(order, i)
		}
	}
	for _, n := range order {
		b, err := w.segment(tb.Context(), f, r, n)
		must(tb, err)
		all[n] = b
	}
	return append(slices.Clone(w.init(tb, f, r)), slices.Concat(all...)...)
}

// exact wants every picture of the film once, at its time, in ticks, with its own number on it.
func exact(tb testing.TB, f *reel.Film, r ladder.Rung, got []byte, source string) {
	tb.Helper()
	x, err := mp4.Parse(tb.Context(), bytes.NewReader(got), int64(len(got)), mp4.Limits{})
	must(tb, err)
	v, line := x.Video(), f.Timeline()
	if v.Len() != line.Len() {
		tb.Fatalf("%d pictures, want %d", v.Len(), line.Len())
	}
	if v.Timescale != line.Track().Timescale || v.Picture.Width != r.Width || v.Picture.Height != r.Height {
		tb.Errorf("got %d ticks a second, %dx%d; want %d, %dx%d", v.Timescale, v.Picture.Width, v.Picture.Height, line.Track().Timescale, r.Width, r.Height)
	}
	if v.Codec != r.Codec {
		tb.Errorf("got %s, want %s", v.Codec, r.Codec)
	}
	times := make([]int64, v.Len())
	for i := range times {
		times[i] = v.PTS(i)
	}
	slices.Sort(times)
	for k, at := range times {
		if at != line.Time(k) {
			tb.Fatalf("picture %d is shown at %d, want %d", k, at, line.Time(k))
		}
	}
	for i := 1; i < v.Len(); i++ {
		if v.DTS(i) < v.DTS(i-1) {
			tb.Fatalf("decode times go back at sample %d", i)
		}
	}
	for _, p := range line.Segments() {
		if !v.IsSync(p.First) {
			tb.Errorf("no key frame at %d", p.First)
		}
	}
	if keys := v.SyncCount(); keys != len(line.Segments()) {
		tb.Errorf("%d key frames in %d segments", keys, len(line.Segments()))
	}
	path := filepath.Join(tb.TempDir(), "rendition.mp4")
	must(tb, os.WriteFile(path, got, 0o600))
	w, _ := ffmpeg.PictureOf(line.Track()).Displayed()
	if have, want := films.Counters(tb, path, r.Width), films.Counters(tb, source, w); !slices.Equal(have, want) {
		tb.Errorf("counters %v, want %v", have, want)
	}
}

var must = filmtest.Must
