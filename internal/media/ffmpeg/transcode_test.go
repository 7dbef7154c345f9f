package ffmpeg

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
)

// shown are the times at which ffprobe shows the frames of the first video stream, in its ticks.
func shown(t *testing.T, path string, stream string) []int64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "frame=best_effort_timestamp",
		"-print_format", "json", path) // #nosec G204 -- a film of the tests
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		Frames []struct {
			At int64 `json:"best_effort_timestamp"`
		} `json:"frames"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	var times []int64
	for _, f := range w.Frames {
		times = append(times, f.At)
	}
	return times
}

// remade puts the film's packets into another file by ffmpeg.
func remade(t *testing.T, path, ending string, after []string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "film."+ending)
	args := append(append([]string{"-nostdin", "-v", "error", "-i", path}, after...), out)
	if b, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil { // #nosec G204 -- a film of the tests
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

func first(t *testing.T, p *Probe, kind StreamKind) Stream {
	t.Helper()
	i := slices.IndexFunc(p.Streams, func(s Stream) bool { return s.Kind == kind })
	if i < 0 {
		t.Fatalf("no %s", kind)
	}
	return p.Streams[i]
}

func TestLead(t *testing.T) {
	t.Parallel()
	for unit, want := range map[Ratio]Ratio{
		{}:             {600, 1},
		{1, 1000}:      {600, 1},
		{1, 12800}:     {600, 1},
		{1, 15360}:     {600, 1},
		{1, 90000}:     {600, 1},
		{1001, 24000}:  {14386 * 1001, 24000},
		{1001, 30000}:  {17983 * 1001, 30000},
		{1001, 60000}:  {35965 * 1001, 60000},
		{125, 2997}:    {14386 * 125, 2997},
		{33333, 1e6}:   {18001 * 33333, 1e6},
		{1, 1e9}:       {600, 1},
		{5, 1}:         {600, 1},
		{1, 1 << 60}:   {600, 1},
		{-1, 25}:       {600, 1},
		{1 << 60, 100}: {600, 1},
	} {
		got := TranscodeArgs{Unit: unit}.Lead()
		if got != want {
			t.Errorf("%v: got %v, want %v", unit, got, want)
		}
		if got.Den != 1 && (got.Num%unit.Num != 0 || got.Den != unit.Den) {
			t.Errorf("%v: %v is no whole number of ticks", unit, got)
		}
	}
	if got := (TranscodeArgs{Unit: Ratio{1001, 240000}, Rate: Ratio{240000, 1001}}).Lead(); got != (Ratio{600, 1}) {
		t.Errorf("of frames that are dropped: got %v", got)
	}
}

func TestTranscodeTimes(t *testing.T) {
	t.Parallel()
	runner := New(Config{})
	copied := func(more ...string) []string { return append([]string{"-map", "0", "-c", "copy"}, more...) }
	for name, tt := range map[string]struct {
		demuxer string
		spec    films.Spec
		// ending and args make another file of it.
		ending string
		args   []string
	}{
		"mkv":        {demuxer: "matroska", spec: films.Spec{Container: films.MKV, BFrames: 2, Rate: films.NTSC}},
		"webm":       {demuxer: "matroska", spec: films.Spec{Container: films.WebM, Video: films.VP9, Audio: films.Opus}},
		"variable":   {demuxer: "mov", spec: films.Spec{VariableRate: true, BFrames: 2}},
		"hidden":     {demuxer: "mov", spec: films.Spec{Duration: 3 * time.Second, BFrames: 2, Hide: 700 * time.Millisecond}},
		"open":       {demuxer: "mov", spec: films.Spec{Duration: 3 * time.Second, BFrames: 3, OpenGOP: true}},
		"prores":     {demuxer: "mov", spec: films.Spec{Container: films.MOV, Video: films.ProRes, PixFmt: "yuv422p10le", Audio: films.PCM}},
		"avi":        {demuxer: "avi", spec: films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.MP3, Rate: films.NTSC}},
		"avi 23.976": {demuxer: "avi", spec: films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.MP3, Rate: films.Rate{Num: 24000, Den: 1001}}},
		"avi 59.94":  {demuxer: "avi", spec: films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.MP3, Rate: films.Rate{Num: 60000, Den: 1001}}},
		"avi 30.00003": {
			demuxer: "avi", spec: films.Spec{Container: films.MP4, Video: films.MPEG4, Audio: films.None}, ending: "avi",
			args: []string{"-c:v", "mjpeg", "-r", "1000000/33333", "-pix_fmt", "yuvj420p"},
		},
		"fields": {demuxer: "mpegts", spec: films.Spec{Container: films.TS, Video: films.MPEG2, Interlaced: true, Rate: films.Rate{Num: 25, Den: 1}}},
		"120":    {demuxer: "mov", spec: films.Spec{Duration: time.Second, Rate: films.Rate{Num: 120, Den: 1}}},
		"ts":     {demuxer: "mpegts", spec: films.Spec{Container: films.TS, BFrames: 2}},
		"wraps": {
			demuxer: "mpegts", spec: films.Spec{Duration: 4 * time.Second, BFrames: 2}, ending: "ts",
			args: copied("-output_ts_offset", "95440.7"),
		},
		"wraps at once": {demuxer: "mpegts", spec: films.Spec{BFrames: 2}, ending: "ts", args: copied("-output_ts_offset", "95442")},
		"negative":      {demuxer: "mov", spec: films.Spec{BFrames: 2}, ending: "mp4", args: copied("-movflags", "negative_cts_offsets", "-use_editlist", "0")},
		"late":          {demuxer: "mov", spec: films.Spec{BFrames: 2}, ending: "mp4", args: copied("-output_ts_offset", "12.3")},
		"gif":           {demuxer: "gif", spec: films.Spec{Rate: films.Rate{Num: 10, Den: 1}}, ending: "gif", args: []string{"-an"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := films.Get(t, tt.spec)
			if tt.ending != "" {
				path = remade(t, path, tt.ending, tt.args)
			}
			in := Input{Path: path, Demuxer: tt.demuxer}
			p, err := runner.Probe(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			v := first(t, p, Video)
			want := shown(t, path, "v:0")
			unit := v.TimeBase
			if in.Counted() {
				offset := want[0] - v.Start.Num/unit.Num
				for i := range want {
					want[i] -= offset
				}
			} else if at := float64(want[0]) * float64(unit.Num) / float64(unit.Den); at-float64(v.Start.Num)/float64(v.Start.Den) != 0 {
				t.Logf("starts at %v, first frame at %v", v.Start, at)
			}
			w, h := v.Picture().Displayed()
			args := TranscodeArgs{
				Picture: v.Picture(), Stream: v.Index, Unit: unit, Rate: v.Rate,
				Settings: ladder.Master(ladder.Film{Width: w, Height: h}, ladder.Plus, 1920),
			}
			lead := args.Lead()
			if in.Counted() {
				args.Beside = []int{first(t, p, Audio).Index}
			}
			check := func(skip int) {
				args.Skip = int64(skip)
				s, err := runner.Transcode(t.Context(), in, args)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				out := drain(t, s, nil)
				scale := int64(out.track.Timescale)
				if scale*unit.Num%unit.Den != 0 {
					t.Fatalf("the timescale %d is no multiple of the input's %v", scale, unit)
				}
				for _, pts := range out.pts {
					if (pts-lead.Num*scale/lead.Den)%(scale*unit.Num/unit.Den) != 0 {
						t.Fatalf("%d/%d is no time of the input's, which are multiples of %v, and %v more", pts, scale, unit, lead)
					}
				}
				var got []int64
				for _, pts := range slices.Sorted(slices.Values(out.pts)) {
					got = append(got, (pts-lead.Num*scale/lead.Den)/(scale*unit.Num/unit.Den))
				}
				if !slices.Equal(got, want[skip:]) {
					t.Errorf("skip %d: got %d frames %v, want %d %v", skip, len(got), got, len(want[skip:]), want[skip:])
				}
				if out.track.Codec != args.Settings.Codec || !out.track.IsSync(0) {
					t.Errorf("got %s, want %s", out.track.Codec, args.Settings.Codec)
				}
				last := int64(-1)
				for i := range out.pts {
					if !out.track.IsSync(i) {
						continue
					}
					if last >= 0 && (out.pts[i]-last < 2*scale || out.pts[i]-last > 2*scale+scale/5) {
						t.Errorf("a group of %d ticks", out.pts[i]-last)
					}
					last = out.pts[i]
				}
			}
			check(0)
			check(7)
		})
	}
}

// TestTranscodePhone: a portrait film is upright, and each frame is there; TestTranscodeTail: what is whole of a film
// that is cut off is encoded.
func TestTranscodePhone(t *testing.T) {
	t.Parallel()
	runner := New(Config{})
	path := films.Get(t, films.Phone(films.MOV, films.HEVC))
	in := Input{Path: path, Demuxer: "mov"}
	p, err := runner.Probe(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	v := first(t, p, Video)
	w, h := v.Picture().Displayed()
	if w != 180 || h != 320 {
		t.Fatalf("shown at %dx%d", w, h)
	}
	s, err := runner.Transcode(t.Context(), in, TranscodeArgs{
		Picture: v.Picture(), Stream: v.Index, Settings: ladder.Master(ladder.Film{Width: w, Height: h}, ladder.Plus, 1920),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	out := drain(t, s, nil)
	file := filepath.Join(t.TempDir(), "out.mp4")
	if err := os.WriteFile(file, out.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := films.Counters(t, file, 180), films.Counters(t, path, 180); !slices.Equal(got, want) {
		t.Errorf("the frames are %v, want %v", got, want)
	}
}

func TestTranscodeTail(t *testing.T) {
	t.Parallel()
	for demuxer, container := range map[string]films.Container{"matroska": films.MKV, "mpegts": films.TS, "flv": films.FLV} {
		s, err := New(Config{}).Transcode(t.Context(), Input{
			Path: films.Get(t, films.Spec{Container: container, BFrames: 2, Keep: 60}), Demuxer: demuxer,
		}, TranscodeArgs{
			Picture: Picture{Width: 320, Height: 180}, Settings: ladder.Master(ladder.Film{Width: 320, Height: 180}, ladder.Plus, 1920),
		})
		if err != nil {
			t.Fatal(err)
		}
		if out := drain(t, s, nil); out.track.Len() < 30 || out.track.Len() > 50 {
			t.Errorf("%s: got %d frames", container, out.track.Len())
		}
		_ = s.Close()
	}
}

// TestTooFast: above 120 frames per second every other one goes.
func TestTooFast(t *testing.T) {
	t.Parallel()
	s, err := New(Config{}).Transcode(t.Context(), Input{
		Path: films.Get(t, films.Spec{Duration: 500 * time.Millisecond, Rate: films.Rate{Num: 240, Den: 1}}), Demuxer: "mov",
	}, TranscodeArgs{
		Picture: Picture{Width: 320, Height: 180}, Rate: Ratio{240, 1},
		Settings: ladder.Master(ladder.Film{Width: 320, Height: 180}, ladder.Plus, 1920),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if out := drain(t, s, nil); out.track.Len() != 60 {
		t.Errorf("got %d frames, want 60", out.track.Len())
	}
}

// TestTranscodeByPipe: what can be streamed is encoded from a reader.
func TestTranscodeByPipe(t *testing.T) {
	t.Parallel()
	f, err := os.Open(films.Get(t, films.Spec{Container: films.MKV, BFrames: 2}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	s, err := New(Config{}).Transcode(t.Context(), Input{Reader: f, Demuxer: "matroska"}, TranscodeArgs{
		Picture: Picture{Width: 320, Height: 180}, Settings: ladder.Master(ladder.Film{Width: 320, Height: 180}, ladder.Basic, 1920),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if out := drain(t, s, nil); out.track.Len() != 60 {
		t.Errorf("got %d frames, want 60", out.track.Len())
	}
}
