package ffmpeg

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
)

// rgb are the first frame's pixels of a file as ffmpeg shows it, turned, at 32x32.
func rgb(t *testing.T, path string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-frames:v", "1",
		"-vf", "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp,format=gbrp,scale=32:32:flags=area", "-f", "rawvideo", "-pix_fmt", "rgb24", "-") // #nosec G204 -- a film of the tests
	var said bytes.Buffer
	cmd.Stderr = &said
	b, err := cmd.Output()
	if err != nil || len(b) != 32*32*3 {
		t.Fatalf("%d bytes: %v: %s", len(b), err, said.String())
	}
	return b
}

// distance is the mean difference of two pictures per channel.
func distance(a, b []byte) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Abs(float64(a[i]) - float64(b[i]))
	}
	return sum / float64(len(a))
}

// rendered is the film encoded as a rendition, as a file.
func rendered(t *testing.T, path string, picture func(*Picture)) string {
	t.Helper()
	r := openReel(t, path)
	p := pictureOf(r.track)
	if picture != nil {
		picture(&p)
	}
	w, h := p.Displayed()
	settings := ladder.Rungs(ladder.Film{Width: w, Height: h}, ladder.Premium)[0].Encode
	s, err := New(Config{}).Start(t.Context(), EncodeArgs{Picture: p, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	// It is turned already when it comes out.
	straight := *r.track
	straight.Matrix = [9]int32{1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30}
	r.track = &straight
	n := len(r.times)
	out := drain(t, s, func() { r.feed(t, s, []int{0, n / 2, n}) })
	if got := out.track.Picture; got.Width != settings.Width || got.Height != settings.Height || got.Transfer != 1 || got.ParH != got.ParV {
		t.Errorf("got %+v, want %+v", got, settings)
	}
	file := filepath.Join(t.TempDir(), "out.mp4")
	if err := os.WriteFile(file, out.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// sheet is the film's first picture on a sheet of one.
func sheet(t *testing.T, path string, picture func(*Picture)) string {
	t.Helper()
	r := openReel(t, path)
	p := pictureOf(r.track)
	picture(&p)
	w, h := p.Displayed()
	s, err := New(Config{}).Sheet(t.Context(), SheetArgs{Picture: p, Width: w &^ 1, Height: h &^ 1, Columns: 1, Rows: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r.feed(t, s, []int{0, 1})
	if err := s.CloseInput(); err != nil {
		t.Fatal(err)
	}
	jpeg, err := io.ReadAll(s.Stdout())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sheet.jpg")
	if err := os.WriteFile(file, jpeg, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withMatrix returns a copy of an MP4 with that display matrix in the header of its video track, which is its first.
func withMatrix(t *testing.T, path string, a, b, c, d int32) string {
	t.Helper()
	film, err := os.ReadFile(path) // #nosec G304 -- a film of the tests
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(film, []byte("tkhd")) + 4 + 40
	for i, v := range []int32{a, b, 0, c, d, 0} {
		v <<= 16
		copy(film[at+4*i:], []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	out := filepath.Join(t.TempDir(), "turned.mp4")
	if err := os.WriteFile(out, film, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTurns: renditions are upright like what ffmpeg shows of a film with that matrix.
func TestTurns(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 400 * time.Millisecond, Width: 320, Height: 240})
	plain := rgb(t, film)
	for _, m := range [][4]int32{{1, 0, 0, 1}, {0, 1, -1, 0}, {-1, 0, 0, -1}, {0, -1, 1, 0}, {-1, 0, 0, 1}, {1, 0, 0, -1}, {0, 1, 1, 0}, {0, -1, -1, 0}} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			t.Parallel()
			turned := withMatrix(t, film, m[0], m[1], m[2], m[3])
			want := rgb(t, turned)
			if same := distance(plain, want) < 5; same != (m == [4]int32{1, 0, 0, 1}) {
				t.Fatalf("ffmpeg did not turn the picture: %v", distance(plain, want))
			}
			if d := distance(rgb(t, rendered(t, turned, nil)), want); d > 5 {
				t.Errorf("distance %.1f", d)
			}
			p, err := New(Config{}).Probe(t.Context(), Input{Path: turned, Demuxer: "mov"})
			if err != nil || p.Streams[0].Turn != TurnOf([9]int32{m[0] << 16, m[1] << 16, 0, m[2] << 16, m[3] << 16}) {
				t.Errorf("ffprobe: %+v, %v", p, err)
			}
		})
	}
}

// TestColours: what a film says of its colours is what is shown of its renditions, and who says nothing gets what
// players take it for.
func TestColours(t *testing.T) {
	t.Parallel()
	tag := func(matrix, full string) []string {
		return []string{
			"-an", "-vf", "scale=out_color_matrix=" + matrix + ":out_range=" + full, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "30",
			"-colorspace", map[string]string{"bt709": "bt709", "bt601": "smpte170m"}[matrix], "-color_range", full,
		}
	}
	source := films.Get(t, films.Spec{Duration: 400 * time.Millisecond, Width: 320, Height: 240})
	for name, tt := range map[string]struct {
		args   []string
		matrix Matrix
	}{
		"709":       {tag("bt709", "tv"), BT709},
		"601":       {tag("bt601", "tv"), BT601},
		"full":      {tag("bt709", "pc"), BT709},
		"601 full":  {tag("bt601", "pc"), BT601},
		"10 bit":    {append(tag("bt709", "tv"), "-pix_fmt", "yuv420p10le"), BT709},
		"4:4:4":     {append(tag("bt601", "tv"), "-pix_fmt", "yuv444p"), BT601},
		"not said":  {[]string{"-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10"}, NoMatrix},
		"wide shot": {append(tag("bt709", "tv"), "-s", "334x239", "-pix_fmt", "yuv444p", "-aspect", "4:3"), BT709},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film := remade(t, source, "mp4", tt.args)
			want := rgb(t, film)
			given := func(p *Picture) { p.Matrix = tt.matrix }
			made := rendered(t, film, given)
			if d := distance(rgb(t, made), want); d > 4 {
				t.Errorf("distance %.1f", d)
			}
			code := 1
			if tt.matrix != BT709 {
				code = 6
			}
			if got := openReel(t, made).track.Picture.Matrix; got != code {
				t.Errorf("the rendition's matrix is %d, want %d", got, code)
			}
			if d := distance(rgb(t, sheet(t, film, given)), want); d > 4 {
				t.Errorf("sheet: distance %.1f", d)
			}
		})
	}
}

// TestHDR: the pictures of HDR films are shown with about the colours that they were graded from.
func TestHDR(t *testing.T) {
	t.Parallel()
	source := films.Get(t, films.Spec{Duration: 400 * time.Millisecond, Width: 320, Height: 240})
	for name, transfer := range map[string]string{"pq": "smpte2084", "hlg": "arib-std-b67"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film := remade(t, source, "mp4", []string{
				"-an", "-vf", "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709,zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:npl=203,zscale=t=" + transfer +
					":m=bt2020nc:r=tv:npl=203,format=yuv420p10le",
				"-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
				"log-level=error:pools=1:bframes=2:colorprim=bt2020:transfer=" + transfer + ":colormatrix=bt2020nc", "-tag:v", "hvc1",
			})
			want, got := rgb(t, source), rgb(t, rendered(t, film, nil))
			// The highlights are rolled off, so that all is darker: only what is left when that is taken back counts.
			var both, square float64
			for k := range got {
				both += float64(got[k]) * float64(want[k])
				square += float64(got[k]) * float64(got[k])
			}
			gain := both / square
			for k := range got {
				got[k] = byte(min(255, gain*float64(got[k])))
			}
			if d := distance(got, want); d > 20 || gain < 0.8 || gain > 1.8 {
				t.Errorf("distance %.1f after a gain of %.2f", d, gain)
			} else {
				t.Logf("distance %.1f after a gain of %.2f", d, gain)
			}
		})
	}
}

func TestDisplayed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    Picture
		w, h int
	}{
		{Picture{Width: 720, Height: 576, PixelAspect: Ratio{16, 11}}, 1047, 576},
		{Picture{Width: 1440, Height: 1080, PixelAspect: Ratio{4, 3}}, 1920, 1080},
		{Picture{Width: 100, Height: 50, PixelAspect: Ratio{1, 2}, Turn: Turn{Quarters: 1}}, 100, 100},
		{Picture{Width: 100, Height: 50, PixelAspect: Ratio{1000, 1}}, 100, 50},
	} {
		if w, h := tt.p.Displayed(); w != tt.w || h != tt.h {
			t.Errorf("%+v: got %dx%d", tt.p, w, h)
		}
	}
}
