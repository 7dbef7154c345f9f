package mp4_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// TestPackaged takes films through composing and packaging without ffmpeg: the same properties that the fuzzers ask for.
func TestPackaged(t *testing.T) {
	t.Parallel()
	specs := map[string]mp4.Spec{
		"reordered":  {Frames: 400, GOP: 50, Reorder: true, Packets: 600},
		"long group": {Frames: 400, GOP: 400, Packets: 700},
		"all key":    {Frames: 200, GOP: 1, Packets: 300},
		"no sound":   {Frames: 300, GOP: 30, Reorder: true},
		"sound":      {Packets: 1000},
		"one frame":  {Frames: 1, GOP: 1},
		"one packet": {Packets: 1},
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for form, film := range map[string][]byte{"film": spec.Film(), "fragments": spec.Fragmented(false), "terse": spec.Fragmented(true)} {
				x := mustParse(t, film)
				holds(t, x, int64(len(film)))
				composed(t, x, film)
				packaged(t, x, film)
				if v, err := mp4.Check(t.Context(), x, bytes.NewReader(film), ""); err != nil || !v.Standard() {
					t.Errorf("%s: %+v, %v; want a standard film", form, v, err)
				}
			}
		})
	}
}

// TestLateFragments wants fragments that carry the times of something longer to begin at zero, with the tracks in step.
func TestLateFragments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		video, audio int64 // decode times of the first samples
		start        time.Duration
		apart        time.Duration // of sound and picture, beyond what the film has anyway
	}{
		{"from zero", 0, 0, 0, 0},
		{"an hour later", 3600 * 30000, 3600 * 48000, 0, 0},
		{"half a second later", 15000, 24000, 500 * time.Millisecond, 0},
		{"2.5 s later, sound another second", 75000, 168000, 500 * time.Millisecond, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spec := small()
			spec.VideoBegins, spec.AudioBegins = tt.video, tt.audio
			film := spec.Fragmented(false)
			x := mustParse(t, film)
			v, a := x.Video(), x.Audio()
			vs, _ := v.Span()
			as, _ := a.Span()
			if got := v.Time(vs); got != tt.start {
				t.Errorf("the picture begins at %v, want %v", got, tt.start)
			}
			priming := time.Second * 1024 / 48000
			if got := a.Time(as) - v.Time(vs) + priming - tt.apart; got.Abs() > time.Microsecond {
				t.Errorf("the sound begins %v off", got)
			}
			composed(t, x, film)
			packaged(t, x, film)
		})
	}
}

// TestOtherTracks adds a metadata track full of nonsense, as it must not matter: phones add tracks of all kinds.
func TestOtherTracks(t *testing.T) {
	t.Parallel()
	box := func(kind string, body ...[]byte) []byte {
		all := bytes.Join(body, nil)
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(all))), kind...), all...)
	}
	tkhd := make([]byte, 84)
	tkhd[15] = 9 // its id
	junk := bytes.Repeat([]byte{0xff}, 64)
	trak := box("trak", box("tkhd", tkhd), box("mdia", box("mdhd", make([]byte, 24)), box("hdlr", make([]byte, 8), []byte("meta"), make([]byte, 13)),
		box("minf", box("stbl", box("stsd", junk), box("stsz", junk), box("stts", junk), box("stco", junk)))))
	film := movedLast(t, small().Film())
	moov := level(film, 0)[2]
	binary.BigEndian.PutUint32(film[moov.from:], uint32(moov.to-moov.from+len(trak)))
	film = append(film, trak...)
	x := mustParse(t, film)
	want, _ := small().Build()
	sameSamples(t, x, want)
	if last := x.Tracks[2]; len(x.Tracks) != 3 || last.Kind != mp4.Other || last.Handler != "meta" || last.ID != 9 {
		t.Errorf("tracks %+v, want a third of another kind", x.Tracks)
	}
	if v, err := mp4.Check(t.Context(), x, bytes.NewReader(film), ""); err != nil || !v.Standard() {
		t.Errorf("%+v, %v; want a standard film", v, err)
	}
}

// TestFalseKeyFrames wants a table that lies about key frames to be found out.
func TestFalseKeyFrames(t *testing.T) {
	t.Parallel()
	film := small().Film()
	x := mustParse(t, film)
	film[x.Video().Offset(60)+4] = 0x41 // a slice of a picture that is no IDR
	v, err := mp4.Check(t.Context(), x, bytes.NewReader(film), "")
	if err != nil || v.Reasons["unexpected_media_file_parameters"] == "" || !v.Master {
		t.Errorf("%+v, %v; want a reason", v, err)
	}
	film[x.Video().Offset(60)+4] = 0x65
	film[x.Video().Offset(30)] = 0x7f // a unit longer than its sample
	if v, err := mp4.Check(t.Context(), x, bytes.NewReader(film), ""); err != nil || v.Standard() {
		t.Errorf("%+v, %v; want a reason", v, err)
	}
}

// sparse is a file of zeros behind a head.
type sparse struct{ head []byte }

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.head)) {
		copy(p, s.head[off:])
	}
	return len(p), nil
}

// TestHuge composes and packages films with more than 4 GB of samples.
func TestHuge(t *testing.T) {
	t.Parallel()
	x, _ := mp4.Spec{Frames: 10, GOP: 5, Packets: 3}.Build()
	x.Huge(1 << 30)
	head, body, err := mp4.ComposeHead(x)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) != 1 || body[0] != (mp4.Range{Offset: 1 << 32, Length: 13 << 30}) || !bytes.Contains(head, []byte("co64")) {
		t.Fatalf("ranges %v, want one of 13 GB and wide offsets", body)
	}
	size := int64(len(head)) + 13<<30
	y, err := mp4.Parse(t.Context(), sparse{head}, size, mp4.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	sameSamples(t, y, x)
	if got, want := y.Audio().Offset(2), int64(len(head))+12<<30; got != want {
		t.Errorf("the last packet lies at %d, want %d", got, want)
	}
	p, err := cmaf.Plan(y)
	if err != nil {
		t.Fatal(err)
	}
	segment, ranges, total, err := p.Video.Segment(0)
	if err != nil {
		t.Fatal(err)
	}
	if total != int64(len(segment))+10<<30 || len(ranges) != 1 || binary.BigEndian.Uint64(segment[len(segment)-8:]) != 16+10<<30 {
		t.Errorf("segment of %d bytes in %v, mdat header % x", total, ranges, segment[len(segment)-16:])
	}
}
