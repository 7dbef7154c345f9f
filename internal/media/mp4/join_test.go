package mp4_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filmcan/internal/media/mediatest"
	"filmcan/internal/media/mp4"
)

// assemble reads a composed film's bytes out of its files.
func assemble(t *testing.T, head []byte, body []mp4.Extent, files ...io.ReaderAt) []byte {
	t.Helper()
	film := slices.Clone(head)
	for _, e := range body {
		at := len(film)
		film = append(film, make([]byte, e.Length)...)
		if _, err := files[e.File].ReadAt(film[at:], e.Offset); err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
	}
	return film
}

// lead is added to the times that an encoder writes, so that none is negative: exact also in ticks of 1001/30000 s.
const lead = 1001

// encodeFrom encodes a picture from a frame on, as whoever takes up a broken-off encode does, and returns the packets with the
// film's times.
func encodeFrom(t *testing.T, picture, times string, frame int) (track *mp4.Track, table *mp4.Table, data []byte, frames []string) {
	t.Helper()
	path := mediatest.Film(t, "c.mp4", slices.Concat([]string{"-f", "lavfi", "-i", picture, "-vf", times + "trim=start_frame=" + strconv.Itoa(frame) + ",setpts='round(PTS+" + strconv.Itoa(lead) + "/TB)'"},
		mediatest.X264("1000", "-fps_mode", "passthrough", "-enc_time_base", "-1", "-force_key_frames", "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))",
			"-use_editlist", "0", "-avoid_negative_ts", "disabled", "-movflags", "+frag_every_frame+empty_moov+default_base_moof+frag_discont"))...)
	stream, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	track, all, err := packets(bytes.NewReader(stream))
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	table = new(mp4.Table)
	for _, p := range all {
		p.PTS -= lead * int64(track.Timescale)
		if err := table.Append(p); err != nil {
			t.Fatal(err)
		}
		data = append(data, p.Data...)
	}
	return track, table, data, mediatest.Frames(t, path)
}

// cut is the first n packets of a table, and the bytes of them.
func cut(t *testing.T, table *mp4.Table, n int, step int64) (*mp4.Table, int64) {
	t.Helper()
	var out mp4.Table
	for i := range n {
		p, size := table.Packet(i)
		if err := out.Add(p.PTS, step, int64(size), p.Sync); err != nil {
			t.Fatal(err)
		}
	}
	return &out, out.Bytes()
}

// TestComposeChunks puts two stretches of an encode, made by two processes, and sound into one film, and lets ffmpeg compare:
// no picture lost or doubled, none moved, the sound as it was.
func TestComposeChunks(t *testing.T) {
	t.Parallel()
	const picture = "testsrc2=s=192x108:r=30000/1001:d=6"
	tests := map[string]struct{ times, soundLate string }{
		"even":                {"", "0"},
		"variable frame rate": {"settb=1/90000,setpts='PTS+mod(N,3)*700',", "0"},
		"pictures late":       {"settb=1/90000,setpts=PTS+0.3/TB,", "0"},
		"sound late":          {"", "0.7"},
		"far apart":           {"settb=1/1000,setpts='PTS+gte(N,70)*9000',", "0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			track, whole, wholeData, want := encodeFrom(t, picture, tt.times, 0)
			const broken = 120 // two groups of pictures, at even times
			keys, at := 0, 0
			for ; at < whole.Len(); at++ {
				if p, _ := whole.Packet(at); p.Sync {
					if keys++; keys == 3 {
						break
					}
				}
			}
			if name == "even" && at != broken {
				t.Errorf("the third group begins at %d, want %d", at, broken)
			}
			_, second, secondData, tail := encodeFrom(t, picture, tt.times, at)
			first, size := cut(t, whole, at, 1)
			want = slices.Concat(want[:at], tail)
			var times []int64
			for i := range whole.Len() {
				p, _ := whole.Packet(i)
				times = append(times, p.PTS)
			}
			slices.Sort(times)

			soundFile := mediatest.Film(t, "s.m4a", "-itsoffset", tt.soundLate, "-f", "lavfi", "-i", "sine=f=440:r=48000:d=6", "-c:a", "aac", "-b:a", "64k")
			sx, sound := open(t, soundFile)
			sources := []mp4.Source{
				{Track: track, Chunks: []mp4.Chunk{{File: 0, Offset: 5, Packets: first}, {File: 1, Packets: second}}},
				{Track: sx.Audio(), File: 2},
			}
			head, body, err := mp4.Compose(sources)
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := mp4.Compose(sources)
			if err != nil || !bytes.Equal(again, head) {
				t.Errorf("composed again it differs: %v", err)
			}
			film := assemble(t, head, body, bytes.NewReader(append([]byte("junk."), wholeData[:size]...)), bytes.NewReader(secondData), sound)
			path := mediatest.Write(t, "film.mp4", film)
			x, f := open(t, path)
			v, err := mp4.Check(t.Context(), x, f, "")
			if gap := name == "far apart"; err != nil || !v.Master || !v.Standard() && !gap {
				t.Errorf("%+v, %v; want a standard master", v, err)
			}
			if got := mediatest.Frames(t, path); !slices.Equal(got, want) {
				t.Errorf("%d decoded pictures differ from %d encoded ones", len(got), len(want))
			}
			got := mediatest.Packets(t, path, "v:0")
			for i, p := range got {
				if len(got) != len(times) || p.PTS != times[i] || p.PTS != sorted(x.Video())[i] {
					t.Fatalf("picture %d of %d is shown at %d, want %d", i, len(got), p.PTS, times[i])
				}
			}
			if got, want := mediatest.Packets(t, path, "a:0"), mediatest.Packets(t, soundFile, "a:0"); !slices.Equal(got, want) {
				t.Errorf("%d packets of sound differ from %d; the first are %v and %v", len(got), len(want), got[0], want[0])
			}
			end := x.Video().Time(second.End())
			if d := x.Video().Length() - end; d.Abs() > time.Microsecond {
				t.Errorf("the pictures end at %v, want %v", x.Video().Length(), end)
			}
			if d := x.Audio().Length() - sx.Audio().Length(); d.Abs() > 2*time.Millisecond {
				t.Errorf("the sound ends at %v, want %v", x.Audio().Length(), sx.Audio().Length())
			}
			probed, err := strconv.ParseFloat(strings.TrimSpace(mediatest.Probe(t, path, "v:0", "format=duration")[0]), 64)
			if err != nil || probed-max(end, sx.Audio().Length()).Seconds() > 0.03 || max(end, sx.Audio().Length()).Seconds()-probed > 0.03 {
				t.Errorf("ffprobe sees %v s (%v), want %v", probed, err, max(end, sx.Audio().Length()))
			}
			woven(t, x)

			head, body, err = mp4.Compose(sources[:1])
			if err != nil || len(body) != 2 {
				t.Fatalf("pictures alone: %v, %v", body, err)
			}
			film = assemble(t, head, body, bytes.NewReader(append([]byte("junk."), wholeData[:size]...)), bytes.NewReader(secondData))
			if y := mustParse(t, film); y.Audio() != nil || !slices.Equal(sorted(y.Video()), times) {
				t.Errorf("the pictures alone have other times")
			}
		})
	}
}

// sorted are the times at which the pictures are shown.
func sorted(v *mp4.Track) []int64 {
	var times []int64
	for i := range v.Len() {
		times = append(times, v.PTS(i))
	}
	slices.Sort(times)
	return times
}

// woven wants pictures and sound of the same time to lie near each other.
func woven(t *testing.T, x *mp4.Index) {
	t.Helper()
	type sample struct {
		off int64
		at  time.Duration
	}
	var all []sample
	for _, tr := range []*mp4.Track{x.Video(), x.Audio()} {
		for i := range tr.Len() {
			all = append(all, sample{tr.Offset(i), tr.Time(tr.DTS(i) + tr.Shift())})
		}
	}
	slices.SortFunc(all, func(a, b sample) int { return int(a.off - b.off) })
	latest := all[0].at
	for _, s := range all {
		if latest-s.at > 1100*time.Millisecond {
			t.Fatalf("the sample of %v lies behind that of %v", s.at, latest)
		}
		latest = max(latest, s.at)
	}
}

// TestComposeRefuses wants chunks that are not one film to be refused.
func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	x := mustParse(t, small().Film())
	table := func(pts ...int64) *mp4.Table {
		var out mp4.Table
		for i, at := range pts {
			if err := out.Add(at, 10, 5, i == 0); err != nil {
				t.Fatal(err)
			}
		}
		return &out
	}
	var open mp4.Table
	if err := open.Add(0, 10, 5, false); err != nil {
		t.Fatal(err)
	}
	many := make([]int64, 40)
	for i := range many {
		many[i] = int64(40 - i)
	}
	tests := map[string][]*mp4.Table{
		"a picture twice":         {table(0, 20, 10, 20)},
		"the same chunk twice":    {table(0, 20, 10), table(0, 20, 10)},
		"chunks in another order": {table(30, 50, 40), table(0, 20, 10)},
		"no key frame":            {&open},
		"an empty chunk":          {table(0), table()},
		"backwards":               {table(many...)},
		"years apart":             {table(0, 1<<40)},
		"before the film":         {table(-30000, 0)},
	}
	for name, chunks := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mp4.Source{Track: x.Video()}
			for _, c := range chunks {
				s.Chunks = append(s.Chunks, mp4.Chunk{Packets: c})
			}
			if head, _, err := mp4.Compose([]mp4.Source{s}); err == nil {
				t.Errorf("composed, with a head of %d bytes", len(head))
			}
		})
	}
	for _, sources := range [][]mp4.Source{nil, {{}}, {{Track: &mp4.Track{Kind: mp4.Video}}}} {
		if _, _, err := mp4.Compose(sources); err == nil {
			t.Errorf("composed of %+v", sources)
		}
	}
}

// TestComposeHuge wants a film of more than 4 GB to have wide offsets, and its edits to survive.
func TestComposeHuge(t *testing.T) {
	t.Parallel()
	x := mustParse(t, small().Film())
	var chunks []mp4.Chunk
	for c := range 3 {
		var table mp4.Table
		for i := range 3 {
			if err := table.Add(int64(c*3+i)*1000, 1000, 1<<30, i == 0); err != nil {
				t.Fatal(err)
			}
		}
		chunks = append(chunks, mp4.Chunk{File: 1 + c, Packets: &table})
	}
	head, body, err := mp4.Compose([]mp4.Source{{Track: x.Video(), Chunks: chunks}})
	if err != nil {
		t.Fatal(err)
	}
	if len(body) != 3 || body[2] != (mp4.Extent{File: 3, Range: mp4.Range{Length: 3 << 30}}) || !bytes.Contains(head, []byte("co64")) {
		t.Fatalf("body %+v, want three of 3 GB and wide offsets", body)
	}
	y, err := mp4.Parse(t.Context(), sparse{head}, int64(len(head))+9<<30, mp4.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := y.Video().Offset(8), int64(len(head))+8<<30; got != want || y.Video().PTS(8) != 8000 {
		t.Errorf("the last picture lies at %d and is shown at %d, want %d and 8000", got, y.Video().PTS(8), want)
	}
}
