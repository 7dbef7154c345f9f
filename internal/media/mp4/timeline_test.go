package mp4_test

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// pyramid are n pictures in the order in which x264 writes them with three B-frames: places in the order of showing.
func pyramid(n int) []int {
	order := []int{0}
	for i := 1; i < n; i += 4 {
		for _, k := range []int{i + 3, i + 1, i, i + 2} {
			if k < n {
				order = append(order, k)
			}
		}
	}
	return order
}

// timed checks the timeline of a film: its order, that its pieces hold each picture once and what decoding them needs, the
// times of a rendition that is encoded, and that what an encoder is fed with can be told apart again.
func timed(t *testing.T, x *mp4.Index, film []byte) {
	t.Helper()
	v := x.Video()
	if v == nil {
		return
	}
	l, err := cmaf.NewTimeline(v)
	if errors.Is(err, cmaf.ErrNotCuttable) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for k := range l.Len() {
		if l.Rank(l.Sample(k)) != k || k > 0 && l.Time(k) < l.Time(k-1) {
			t.Fatalf("picture %d is sample %d, which is picture %d; shown at %d", k, l.Sample(k), l.Rank(l.Sample(k)), l.Time(k))
		}
	}
	pieces := l.Segments()
	next := 0
	for i, p := range pieces {
		if p.First != next || p.Frames <= 0 || p.Start != l.Time(p.First) || p.Duration < 0 || !v.IsSync(p.Key) {
			t.Fatalf("piece %d of %d: %+v, want it to begin with picture %d", i, len(pieces), p, next)
		}
		if i+1 < len(pieces) && p.Start+p.Duration != pieces[i+1].Start {
			t.Fatalf("piece %d: %+v, the next: %+v", i, p, pieces[i+1])
		}
		for k := p.First; k < p.First+p.Frames; k++ {
			if s := l.Sample(k); s < p.Key || s >= p.Key+p.Samples {
				t.Fatalf("piece %d: %+v needs sample %d", i, p, s)
			}
		}
		if l.Passthrough() && (p.Key != p.First || p.Samples != p.Frames) {
			t.Fatalf("piece %d: %+v, want it whole", i, p)
		}
		next += p.Frames
	}
	if next != l.Len() {
		t.Fatalf("%d of %d pictures are in pieces", next, l.Len())
	}
	encoded(t, l)
	for _, n := range []int{0, len(pieces) / 2, len(pieces) - 1} {
		fed(t, l, n, film)
	}
}

// encoded writes the segments of an encoded rendition and reads them again: every picture has the film's time plus one
// second, exactly.
func encoded(t *testing.T, l *cmaf.Timeline) {
	t.Helper()
	v := l.Track()
	out := l.Init(v.Entry, 64, 36)
	var ranks []int
	for n, p := range l.Segments() {
		var frames []cmaf.Frame
		for i, k := range pyramid(p.Frames) {
			frames = append(frames, cmaf.Frame{Rank: p.First + k, Size: 3, Sync: i == 0})
			ranks = append(ranks, p.First+k)
		}
		head, err := l.Head(n, frames)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, head...), make([]byte, 3*p.Frames)...)
	}
	y, err := mp4.Parse(t.Context(), bytes.NewReader(out), int64(len(out)), mp4.Limits{})
	if err != nil {
		t.Fatalf("the encoded segments are refused: %v", err)
	}
	is := y.Video()
	if is.Len() != v.Len() || is.Timescale != v.Timescale || !bytes.Equal(is.Entry, v.Entry) || is.CanvasWidth != 64<<16 {
		t.Fatalf("%d pictures became %d, or their description changed", v.Len(), is.Len())
	}
	base := int64(is.Timescale)
	if got, want := is.DTS(0), l.Time(0)+base; got != want {
		t.Fatalf("the first picture is decoded at %d, want %d", got, want)
	}
	sync := 0
	for i, rank := range ranks {
		if shown := is.DTS(i) + is.CTO(i) - is.Edit.MediaTime - base; shown != l.Time(rank) || is.DTS(i) < 0 || is.CTO(i) < 0 {
			t.Fatalf("picture %d is shown at %d, want %d; decoded at %d", rank, shown, l.Time(rank), is.DTS(i))
		}
		if is.IsSync(i) {
			sync++
		}
	}
	if sync != len(l.Segments()) {
		t.Fatalf("%d key frames in %d segments", sync, len(l.Segments()))
	}
}

// fed runs from a segment to the end of the film into something that shows what it gets in order.
func fed(t *testing.T, l *cmaf.Timeline, first int, film []byte) {
	t.Helper()
	run, err := l.Run(first)
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewBuffer(run.Init())
	for n := first; n < len(l.Segments()); n++ {
		if run.Next() != n {
			t.Fatalf("segment %d is next, want %d", run.Next(), n)
		}
		if err := run.Feed(t.Context(), in, bytes.NewReader(film)); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Feed(t.Context(), in, nil); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last segment: %v", err)
	}
	v, p := l.Track(), l.Segments()[first]
	r := mp4.NewFragmentReader(in)
	track, err := r.Init()
	if err != nil {
		t.Fatal(err)
	}
	slot := int64(cmaf.Slot.Seconds()) * int64(track.Timescale)
	if track.Timescale != run.Timescale() || !bytes.Equal(track.Entry, v.Entry) || track.Timescale < 10_000 {
		t.Fatalf("fed track of timescale %d", track.Timescale)
	}
	var shown []int64
	before := int64(0)
	for i := p.Key; ; i++ {
		packet, err := r.Next()
		if errors.Is(err, io.EOF) {
			want := 0 // pictures of before the run need not come, even where they are decoded last
			for _, p := range l.Segments()[first:] {
				want = max(want, p.Key+p.Samples)
			}
			if i != want {
				t.Fatalf("fed up to sample %d, want %d", i, want)
			}
			break
		}
		if err != nil {
			t.Fatalf("sample %d: %v", i, err)
		}
		if !bytes.Equal(packet.Data, film[v.Offset(i):][:v.Size(i)]) || packet.Sync != v.IsSync(i) {
			t.Fatalf("sample %d has other bytes", i)
		}
		if packet.DTS <= before || packet.PTS < packet.DTS {
			t.Fatalf("sample %d is decoded at %d, after %d, and shown at %d", i, packet.DTS, before, packet.PTS)
		}
		before = packet.DTS
		rank := l.Rank(i)
		if early := packet.PTS < slot; early != (rank < p.First) {
			t.Fatalf("picture %d, of a run from %d, is fed for %d", rank, p.First, packet.PTS)
		}
		if rank >= p.First {
			shown = append(shown, packet.PTS)
		}
	}
	slices.SortFunc(shown, cmp.Compare)
	for i, pts := range shown {
		segment, rank, ok := run.Place(pts+12345, track.Timescale) // whatever is added to all times
		if want := p.First + i; !ok || rank != want || want < l.Segments()[segment].First || pts/slot != int64(segment-first+1) {
			t.Fatalf("picture %d comes back as %d of segment %d (%v)", want, rank, segment, ok)
		}
		if begins := pts%slot == 0; begins != (rank == l.Segments()[segment].First) {
			t.Fatalf("picture %d of segment %d is fed for %d", rank, segment, pts)
		}
	}
}

// TestTimelines takes made films through the properties of timelines.
func TestTimelines(t *testing.T) {
	t.Parallel()
	specs := map[string]mp4.Spec{
		"reordered":             {Frames: 1000, GOP: 50, Reorder: true},
		"long groups":           {Frames: 1000, GOP: 400, Reorder: true},
		"long groups, in order": {Frames: 1000, GOP: 400},
		"all key":               {Frames: 200, GOP: 1},
		"one frame":             {Frames: 1, GOP: 1},
		"late":                  {Frames: 1000, GOP: 350, Reorder: true, VideoBegins: 12345},
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film := spec.Film()
			if spec.VideoBegins != 0 {
				film = spec.Fragmented(false)
			}
			x := mustParse(t, film)
			l, err := cmaf.NewTimeline(x.Video())
			if err != nil {
				t.Fatal(err)
			}
			if want := spec.GOP <= 300; l.Passthrough() != want {
				t.Errorf("passthrough %v, want %v", l.Passthrough(), want)
			}
			if start := l.Segments()[0].Start; start != spec.VideoBegins {
				t.Errorf("begins at %d, want %d", start, spec.VideoBegins)
			}
			timed(t, x, film)
		})
	}
}

// TestHeadRefuses wants whatever an encoder does wrong to be found.
func TestHeadRefuses(t *testing.T) {
	t.Parallel()
	x := mustParse(t, mp4.Spec{Frames: 300, GOP: 30, Reorder: true}.Film())
	l, err := cmaf.NewTimeline(x.Video())
	if err != nil {
		t.Fatal(err)
	}
	p := l.Segments()[1]
	tests := map[string]func([]cmaf.Frame) []cmaf.Frame{
		"one lost":     func(f []cmaf.Frame) []cmaf.Frame { return f[:len(f)-1] },
		"one more":     func(f []cmaf.Frame) []cmaf.Frame { return append(f, cmaf.Frame{Rank: p.First + p.Frames, Size: 1}) },
		"one doubled":  func(f []cmaf.Frame) []cmaf.Frame { f[5] = f[6]; return f },
		"of the next":  func(f []cmaf.Frame) []cmaf.Frame { f[len(f)-1].Rank = p.First + p.Frames; return f },
		"of the last":  func(f []cmaf.Frame) []cmaf.Frame { f[3].Rank = p.First - 1; return f },
		"no key frame": func(f []cmaf.Frame) []cmaf.Frame { f[0].Sync = false; return f },
		"empty":        func(f []cmaf.Frame) []cmaf.Frame { f[9].Size = 0; return f },
		"shown too late": func(f []cmaf.Frame) []cmaf.Frame { // three pictures before one that is shown before them
			return slices.Concat(f[:1], f[2:5], f[1:2], f[5:])
		},
		"not the first": func(f []cmaf.Frame) []cmaf.Frame { f[0], f[1] = f[1], f[0]; f[0].Sync = true; return f },
		"none":          func([]cmaf.Frame) []cmaf.Frame { return nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames := make([]cmaf.Frame, p.Frames)
			for i := range frames {
				frames[i] = cmaf.Frame{Rank: p.First + i, Size: 1, Sync: i == 0}
			}
			if _, err := l.Head(1, frames); err != nil {
				t.Fatalf("as it should be: %v", err)
			}
			if head, err := l.Head(1, spoil(frames)); !errors.Is(err, cmaf.ErrFrames) || head != nil {
				t.Errorf("got %d bytes, %v", len(head), err)
			}
		})
	}
}

// counting notes the reads that reach it.
type counting struct {
	io.ReaderAt

	reads, bytes int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.bytes += len(p)
	return c.ReaderAt.ReadAt(p, off)
}

// TestFeedReadsLittle wants samples that lie near each other to be read together, large ones not at once, and errors to be
// handed on.
func TestFeedReadsLittle(t *testing.T) {
	t.Parallel()
	spec := mp4.Spec{Frames: 3000, GOP: 60, Reorder: true, Packets: 4700}
	film := spec.Film()
	x := mustParse(t, film)
	l, err := cmaf.NewTimeline(x.Video())
	if err != nil {
		t.Fatal(err)
	}
	run, err := l.Run(0)
	if err != nil {
		t.Fatal(err)
	}
	src := &counting{ReaderAt: bytes.NewReader(film)}
	for range l.Segments() {
		if err := run.Feed(t.Context(), io.Discard, src); err != nil {
			t.Fatal(err)
		}
	}
	if src.reads > 3000/100+len(l.Segments()) || src.bytes > len(film)*11/10 {
		t.Errorf("%d reads of %d bytes, of a film of %d", src.reads, src.bytes, len(film))
	}
	run, err = l.Run(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Feed(t.Context(), io.Discard, bytes.NewReader(film[:len(film)/50])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a film that is cut off: %v", err)
	}
	for _, n := range []int{-1, len(l.Segments())} {
		if _, err := l.Run(n); err == nil {
			t.Errorf("a run from segment %d of %d", n, len(l.Segments()))
		}
	}
}

// TestTracksOfTwoFiles wants sound of another file to be cut where the pictures are, also where these can only be encoded.
func TestTracksOfTwoFiles(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]mp4.Spec{"passed through": {Frames: 900, GOP: 70}, "encoded": {Frames: 900, GOP: 400}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pictures, sound := mustParse(t, spec.Film()).Video(), mustParse(t, mp4.Spec{Packets: 1500}.Film()).Audio()
			p, err := cmaf.PlanTracks(pictures, sound)
			if err != nil {
				t.Fatal(err)
			}
			if (p.Video != nil) != (spec.GOP == 70) || p.Timeline == nil || p.Audio == nil {
				t.Fatalf("plan %+v", p)
			}
			pieces := p.Timeline.Segments()
			for i, s := range p.Audio.Segments[:len(pieces)] {
				at, cut := sound.Time(s.Start), pictures.Time(pieces[i].Start)
				if late := at - cut; late > 0 || late < -sound.Time(2048) {
					t.Errorf("sound of segment %d begins at %v, its pictures at %v", i, at, cut)
				}
			}
			longest := int64(0)
			for _, piece := range pieces {
				longest = max(longest, piece.Duration)
			}
			if want := int(mp4.Rescale(longest, pictures.Timescale, 1)); p.TargetDuration < want || p.TargetDuration > want+1 {
				t.Errorf("target duration %d, want %d", p.TargetDuration, want)
			}
		})
	}
}
