package intake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

func (w *world) upload(t *testing.T) film.Upload {
	t.Helper()
	u, err := w.catalog.CreateUpload(t.Context(), w.env, film.AssetSettings{MaxTier: film.Tier1080p}, "*", film.UploadTimeoutMin)
	must(t, err)
	return u
}

// send brings bytes for an upload into the vault, as its door does.
func (w *world) send(t *testing.T, u film.Upload, b []byte) *vault.Writer {
	t.Helper()
	writer, err := w.vault.Append(t.Context(), vault.Ref{Film: u.Film, Part: vault.Source})
	must(t, err)
	_, err = io.Copy(writer, bytes.NewReader(b))
	must(t, err)
	return writer
}

// uploaded returns the asset of an upload that was sent whole.
func (w *world) uploaded(t *testing.T, b []byte) film.Asset {
	t.Helper()
	u := w.upload(t)
	writer := w.send(t, u, b)
	_, err := writer.Seal()
	must(t, err)
	must(t, writer.Close())
	u, err = w.catalog.CompleteUpload(t.Context(), u.ID)
	must(t, err)
	return w.asset(t, u.Asset)
}

func (w *world) uploadNow(t *testing.T, id film.UploadID) film.Upload {
	t.Helper()
	u, err := w.catalog.OpenUpload(t.Context(), id)
	must(t, err)
	return u
}

func bytesOf(t *testing.T, spec films.Spec) []byte {
	t.Helper()
	b, err := os.ReadFile(films.Get(t, spec))
	must(t, err)
	return b
}

// TestIngestUpload: what was uploaded is looked at where it lies; nothing is fetched and a standard film is not written
// again.
func TestIngestUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.client.Close()
	for name, tt := range map[string]struct {
		spec films.Spec
		kind film.MasterKind
	}{
		"mp4":        {films.Spec{BFrames: 2}, film.MasterSource},
		"fast start": {films.Spec{Container: films.FastStart}, film.MasterSource},
		"fragmented": {films.Spec{Container: films.Fragmented}, film.MasterSource},
		"phone":      {films.Phone(films.MOV, films.HEVC), film.MasterComposed},
		"mkv":        {films.Spec{Container: films.MKV}, film.MasterMade},
	} {
		b := bytesOf(t, tt.spec)
		a := w.uploaded(t, b)
		written := w.vault.Stats().BytesWritten
		must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
		got := w.asset(t, a.ID)
		if got.Status != film.AssetReady || got.Master.Kind != tt.kind || got.IngestType != film.IngestUpload {
			t.Errorf("%s: got %s %+v %+v", name, got.Status, got.Failure, got.Master)
		}
		if again := w.vault.Stats().BytesWritten - written; tt.kind == film.MasterSource && again > 0 {
			t.Errorf("%s: wrote %d bytes", name, again)
		}
		if got := w.read(t, a.Film, vault.Source); digest(got) != digest(b) {
			t.Errorf("%s: the source is not what was sent", name)
		}
		if u := w.uploadNow(t, a.Upload); u.Status != film.UploadAssetCreated {
			t.Errorf("%s: the upload is %+v", name, u)
		}
	}
	w.wantCleanWork(t)
}

func TestIngestBadUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, tt := range map[string]struct {
		bytes []byte
		want  string
		not   string
	}{
		"archive":  {[]byte("PK\x03\x04 and so on"), "The input is not a film: it is", "URL"},
		"page":     {[]byte("<!DOCTYPE html><html>Log in</html>"), "an HTML page", "URL"},
		"playlist": {[]byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/x"), "upload the film itself", "URL"},
		"half":     {bytesOf(t, films.Spec{Keep: 50}), "incomplete", "URL"},
	} {
		a := w.uploaded(t, tt.bytes)
		must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
		got := w.asset(t, a.ID)
		wantErrored(t, got, tt.want)
		u := w.uploadNow(t, a.Upload)
		if u.Status != film.UploadErrored || u.Failure == nil || u.Failure.Message != got.Failure.Messages[0] || u.Failure.Type != "invalid_input" {
			t.Errorf("%s: the upload is %+v, %+v", name, u, u.Failure)
		}
		if strings.Contains(u.Failure.Message, tt.not) {
			t.Errorf("%s: got %q, which speaks of a URL", name, u.Failure.Message)
		}
	}
	w.wantNoFilms(t)
	if got := w.events(t); strings.Count(got, "errored video.upload.errored") != 4 {
		t.Errorf("events: got %s", got)
	}
}

// TestUploadIsKept: bytes that fail through our fault stay, also where the job is run again.
func TestUploadIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.ffmpeg = brokenRunner()
	path := films.Get(t, films.Spec{Container: films.MKV})
	a := w.uploaded(t, bytesOf(t, films.Spec{Container: films.MKV}))
	if err := w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 3, 3); err == nil {
		t.Error("no error")
	}
	wantErrored(t, w.asset(t, a.ID), "Please upload the film again")
	w.wantSource(t, a, path)
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, a.ID))
	must(t, w.PurgeFilm(t.Context(), film.PurgeFilm{Film: a.Film}))
	w.wantNoFilms(t)
}

// TestRecognizeFilms shows films to Recognize at every length of head that makes a difference: none is refused.
func TestRecognizeFilms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, spec := range map[string]films.Spec{
		"mp4": {BFrames: 2}, "fast start": {Container: films.FastStart, BFrames: 2}, "fragmented": {Container: films.Fragmented, Duration: 6 * time.Second},
		"hevc": {Container: films.FastStart, Video: films.HEVC, BFrames: 2}, "mov": {Container: films.MOV}, "phone": films.Phone(films.MOV, films.HEVC),
		"mkv": {Container: films.MKV}, "ts": {Container: films.TS}, "flv": {Container: films.FLV}, "webm": {Container: films.WebM, Video: films.VP9, Audio: films.Opus},
		"sound": {Container: films.FastStart, Video: films.None},
		// What must be encoded, and what is cut off.
		"slow fragments": {Container: films.Fragmented, Rate: films.Rate{Num: 2, Den: 1}, Duration: 8 * time.Second},
		"vp9":            {Container: films.FastStart, Video: films.VP9}, "opus": {Container: films.Fragmented, Audio: films.Opus},
		"4:4:4": {Container: films.FastStart, PixFmt: "yuv444p"}, "half": {Container: films.FastStart, Keep: 50},
		"half of an mkv": {Container: films.MKV, Keep: 50}, "start of an mp4": {Keep: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film := bytesOf(t, spec)
			size := int64(len(film))
			lengths := []int{0, 1, 7, 8, 15, 16, 100, sniff.HeadSize - 1, sniff.HeadSize, sniff.HeadSize + 1, len(film) / 2, len(film) - 1, len(film)}
			for _, edge := range edges(film) {
				lengths = append(lengths, edge-1, edge, edge+1, edge+7, edge+8, edge+9, edge+15, edge+16, edge+17)
			}
			for range 50 {
				lengths = append(lengths, rand.IntN(len(film)))
			}
			for _, n := range lengths {
				if n < 0 || n > len(film) {
					continue
				}
				for _, size := range []int64{size, -1} {
					if err := w.Recognize(film[:n:n], size); err != nil {
						t.Errorf("with the first %d bytes of %d: %v", n, size, err)
					}
				}
			}
		})
	}
}

// edges are where the boxes at the top level of a film end, if it has any.
func edges(b []byte) []int {
	var ends []int
	for off := 0; off+8 <= len(b); {
		length := int(binary.BigEndian.Uint32(b[off:]))
		if length < 8 || length > len(b)-off {
			break
		}
		off += length
		ends = append(ends, off)
	}
	return ends
}

// TestRecognizeRefuses: what cannot become an asset is refused by its head, in the words that ingest has for it.
func TestRecognizeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	junk := make([]byte, sniff.HeadSize)
	for name, tt := range map[string]struct {
		film []byte
		head int // how much is enough
		size int64
		want string
	}{
		"nothing at all": {nil, 0, 0, "is empty: no bytes were sent"},
		"archive":        {append([]byte("PK\x03\x04"), junk...), sniff.HeadSize, -1, "an archive"},
		"page":           {append([]byte("<!DOCTYPE html><html>"), bytes.Repeat([]byte(" "), sniff.HeadSize)...), sniff.HeadSize, 1 << 30, "an HTML page"},
		"small page":     {[]byte("<!DOCTYPE html><html>"), 21, 21, "an HTML page"},
		"playlist":       {append([]byte("#EXTM3U\n"), bytes.Repeat([]byte("#\n"), sniff.HeadSize)...), sniff.HeadSize, -1, "an HLS playlist"},
		"image":          {append([]byte("\x89PNG\r\n\x1a\n"), junk...), sniff.HeadSize, -1, "is not a film"},
		"no film in it":  {[]byte("\x00\x00\x00\x08moov"), 8, 8, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head, size := tt.head, tt.size
			if head == 0 && tt.film != nil { // what stands before the media, and a look at it
				head = min(len(tt.film)-1, max(sniff.HeadSize, tablesEnd(tt.film)))
				if size == 0 {
					size = int64(len(tt.film))
				}
			}
			err := w.Recognize(tt.film[:head:head], size)
			e := film.AsError(err)
			if e == nil || e.Fault != film.FaultCustomer || e.Code != film.CodeInvalid || !strings.Contains(e.Message, tt.want) {
				t.Fatalf("by %d bytes of %d: got %v, want an error with %q", head, size, err, tt.want)
			}
			if size != int64(len(tt.film)) {
				return
			}
			a := w.uploaded(t, tt.film)
			must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
			if got := w.asset(t, a.ID); got.Status != film.AssetErrored || got.Failure.Messages[0] != e.Message {
				t.Errorf("ingest says %s %+v, the look said %q", got.Status, got.Failure, e.Message)
			}
		})
	}
}

// tablesEnd is where the media begin: after moov, and after the first moof where there is one.
func tablesEnd(b []byte) int {
	last := 0
	for _, end := range edges(b) {
		if end+8 <= len(b) && string(b[end+4:end+8]) == "mdat" && last == 0 {
			last = end
		}
	}
	return last + 8
}

// TestRecognizeManyAtOnce: many at once, under the race detector.
func TestRecognizeManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	film := bytesOf(t, films.Spec{Container: films.FastStart})
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := w.Recognize(film[:len(film)-1], int64(len(film))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// FuzzRecognize: whatever comes, it is an answer for customers or none; and nothing is refused for its beginning that is
// fine with more of it.
func FuzzRecognize(f *testing.F) {
	for _, spec := range []films.Spec{{Container: films.FastStart, Width: 160, Height: 90}, {Container: films.Fragmented, Width: 160, Height: 90}} {
		b, err := os.ReadFile(films.Get(f, spec))
		if err != nil {
			f.Fatal(err)
		}
		b = b[:tablesEnd(b)] // the media are nothing but zeros to it
		f.Add(b, uint(len(b)/2), int64(1<<20))
	}
	f.Add([]byte("\x00\x00\x00\x01moov\x00\x00\x00\x00\x00\x00\x00\x00"), uint(16), int64(-1))
	in := &Intake{cfg: Config{Limits: mp4.Limits{MaxSamples: 10_000}}}
	f.Fuzz(func(t *testing.T, b []byte, n uint, size int64) {
		err := in.Recognize(b, size)
		if e := film.AsError(err); err != nil && (e == nil || e.Fault != film.FaultCustomer || e.Message == "") {
			t.Fatalf("got %v", err)
		}
		if n %= uint(len(b)) + 1; err == nil {
			if err := in.Recognize(b[:n:n], size); size >= int64(len(b)) && err != nil {
				t.Errorf("%d bytes of it are fine, the first %d of them are refused: %v", len(b), n, err)
			}
		}
	})
}

// TestExpireUpload takes an upload to its deadline in every state that it can be in there.
func TestExpireUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	body := bytesOf(t, films.Spec{})
	job := func(u film.Upload) error {
		return w.HandleExpireUpload(t.Context(), film.ExpireUpload{Upload: u.ID})
	}
	empty, begun, busy, sealed, done, cancelled := w.upload(t), w.upload(t), w.upload(t), w.upload(t), w.upload(t), w.upload(t)
	must(t, w.send(t, begun, body[:100_000]).Close())
	writer := w.send(t, busy, body)
	for _, u := range []film.Upload{sealed, done} {
		s := w.send(t, u, body)
		_, err := s.Seal()
		must(t, err)
		must(t, s.Close())
	}
	done, err := w.catalog.CompleteUpload(t.Context(), done.ID)
	must(t, err)
	_, err = w.catalog.CancelUpload(t.Context(), w.env, cancelled.ID)
	must(t, err)

	for _, u := range []film.Upload{empty, begun} {
		if later, ok := errors.AsType[*film.Later](job(u)); !ok || later.After <= 0 || later.After > film.UploadTimeoutMin {
			t.Errorf("before its time: got %+v", later)
		}
	}
	w.ahead.Add(int64(film.UploadTimeoutMin))
	if _, ok := errors.AsType[*film.Later](job(busy)); !ok {
		t.Error("while somebody is sending: not later")
	}
	for _, u := range []film.Upload{empty, begun, sealed, done, cancelled, {ID: "nothing"}} {
		must(t, job(u))
	}
	for id, want := range map[film.UploadID]film.UploadStatus{
		empty.ID: film.UploadTimedOut, begun.ID: film.UploadTimedOut, busy.ID: film.UploadWaiting,
		sealed.ID: film.UploadAssetCreated, done.ID: film.UploadAssetCreated, cancelled.ID: film.UploadCancelled,
	} {
		if got := w.uploadNow(t, id); got.Status != want {
			t.Errorf("got %s, want %s", got.Status, want)
		}
	}
	if parts, err := w.vault.Parts(t.Context(), empty.Film); err != nil || len(parts) > 0 {
		t.Errorf("of an upload that nobody sent anything for: %v, %v", parts, err)
	}
	for _, u := range []film.Upload{empty, begun, cancelled} {
		must(t, w.PurgeFilm(t.Context(), film.PurgeFilm{Film: u.Film}))
	}
	left := map[film.FilmID]bool{}
	for id, err := range w.vault.Films(t.Context()) {
		must(t, err)
		left[id] = true
	}
	if len(left) != 3 || left[begun.Film] {
		t.Errorf("films left: %v", left)
	}
	a := w.asset(t, w.uploadNow(t, sealed.ID).Asset)
	must(t, w.Ingest(t.Context(), film.IngestAsset{Asset: a.ID}, 1, 3))
	if got := w.asset(t, a.ID); got.Status != film.AssetReady || got.Master.SHA256 != digest(body) {
		t.Errorf("the sealed one became %s %+v", got.Status, got.Failure)
	}
	// Whoever was sending has gone.
	must(t, writer.Close())
	must(t, job(busy))
	if got := w.uploadNow(t, busy.ID); got.Status != film.UploadTimedOut {
		t.Errorf("after its sender went: %s", got.Status)
	}
}

// TestLastByteAtDeadline lets the door's end of an upload meet the clock: it becomes an asset with all of its bytes, or
// is over and nobody says otherwise.
func TestLastByteAtDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	body := bytesOf(t, films.Spec{})
	for range 20 {
		u := w.upload(t)
		writer := w.send(t, u, body)
		w.ahead.Add(int64(film.UploadTimeoutMin))
		var door error
		var group sync.WaitGroup
		group.Go(func() {
			_, door = writer.Seal()
			door = errors.Join(door, writer.Close())
			if door == nil {
				_, door = w.catalog.CompleteUpload(t.Context(), u.ID)
			}
		})
		group.Go(func() {
			for {
				err := w.HandleExpireUpload(t.Context(), film.ExpireUpload{Upload: u.ID})
				if _, later := errors.AsType[*film.Later](err); !later {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
		group.Wait()
		got := w.uploadNow(t, u.ID)
		if door != nil || got.Status != film.UploadAssetCreated {
			t.Fatalf("the upload is %s, the door was told %v", got.Status, door)
		}
	}
	if got := w.events(t); strings.Count(got, "created video.upload.asset_created created") != 20 {
		t.Errorf("events: %s", got)
	}
}
