package cmaf_test

import (
	"slices"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mediatest"
)

const (
	card = mediatest.Card
	tone = mediatest.Tone
)

// TestFrameForFrame packages films of every standard kind and lets ffmpeg compare: each packet byte for byte at its
// time, each decoded picture, by concatenation and through a playlist.
func TestFrameForFrame(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		args       []string
		segments   int // of video, or of sound where there is no video
		// late is by how many ticks ffprobe sees the film's pictures too late: libavformat 5.1 moves the pictures of files with
		// signed offsets by the largest negative one.
		late int64
	}{
		{"b-frames", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60")...), 3, 0},
		{"moov first", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-movflags", "+faststart")...), 3, 0},
		{"key frames at odd places", "f.mp4", mediatest.AV(card, tone, mediatest.X264("70")...), 3, 0},
		{"one long group", "f.mp4", mediatest.AV(card, tone, mediatest.X264("300")...), 1, 0},
		{"23.976", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=24000/1001:d=10", tone, mediatest.X264("48")...), 3, 0},
		{"odd time scale", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=30000/1001:d=10", tone, mediatest.X264("30", "-video_track_timescale", "1000007")...), 3, 0},
		{"44.1 kHz", "f.mp4", mediatest.AV(card, "sine=f=440:r=44100:d=10", mediatest.X264("60")...), 3, 0},
		{"variable frame rate", "f.mp4", mediatest.AV(card, tone, slices.Concat([]string{"-vf", "select='if(between(t,2,4),not(mod(n,3)),if(between(t,6,7),not(mod(n,7)),1))'", "-fps_mode", "vfr"}, mediatest.X264("50", "-video_track_timescale", "90000"))...), 3, 0},
		{"stills", "f.mp4", stills(), 2, 0},
		{"milliseconds", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-video_track_timescale", "1000")...), 3, 0},
		{"five frames a second, deep reorder", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=5:d=10", tone, mediatest.X264("20", "-x264-params", "bframes=8:b-pyramid=normal:b-adapt=0", "-bf", "8")...), 3, 0},
		{"no b-frames", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-bf", "0")...), 3, 0},
		{"all key frames", "f.mp4", mediatest.AV(card, tone, mediatest.X264("1")...), 3, 0},
		{"video only", "f.mp4", append([]string{"-f", "lavfi", "-i", card}, mediatest.X264("60")...), 3, 0},
		{"audio only", "f.m4a", []string{"-f", "lavfi", "-i", tone, "-c:a", "aac"}, 3, 0},
		{"fragmented", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-movflags", "+frag_keyframe+empty_moov+default_base_moof")...), 3, 0},
		{"fragmented, old style", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "700000")...), 3, 0},
		{"fragmented, offsets signed", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-movflags", "+frag_keyframe+empty_moov+negative_cts_offsets+dash")...), 3, 1024},
		{"offsets signed", "f.mp4", mediatest.AV(card, tone, mediatest.X264("60", "-movflags", "+negative_cts_offsets")...), 3, 0},
		{"quicktime", "f.mov", mediatest.AV(card, tone, mediatest.X264("60")...), 3, 0},
		{"sound 0.7 s late", "f.mp4", append([]string{"-f", "lavfi", "-i", card, "-itsoffset", "0.7", "-f", "lavfi", "-i", tone, "-c:a", "aac"}, mediatest.X264("60")...), 3, 0},
		{"picture 0.3 s late", "f.mp4", append([]string{"-itsoffset", "0.3", "-f", "lavfi", "-i", card, "-f", "lavfi", "-i", tone, "-c:a", "aac"}, mediatest.X264("60")...), 3, 0},
		{"sound longer than picture", "f.mp4", mediatest.AV("testsrc2=s=192x108:r=30:d=5", "sine=f=440:r=48000:d=14", mediatest.X264("60")...), 2, 0},
		{"sound shorter than picture", "f.mp4", mediatest.AV(card, "sine=f=440:r=48000:d=3", mediatest.X264("60")...), 3, 0},
		{"hevc", "f.mp4", mediatest.AV(card, tone, mediatest.X265("keyint=60:min-keyint=60:open-gop=0:bframes=3")...), 3, 0},
		{"hevc 10 bit, hev1", "f.mp4", mediatest.AV(card, tone, mediatest.X265("keyint=60:min-keyint=60:open-gop=0:scenecut=0", "-pix_fmt", "yuv420p10le", "-tag:v", "hev1")...), 3, 0},
		{"hevc quicktime", "f.mov", mediatest.AV(card, tone, mediatest.X265("keyint=60:min-keyint=60:open-gop=0:bframes=3")...), 3, 0},
		{"mono 8 kHz", "f.mp4", mediatest.AV(card, "sine=f=440:r=8000:d=10", mediatest.X264("60", "-ac", "1")...), 3, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mediatest.Film(t, tt.file, tt.args...)
			x, f := index(t, path)
			standard(t, x, f)
			p, err := cmaf.Plan(x)
			if err != nil {
				t.Fatal(err)
			}
			main := p.Video
			if main == nil {
				main = p.Audio
			}
			if len(main.Segments) != tt.segments {
				t.Errorf("%d segments, want %d: %v", len(main.Segments), tt.segments, main.Segments)
			}
			if v := p.Video; v != nil {
				out := write(t, v, f, p.TargetDuration)
				placed(t, p, out.file, 0.1)
				comparePackets(t, "video", v, tt.late, mediatest.Packets(t, out.file, "v:0"), mediatest.Packets(t, path, "v:0"))
				want := mediatest.Frames(t, path)
				if got := mediatest.Frames(t, out.file); !slices.Equal(got, want) {
					t.Errorf("%d decoded pictures of the segments differ from the %d of the film", len(got), len(want))
				}
				if got := mediatest.Frames(t, out.playlist); !slices.Equal(got, want) {
					t.Errorf("%d decoded pictures through the playlist differ from the %d of the film", len(got), len(want))
				}
			}
			if a := p.Audio; a != nil {
				out := write(t, a, f, p.TargetDuration)
				comparePackets(t, "audio", a, 0, mediatest.Packets(t, out.file, "a:0"), mediatest.Packets(t, path, "a:0"))
				if got, want := len(mediatest.Packets(t, out.playlist, "a:0")), a.Track.Len(); got != want {
					t.Errorf("%d packets through the playlist, want %d", got, want)
				}
			}
			covers(t, p)
		})
	}
}

// stills is a film in which a picture stands for four seconds, up to a cut.
func stills() []string {
	return mediatest.AV(card, tone, slices.Concat([]string{"-vf", "select='not(between(t,2.01,5.99))'", "-fps_mode", "vfr", "-force_key_frames", "6"}, mediatest.X264("60"))...)
}

// placed wants each segment of pictures in a file to begin to be decoded so many seconds from where it begins to be shown, at
// most: that is where hls.js puts it.
func placed(t *testing.T, p *cmaf.Package, path string, off float64) {
	t.Helper()
	x, _ := index(t, path)
	v := x.Video()
	for i, piece := range p.Timeline.Segments() {
		want := piece.Start + int64(v.Timescale) // cmaf.Base
		if d := float64(v.DTS(piece.First)-want) / float64(v.Timescale); d > off || d < -off {
			t.Errorf("segment %d begins to be decoded %.3f s from its place", i, d)
		}
	}
}

// covers wants each sample in exactly one segment, and the segments of a rendition without a gap between.
func covers(t *testing.T, p *cmaf.Package) {
	t.Helper()
	for _, r := range []*cmaf.Rendition{p.Video, p.Audio} {
		if r == nil {
			continue
		}
		next := 0
		for i, s := range r.Segments {
			if s.First != next || s.Count <= 0 {
				t.Fatalf("segment %d holds [%d, +%d), want it to begin at %d", i, s.First, s.Count, next)
			}
			next += s.Count
			if i+1 < len(r.Segments) && s.Start+s.Duration != r.Segments[i+1].Start {
				t.Fatalf("segment %d ends at %d, the next begins at %d", i, s.Start+s.Duration, r.Segments[i+1].Start)
			}
		}
		if next != r.Track.Len() {
			t.Fatalf("%d of %d samples in segments", next, r.Track.Len())
		}
	}
}
