package mp4_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"filmcan/internal/media/mediatest"
	"filmcan/internal/media/mp4"
)

// packets reads a stream to its end.
func packets(r io.Reader) (*mp4.Track, []mp4.Packet, error) {
	f := mp4.NewFragmentReader(r)
	track, err := f.Init()
	if err != nil {
		return nil, nil, err
	}
	var list []mp4.Packet
	for {
		p, err := f.Next()
		if err != nil {
			return track, list, err
		}
		p.Data = bytes.Clone(p.Data)
		list = append(list, p)
	}
}

// agree wants the packets of a stream to be the samples that the whole file has. The index takes whole seconds off the times
// of fragments.
func agree(t *testing.T, got []mp4.Packet, want *mp4.Track, film []byte) {
	t.Helper()
	if len(got) != want.Len() {
		t.Fatalf("%d packets, want %d", len(got), want.Len())
	}
	late := got[0].PTS - want.PTS(0)
	if late%int64(want.Timescale) != 0 {
		t.Fatalf("the first packet is shown at %d, want %d", got[0].PTS, want.PTS(0))
	}
	for i, p := range got {
		if p.PTS-late != want.PTS(i) || p.PTS-p.DTS != want.CTO(i) || p.Sync != want.IsSync(i) {
			t.Fatalf("packet %d is shown at %d and decoded at %d (%v), want %d, %d later, %v", i, p.PTS-late, p.DTS, p.Sync, want.PTS(i), want.CTO(i), want.IsSync(i))
		}
		if !bytes.Equal(p.Data, film[want.Offset(i):][:want.Size(i)]) {
			t.Fatalf("packet %d has other bytes", i)
		}
	}
}

// TestFragmentReader reads what ffmpeg writes into a pipe, byte by byte and at once.
func TestFragmentReader(t *testing.T) {
	t.Parallel()
	const frames = "+frag_every_frame+empty_moov+default_base_moof"
	one := func(codec ...string) []string {
		return slices.Concat([]string{"-f", "lavfi", "-i", "testsrc2=s=192x108:r=30:d=3"}, codec)
	}
	tests := map[string][]string{
		"frame by frame":     one(mediatest.X264("30", "-movflags", frames)...),
		"discontinuous":      one(mediatest.X264("30", "-movflags", frames+"+frag_discont", "-vf", "setpts=PTS+600/TB", "-use_editlist", "0")...),
		"by groups":          one(mediatest.X264("30", "-movflags", "+frag_keyframe+empty_moov+default_base_moof")...),
		"old style":          one(mediatest.X264("30", "-movflags", "+frag_keyframe+empty_moov+omit_tfhd_offset")...),
		"signed":             one(mediatest.X264("30", "-movflags", frames+"+negative_cts_offsets")...),
		"edit list":          one(mediatest.X264("30", "-movflags", frames+"+delay_moov", "-use_editlist", "1")...),
		"indexed":            one(mediatest.X264("30", "-movflags", frames+"+dash+global_sidx")...),
		"odd time scale":     one(mediatest.X264("30", "-movflags", frames, "-video_track_timescale", "1000007")...),
		"no key frame after": one(mediatest.X264("1000", "-movflags", frames)...),
		"sound":              {"-f", "lavfi", "-i", "sine=f=440:r=48000:d=3", "-c:a", "aac", "-movflags", frames},
		"hevc":               one(mediatest.X265("keyint=30", "-movflags", frames)...),
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film, err := os.ReadFile(mediatest.Film(t, "f.mp4", args...))
			if err != nil {
				t.Fatal(err)
			}
			x := mustParse(t, film)
			want := x.Tracks[0]
			for _, r := range []io.Reader{bytes.NewReader(film), iotest.OneByteReader(bytes.NewReader(film)), iotest.DataErrReader(bytes.NewReader(film))} {
				track, got, err := packets(r)
				if !errors.Is(err, io.EOF) {
					t.Fatalf("ends with %v", err)
				}
				if !bytes.Equal(track.Entry, want.Entry) || track.Timescale != want.Timescale || track.CanvasWidth != want.CanvasWidth || track.Len() != 0 {
					t.Errorf("track %+v, want %+v", track, want)
				}
				agree(t, got, want, film)
			}
		})
	}
}

// TestFragmentReaderCutOff wants a stream that breaks off anywhere to give the packets that are whole, and to say so.
func TestFragmentReaderCutOff(t *testing.T) {
	t.Parallel()
	for _, terse := range []bool{false, true} {
		film := mp4.Spec{Frames: 12, GOP: 4, Reorder: true}.Fragmented(terse)
		_, all, err := packets(bytes.NewReader(film))
		if !errors.Is(err, io.EOF) || len(all) != 12 {
			t.Fatalf("%d packets, %v", len(all), err)
		}
		clean := 0
		for n := range len(film) {
			_, got, err := packets(bytes.NewReader(film[:n]))
			switch {
			case errors.Is(err, io.EOF) && len(got) < 12:
				clean++ // between two fragments, or before anything came
			case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
				t.Fatalf("cut off at %d: %v", n, err)
			}
			for i, p := range got {
				if !bytes.Equal(p.Data, all[i].Data) || p.PTS != all[i].PTS {
					t.Fatalf("cut off at %d: packet %d differs", n, i)
				}
			}
		}
		if clean > 6 {
			t.Errorf("%d places where nothing seems to be missing", clean)
		}
	}
}

// TestFragmentReaderRefuses wants streams of something else to be refused.
func TestFragmentReaderRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		film []byte
		want string
	}{
		"two tracks":    {mp4.Spec{Frames: 4, GOP: 4, Packets: 4}.Fragmented(false), "tracks"},
		"no film":       {[]byte("#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n"), "EOF"},
		"nothing":       {nil, "EOF"},
		"a huge index":  {append([]byte{0x7f, 0xff, 0xff, 0xff}, "moov"...), "too large"},
		"media first":   {append([]byte{0, 0, 0, 9}, "mdat."...), "begins with mdat"},
		"only its head": {mp4.Spec{Frames: 4, GOP: 4}.Fragmented(false)[:640], "unexpected EOF"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, got, err := packets(bytes.NewReader(tt.film))
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(got) != 0 {
				t.Errorf("%d packets, %v; want %q", len(got), err, tt.want)
			}
		})
	}
}

// FuzzFragments wants whatever comes out of a pipe to end in little memory, with a reason; and packets that are accepted to
// be the same after they were stored as a table and composed.
func FuzzFragments(f *testing.F) {
	for _, s := range []mp4.Spec{{Frames: 12, GOP: 4, Reorder: true}, {Packets: 5}, {Frames: 2, GOP: 1, VideoBegins: 1 << 40}} {
		f.Add(s.Fragmented(false))
		f.Add(s.Fragmented(true))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 1<<18 {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		track, got, err := packets(bytes.NewReader(stream))
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Fatalf("%d bytes allocated for a stream of %d", used, len(stream))
		}
		if _, ok := errors.AsType[*mp4.Error](err); !ok && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("ends with %v", err)
		}
		if len(got) == 0 {
			return
		}
		total := 0
		var table mp4.Table
		for _, p := range got {
			total += len(p.Data)
			if p.Duration < 0 || len(p.Data) == 0 {
				t.Fatalf("packet %+v", p)
			}
			if table.Append(p) != nil {
				return
			}
		}
		if total > len(stream) {
			t.Fatalf("%d bytes of packets in a stream of %d", total, len(stream))
		}
		kept(t, &table)
		joined(t, track, got, &table)
	})
}

// joined composes packets and reads the film again.
func joined(t *testing.T, track *mp4.Track, want []mp4.Packet, table *mp4.Table) {
	t.Helper()
	head, body, err := mp4.Compose([]mp4.Source{{Track: track, Chunks: []mp4.Chunk{{Packets: table}}}})
	if err != nil {
		return // times that go backwards or lie too far apart
	}
	if len(body) != 1 || body[0].Offset != 0 || body[0].Length != table.Bytes() {
		t.Fatalf("body %+v of %d bytes", body, table.Bytes())
	}
	film := head
	for _, p := range want {
		film = append(film, p.Data...)
	}
	y, err := mp4.Parse(t.Context(), bytes.NewReader(film), int64(len(film)), mp4.Limits{})
	if err != nil {
		if e, ok := errors.AsType[*mp4.Error](err); ok && e.Kind == mp4.TooBig {
			return // too long
		}
		t.Fatalf("the composed film is refused: %v", err)
	}
	is := y.Tracks[0]
	if is.Len() != len(want) || !bytes.Equal(is.Entry, track.Entry) {
		t.Fatalf("%d of %d packets are in the composed film", is.Len(), len(want))
	}
	early := int64(0)
	for _, p := range want {
		early = max(early, -p.PTS)
	}
	for i, p := range want {
		if is.PTS(i) != p.PTS+early || is.IsSync(i) != p.Sync && track.Kind == mp4.Video || !bytes.Equal(film[is.Offset(i):][:is.Size(i)], p.Data) {
			t.Fatalf("packet %d is shown at %d (%v), want %d (%v)", i, is.PTS(i), is.IsSync(i), p.PTS, p.Sync)
		}
	}
}

// kept stores a table and reads it again.
func kept(t *testing.T, table *mp4.Table) {
	t.Helper()
	b, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again mp4.Table
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatalf("a stored table is refused: %v", err)
	}
	if again.Len() != table.Len() || again.Bytes() != table.Bytes() || again.End() != table.End() {
		t.Fatalf("%d packets of %d bytes until %d became %d of %d until %d", table.Len(), table.Bytes(), table.End(), again.Len(), again.Bytes(), again.End())
	}
	for i := range table.Len() {
		p, n := table.Packet(i)
		q, m := again.Packet(i)
		if p.PTS != q.PTS || p.Sync != q.Sync || n != m {
			t.Fatalf("packet %d: %+v of %d bytes became %+v of %d", i, p, n, q, m)
		}
	}
	if twice, err := again.MarshalBinary(); err != nil || !bytes.Equal(twice, b) {
		t.Fatalf("stored again it differs: %v", err)
	}
}

// FuzzTable wants stored tables to be refused or to be what they were.
func FuzzTable(f *testing.F) {
	var t mp4.Table
	for i := range 9 {
		if err := t.Add(int64(i^1)*1001, 1001, int64(100+i), i%4 == 0); err != nil {
			f.Fatal(err)
		}
	}
	b, err := t.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:len(b)-4])
	f.Fuzz(func(t *testing.T, b []byte) {
		var table mp4.Table
		if err := table.UnmarshalBinary(sum(b)); err != nil {
			if !errors.Is(err, mp4.ErrTable) {
				t.Fatalf("%v is no ErrTable", err)
			}
			return
		}
		kept(t, &table)
	})
}
