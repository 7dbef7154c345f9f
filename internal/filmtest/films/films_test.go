package films_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
)

func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// probe returns "key=value" lines of the streams.
func probe(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_streams", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	return string(out)
}

func TestFilms(t *testing.T) {
	t.Parallel()
	const second = time.Second
	variable := slices.DeleteFunc(upTo(60), func(n int) bool { return n%7 == 3 })
	for name, c := range map[string]struct {
		spec    films.Spec
		numbers []int
		width   int
		says    []string
	}{
		"standard":      {films.Spec{}, upTo(60), 320, []string{"codec_name=h264", "codec_name=aac", "has_b_frames=0", "sample_rate=48000"}},
		"b-frames":      {films.Spec{BFrames: 2}, upTo(60), 320, []string{"has_b_frames=2"}},
		"23.976":        {films.Spec{Rate: films.NTSC, Container: films.FastStart}, upTo(48), 320, []string{"r_frame_rate=24000/1001"}},
		"variable":      {films.Spec{VariableRate: true}, variable, 320, nil},
		"fragmented":    {films.Spec{Container: films.Fragmented, BFrames: 2}, upTo(60), 320, nil},
		"hevc":          {films.Spec{Video: films.HEVC}, upTo(60), 320, []string{"codec_name=hevc", "codec_tag_string=hvc1"}},
		"mov":           {films.Spec{Container: films.MOV}, upTo(60), 320, nil},
		"mkv":           {films.Spec{Container: films.MKV, BFrames: 2}, upTo(60), 320, nil},
		"ts":            {films.Spec{Container: films.TS, BFrames: 2}, upTo(60), 320, nil},
		"flv":           {films.Spec{Container: films.FLV, AudioRate: 44100}, upTo(60), 320, nil},
		"vp9":           {films.Spec{Container: films.WebM, Video: films.VP9, Audio: films.Opus}, upTo(60), 320, []string{"codec_name=vp9", "codec_name=opus"}},
		"mpeg4":         {films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.MP3}, upTo(60), 320, []string{"codec_name=mpeg4"}},
		"mpeg2":         {films.Spec{Container: films.TS, Video: films.MPEG2, Audio: films.AC3}, upTo(60), 320, []string{"codec_name=mpeg2video", "codec_name=ac3"}},
		"prores":        {films.Spec{Container: films.MOV, Video: films.ProRes, PixFmt: "yuv422p10le", Audio: films.PCM}, upTo(60), 320, []string{"codec_name=prores"}},
		"ten bits":      {films.Spec{PixFmt: "yuv420p10le"}, upTo(60), 320, []string{"pix_fmt=yuv420p10le"}},
		"interlaced":    {films.Spec{Interlaced: true}, upTo(60), 320, nil},
		"open groups":   {films.Spec{BFrames: 2, OpenGOP: true}, upTo(60), 320, nil},
		"rotated 90":    {films.Spec{Width: 180, Height: 320, Rotation: 90}, upTo(60), 180, []string{"width=320", "rotation=-90"}},
		"rotated 180":   {films.Spec{Rotation: 180}, upTo(60), 320, []string{"width=320", "rotation=-180"}},
		"rotated 270":   {films.Spec{Width: 180, Height: 320, Rotation: 270}, upTo(60), 180, []string{"width=320", "rotation=90"}},
		"pictures only": {films.Spec{Audio: films.None}, upTo(60), 320, nil},
		"sound only":    {films.Spec{Video: films.None, AudioRate: 44100, Channels: 1}, nil, 0, []string{"sample_rate=44100", "channels=1"}},
		"surround":      {films.Spec{Channels: 6}, upTo(60), 320, []string{"channels=6"}},
		"late sound":    {films.Spec{AudioOffset: 700 * time.Millisecond}, upTo(60), 320, []string{"start_time=0.678000"} /* the priming of 1024 samples included */},
		"hidden frames": {films.Spec{Duration: 3 * second, Hide: 1300 * time.Millisecond}, upTo(90)[39:], 320, nil},
		"no edit lists": {films.Spec{NoEditList: true}, upTo(60), 320, nil},
		"looped":        {films.Spec{Loop: 3}, slices.Concat(upTo(60), upTo(60), upTo(60)), 320, nil},
		"phone mov":     {films.Phone(films.MOV, films.H264), variable, 180, []string{"codec_tag_string=tmcd", "codec_tag_string=mebx", "rotation=-90"}},
		"phone hevc":    {films.Phone(films.MP4, films.HEVC), variable, 180, []string{"codec_tag_string=tmcd", "codec_tag_string=mebx", "codec_tag_string=hvc1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := films.Get(t, c.spec)
			said := probe(t, path)
			for _, want := range c.says {
				if !strings.Contains(said, want+"\n") {
					t.Errorf("ffprobe does not say %s:\n%s", want, said)
				}
			}
			if c.width == 0 {
				if strings.Contains(said, "codec_type=video") {
					t.Error("sound-only film has pictures")
				}
				return
			}
			if got := films.Counters(t, path, c.width); !slices.Equal(got, c.numbers) {
				t.Errorf("frame numbers %v, want %v", got, c.numbers)
			}
		})
	}
}

func TestWhereTheMoovIs(t *testing.T) {
	t.Parallel()
	for container, first := range map[films.Container]bool{films.MP4: false, films.FastStart: true, films.MOV: false} {
		b, err := os.ReadFile(films.Get(t, films.Spec{Container: container}))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Index(b, []byte("moov")) < bytes.Index(b, []byte("mdat")); got != first {
			t.Errorf("%s: moov first is %t, want %t", container, got, first)
		}
	}
}

func TestPadIsAHole(t *testing.T) {
	t.Parallel()
	const size = 10 << 30
	path := films.Get(t, films.Spec{PadTo: size})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != size {
		t.Errorf("%d bytes, want %d", info.Size(), size)
	}
	if used := blocks(info) * 512; used > 1<<20 {
		t.Errorf("the hole takes %d bytes of disk", used)
	}
	if got := films.Counters(t, path, 320); len(got) != 60 {
		t.Errorf("%d frames, want 60", len(got))
	}
}

func TestKeepCutsTheEnd(t *testing.T) {
	t.Parallel()
	size := func(s films.Spec) int64 {
		info, err := os.Stat(films.Get(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if whole, half := size(films.Spec{}), size(films.Spec{Keep: 50}); half != whole/2 {
		t.Errorf("half of %d bytes has %d", whole, half)
	}
}

func TestFilmsAreMadeOnce(t *testing.T) {
	t.Parallel()
	// A film that nobody else asks for, by eight at once.
	spec := films.Spec{Duration: 500 * time.Millisecond, GOP: time.Duration(1 + time.Now().UnixNano()%1e9)}
	var wg sync.WaitGroup
	infos := make([]os.FileInfo, 8)
	for i := range infos {
		wg.Go(func() {
			path, err := films.Make(t.Context(), spec)
			if err == nil {
				infos[i], err = os.Stat(path)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, info := range infos {
		if info == nil || !os.SameFile(info, infos[0]) {
			t.Fatal("the same film was made twice")
		}
	}
}

func TestImpossibleFilms(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]films.Spec{
		"nothing":        {Video: films.None, Audio: films.None},
		"turned mkv":     {Container: films.MKV, Rotation: 90},
		"half a turn":    {Rotation: 45},
		"narrow":         {Width: 16},
		"keep too much":  {Keep: 101},
		"padded to less": {PadTo: 10},
	} {
		if path, err := films.Make(t.Context(), s); err == nil {
			t.Errorf("%s: made as %s", name, path)
		}
	}
}

// draw paints the counter of n with one cell turned over.
func draw(width, height, n, flipped int) image.Image {
	img := image.NewGray(image.Rect(0, 0, width, height))
	for x := range width {
		cell := x * films.CounterCells / width
		var on bool
		switch {
		case cell == 0:
			on = true
		case cell == 1:
		case cell < 22:
			on = n>>(21-cell)&1 == 1
		default:
			on = n%3>>(23-cell)&1 == 1
		}
		if cell == flipped {
			on = !on
		}
		for y := range films.CounterHeight(width) {
			img.SetGray(x, y, color.Gray{Y: map[bool]byte{false: 30, true: 220}[on]})
		}
	}
	return img
}

func TestFrameNumber(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 41, 107999, 1<<20 - 1} {
		for _, size := range []image.Point{{320, 180}, {1920, 1080}, {853, 480}, {180, 320}} {
			got, err := films.FrameNumber(draw(size.X, size.Y, n, -1))
			if err != nil || got != n {
				t.Errorf("%d on %v reads %d, %v", n, size, got, err)
			}
		}
		for cell := range films.CounterCells {
			if got, err := films.FrameNumber(draw(320, 180, n, cell)); err == nil {
				t.Errorf("%d with cell %d turned over reads %d", n, cell, got)
			}
		}
	}
}

func ExampleFrameNumber() {
	_, err := films.FrameNumber(image.NewGray(image.Rect(0, 0, 320, 180)))
	fmt.Println(err, errors.Unwrap(err) != nil)
	// Output: no frame counter: guards are 0, 0 true
}
