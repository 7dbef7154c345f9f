package mp4_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	ff "github.com/Eyevinn/mp4ff/mp4"

	"filmcan/internal/media/mediatest"
	"filmcan/internal/media/mp4"
)

const (
	card = mediatest.Card
	tone = mediatest.Tone
)

func open(t *testing.T, path string) (*mp4.Index, *os.File) {
	t.Helper()
	f, size := mediatest.Open(t, path)
	x, err := mp4.Parse(t.Context(), f, size, mp4.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return x, f
}

// TestReasons makes films with one fault each.
func TestReasons(t *testing.T) {
	t.Parallel()
	const short = "testsrc2=s=192x108:r=30:d=3"
	avc := func(more ...string) []string {
		return mediatest.AV(short, tone, mediatest.X264("30", append(more, "-t", "3")...)...)
	}
	tests := []struct {
		name, file         string
		args               []string
		tier               mp4.Tier
		want               map[string]string
		master, composable bool
	}{
		{"standard", "f.mp4", avc(), "", nil, true, true},
		{"quicktime", "f.mov", avc(), "", nil, false, true},
		{"baseline", "f.mp4", avc("-profile:v", "baseline", "-bf", "0"), "", nil, true, true},
		{"open groups", "f.mp4", avc("-x264-params", "open-gop=1:keyint=30:min-keyint=30:bframes=3:b-adapt=0"), "", map[string]string{"unexpected_media_file_parameters": "non-standard"}, true, true},
		{"open groups, hevc", "f.mp4", mediatest.AV(short, tone, mediatest.X265("keyint=30:min-keyint=30:open-gop=1:bframes=3:b-adapt=0", "-t", "3")...), "", map[string]string{"unexpected_media_file_parameters": "non-standard"}, true, true},
		{"key frames 25 s apart", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=6:d=25", tone, mediatest.X264("300")...), "", map[string]string{"video_gop_size": "high"}, true, true},
		{"key frames 12 s apart, hevc", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=6:d=12", tone, mediatest.X265("keyint=300:min-keyint=300")...), "", map[string]string{"video_gop_size": "high"}, true, true},
		{"two frames a second", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=2:d=6", tone, mediatest.X264("4")...), "", map[string]string{"video_frame_rate": "2"}, true, true},
		{"4:2:2", "f.mp4", avc("-pix_fmt", "yuv422p"), "", map[string]string{"unsupported_pixel_format": "yuv422p"}, true, true},
		{"H.264 with 10 bits", "f.mp4", avc("-pix_fmt", "yuv420p10le"), "", map[string]string{"unsupported_pixel_format": "yuv420p10le"}, true, true},
		{"interlaced", "f.mp4", avc("-flags", "+ildct+ilme", "-x264opts", "tff=1"), "", map[string]string{"unexpected_media_file_parameters": "non-standard"}, true, true},
		{"anamorphic", "f.mp4", avc("-vf", "setsar=4/3"), "", map[string]string{"pixel_aspect_ratio": "4:3"}, true, true},
		{"wide", "f.mp4", avc("-vf", "scale=2200:64,setsar=1"), "", map[string]string{"video_resolution": "2200x64"}, false, false},
		{"wide, large tier", "f.mp4", avc("-vf", "scale=2200:64,setsar=1"), mp4.Tier2160p, nil, true, true},
		{"dense", "f.mp4", mediatest.AV("nullsrc=s=640x360:r=30:d=2,geq=random(1)*255:128:128", tone, mediatest.X264("30", "-qp", "4", "-t", "2")...), "", map[string]string{"video_bitrate": "high"}, true, true},
		{"mpeg-4 part 2", "f.mp4", mediatest.AV(short, tone, "-c:v", "mpeg4", "-t", "3"), "", map[string]string{"video_codec": "mpeg4"}, false, false},
		{"vp9", "f.mp4", mediatest.AV(short, tone, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-t", "1"), "", map[string]string{"video_codec": "vp9"}, false, false},
		{"mp3", "f.mp4", avc("-c:a", "libmp3lame"), "", map[string]string{"audio_codec": "mp3"}, false, false},
		{"ac-3", "f.mp4", avc("-c:a", "ac3"), "", map[string]string{"audio_codec": "ac3"}, false, false},
		{"alac", "f.mp4", avc("-c:a", "alac"), "", map[string]string{"audio_codec": "alac"}, false, false},
		{"pcm", "f.mov", avc("-c:a", "pcm_s16le"), "", map[string]string{"audio_codec": "pcm_s16le"}, false, false},
		{"sound 6 s late", "f.mp4", append([]string{"-f", "lavfi", "-i", card, "-itsoffset", "6", "-f", "lavfi", "-i", tone, "-c:a", "aac"}, mediatest.X264("60")...), "", map[string]string{"audio_edit_list": "non-standard"}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, f := open(t, mediatest.Film(t, tt.file, tt.args...))
			v, err := mp4.Check(t.Context(), x, f, tt.tier)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(v.Reasons, tt.want) || v.Master != tt.master || v.Composable != tt.composable || len(v.Details) < len(tt.want) {
				t.Errorf("got %+v, want %v, master %v, composable %v", v, tt.want, tt.master, tt.composable)
			}
		})
	}
}

// TestHiddenFrames cuts a film inside a group of pictures by copy, as editors do: the edit list hides what came before.
func TestHiddenFrames(t *testing.T) {
	t.Parallel()
	src := mediatest.Film(t, "f.mp4", mediatest.AV(card, tone, mediatest.X264("60")...)...)
	x, f := open(t, mediatest.Film(t, "cut.mp4", "-ss", "3.3", "-i", src, "-c", "copy"))
	v, err := mp4.Check(t.Context(), x, f, "")
	if err != nil {
		t.Fatal(err)
	}
	if v.Reasons["video_edit_list"] != "non-standard" || !v.Master {
		t.Errorf("got %+v, want video_edit_list and a master", v)
	}
}

// TestFacts compares the facts with ffprobe's.
func TestFacts(t *testing.T) {
	t.Parallel()
	src := mediatest.AV("testsrc2=s=192x108:r=30000/1001:d=3", "sine=f=440:r=44100:d=3", mediatest.X264("30")...)
	tests := map[string]string{
		"plain":        mediatest.Film(t, "f.mp4", src...),
		"quicktime":    mediatest.Film(t, "f.mov", append(src, "-timecode", "10:00:00:00")...),
		"stereo":       mediatest.Film(t, "f.mp4", append(src, "-ac", "2")...),
		"fragments":    mediatest.Film(t, "f.mp4", append(src, "-movflags", "+frag_keyframe+empty_moov+default_base_moof")...),
		"hevc, 5.1":    mediatest.Film(t, "f.mp4", mediatest.AV("testsrc2=s=192x108:r=25:d=3", tone, mediatest.X265("keyint=50", "-ac", "6", "-t", "3")...)...),
		"mpeg-4, opus": mediatest.Film(t, "f.mp4", mediatest.AV("testsrc2=s=192x108:r=25:d=3", tone, "-c:v", "mpeg4", "-c:a", "libopus", "-t", "3")...),
	}
	for name, path := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, _ := open(t, path)
			v, a := x.Video(), x.Audio()
			rate := v.FrameRate()
			got := []string{v.FFName, strconv.Itoa(v.Picture.CodedWidth), strconv.Itoa(v.Picture.CodedHeight), fmt.Sprintf("%d/%d", rate.Num, rate.Den)}
			if want := mediatest.Probe(t, path, "v:0", "stream=codec_name,width,height,r_frame_rate"); !slices.Equal(got, want) {
				t.Errorf("picture: got %v, ffprobe %v", got, want)
			}
			got = []string{a.FFName, strconv.Itoa(a.Sound.SampleRate), strconv.Itoa(a.Sound.Channels)}
			if want := mediatest.Probe(t, path, "a:0", "stream=codec_name,sample_rate,channels"); !slices.Equal(got, want) {
				t.Errorf("sound: got %v, ffprobe %v", got, want)
			}
			seconds, err := strconv.ParseFloat(mediatest.Probe(t, path, "v:0", "format=duration")[0], 64)
			if err != nil || math.Abs(seconds-x.Duration().Seconds()) > 0.03 {
				t.Errorf("duration %v, ffprobe %v (%v)", x.Duration(), seconds, err)
			}
		})
	}
}

// TestColour wants the colours of the sample entry, and those of the parameter set where it has none.
func TestColour(t *testing.T) {
	t.Parallel()
	colours := []string{"-color_primaries", "bt470bg", "-color_trc", "smpte170m", "-colorspace", "bt470bg"}
	source := func(codec []string) []string {
		return slices.Concat([]string{"-f", "lavfi", "-i", "testsrc2=s=192x108:r=30:d=1"}, codec, colours)
	}
	tests := map[string][]string{
		"avc":            source(mediatest.X264("30")),
		"avc, matrices":  source(mediatest.X264("30", "-x264-params", "cqm=jvt")),
		"avc, sar, crop": source(mediatest.X264("30", "-vf", "crop=190:106,setsar=7/5")),
		"avc, baseline":  source(mediatest.X264("30", "-profile:v", "baseline", "-bf", "0")),
		"hevc":           source(mediatest.X265("keyint=30:colorprim=bt470bg:transfer=smpte170m:colormatrix=bt470bg")),
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film, err := os.ReadFile(mediatest.Film(t, "f.mp4", append(args, "-movflags", "+write_colr")...))
			if err != nil {
				t.Fatal(err)
			}
			for _, film := range [][]byte{film, bytes.ReplaceAll(film, []byte("colrnclx"), []byte("freenclx"))} {
				if p := mustParse(t, film).Video().Picture; p.Transfer != 6 || p.Matrix != 5 {
					t.Errorf("transfer %d and matrix %d, want 6 and 5 (colr: %v)", p.Transfer, p.Matrix, bytes.Contains(film, []byte("colr")))
				}
			}
		})
	}
}

// TestCompose makes plain MP4s of what is none and lets ffmpeg, mp4ff and our own reader compare.
func TestCompose(t *testing.T) {
	t.Parallel()
	avc := mediatest.AV(card, tone, mediatest.X264("60")...)
	late := append([]string{"-f", "lavfi", "-i", card, "-itsoffset", "0.7", "-f", "lavfi", "-i", tone, "-c:a", "aac"}, mediatest.X264("60")...)
	plus := func(more ...string) []string { return slices.Concat(avc, more) }
	tests := []struct {
		name, file string
		args       []string
		rotate     bool
	}{
		{"quicktime with time code", "f.mov", plus("-timecode", "10:00:00:00"), false},
		{"rotated", "f.mov", avc, true},
		{"colours", "f.mov", plus("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-movflags", "+write_colr+write_gama", "-mov_gamma", "2.2"), false},
		{"moov first", "f.mov", plus("-movflags", "+faststart"), false},
		{"second sound track", "f.mov", plus("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:a:1", "pcm_s16le"), false},
		{"hevc", "f.mov", mediatest.AV(card, tone, mediatest.X265("keyint=60:open-gop=0")...), false},
		{"fragments", "f.mp4", plus("-movflags", "+frag_keyframe+empty_moov+default_base_moof"), false},
		{"samples in moov, then fragments", "f.mp4", plus("-movflags", "+frag_keyframe"), false},
		{"sound late", "f.mov", late, false},
		{"sound only", "f.mov", []string{"-f", "lavfi", "-i", tone, "-c:a", "aac"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mediatest.Film(t, tt.file, tt.args...)
			if tt.rotate {
				path = mediatest.Film(t, "r.mov", "-i", path, "-c", "copy", "-metadata:s:v:0", "rotate=90")
			}
			x, f := open(t, path)
			head, body, err := mp4.ComposeHead(x)
			if err != nil {
				t.Fatal(err)
			}
			film := head
			for _, r := range body {
				b := make([]byte, r.Length)
				if _, err := f.ReadAt(b, r.Offset); err != nil {
					t.Fatal(err)
				}
				film = append(film, b...)
			}
			for _, kind := range []string{"\x00\nfiel", "gama", "nclc", "wave", "chan", "tmcd"} {
				if bytes.Contains(head, []byte(kind)) {
					t.Errorf("QuickTime's %s is in the head", kind)
				}
			}
			out := mediatest.Write(t, "composed.mp4", film)
			y := mustParse(t, film)
			sameSamples(t, y, x)
			if v, err := mp4.Check(t.Context(), y, bytes.NewReader(film), ""); err != nil || !v.Master || !v.Standard() {
				t.Errorf("composed film: %+v, %v; want a standard master", v, err)
			}
			for _, s := range []string{"v:0", "a:0"} {
				if got, want := mediatest.Packets(t, out, s), mediatest.Packets(t, path, s); !slices.Equal(got, want) {
					t.Errorf("%s: %d packets differ from the source's %d", s, len(got), len(want))
				}
			}
			if x.Video() != nil {
				if got, want := mediatest.Frames(t, out), mediatest.Frames(t, path); !slices.Equal(got, want) {
					t.Errorf("%d pictures differ from the source's %d", len(got), len(want))
				}
				const rotation = "stream_side_data=rotation"
				if got, want := mediatest.Probe(t, out, "v:0", rotation), mediatest.Probe(t, path, "v:0", rotation); !slices.Equal(got, want) {
					t.Errorf("rotation %v, want %v", got, want)
				}
				if p := x.Video().Picture; (p.Height > p.Width) != tt.rotate {
					t.Errorf("shown as %dx%d, rotated: %v", p.Width, p.Height, tt.rotate)
				}
				if got, want := y.Video().Picture, x.Video().Picture; *got != *want {
					t.Errorf("picture %+v, want %+v", got, want)
				}
			}
			strict(t, film, x)
		})
	}
}

// strict lets mp4ff decode the whole file and count the samples.
func strict(t *testing.T, film []byte, x *mp4.Index) {
	t.Helper()
	file, err := ff.DecodeFile(bytes.NewReader(film))
	if err != nil {
		t.Fatalf("mp4ff: %v", err)
	}
	if err := errors.Join(file.Ftyp.Encode(&bytes.Buffer{}), file.Moov.Encode(&bytes.Buffer{})); err != nil {
		t.Errorf("mp4ff cannot encode what it decoded: %v", err)
	}
	want := map[string]int{}
	for _, tr := range []*mp4.Track{x.Video(), x.Audio()} {
		if tr != nil {
			want[tr.Handler] = tr.Len()
		}
	}
	got := map[string]int{}
	for _, trak := range file.Moov.Traks {
		got[trak.Mdia.Hdlr.HandlerType] = int(trak.GetNrSamples())
	}
	if !maps.Equal(got, want) {
		t.Errorf("mp4ff counts %v samples, want %v", got, want)
	}
}
