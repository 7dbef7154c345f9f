package ffmpeg

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
	"filmcan/internal/media/mp4"
)

// output is what a session wrote, parsed.
type output struct {
	raw   []byte
	track *mp4.Track
	pts   []int64 // by packet, in the order of decoding
}

func parseOutput(t *testing.T, raw []byte) output {
	t.Helper()
	x, err := mp4.Parse(t.Context(), bytes.NewReader(raw), int64(len(raw)), mp4.Limits{MaxDuration: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	o := output{raw: raw, track: x.Video()}
	for i := range o.track.Len() {
		o.pts = append(o.pts, o.track.DTS(i)+o.track.CTO(i))
	}
	return o
}

// drain feeds a session by feed and returns all that it writes.
func drain(t *testing.T, s *Session, feed func()) output {
	t.Helper()
	done := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(s.Stdout())
		done <- b
	}()
	if feed != nil {
		feed()
		if err := s.CloseInput(); err != nil {
			t.Fatal(err)
		}
	}
	raw := <-done
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	return parseOutput(t, raw)
}

func pictureOf(track *mp4.Track) Picture {
	p := track.Picture
	return Picture{
		Width: p.CodedWidth, Height: p.CodedHeight, PixelAspect: Ratio{int64(p.ParH), int64(p.ParV)},
		Turn: TurnOf(track.Matrix), Interlaced: p.Interlaced, Light: LightOf(p.Transfer),
	}
}

func TestFedTimes(t *testing.T) {
	t.Parallel()
	runner := New(Config{})
	for name, spec := range map[string]films.Spec{
		"plain":    {Duration: 4 * time.Second},
		"bframes":  {Duration: 4 * time.Second, BFrames: 3, GOP: 10 * time.Second},
		"ntsc":     {Duration: 4 * time.Second, BFrames: 2, Rate: films.NTSC},
		"variable": {Duration: 4 * time.Second, BFrames: 2, VariableRate: true},
		"hevc":     {Duration: 4 * time.Second, BFrames: 3, Video: films.HEVC, GOP: 2 * time.Second},
		"fast":     {Duration: 4 * time.Second, BFrames: 3, GOP: 10 * time.Second, Rate: films.Rate{Num: 60, Den: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openReel(t, films.Get(t, spec))
			picture := pictureOf(r.track)
			w, h := picture.Displayed()
			rate := r.track.FrameRate()
			n := len(r.times)
			rungs := ladder.Rungs(ladder.Film{Width: w, Height: h, Rate: rate}, ladder.Plus)
			var entries [][]byte
			counters := films.Counters(t, films.Get(t, spec), 320)
			for i, cuts := range [][]int{{0, n / 3, 2 * n / 3, n}, {n / 3, 2*n/3 + 1, n}, {n/2 + 1, n/2 + 2, n}, {n - 1, n}} {
				settings := rungs[0].Encode
				if i == 1 {
					settings.Preset = "superfast"
				}
				s, err := runner.Start(t.Context(), EncodeArgs{Picture: picture, Settings: settings, Rate: Ratio(rate)})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				out := drain(t, s, func() { r.feed(t, s, cuts) })
				entries = append(entries, out.track.Entry)
				var want []int64
				for rank := cuts[0]; rank < n; rank++ {
					want = append(want, r.fed(rank, cuts)*int64(out.track.Timescale)/int64(r.track.Timescale))
				}
				got := slices.Sorted(slices.Values(out.pts))
				if !slices.Equal(got, want) {
					t.Errorf("%v: times: got %d %v, want %d %v", cuts, len(got), got, len(want), want)
				}
				file := filepath.Join(t.TempDir(), "out.mp4")
				if err := os.WriteFile(file, out.raw, 0o600); err != nil {
					t.Fatal(err)
				}
				if got := films.Counters(t, file, 320); !slices.Equal(got, counters[cuts[0]:]) {
					t.Errorf("%v: the frames are %v, want %v", cuts, got, counters[cuts[0]:])
				}
				var keys []int64
				for k := range out.track.Len() {
					if out.track.IsSync(k) {
						keys = append(keys, out.pts[k]/int64(out.track.Timescale))
					}
				}
				var wantKeys []int64
				for k := range len(cuts) - 1 {
					wantKeys = append(wantKeys, int64(FedSegment*(k+1)))
				}
				if !slices.Equal(keys, wantKeys) {
					t.Errorf("%v: key frames at %v s", cuts, keys)
				}
				if c := out.track.Codec; c != settings.Codec {
					t.Errorf("codec %s, want %s", c, settings.Codec)
				}
			}
			for _, e := range entries[1:] {
				if !bytes.Equal(e, entries[0]) {
					t.Errorf("sample entries differ:\n%x\n%x", entries[0], e)
				}
			}
		})
	}
}
