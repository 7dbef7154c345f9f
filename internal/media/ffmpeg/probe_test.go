package ffmpeg

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, tt := range []struct {
		spec            films.Spec
		demuxer, format string
		rotation        int
	}{
		{films.Spec{Container: films.MKV, BFrames: 2}, "matroska", "matroska,webm", 0},
		{films.Spec{Container: films.TS}, "mpegts", "mpegts", 0},
		{films.Spec{Container: films.FLV}, "flv", "flv", 0},
		{films.Spec{Container: films.MOV, Rotation: 90, Width: 180, Height: 320}, "mov", "mov,mp4,m4a,3gp,3g2,mj2", -90},
	} {
		p, err := r.Probe(t.Context(), Input{Path: films.Get(t, tt.spec), Demuxer: tt.demuxer})
		if err != nil {
			t.Errorf("%s: %v", tt.spec.Container, err)
			continue
		}
		if len(p.Streams) != 2 || p.Format != tt.format || (p.Duration-2*time.Second).Abs() > 200*time.Millisecond {
			t.Errorf("%s: got %+v", tt.spec.Container, p)
			continue
		}
		v, a := p.Streams[0], p.Streams[1]
		if v.Kind == Audio {
			v, a = a, v
		}
		if v.Codec != "h264" || v.Width*v.Height != 320*180 || v.PixelFormat != "yuv420p" || v.Rate != (Ratio{30, 1}) || v.Interlaced || v.Rotation != tt.rotation {
			t.Errorf("%s: pictures: got %+v", tt.spec.Container, v)
		}
		if a.Codec != "aac" || a.SampleRate != 48000 || a.Channels != 2 || a.Profile != "LC" {
			t.Errorf("%s: sound: got %+v", tt.spec.Container, a)
		}
	}
	if got := r.Stats(); got.Probes != 4 || got.Starts() != 4 {
		t.Errorf("starts: got %+v", got)
	}
}

// TestProbeKeepsToItsDemuxer: a playlist under a film's name is not followed, whatever demuxer is named.
func TestProbeKeepsToItsDemuxer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	canary := films.Get(t, films.Spec{Container: films.TS})
	for name, text := range map[string]string{
		"hls.mkv":    "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://" + canary + "\n#EXT-X-ENDLIST\n",
		"concat.mkv": "ffconcat version 1.0\nfile 'file:" + canary + "'\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, demuxer := range []string{"matroska", "mpegts", "mov", "flv"} {
			p, err := New(Config{}).Probe(t.Context(), Input{Path: path, Demuxer: demuxer})
			if err == nil && len(p.Streams) > 0 {
				t.Errorf("%s as %s: got %+v", name, demuxer, p)
			}
		}
	}
}

func TestProbeOddNames(t *testing.T) {
	t.Parallel()
	film, err := os.ReadFile(films.Get(t, films.Spec{Container: films.MKV}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"-i", "-version", "http:x", "concat:a|b", "a b\n'c'\"d\".mkv", "%03d.mkv", "pipe:0"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, film, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := New(Config{}).Probe(t.Context(), Input{Path: path, Demuxer: "matroska"})
		if err != nil || len(p.Streams) != 2 {
			t.Errorf("%q: got %+v, %v", name, p, err)
		}
	}
}

func TestProbeGarbage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.mkv")
	if err := os.WriteFile(path, []byte("\x1a\x45\xdf\xa3 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(Config{}).Probe(t.Context(), Input{Path: path, Demuxer: "matroska"})
	if e, ok := errors.AsType[*Error](err); !ok || len(e.Lines) == 0 {
		t.Errorf("got %v, want ffprobe's own words", err)
	}
}

func TestRemux(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	for _, tt := range []struct {
		spec    films.Spec
		demuxer string
	}{
		{films.Spec{Container: films.MKV, BFrames: 2}, "matroska"},
		{films.Spec{Container: films.TS, Video: films.HEVC}, "mpegts"},
		{films.Spec{Container: films.FLV}, "flv"},
	} {
		in, out := films.Get(t, tt.spec), filepath.Join(t.TempDir(), "out.mp4")
		p, err := r.Probe(t.Context(), Input{Path: in, Demuxer: tt.demuxer})
		if err != nil {
			t.Errorf("%s: %v", tt.spec.Container, err)
			continue
		}
		if err := r.Remux(t.Context(), Input{Path: in, Demuxer: tt.demuxer}, out, p.Streams, 1<<30); err != nil {
			t.Errorf("%s: %v", tt.spec.Container, err)
			continue
		}
		got, err := r.Probe(t.Context(), Input{Path: out, Demuxer: "mov"})
		if err != nil || len(got.Streams) != len(p.Streams) {
			t.Errorf("%s: got %+v, %v", tt.spec.Container, got, err)
		}
		again := filepath.Join(t.TempDir(), "again.mp4")
		f, err := os.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := r.Remux(t.Context(), Input{Reader: f, Demuxer: tt.demuxer}, again, p.Streams, 1<<30); err != nil {
			t.Fatal(err)
		}
		a, _ := os.ReadFile(out)
		b, _ := os.ReadFile(again)
		if string(a) != string(b) {
			t.Errorf("%s: the same film gave two different files by name and by pipe", tt.spec.Container)
		}
	}
	if got := r.Stats(); got.Remuxes != 6 || got.Probes != 6 {
		t.Errorf("starts: got %+v", got)
	}
}

// FuzzParseProbe: what ffprobe prints is made from a stranger's file; no number in it gets through that the callers
// would have to fear.
func FuzzParseProbe(f *testing.F) {
	f.Add([]byte(`{"streams":[{"index":0,"codec_name":"h264","codec_type":"video","width":320,"height":180,"sample_aspect_ratio":"1:1",
		"avg_frame_rate":"30/1","duration":"2.0","side_data_list":[{"rotation":-90}]},{"codec_type":"audio","sample_rate":"48000","channels":2}],
		"format":{"format_name":"matroska,webm","duration":"2.023"}}`))
	f.Add([]byte(`{"streams":[{"codec_type":"video","avg_frame_rate":"0/0","r_frame_rate":"-1/9223372036854775807","duration":"nan","width":-5}]}`))
	f.Add([]byte(`{"format":{"duration":"1e300"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseProbe(b, Input{Demuxer: "mov"})
		if err != nil {
			return
		}
		if p.Duration < 0 || len(p.Streams) > maxStreams {
			t.Fatalf("got %+v", p)
		}
		for _, s := range p.Streams {
			if s.Width < 0 || s.Height < 0 || s.Duration < 0 || s.Channels < 0 || s.SampleRate < 0 || s.Rotation < -360 || s.Rotation > 360 ||
				(s.Rate.Num == 0) != (s.Rate.Den == 0) || s.Rate.Num < 0 || s.Rate.Den < 0 || (s.PixelAspect.Num == 0) != (s.PixelAspect.Den == 0) {
				t.Fatalf("got %+v", s)
			}
		}
	})
}
