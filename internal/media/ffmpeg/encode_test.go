package ffmpeg

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
	"filmcan/internal/media/mp4"
)

// TestLevels: the level and the CODECS word of the ladder are what x264 writes, and it has nothing to say against them:
// it warns of each limit of the level that it passes.
func TestLevels(t *testing.T) {
	t.Parallel()
	for _, f := range []ladder.Film{
		{Width: 2, Height: 2},
		{Width: 16, Height: 16},
		{Width: 4096, Height: 100},
		{Width: 1080, Height: 1920, Rate: mp4.Rate{Num: 24000, Den: 1001}},
		{Width: 1280, Height: 720, Rate: mp4.Rate{Num: 60, Den: 1}},
		{Width: 3840, Height: 2160, Rate: mp4.Rate{Num: 30, Den: 1}},
		{Width: 640, Height: 360, Rate: mp4.Rate{Num: 120, Den: 1}},
	} {
		settings := []ladder.Encode{ladder.Master(f, ladder.Premium, 4096)}
		for _, q := range []ladder.Quality{ladder.Basic, ladder.Premium} {
			for _, r := range ladder.Rungs(f, q) {
				settings = append(settings, r.Encode)
			}
		}
		rate := Ratio{f.Rate.Num, f.Rate.Den}
		if rate.Den == 0 {
			rate = Ratio{30, 1}
		}
		for _, e := range settings {
			t.Run(fmt.Sprintf("%dx%d@%d/%s", e.Width, e.Height, rate.Num/rate.Den, e.Codec), func(t *testing.T) {
				t.Parallel()
				args := []string{
					"-nostdin", "-v", "warning", "-f", "lavfi", "-i", fmt.Sprintf("color=s=%dx%d:r=%d/%d", e.Width, e.Height, rate.Num, rate.Den),
					"-frames:v", "6", "-vf", "setpts=PTS+1/TB",
				}
				args = append(append(args, x264(e, fps(rate), 2)...), packets("+frag_discont")...)
				cmd := exec.CommandContext(t.Context(), "ffmpeg", args...) // #nosec G204 -- our arguments
				var said bytes.Buffer
				cmd.Stderr = &said
				b, err := cmd.Output()
				if err != nil || said.Len() > 0 {
					t.Fatalf("%v: %s", err, said.String())
				}
				if got := parseOutput(t, b).track; got.Codec != e.Codec || got.Picture.Width != e.Width || got.Picture.Height != e.Height {
					t.Errorf("got %s %+v, want %+v", got.Codec, got.Picture, e)
				}
			})
		}
	}
}

// TestBandwidth: no segment has more bits than its playlist promises, also where the film asks for many more than the
// cap allows.
func TestBandwidth(t *testing.T) {
	t.Parallel()
	r := openReel(t, films.Get(t, films.Spec{Duration: 6 * time.Second, Width: 640, Height: 360, Grain: true, VariableRate: true, BFrames: 2}))
	e := ladder.Encode{Width: 640, Height: 360, Preset: "superfast", CRF: 20, MaxRate: 300_000, Buffer: 300_000, Level: 31}
	s, err := New(Config{}).Start(t.Context(), EncodeArgs{Picture: pictureOf(r.track), Settings: e})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	n := len(r.times)
	cuts := []int{0, n / 3, 2 * n / 3, n}
	out := drain(t, s, func() { r.feed(t, s, cuts) })
	bits := map[int64]int64{}
	for i := range out.pts {
		bits[out.pts[i]/int64(out.track.Timescale)/FedSegment] += int64(out.track.Size(i)) * 8
	}
	// The grid of frames is not that of seconds.
	const length = 2*time.Second - 40*time.Millisecond
	for i := int64(1); i <= 3; i++ {
		got := int64(float64(bits[i]) / length.Seconds())
		if most := ladder.Peak(e, length); got > most || got < e.MaxRate*3/4 {
			t.Errorf("segment %d has %d bit/s, promised are %d", i, got, most)
		}
	}
}
