package intake

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/mp4"
)

// remade makes another film of one by ffmpeg.
func remade(t *testing.T, path, name string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	all := append(append([]string{"-nostdin", "-v", "error", "-i", path}, args...), out)
	if b, err := exec.CommandContext(t.Context(), "ffmpeg", all...).CombinedOutput(); err != nil { // #nosec G204 -- a film of the tests
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

// TestStillForMinutes: recordings of a screen on which nothing happens for longer than the longest segment may be become
// ready, and what they are played from has every frame at its time.
func TestStillForMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	plain := films.Get(t, films.Spec{Audio: films.None, Duration: 3 * time.Second})
	const still = `setpts='PTS+gte(N,1)*90/TB+gte(N,40)*70/TB'`
	t.Run("films", func(t *testing.T) {
		for name, tt := range map[string]struct {
			file string
			args []string
			want encodedCase
		}{
			"mp4":     {"film.mp4", []string{"-c:v", "libx264", "-bf", "2"}, encodedCase{master: film.MasterSource, base: film.Base{Part: film.PartSource, EncodedVideo: true}}},
			"mkv":     {"film.mkv", []string{"-c:v", "libx264", "-bf", "2"}, encodedCase{master: film.MasterMade, base: film.Base{Part: film.PartMaster, EncodedVideo: true}}},
			"webm":    {"film.webm", []string{"-c:v", "libvpx", "-deadline", "realtime"}, encodedCase{master: film.MasterMade}},
			"no seek": {"live.webm", []string{"-c:v", "libvpx", "-deadline", "realtime", "-live", "1"}, encodedCase{master: film.MasterMade}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := remade(t, plain, tt.file, append([]string{"-vf", still, "-fps_mode", "passthrough"}, tt.args...)...)
				a := w.ingest(t, serveFile(t, path))
				if a.Status != film.AssetReady {
					t.Fatalf("got %s, %+v", a.Status, a.Failure)
				}
				if a.Master.Kind != tt.want.master || a.Base != tt.want.base {
					t.Errorf("got master %s, base %+v; want %s, %+v", a.Master.Kind, a.Base, tt.want.master, tt.want.base)
				}
				if d := a.Media.Video.Duration; d < 162*time.Second || d > 164*time.Second {
					t.Errorf("it lasts %v", d)
				}
				tt.want.sparse = true
				w.wantPlayable(t, a, path, tt.want)
			})
		}
	})
}

// TestUncut: tables that nothing is said against, and which playback cannot cut, get a base; that not all of its frames
// are there is told.
func TestUncut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b, err := os.ReadFile(films.Get(t, films.Spec{Audio: films.None}))
	must(t, err)
	at := bytes.Index(b, []byte("stsz"))
	n := int(binary.BigEndian.Uint32(b[at+12:]))
	binary.BigEndian.PutUint32(b[at+16+4*(n-1):], 0) // the last picture has no bytes
	path := filepath.Join(t.TempDir(), "film.mp4")
	must(t, os.WriteFile(path, b, 0o600))
	a := w.ingest(t, serveFile(t, path))
	if a.Status != film.AssetReady || a.Master.Kind != film.MasterSource || !a.Base.EncodedVideo || a.NonStandard[film.ReasonUnexpectedFile] == "" {
		t.Fatalf("got %s, %+v, base %+v, %v", a.Status, a.Failure, a.Base, a.NonStandard)
	}
	x, err := mp4.Parse(t.Context(), bytes.NewReader(w.pictures(t, a)), int64(len(w.pictures(t, a))), mp4.Limits{})
	must(t, err)
	if x.Video().Len() != n-1 {
		t.Errorf("%d of %d pictures", x.Video().Len(), n)
	}
}

// TestDamaged: a film of which too much cannot be decoded is errored, and told why.
func TestDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	whole := films.Get(t, films.Spec{Duration: 12 * time.Second, GOP: 2 * time.Second, OpenGOP: true, BFrames: 2, Audio: films.None})
	for name, tt := range map[string]struct {
		from, to float64 // of the samples
		want     string
	}{
		"a tenth":   {0.5, 0.6, "frames could not be decoded"},
		"the start": {0, 0.45, "the first"},
	} {
		b, err := os.ReadFile(whole)
		must(t, err)
		x, err := mp4.Parse(t.Context(), bytes.NewReader(b), int64(len(b)), mp4.Limits{})
		must(t, err)
		v := x.Video()
		for i := int(tt.from * float64(v.Len())); i < int(tt.to*float64(v.Len())); i++ {
			clear(b[v.Offset(i):][:v.Size(i)])
		}
		path := filepath.Join(t.TempDir(), "film.mp4")
		must(t, os.WriteFile(path, b, 0o600))
		a := w.ingest(t, serveFile(t, path))
		t.Log(name, a.Failure)
		wantErrored(t, a, tt.want)
	}
}
