package intake

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/sniff"
)

// tight lets the world have so many free bytes on a disk of 20 MB, of which one is reserved.
func (w *world) tight(free int64) {
	w.rooms.ask = func() (int64, int64, bool) { return free, 20 << 20, true }
}

// TestRoomIsShared: what is promised to one is not promised to another; what was written is not counted twice.
func TestRoomIsShared(t *testing.T) {
	t.Parallel()
	free := int64(101 << 20)
	r := newRooms(func() (int64, int64, bool) { return free, 20 << 20, true })
	a, b := r.claim(), r.claim()
	must(t, a.want(60<<20))
	if err := b.want(60 << 20); !lacksRoom(err) {
		t.Errorf("a second claim to 60 MB of 100: %v", err)
	}
	must(t, b.want(40<<20))
	free -= 30 << 20
	must(t, a.took(30<<20))
	must(t, b.want(40<<20))
	a.drop()
	must(t, b.want(70<<20))
	b.drop()
	asked := int64(0)
	r.yield = func(free int64) { asked = free }
	c := r.claim()
	if err := c.want(150 << 20); !lacksRoom(err) || asked != 151<<20 {
		t.Errorf("who wants 150 MB beside a reserve of one: %v, asked for %d bytes", err, asked)
	}
	c.drop()
	free = 1<<20 - 1
	if err := r.claim().want(0); !lacksRoom(err) {
		t.Errorf("a claim to what is reserved: %v", err)
	}
	if err := r.claim().took(roomLook); !lacksRoom(err) {
		t.Errorf("a download that eats the reserve: %v", err)
	}
	r.ask = func() (int64, int64, bool) { return 0, 0, false }
	must(t, r.claim().want(1<<50))
}

// TestWaitsForRoom: no room is no failed attempt, also in the last one; the bytes that were there stay; and when the
// patience is over the asset says why.
func TestWaitsForRoom(t *testing.T) {
	t.Parallel()
	path := films.Get(t, films.Spec{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }) + "/film.mp4"
	w := newWorld(t, nil)
	w.tight(1 << 20)
	a := w.create(t, url)
	for attempt := range 3 {
		err := w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, attempt+1, 3)
		if later, ok := errors.AsType[*film.Later](err); !ok || later.After < roomPauseMin || later.After > 2*roomPauseMax {
			t.Fatalf("without room: %v", err)
		}
	}
	if got := w.asset(t, a.ID); got.Status != film.AssetPreparing {
		t.Errorf("what waits is %s", got.Status)
	}
	w.tight(19 << 20)
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 3, 3))
	if got := w.asset(t, a.ID); got.Status != film.AssetReady {
		t.Errorf("with room it is %s: %+v", got.Status, got.Failure)
	}

	w = newWorld(t, func(c *Config) { c.Patience = time.Nanosecond })
	w.tight(0)
	a = w.ingest(t, url)
	wantErrored(t, a, "The server has had no room for the input")
	w.wantNoFilms(t)
}

// TestMasterWaitsForRoom: a film that has to be copied into another container needs room twice more.
func TestMasterWaitsForRoom(t *testing.T) {
	t.Parallel()
	path := films.Get(t, films.Spec{Container: films.MKV})
	info, err := os.Stat(path)
	must(t, err)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }) + "/film.mkv"
	w := newWorld(t, nil)
	w.tight(1<<20 + info.Size() + info.Size()/2)
	a := w.create(t, url)
	if _, ok := errors.AsType[*film.Later](w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3)); !ok {
		t.Error("it does not wait")
	}
	w.wantCleanWork(t)
	w.tight(19 << 20)
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	if got := w.asset(t, a.ID); got.Status != film.AssetReady {
		t.Errorf("with room it is %s: %+v", got.Status, got.Failure)
	}
}

// TestFullDiskIsNotTheFilmsFault: what ffmpeg says on a full disk is not taken for a damaged film.
func TestFullDiskIsNotTheFilmsFault(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "ffmpeg")
	text := "#!/bin/sh\necho 'av_interleaved_write_frame(): No space left on device' >&2\nexit 228\n"
	must(t, os.WriteFile(script, []byte(text), 0o700))
	err := ffmpeg.New(ffmpeg.Config{FFmpeg: script}).Remux(t.Context(), ffmpeg.Input{Path: "/dev/null", Demuxer: "matroska"}, filepath.Join(t.TempDir(), "out.mp4"), nil, 1<<20)
	if err := sayFFmpeg(sniff.Matroska, err); !lacksRoom(err) {
		t.Errorf("a full disk: %v", err)
	}
}
