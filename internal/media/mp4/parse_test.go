package mp4_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"filmcan/internal/media/mp4"
)

// small is a film of three seconds with three groups of pictures, reordered.
func small() mp4.Spec { return mp4.Spec{Frames: 90, GOP: 30, Reorder: true, Packets: 141} }

func parse(tb testing.TB, film []byte) (*mp4.Index, error) {
	tb.Helper()
	return mp4.Parse(tb.Context(), bytes.NewReader(film), int64(len(film)), mp4.Limits{})
}

func mustParse(tb testing.TB, film []byte) *mp4.Index {
	tb.Helper()
	x, err := parse(tb, film)
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

// sameSamples wants the tracks of two indexes to have the same samples at the same times.
func sameSamples(t *testing.T, got, want *mp4.Index) {
	t.Helper()
	for _, pair := range [][2]*mp4.Track{{got.Video(), want.Video()}, {got.Audio(), want.Audio()}} {
		g, w := pair[0], pair[1]
		if (g == nil) != (w == nil) {
			t.Fatalf("tracks differ: %v and %v", g, w)
		}
		if g == nil {
			continue
		}
		type columns struct {
			sizes []uint32
			dts   []int64
			end   int64
			cto   []int32
			sync  []uint32
		}
		var gc, wc columns
		gc.sizes, gc.dts, gc.end, gc.cto, gc.sync = g.Columns()
		wc.sizes, wc.dts, wc.end, wc.cto, wc.sync = w.Columns()
		if !reflect.DeepEqual(gc, wc) {
			t.Errorf("%s: columns differ:\n got %v\nwant %v", g.Handler, gc, wc)
		}
		if g.Shift() != w.Shift() || g.Codec != w.Codec || g.Timescale != w.Timescale {
			t.Errorf("%s: shift %d codec %s scale %d, want %d %s %d", g.Handler, g.Shift(), g.Codec, g.Timescale, w.Shift(), w.Codec, w.Timescale)
		}
	}
}

func TestParseForms(t *testing.T) {
	t.Parallel()
	want, _ := small().Build()
	film := small().Film()
	last := movedLast(t, film)
	forms := map[string][]byte{
		"moov first":           film,
		"moov last":            last,
		"mdat to the end":      openEnd(t, film),
		"64-bit mdat":          last, // movedLast writes it so
		"fragments":            small().Fragmented(false),
		"fragments, terse":     small().Fragmented(true),
		"junk after the film":  append(bytes.Clone(film), 0, 0, 0, 3, 'j', 'u', 'n', 'k', 1),
		"zeros after the film": append(bytes.Clone(film), make([]byte, 100)...),
		"unknown box before":   append(append([]byte{0, 0, 0, 8}, "wide"...), shifted(t, film, 8)...),
	}
	for name, b := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := mustParse(t, b)
			sameSamples(t, got, want)
			if d := got.Duration(); d < 2900*time.Millisecond || d > 3100*time.Millisecond {
				t.Errorf("duration %v, want about 3 s", d)
			}
			v, err := mp4.Check(t.Context(), got, bytes.NewReader(b), "")
			if err != nil || !v.Standard() || name != "unknown box before" && !v.Master {
				t.Errorf("verdict %+v, %v; want a standard master", v, err)
			}
		})
	}
}

// top is a box of a film: its type and bounds, header included.
type top struct {
	kind     string
	from, to int
}

// level lists the boxes that fill b; head is where the first begins.
func level(b []byte, head int) []top {
	var out []top
	for head+8 <= len(b) {
		n := int(binary.BigEndian.Uint32(b[head:]))
		if n == 1 && head+16 <= len(b) {
			n = int(binary.BigEndian.Uint64(b[head+8:]))
		}
		if n < 8 || head+n > len(b) {
			break
		}
		out = append(out, top{string(b[head+4 : head+8]), head, head + n})
		head += n
	}
	return out
}

// shifted adds n to all chunk offsets: for films that something is put before.
func shifted(t *testing.T, film []byte, n int) []byte {
	t.Helper()
	out := bytes.Clone(film)
	for at := 0; ; {
		i := bytes.Index(out[at:], []byte("stco"))
		if i < 0 {
			return out
		}
		at += i + 4
		count := int(binary.BigEndian.Uint32(out[at+4:]))
		for k := range count {
			p := out[at+8+4*k:]
			binary.BigEndian.PutUint32(p, uint32(int(binary.BigEndian.Uint32(p))+n))
		}
	}
}

// movedLast puts the moov of a film behind its mdat, whose header becomes 64 bits wide.
func movedLast(t *testing.T, film []byte) []byte {
	t.Helper()
	b := level(film, 0)
	ftyp, moov, mdat := b[0], b[1], b[2]
	moved := shifted(t, film, 8-(moov.to-moov.from))
	out := bytes.Clone(moved[ftyp.from:ftyp.to])
	out = binary.BigEndian.AppendUint32(out, 1)
	out = append(out, "mdat"...)
	out = binary.BigEndian.AppendUint64(out, uint64(mdat.to-mdat.from+8))
	out = append(out, moved[mdat.from+8:mdat.to]...)
	return append(out, moved[moov.from:moov.to]...)
}

// openEnd gives the mdat the size 0: to the end of the file.
func openEnd(t *testing.T, film []byte) []byte {
	t.Helper()
	out := bytes.Clone(film)
	binary.BigEndian.PutUint32(out[level(film, 0)[2].from:], 0)
	return out
}

// edges are the places where some box begins or ends, found by walking into every box that can hold others.
func edges(b []byte) []int {
	holders := map[string]int{"moov": 8, "trak": 8, "mdia": 8, "minf": 8, "stbl": 8, "edts": 8, "dinf": 8, "mvex": 8, "moof": 8, "traf": 8, "stsd": 16, "dref": 16, "avc1": 86, "mp4a": 36}
	var out []int
	var walk func(from, to int)
	walk = func(from, to int) {
		for _, c := range level(b[:to], from) {
			out = append(out, c.from, c.to)
			if skip, ok := holders[c.kind]; ok {
				walk(c.from+skip, c.to)
			}
		}
	}
	walk(0, len(b))
	return out
}

// tornHead is where the head of the fragment begins in which a film ends that is cut at n; 0 if it does not end in one, or
// before anybody can tell that it does.
func tornHead(film []byte, n int) int64 {
	for at := 0; at+8 <= n; {
		end := at + max(8, int(binary.BigEndian.Uint32(film[at:])))
		if end > n && string(film[at+4:at+8]) == "moof" {
			return int64(at)
		}
		at = end
	}
	return 0
}

// TestTruncated cuts films at and around the edge of every box. A plain film that is cut is refused, and says how much is
// whole; a fragmented one may only become shorter.
func TestTruncated(t *testing.T) {
	t.Parallel()
	want, _ := small().Build()
	all := want.Video().Len() + want.Audio().Len()
	for name, film := range map[string][]byte{"moov first": small().Film(), "moov last": movedLast(t, small().Film()), "fragments": small().Fragmented(false)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cuts := 0
			for _, edge := range edges(film) {
				for _, n := range []int{edge - 1, edge, edge + 1, edge + 9} {
					if n < 0 || n >= len(film) {
						continue
					}
					cuts++
					x, err := parse(t, film[:n])
					if err == nil {
						got := 0
						for _, tr := range x.Tracks {
							got += tr.Len()
						}
						if name != "fragments" || got >= all {
							t.Fatalf("cut at %d of %d: accepted with %d samples of %d", n, len(film), got, all)
						}
						continue
					}
					e, ok := errors.AsType[*mp4.Error](err)
					if !ok {
						t.Fatalf("cut at %d: %v is no refusal", n, err)
					}
					switch {
					case e.Kind == mp4.Truncated, n < 16 && e.Kind == mp4.NotFilm, name == "fragments" && e.Kind == mp4.Empty:
					default:
						t.Errorf("cut at %d: %v, want truncated", n, e)
					}
					if torn := tornHead(film, n); e.Whole > 0 && e.End != torn {
						t.Errorf("cut at %d: the head of the last fragment begins at %d, got %d", n, torn, e.End)
					}
					if e.Samples > 0 && (e.Whole >= e.Samples || e.Whole < 0) {
						t.Errorf("cut at %d: %d of %d samples whole", n, e.Whole, e.Samples)
					}
				}
			}
			if cuts < 50 {
				t.Errorf("only %d cuts", cuts)
			}
		})
	}
}

// TestDamaged changes one thing in a good film and wants the right refusal.
func TestDamaged(t *testing.T) {
	t.Parallel()
	// at returns what follows the type of the n-th box of that kind.
	at := func(b []byte, kind string, n int) []byte {
		for ; n >= 0; n-- {
			i := bytes.Index(b, []byte(kind))
			if i < 0 {
				t.Fatalf("no %s", kind)
			}
			b = b[i+4:]
		}
		return b
	}
	put := binary.BigEndian.PutUint32
	tests := []struct {
		name string
		edit func(b []byte)
		want mp4.ErrorKind
	}{
		{"track timescale 0", func(b []byte) { put(at(b, "mdhd", 0)[12:], 0) }, mp4.Damaged},
		{"film timescale 0", func(b []byte) { put(at(b, "mvhd", 0)[12:], 0) }, mp4.Damaged},
		{"more sizes than bytes", func(b []byte) { put(at(b, "stsz", 0)[8:], 1<<20) }, mp4.Damaged},
		{"4 billion sizes", func(b []byte) { put(at(b, "stsz", 0)[8:], 1<<32-1) }, mp4.TooBig},
		{"4 billion equal sizes", func(b []byte) { put(at(b, "stsz", 0)[4:], 1); put(at(b, "stsz", 0)[8:], 1<<32-1) }, mp4.TooBig},
		{"a million equal sizes in a small file", func(b []byte) { put(at(b, "stsz", 0)[4:], 1); put(at(b, "stsz", 0)[8:], 1<<20) }, mp4.Damaged},
		{"fewer sizes than times", func(b []byte) { put(at(b, "stsz", 0)[8:], 5) }, mp4.Damaged},
		{"stts of 4 billion runs", func(b []byte) { put(at(b, "stts", 0)[4:], 1<<32-1) }, mp4.Damaged},
		{"a run of 4 billion times", func(b []byte) { put(at(b, "stts", 0)[8:], 1<<32-1) }, mp4.Damaged},
		{"samples of a day each", func(b []byte) { put(at(b, "stts", 0)[12:], 1<<31) }, mp4.TooBig},
		{"stsc begins at chunk 0", func(b []byte) { put(at(b, "stsc", 0)[8:], 0) }, mp4.Damaged},
		{"stsc with 4 billion samples a chunk", func(b []byte) { put(at(b, "stsc", 0)[12:], 1<<32-1) }, mp4.Damaged},
		{"stco of 4 billion chunks", func(b []byte) { put(at(b, "stco", 0)[4:], 1<<32-1) }, mp4.Damaged},
		{"a chunk beyond the end", func(b []byte) { put(at(b, "stco", 0)[8:], 1<<31) }, mp4.Truncated},
		{"key frames not ascending", func(b []byte) { put(at(b, "stss", 0)[12:], 1) }, mp4.Damaged},
		{"a key frame beyond the end", func(b []byte) { put(at(b, "stss", 0)[16:], 1000) }, mp4.Damaged},
		{"more key frames than bytes", func(b []byte) { put(at(b, "stss", 0)[4:], 1<<32-1) }, mp4.Damaged},
		{"ctts of 4 billion runs", func(b []byte) { put(at(b, "ctts", 0)[4:], 1<<32-1) }, mp4.Damaged},
		{"a picture shown 20 hours later", func(b []byte) { put(at(b, "ctts", 0)[12:], 1<<31-1) }, mp4.TooBig},
		{"ctts with too few samples", func(b []byte) { put(at(b, "ctts", 0)[4:], 1) }, mp4.Damaged},
		{"elst of 4 billion edits", func(b []byte) { put(at(b, "elst", 0)[4:], 1<<32-1) }, mp4.Damaged},
		{"both tracks have one id", func(b []byte) { put(at(b, "tkhd", 1)[12:], 1) }, mp4.Damaged},
		{"track id 0", func(b []byte) { put(at(b, "tkhd", 1)[12:], 0) }, mp4.Damaged},
		{"a box larger than its parent", func(b []byte) { put(b[bytes.Index(b, []byte("mdia"))-4:], 1<<30) }, mp4.Damaged},
		{"no configuration", func(b []byte) { copy(b[bytes.Index(b, []byte("avcC")):], "free") }, mp4.Damaged},
		{"encrypted", func(b []byte) { copy(b[bytes.Index(b, []byte("avc1\x00\x00")):], "encv") }, mp4.Protected},
		{"media elsewhere", func(b []byte) { put(at(b, "url ", 0), 0) }, mp4.Protected},
		{"no tracks", func(b []byte) { copy(at(b, "hdlr", 0)[8:], "text"); copy(at(b, "hdlr", 1)[8:], "text") }, mp4.NotFilm},
		{"cut-off parameter set", func(b []byte) { at(b, "avcC", 0)[7] = 0xff }, mp4.Damaged},
		{"descriptor without end", func(b []byte) { copy(at(b, "esds", 0)[4:], bytes.Repeat([]byte{0xff}, 20)) }, mp4.Damaged},
		{"not a film", func(b []byte) { copy(b, "<!DOCTYPE html><html><head>") }, mp4.NotFilm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			film := small().Film()
			tt.edit(film)
			x, err := parse(t, film)
			e, ok := errors.AsType[*mp4.Error](err)
			if !ok || e.Kind != tt.want {
				t.Fatalf("got %v, %v; want a refusal as %v", x, err, tt.want)
			}
			if e.Message == "" || e.Message[len(e.Message)-1] != '.' && e.Message[len(e.Message)-1] != '?' {
				t.Errorf("message %q is no sentence", e.Message)
			}
		})
	}
}

// TestBounds wants absurd files to be refused quickly and in little memory.
func TestBounds(t *testing.T) {
	t.Parallel()
	box := func(kind string, body []byte) []byte {
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
	}
	deep := box("free", nil)
	for range 2000 {
		deep = box("moov", deep)
	}
	film := small().Film()
	moov := level(film, 0)[1]
	tests := []struct {
		name   string
		file   []byte
		limits mp4.Limits
	}{
		{"empty", nil, mp4.Limits{}},
		{"zeros", make([]byte, 1<<20), mp4.Limits{}},
		{"millions of empty boxes", bytes.Repeat(box("free", nil), 1<<20), mp4.Limits{MaxBoxes: 1 << 19}},
		{"millions of empty boxes in moov", box("moov", bytes.Repeat(box("free", nil), 1<<20)), mp4.Limits{}},
		{"a thousand tracks", box("moov", bytes.Repeat(box("trak", nil), 1000)), mp4.Limits{}},
		{"boxes two thousand deep", deep, mp4.Limits{}},
		{"a moov above the limit", film, mp4.Limits{MaxMoov: 100}},
		{"too many samples", film, mp4.Limits{MaxSamples: 50}},
		{"too long", film, mp4.Limits{MaxDuration: time.Second}},
		{"too long, fragmented", small().Fragmented(false), mp4.Limits{MaxDuration: time.Second}},
		{"too many samples, fragmented", small().Fragmented(false), mp4.Limits{MaxSamples: 50}},
		{"a moov of 2^62 bytes", binary.BigEndian.AppendUint64(append([]byte{0, 0, 0, 1}, "moov"...), 1<<62), mp4.Limits{}},
		{"only a moov", film[moov.from:moov.to], mp4.Limits{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, err := mp4.Parse(t.Context(), bytes.NewReader(tt.file), int64(len(tt.file)), tt.limits)
			if _, ok := errors.AsType[*mp4.Error](err); !ok {
				t.Fatalf("got %v, %v; want a refusal", x, err)
			}
		})
	}
}

// TestReadErrors wants failures to read and cancellation to be told apart from faults of the file.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	film := small().Film()
	_, err := mp4.Parse(t.Context(), bytes.NewReader(film[:1000]), int64(len(film)), mp4.Limits{})
	if _, refused := errors.AsType[*mp4.Error](err); err == nil || refused {
		t.Errorf("a reader shorter than its size: %v, want a failure to read", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("enough"))
	if _, err := mp4.Parse(ctx, bytes.NewReader(film), int64(len(film)), mp4.Limits{}); err == nil || err.Error() != "enough" {
		t.Errorf("cancelled: %v", err)
	}
}
