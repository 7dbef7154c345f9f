package cmaf_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mediatest"
	"filmcan/internal/media/mp4"
)

// encoder are the arguments of a process that knows nothing of the film and the place: what lies before 64 s is dropped, and a
// group of pictures begins every 64 s.
func encoder() []string {
	return []string{
		"-hide_banner", "-v", "error", "-nostdin", "-fpsprobesize", "0", "-probesize", "32", "-analyzeduration", "0", "-strict:v", "strict", "-threads:v", "1",
		"-copyts", "-f", "mov", "-i", "pipe:0", "-map", "0:v:0", "-vf", "trim=start=64,scale=96:54", "-c:v", "libx264", "-preset", "superfast", "-crf", "30", "-bf", "3",
		"-x264-params", "stitchable=1:open-gop=0:scenecut=0:keyint=infinite:threads=1:fps=30", "-flags", "+global_header+cgop",
		"-force_key_frames", "expr:gte(t,(n_forced+1)*64)", "-bsf:v", "filter_units=remove_types=6", "-fps_mode", "passthrough", "-enc_time_base", "-1",
		"-use_editlist", "0", "-avoid_negative_ts", "disabled", "-movflags", "+frag_every_frame+empty_moov+default_base_moof+frag_discont", "-f", "mp4", "pipe:1",
	}
}

// encode runs segments [first, last) through ffmpeg; put gets each segment as it would be served.
func encode(t *testing.T, l *cmaf.Timeline, src io.ReaderAt, first, last int, put func(n int, entry, segment []byte)) {
	t.Helper()
	run, err := l.Run(first)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", encoder()...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fed := make(chan error, 1)
	go func() {
		fed <- errors.Join(feed(t.Context(), run, stdin, src, last), stdin.Close())
	}()
	r := mp4.NewFragmentReader(stdout)
	var frames []cmaf.Frame
	var data []byte
	next := first
	done := func(entry []byte) {
		head, err := l.Head(next, frames)
		if err != nil {
			t.Fatal(err)
		}
		put(next, entry, append(head, data...))
		next, frames, data = next+1, nil, nil
	}
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v; %s", err, errs.String())
		}
		track, err := r.Init()
		if err != nil {
			t.Fatal(err)
		}
		segment, rank, ok := run.Place(p.PTS, track.Timescale)
		if !ok {
			t.Fatalf("no picture at %d/%d", p.PTS, track.Timescale)
		}
		if segment == next+1 {
			done(track.Entry)
		}
		if next == last {
			break
		}
		if segment != next {
			t.Fatalf("picture %d of segment %d in segment %d", rank, segment, next)
		}
		frames, data = append(frames, cmaf.Frame{Rank: rank, Size: len(p.Data), Sync: p.Sync}), append(data, p.Data...)
	}
	if track, err := r.Init(); next < last && err == nil {
		done(track.Entry)
	}
	if _, err := io.Copy(io.Discard, stdout); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-fed, cmd.Wait()); err != nil {
		t.Fatalf("%v; %s", err, errs.String())
	}
	if next != last {
		t.Fatalf("%d of %d segments came", next-first, last-first)
	}
}

func feed(ctx context.Context, run *cmaf.Run, w io.Writer, src io.ReaderAt, last int) error {
	if _, err := w.Write(run.Init()); err != nil {
		return err
	}
	for run.Next() < last {
		if err := run.Feed(ctx, w, src); err != nil {
			return err
		}
	}
	return nil
}

// TestEncodedByFFmpeg encodes films by several processes, in any order, and puts the segments behind one init segment: every
// picture is there once, at its time to the tick.
func TestEncodedByFFmpeg(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args  []string
		whole bool // cut at key frames
	}{
		"b-frames":            {mediatest.AV(card, tone, mediatest.X264("60")...), true},
		"23.976":              {mediatest.AV("testsrc2=s=192x108:r=24000/1001:d=10", tone, mediatest.X264("48")...), true},
		"long groups":         {mediatest.AV("testsrc2=s=192x108:r=30:d=18", tone, mediatest.X264("320")...), false},
		"long groups, 29.97":  {mediatest.AV("testsrc2=s=192x108:r=30000/1001:d=14", tone, mediatest.X264("1000")...), false},
		"variable frame rate": {mediatest.AV(card, tone, slices.Concat([]string{"-vf", "select='if(between(t,2,4),not(mod(n,3)),if(between(t,6,7),not(mod(n,7)),1))'", "-fps_mode", "vfr"}, mediatest.X264("50", "-video_track_timescale", "90000"))...), true},
		"stills":              {stills(), true},
		"milliseconds":        {mediatest.AV(card, tone, mediatest.X264("60", "-video_track_timescale", "1000")...), true},
		"odd time scale":      {mediatest.AV("testsrc2=s=192x108:r=30000/1001:d=10", tone, mediatest.X264("30", "-video_track_timescale", "1000007")...), true},
		"late":                {append([]string{"-itsoffset", "0.3", "-f", "lavfi", "-i", card, "-f", "lavfi", "-i", tone, "-c:a", "aac"}, mediatest.X264("60")...), true},
		"a still":             {mediatest.AV(card, tone, slices.Concat([]string{"-vf", "settb=1/1000,setpts='PTS+gte(N,170)*70000'", "-fps_mode", "passthrough", "-enc_time_base", "-1"}, mediatest.X264("60"))...), false},
		"hevc":                {mediatest.AV(card, tone, mediatest.X265("keyint=60:min-keyint=60:open-gop=0:bframes=3")...), true},
		"fragmented":          {mediatest.AV(card, tone, mediatest.X264("60", "-movflags", "+frag_keyframe+empty_moov+default_base_moof")...), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, f := index(t, mediatest.Film(t, "f.mp4", tt.args...))
			l, err := cmaf.NewTimeline(x.Video())
			if err != nil {
				t.Fatal(err)
			}
			if l.Passthrough() != tt.whole {
				t.Errorf("passthrough: %v", l.Passthrough())
			}
			n := len(l.Segments())
			segments := make([][]byte, n)
			var entry []byte
			put := func(i int, e, b []byte) {
				segments[i] = b
				if entry = cmpOr(entry, bytes.Clone(e)); !bytes.Equal(entry, e) {
					t.Errorf("segment %d has another sample entry", i)
				}
			}
			encode(t, l, f, n-1, n, put)
			encode(t, l, f, 0, n-1, put)
			out := slices.Concat(append([][]byte{l.Init(entry, 96, 54)}, segments...)...)
			path := mediatest.Write(t, "out.mp4", out)
			y, _ := index(t, path)
			v := y.Video()
			if v.Len() != l.Len() || v.Timescale != x.Video().Timescale {
				t.Fatalf("%d of %d pictures", v.Len(), l.Len())
			}
			got := mediatest.Packets(t, path, "v:0")
			for i, p := range got {
				if want := l.Time(i) + int64(v.Timescale); len(got) != l.Len() || p.PTS != want {
					t.Fatalf("picture %d of %d is shown at %d, want %d", i, len(got), p.PTS, want)
				}
			}
			if frames := mediatest.Frames(t, path); len(frames) != l.Len() {
				t.Errorf("%d pictures can be decoded of %d", len(frames), l.Len())
			}
			for i, p := range l.Segments() {
				if at, want := v.DTS(p.First), p.Start+int64(v.Timescale); at != want {
					t.Errorf("segment %d begins to be decoded at %d, want %d", i, at, want)
				}
			}
			same(t, path, f.Name())
		})
	}
}

func cmpOr(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}

// same compares the pictures of two films one by one: a picture in another's place is far off.
func same(t *testing.T, got, want string) {
	t.Helper()
	out := mediatest.Run(t, "ffmpeg", "-nostdin", "-v", "error", "-i", got, "-i", want, "-lavfi",
		"[0:v]settb=1/1000,setpts=N,scale=96:54[a];[1:v]settb=1/1000,setpts=N,scale=96:54[b];[a][b]ssim=stats_file=-", "-f", "null", "-")
	least := ssim(t, out)
	if least < 0.75 {
		t.Errorf("a picture differs: SSIM %.3f", least)
	}
}

// ssim is the least likeness of two pictures that the filter found.
func ssim(t *testing.T, out []byte) float64 {
	t.Helper()
	least := 2.0
	for line := range bytes.Lines(out) {
		_, after, ok := bytes.Cut(line, []byte("All:"))
		if !ok {
			continue
		}
		value, _, _ := bytes.Cut(after, []byte(" "))
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		least = min(least, v)
	}
	if least > 1 {
		t.Fatal("nothing was compared")
	}
	return least
}
