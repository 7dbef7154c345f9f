package ffmpeg

import (
	"encoding/binary"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
)

// heard are the samples of the first channel of the file's sound, as ffmpeg plays them.
func heard(t *testing.T, path string, rate int) []float64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:a:0",
		"-af", "pan=mono|c0=c0", "-ar", strconv.Itoa(rate), "-f", "s16le", "-") // #nosec G204 -- a film of the tests
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for len(b) > 1 {
		out = append(out, float64(int16(binary.LittleEndian.Uint16(b)))/32768)
		b = b[2:]
	}
	return out
}

// said is the sound of the films that package films makes.
func said(n int, rate int) float64 {
	if n < 0 {
		return 0
	}
	t := float64(n) / float64(rate)
	v := 0.03 * math.Sin(2*math.Pi*330*t)
	if t-math.Floor(t) < 0.05 {
		v += 0.5 * math.Sin(2*math.Pi*1000*t)
	}
	return v
}

// lag is by how many samples the sound is late against said, where it fits best around the guess.
func lag(got []float64, guess, rate int) int {
	best, least := 0, math.Inf(1)
	for l := guess - 100; l <= guess+100; l++ {
		sum := 0.0
		for n := max(0, guess-2000); n < min(len(got), guess+rate/2); n++ {
			d := got[n] - said(n-l, rate)
			sum += d * d
		}
		if sum < least {
			best, least = l, sum
		}
	}
	return best
}

func TestSound(t *testing.T) {
	t.Parallel()
	runner := New(Config{})
	for name, tt := range map[string]struct {
		spec    films.Spec
		demuxer string
		start   Ratio // added to nothing: the film's time 0
		keep    bool
		late    time.Duration // by how much the sound must be late
		rate    int
		chans   int
		beside  bool // the sound is as late as the pictures are
	}{
		"mp4":         {spec: films.Spec{Duration: 3 * time.Second}, demuxer: "mov", rate: 48000, chans: 2},
		"late":        {spec: films.Spec{Container: films.MOV, Audio: films.PCM, AudioOffset: 700 * time.Millisecond}, demuxer: "mov", late: 700 * time.Millisecond, rate: 48000, chans: 2},
		"early start": {spec: films.Spec{Container: films.MKV, Audio: films.PCM}, demuxer: "matroska", start: Ratio{-3, 10}, late: 300 * time.Millisecond, rate: 48000, chans: 2},
		"cut off":     {spec: films.Spec{Duration: 3 * time.Second, Container: films.MKV, Audio: films.PCM}, demuxer: "matroska", start: Ratio{1, 1000}, late: -time.Millisecond, rate: 48000, chans: 2},
		"a bit late":  {spec: films.Spec{Container: films.MOV, Audio: films.PCM, AudioOffset: 1000 * time.Microsecond}, demuxer: "mov", late: time.Millisecond, rate: 48000, chans: 2},
		"44100":       {spec: films.Spec{AudioRate: 44100, Channels: 1}, demuxer: "mov", rate: 44100, chans: 1},
		"32000":       {spec: films.Spec{Container: films.MKV, Audio: films.PCM, AudioRate: 32000}, demuxer: "matroska", rate: 48000, chans: 2},
		"opus":        {spec: films.Spec{Container: films.WebM, Video: films.VP9, Audio: films.Opus}, demuxer: "matroska", rate: 48000, chans: 2},
		"ts":          {spec: films.Spec{Container: films.TS}, demuxer: "mpegts", rate: 48000, chans: 2, beside: true},
		"5.1":         {spec: films.Spec{Container: films.MOV, Audio: films.PCM, Channels: 6}, demuxer: "mov", keep: true, rate: 48000, chans: 6},
		"7.1":         {spec: films.Spec{Container: films.MOV, Audio: films.PCM, Channels: 8}, demuxer: "mov", keep: true, rate: 48000, chans: 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := Input{Path: films.Get(t, tt.spec), Demuxer: tt.demuxer}
			p, err := runner.Probe(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			a := first(t, p, Audio)
			out := filepath.Join(t.TempDir(), "sound.m4a")
			var beside []int
			if tt.beside {
				v := first(t, p, Video)
				beside, tt.late = []int{v.Index}, time.Duration(v.Start.Num)*time.Second/time.Duration(v.Start.Den)
			}
			err = runner.Sound(t.Context(), in, out, SoundArgs{
				Beside: beside, Stream: a.Index, SampleRate: a.SampleRate, Channels: a.Channels, KeepChannels: tt.keep, Start: tt.start,
			}, 1<<24)
			if err != nil {
				t.Fatal(err)
			}
			q, err := runner.Probe(t.Context(), Input{Path: out, Demuxer: "mov"})
			if err != nil {
				t.Fatal(err)
			}
			if s := q.Streams[0]; len(q.Streams) != 1 || s.Codec != "aac" || s.Profile != "LC" || s.SampleRate != tt.rate || s.Channels != tt.chans || s.Start.Num != 0 {
				t.Errorf("got %+v", q.Streams)
			}
			want := int(math.Round(tt.late.Seconds() * float64(tt.rate)))
			if got := lag(heard(t, out, tt.rate), want, tt.rate); got != want && (!tt.beside || max(got-want, want-got) > 1) {
				t.Errorf("the sound is late by %d samples, want %d", got, want)
			}
		})
	}
}

func TestFirstSample(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		start Ratio
		want  int64
	}{
		{Ratio{}, 0},
		{Ratio{1, 1}, 48000},
		{Ratio{-1, 2}, -24000},
		{Ratio{1, 90000}, 1},   // 0.53
		{Ratio{-1, 90000}, -1}, // -0.53
		{Ratio{126000 * 1 << 20, 90000 * 1 << 20}, 67200},
	} {
		if got := (SoundArgs{SampleRate: 48000, Start: tt.start}).first(); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.start, got, tt.want)
		}
	}
}
