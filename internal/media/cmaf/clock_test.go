package cmaf_test

import (
	"bytes"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mediatest"
	"filmcan/internal/media/mp4"
)

// TestDeepReorder packages films that reorder pictures over more than the base, as slow ones with many B-frames do. No time
// may be negative, and every picture stays where it was.
func TestDeepReorder(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"1", "2", "5"} {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			path := mediatest.Film(t, "f.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=s=192x108:r=" + rate + ":d=40"},
				mediatest.X264("10", "-bf", "8", "-x264-params", "b-adapt=0:b-pyramid=strict:ref=8", "-video_track_timescale", rate+"000")...)...)
			x, f := index(t, path)
			p, err := cmaf.Plan(x)
			if err != nil {
				t.Fatal(err)
			}
			delay := x.Video().Edit.MediaTime
			if rate == "1" && delay <= int64(x.Video().Timescale) {
				t.Fatalf("the film reorders over %d ticks only: it shows nothing", delay)
			}
			out := write(t, p.Video, f, p.TargetDuration)
			comparePackets(t, "video", p.Video, 0, mediatest.Packets(t, out.file, "v:0"), mediatest.Packets(t, path, "v:0"))
			all, size := mediatest.Open(t, out.file)
			y, err := mp4.Parse(t.Context(), all, size, mp4.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range y.Video().Len() {
				if y.Video().DTS(i) < 0 || y.Video().CTO(i) < 0 {
					t.Fatalf("sample %d is decoded at %d and shown %d later", i, y.Video().DTS(i), y.Video().CTO(i))
				}
			}
		})
	}
}

// TestAttributes wants the attributes of playlists to be those that players expect.
func TestAttributes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name               string
		args               []string
		video, audio, rang string
	}{
		{"avc", mediatest.AV(card, tone, mediatest.X264("60", "-profile:v", "high", "-level:v", "3.1")...), "avc1.64001F", "mp4a.40.2", "SDR"},
		{"baseline", mediatest.AV(card, tone, mediatest.X264("60", "-profile:v", "baseline", "-level:v", "3.0", "-bf", "0")...), "avc1.42C01E", "mp4a.40.2", "SDR"},
		{"hevc", mediatest.AV(card, tone, mediatest.X265("keyint=60:level-idc=3.1")...), "hvc1.1.6.L93.90", "mp4a.40.2", "SDR"},
		{"hdr", mediatest.AV(card, tone, mediatest.X265("keyint=60:level-idc=3.1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", "-pix_fmt", "yuv420p10le", "-tag:v", "hev1")...), "hvc1.2.4.L93.90", "mp4a.40.2", "PQ"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mediatest.Film(t, "f.mp4", append(tt.args, "-t", "2")...)
			x, _ := index(t, path)
			p, err := cmaf.Plan(x)
			if err != nil {
				t.Fatal(err)
			}
			if p.Video.Track.Codec != tt.video || p.Audio.Track.Codec != tt.audio || p.Video.VideoRange() != tt.rang || p.Audio.VideoRange() != "" {
				t.Errorf("got %s %s %s, want %s %s %s", p.Video.Track.Codec, p.Audio.Track.Codec, p.Video.VideoRange(), tt.video, tt.audio, tt.rang)
			}
			if want := []byte(tt.video[:4]); !bytes.Contains(p.Video.Init(), want) {
				t.Errorf("the init segment has no entry %s", want)
			}
		})
	}
}

// TestBandwidth compares the announced rates with what the segments weigh.
func TestBandwidth(t *testing.T) {
	t.Parallel()
	path := mediatest.Film(t, "f.mp4", mediatest.AV(card, tone, mediatest.X264("125")...)...)
	x, _ := index(t, path)
	p, err := cmaf.Plan(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*cmaf.Rendition{p.Video, p.Audio} {
		var bytes, ticks int64
		for i, s := range r.Segments {
			bytes, ticks = bytes+s.Size, ticks+s.Duration
			own := s.Size * 8 * int64(r.Track.Timescale) / s.Duration
			if r.Time(s.Duration).Seconds() > float64(p.TargetDuration)/2 && own > r.Bandwidth {
				t.Errorf("segment %d has %d bit/s, announced %d", i, own, r.Bandwidth)
			}
			if r.Time(s.Duration).Seconds() >= float64(p.TargetDuration)+0.5 {
				t.Errorf("segment %d lasts %v, target %d", i, r.Time(s.Duration), p.TargetDuration)
			}
		}
		if average := bytes * 8 * int64(r.Track.Timescale) / ticks; r.AverageBandwidth < average || r.AverageBandwidth > average+1 || r.Bandwidth < r.AverageBandwidth {
			t.Errorf("announced %d and %d on average, want %d", r.Bandwidth, r.AverageBandwidth, average)
		}
	}
}
