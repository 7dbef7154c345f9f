package mp4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"time"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// fuzzLimits keep what a hostile file may cost small enough to be seen.
func fuzzLimits() mp4.Limits {
	return mp4.Limits{MaxDuration: time.Hour, MaxSamples: 1 << 16, MaxMoov: 1 << 20, MaxTracks: 8, MaxBoxes: 1 << 12}
}

// FuzzParse wants every input to be refused with a reason or to give an index whose promises hold: samples inside the
// file and in order, stored and read back equal, cut so that each sample is in one segment, composed so that it reads
// the same again; all of it in little memory.
func FuzzParse(f *testing.F) {
	for _, s := range []mp4.Spec{{Frames: 12, GOP: 6, Reorder: true, Packets: 19}, {Frames: 3, GOP: 1}, {Packets: 4}} {
		film := s.Film()
		f.Add(film)
		f.Add(append(bytes.Clone(film[:24]), bytes.ReplaceAll(film[24:], []byte("isom"), []byte("qt  "))...))
		f.Add(s.Fragmented(false))
		f.Add(s.Fragmented(true))
	}
	f.Fuzz(func(t *testing.T, film []byte) {
		if len(film) > 1<<18 {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		x, err := mp4.Parse(t.Context(), bytes.NewReader(film), int64(len(film)), fuzzLimits())
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
			t.Fatalf("%d bytes allocated for a file of %d", used, len(film))
		}
		if err != nil {
			if _, ok := errors.AsType[*mp4.Error](err); !ok {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		holds(t, x, int64(len(film)))
		if _, err := mp4.Check(t.Context(), x, bytes.NewReader(film), mp4.Tier2160p); err != nil {
			t.Fatalf("check: %v", err)
		}
		composed(t, x, film)
		packaged(t, x, film)
		timed(t, x, film)
	})
}

// FuzzUnmarshal wants stored indexes to be refused or to hold the same promises.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []mp4.Spec{{Frames: 12, GOP: 6, Reorder: true, Packets: 19}, {Packets: 4}} {
		b, err := mustParse(f, s.Film()).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var x mp4.Index
		if err := x.UnmarshalBinary(sum(b)); err != nil {
			if !errors.Is(err, mp4.ErrIndex) {
				t.Fatalf("%v is no ErrIndex", err)
			}
			return
		}
		holds(t, &x, x.Size)
	})
}

// holds checks what every index promises.
func holds(t *testing.T, x *mp4.Index, size int64) {
	t.Helper()
	for _, tr := range []*mp4.Track{x.Video(), x.Audio()} {
		if tr == nil {
			continue
		}
		before := tr.DTS(0) * int64(min(1, tr.Len()))
		for i := range tr.Len() {
			if tr.Offset(i) < 0 || tr.Offset(i)+int64(tr.Size(i)) > size {
				t.Fatalf("sample %d of %s lies at %d+%d of %d", i, tr.Handler, tr.Offset(i), tr.Size(i), size)
			}
			if tr.DTS(i) < before {
				t.Fatalf("sample %d of %s is decoded at %d, after %d", i, tr.Handler, tr.DTS(i), before)
			}
			before = tr.DTS(i)
		}
		if tr.Len() > 0 && tr.DTS(tr.Len()) < before {
			t.Fatalf("%s ends before its last sample", tr.Handler)
		}
		tr.FrameRate()
		tr.AverageRate()
	}
	if x.Duration() < 0 {
		t.Fatalf("duration %v", x.Duration())
	}
	stored(t, x)
	cuts(t, x)
}

func stored(t *testing.T, x *mp4.Index) {
	t.Helper()
	b, err := x.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var y mp4.Index
	if err := y.UnmarshalBinary(b); err != nil {
		t.Fatalf("stored index refused: %v", err)
	}
	if again, err := y.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("stored again it differs: %v", err)
	}
}

// cuts checks that a plan, if there is one, has each sample in one segment and writes what it announced.
func cuts(t *testing.T, x *mp4.Index) {
	t.Helper()
	p, err := cmaf.Plan(x)
	if errors.Is(err, cmaf.ErrNotCuttable) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*cmaf.Rendition{p.Video, p.Audio} {
		if r == nil {
			continue
		}
		next := 0
		for i, s := range r.Segments {
			if s.First != next || s.Count <= 0 || s.Duration < 0 {
				t.Fatalf("segment %d: %+v, want it to begin with sample %d", i, s, next)
			}
			next += s.Count
			head, ranges, size, err := r.Segment(i)
			if err != nil {
				t.Fatal(err)
			}
			total := int64(len(head))
			for _, rg := range ranges {
				total += rg.Length
			}
			if total != size {
				t.Fatalf("segment %d announced %d bytes, has %d", i, size, total)
			}
		}
		if next != r.Track.Len() {
			t.Fatalf("%d of %d samples are in segments", next, r.Track.Len())
		}
	}
}

// composed checks that the composed film has the samples of the film, byte for byte.
func composed(t *testing.T, x *mp4.Index, film []byte) {
	t.Helper()
	out, body, err := mp4.ComposeHead(x)
	if err != nil {
		return // of a codec that is not passed through
	}
	for _, r := range body {
		out = append(out, film[r.Offset:][:r.Length]...)
	}
	y, err := parse(t, out)
	if err != nil {
		t.Fatalf("the composed film is refused: %v", err)
	}
	for _, pair := range [][2]*mp4.Track{{x.Video(), y.Video()}, {x.Audio(), y.Audio()}} {
		was, is := pair[0], pair[1]
		if was == nil || is == nil {
			if was != is {
				t.Fatalf("tracks %v and %v", was, is)
			}
			continue
		}
		if was.Len() != is.Len() || !reflect.DeepEqual(was.Entry, is.Entry) {
			t.Fatalf("%d samples composed to %d; entries % x and % x", was.Len(), is.Len(), was.Entry, is.Entry)
		}
		if !was.Edit.Complex { // a delay is rounded to ticks of the movie
			late, most := is.Shift()-was.Shift()-was.DTS(0), int64(was.Timescale)/int64(x.MovieTimescale)+1
			if late > most || late < -most {
				t.Fatalf("%s is shown %d ticks later in the composed film", was.Handler, late)
			}
		}
		for i := range was.Len() {
			a, b := film[was.Offset(i):][:was.Size(i)], out[is.Offset(i):][:is.Size(i)]
			if !bytes.Equal(a, b) || was.DTS(i)-was.DTS(0) != is.DTS(i) || was.CTO(i) != is.CTO(i) || was.IsSync(i) != is.IsSync(i) {
				t.Fatalf("sample %d differs in the composed film", i)
			}
		}
	}
}

// packaged checks that the segments of a film, read again, are its samples at its times plus one second.
func packaged(t *testing.T, x *mp4.Index, film []byte) {
	t.Helper()
	p, err := cmaf.Plan(x)
	if err != nil {
		return
	}
	for _, r := range []*cmaf.Rendition{p.Video, p.Audio} {
		if r == nil {
			continue
		}
		out := r.Init()
		for i := range r.Segments {
			head, ranges, _, err := r.Segment(i)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, head...)
			for _, rg := range ranges {
				out = append(out, film[rg.Offset:][:rg.Length]...)
			}
		}
		y, err := parse(t, out)
		if err != nil {
			t.Fatalf("the segments are refused: %v", err)
		}
		is, was := y.Tracks[0], r.Track
		if is.Len() != was.Len() || !bytes.Equal(is.Entry, was.Entry) || is.Timescale != was.Timescale || is.Rotation() != was.Rotation() {
			t.Fatalf("%d samples became %d, or their description changed", was.Len(), is.Len())
		}
		for i := range was.Len() {
			a, b := film[was.Offset(i):][:was.Size(i)], out[is.Offset(i):][:is.Size(i)]
			shown := is.DTS(i) + is.CTO(i) - is.Edit.MediaTime - int64(is.Timescale)
			if !bytes.Equal(a, b) || shown != was.PTS(i) || is.IsSync(i) != was.IsSync(i) || is.DTS(i) < 0 || is.CTO(i) < 0 {
				t.Fatalf("sample %d: shown at %d, want %d; decoded at %d; sync %v, want %v", i, shown, was.PTS(i), is.DTS(i), is.IsSync(i), was.IsSync(i))
			}
		}
	}
}

// FuzzBoxes changes single 32-bit words of a good film: a shorter way into the tables than random bytes.
func FuzzBoxes(f *testing.F) {
	films := [][]byte{
		mp4.Spec{Frames: 12, GOP: 6, Reorder: true, Packets: 19}.Film(),
		mp4.Spec{Frames: 12, GOP: 6, Reorder: true, Packets: 19}.Fragmented(false),
		mp4.Spec{Frames: 12, GOP: 6, Reorder: true, Packets: 19}.Fragmented(true),
	}
	f.Add(uint8(1), uint16(1100), uint32(90000), uint16(1104), uint32(60000))
	f.Add(uint8(0), uint16(300), uint32(0), uint16(700), uint32(1<<31))
	f.Fuzz(func(t *testing.T, which uint8, at1 uint16, v1 uint32, at2 uint16, v2 uint32) {
		film := bytes.Clone(films[int(which)%len(films)])
		for at, v := range map[uint16]uint32{at1: v1, at2: v2} {
			if int(at)+4 <= len(film) {
				binary.BigEndian.PutUint32(film[at:], v)
			}
		}
		x, err := mp4.Parse(t.Context(), bytes.NewReader(film), int64(len(film)), fuzzLimits())
		if err != nil {
			if _, ok := errors.AsType[*mp4.Error](err); !ok {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		holds(t, x, int64(len(film)))
		composed(t, x, film)
		packaged(t, x, film)
		timed(t, x, film)
	})
}
