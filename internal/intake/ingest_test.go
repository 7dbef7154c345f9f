package intake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
)

func TestContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	t.Run("films", func(t *testing.T) {
		for name, tt := range map[string]struct {
			spec   films.Spec
			kind   film.MasterKind
			format string
			audio  bool // audio only
			starts int64
		}{
			"mp4":            {films.Spec{BFrames: 2}, film.MasterSource, formatMP4, false, 0},
			"mp4 moov first": {films.Spec{Container: films.FastStart}, film.MasterSource, formatMP4, false, 0},
			"fragmented":     {films.Spec{Container: films.Fragmented}, film.MasterSource, formatMP4, false, 0},
			"mp4 hevc":       {films.Spec{Video: films.HEVC}, film.MasterSource, formatMP4, false, 0},
			"phone mp4":      {films.Phone(films.MP4, films.H264), film.MasterSource, formatMP4, false, 0},
			"mov":            {films.Spec{Container: films.MOV, BFrames: 2}, film.MasterComposed, formatMP4, false, 0},
			"phone mov":      {films.Phone(films.MOV, films.HEVC), film.MasterComposed, formatMP4, false, 0},
			"video only":     {films.Spec{Audio: films.None}, film.MasterSource, formatMP4, false, 0},
			"audio only":     {films.Spec{Video: films.None}, film.MasterSource, formatMP4, true, 0},
			"mkv":            {films.Spec{Container: films.MKV}, film.MasterMade, "matroska,webm", false, 2},
			"mkv b-frames":   {films.Spec{Container: films.MKV, BFrames: 2, Video: films.HEVC}, film.MasterMade, "matroska,webm", false, 2},
			"mkv audio only": {films.Spec{Container: films.MKV, Video: films.None}, film.MasterMade, "matroska,webm", true, 2},
			"ts":             {films.Spec{Container: films.TS, BFrames: 2}, film.MasterMade, "mpegts", false, 2},
			"flv":            {films.Spec{Container: films.FLV, BFrames: 2}, film.MasterMade, "flv", false, 2},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := films.Get(t, tt.spec)
				source, err := os.ReadFile(path)
				must(t, err)
				a := w.ingest(t, serveFile(t, path))
				if a.Status != film.AssetReady {
					t.Fatalf("got %s, %+v", a.Status, a.Failure)
				}
				m := a.Master
				if m.Kind != tt.kind || m.AudioOnly != tt.audio || a.Media.Container != tt.format {
					t.Errorf("master: got %+v of %s, want %s of %s", m, a.Media.Container, tt.kind, tt.format)
				}
				if got := w.read(t, a.Film, vault.Source); digest(got) != digest(source) {
					t.Error("the source is not what the server has")
				}
				part := vault.Master
				if tt.kind == film.MasterSource {
					part = vault.Source
				}
				master := w.read(t, a.Film, part)
				if m.Size != int64(len(master)) || m.ETag == "" || tt.kind != film.MasterComposed && m.SHA256 != digest(master) {
					t.Errorf("got %+v for %d bytes with sha256 %s", m, len(master), digest(master))
				}
				if d := a.Media.Duration; (d - 2*time.Second).Abs() > 150*time.Millisecond {
					t.Errorf("duration: got %s", d)
				}
				if (a.Media.Video == nil) != tt.audio || len(a.Tracks) == 0 || !a.Tracks[0].Primary {
					t.Errorf("media: got %+v, tracks %+v", a.Media, a.Tracks)
				}
				if v := a.Media.Video; v != nil && (v.Rate.Num == 0 || v.Width*v.Height != 320*180) {
					t.Errorf("pictures: got %+v", v)
				}
				out := filepath.Join(t.TempDir(), "master.mp4")
				must(t, os.WriteFile(out, master, 0o600))
				if !tt.audio {
					got, want := films.Counters(t, out, a.Media.Video.Width), films.Counters(t, path, a.Media.Video.Width)
					if !slices.Equal(got, want) {
						t.Errorf("frames of the master: got %v, want %v", got, want)
					}
				}
			})
		}
	})
	w.wantCleanWork(t)
}

// TestNoCopy: a standard film costs its own bytes and hardly more, no process, and nothing is read again to seal it.
func TestNoCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	path := films.Get(t, films.Spec{Duration: 20 * time.Second, Width: 640, Height: 360})
	info, err := os.Stat(path)
	must(t, err)
	a := w.ingest(t, serveFile(t, path))
	if a.Status != film.AssetReady {
		t.Fatalf("got %+v", a.Failure)
	}
	stats := w.vault.Stats()
	if most := info.Size() + info.Size()/100; stats.BytesWritten > most {
		t.Errorf("wrote %d bytes for %d, want at most %d", stats.BytesWritten, info.Size(), most)
	}
	if starts := w.runner.Stats().Starts(); starts != 0 {
		t.Errorf("%d processes started", starts)
	}
}

func TestBrokenFilms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	t.Run("films", func(t *testing.T) {
		for name, tt := range map[string]struct {
			spec films.Spec
			want string
		}{
			"half of an mp4 with moov last": {films.Spec{Keep: 50}, "incomplete"},
			"start of a ts":                 {films.Spec{Container: films.TS, Keep: 3}, "incomplete"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				wantErrored(t, w.ingest(t, serveFile(t, films.Get(t, tt.spec))), tt.want)
			})
		}
	})
	w.wantCleanWork(t)
	w.wantNoFilms(t)
}

func TestNotFilms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for body, want := range map[string]string{
		"":                                   "is empty",
		"<!DOCTYPE html><html>Log in</html>": "an HTML page",
		"#EXTM3U\n#EXTINF:1,\nfile:///etc/x": "an HLS playlist",
		`{"error":"no"}`:                     "a JSON document",
		"PK\x03\x04 and so on":               "an archive",
		"\x00\x00\x00\x08moov":               "damaged",
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "video/mp4")
			_, _ = w.Write([]byte(body))
		})
		wantErrored(t, w.ingest(t, url+"/film.mp4"), want)
	}
	w.wantNoFilms(t)
}

// TestNoFilmIsNotFetched: what cannot be a film is refused by its first bytes.
func TestNoFilmIsNotFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gone := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		w.Header().Set("Content-Length", "100000000000")
		_, _ = w.Write(append([]byte("PK\x03\x04"), make([]byte, 128<<10)...))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	wantErrored(t, w.ingest(t, url), "an archive")
	<-gone
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for url, want := range map[string]string{
		"ftp://example.com/film.mp4":      "must begin with http",
		"not a url":                       "must begin with http",
		"http://":                         "not valid",
		"http://169.254.169.254/film.mp4": "private, local or reserved",
	} {
		wantErrored(t, w.ingest(t, url), want)
	}
}

// TestDeletedWhileFetching: the ingest notices, stops and leaves nothing behind, whether the purge came before or not.
func TestDeletedWhileFetching(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	started, gone := make(chan struct{}), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"))
		w.(http.Flusher).Flush()
		close(started)
		<-r.Context().Done()
	})
	a := w.create(t, url)
	done := make(chan error, 1)
	go func() { done <- w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3) }()
	<-started
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, a.ID))
	w.wantCleared(t, a, <-done)
	<-gone
	w.wantNoFilms(t)
	must(t, w.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film}))
}

func TestAttemptsUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.create(t, "http://127.0.0.1:1/")
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 4, 3))
	wantErrored(t, w.asset(t, a.ID), "could not be processed")
	// The job may come again, because its run was killed before it could clear up: the end has been told, bytes go.
	left, err := w.vault.Append(t.Context(), vault.Ref{Film: a.Film, Part: vault.Source})
	must(t, err)
	must(t, left.Close())
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	w.wantNoFilms(t)
	if got := w.events(t); got != "created errored" {
		t.Errorf("events: got %s", got)
	}
}

// TestOurFault: a machine that cannot start ffmpeg is no fault of the film: the job is tried again, and in the end the
// customer is told, without a word of the inside.
func TestOurFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ffmpeg = brokenRunner()
	a := w.create(t, serveFile(t, films.Get(t, films.Spec{Container: films.MKV})))
	if err := w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 2); err == nil || w.asset(t, a.ID).Status != film.AssetPreparing {
		t.Fatalf("first run: got %v, %s", err, w.asset(t, a.ID).Status)
	}
	if err := w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 2, 2); err == nil {
		t.Fatal("last run: no error")
	}
	wantErrored(t, w.asset(t, a.ID), "a problem on our side")
	w.wantNoFilms(t)
}

// TestTakenUpAgain: a run that died after any of the steps is taken up by the next one, without a second download.
func TestTakenUpAgain(t *testing.T) {
	t.Parallel()
	for _, spec := range []films.Spec{{}, {Container: films.MOV}, {Container: films.MKV}} {
		w := newWorld(t, nil)
		path := films.Get(t, spec)
		a := w.create(t, serveFile(t, path))
		var m meter
		src, err := w.source(t.Context(), a, &m)
		must(t, err)
		v, err := w.examine(t.Context(), a, src)
		must(t, err)
		sealed, err := src.seal()
		must(t, err)
		if v.master != nil {
			_, err = v.master(sealed)
			must(t, err)
		}
		if v.release != nil {
			must(t, v.release())
		}
		must(t, src.Close())
		written, starts := w.vault.Stats().BytesWritten, w.runner.Stats()

		w.client.Close()
		must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 2, 3))
		got := w.asset(t, a.ID)
		if got.Status != film.AssetReady {
			t.Fatalf("%s: got %+v", spec.Container, got.Failure)
		}
		if again := w.vault.Stats().BytesWritten - written; again > 4096 {
			t.Errorf("%s: wrote %d bytes again", spec.Container, again)
		}
		if again := w.runner.Stats().Remuxes - starts.Remuxes; again > 0 {
			t.Errorf("%s: made the master %d times again", spec.Container, again)
		}
		must(t, w.vault.Verify(t.Context(), vault.Ref{Film: a.Film, Part: vault.Source}))
	}
}

// TestBusy: while another process writes the film, the job waits without losing an attempt.
func TestBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.create(t, serveFile(t, films.Get(t, films.Spec{})))
	writer, err := w.vault.Append(t.Context(), vault.Ref{Film: a.Film, Part: vault.Source})
	must(t, err)
	err = w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 3, 3)
	if _, ok := errors.AsType[*film.Later](err); !ok {
		t.Errorf("got %v, want later", err)
	}
	must(t, writer.Close())
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 3, 3))
	if got := w.asset(t, a.ID); got.Status != film.AssetReady {
		t.Errorf("got %+v", got.Failure)
	}
}

func TestMasterAccessAtCreation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a, err := w.catalog.CreateAsset(t.Context(), w.env, film.AssetSettings{MasterAccess: film.AccessTemporary},
		[]film.Input{{URL: serveFile(t, films.Get(t, films.Spec{}))}})
	must(t, err)
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	if got := w.asset(t, a.ID); got.Master.Status != film.MasterReady || got.Master.Grant == nil {
		t.Errorf("master: got %+v", got.Master)
	}
	if got := w.events(t); got != "created ready master.preparing master.ready" {
		t.Errorf("events: got %s", got)
	}
}

// TestStoppedAndTakenUp: a shutdown in the middle of a download costs what was not synced; the next run asks for the
// rest alone. Meanwhile the progress shows.
func TestStoppedAndTakenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	path := films.Get(t, films.Spec{Duration: 20 * time.Second, Width: 640, Height: 360})
	whole, err := os.ReadFile(path)
	must(t, err)
	ranges := make(chan string, 2)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges <- r.Header.Get("Range")
		w.Header().Set("ETag", `"film"`)
		if r.Header.Get("Range") != "" {
			http.ServeFile(w, r, path)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
		_, _ = w.Write(whole[:len(whole)*3/4])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	a := w.create(t, url)
	stopping := errors.New("stopping")
	ctx, stop := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Ingest(ctx, film.IngestAsset{Asset: a.ID}, 1, 3) }()
	for w.asset(t, a.ID).Progress.Percent < 70 {
		if t.Context().Err() != nil {
			t.Fatal("no progress")
		}
		runtime.Gosched()
	}
	stop(stopping)
	if err := <-done; !errors.Is(err, stopping) {
		t.Fatalf("got %v, want the cause of the stop", err)
	}
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	if got := w.asset(t, a.ID); got.Status != film.AssetReady || got.Master.SHA256 != digest(whole) || got.Progress.Percent != 100 {
		t.Errorf("got %s %+v %+v", got.Status, got.Failure, got.Master)
	}
	first, second := <-ranges, <-ranges
	var from int
	if _, err := fmt.Sscanf(second, "bytes=%d-", &from); first != "" || err != nil || from < len(whole)/2 {
		t.Errorf("asked for %q, then %q of %d", first, second, len(whole))
	}
}
