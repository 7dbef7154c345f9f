package mp4

import (
	"encoding/binary"
	"encoding/hex"
)

// Spec describes a film made by code, for tests and as seeds of the fuzzers.
type Spec struct {
	// Frames at 30 a second, a key frame every GOP of them, with B-frames if Reorder.
	Frames, GOP int
	Reorder     bool
	// Packets of AAC at 48 kHz.
	Packets int
	// VideoBegins and AudioBegins are the decode times of the first samples of fragments, in ticks.
	VideoBegins, AudioBegins int64
}

// The configurations of a real encoder: 192x108, H.264 High, and AAC-LC mono at 48 kHz.
const (
	testAVCC = "0164000dffe1001a6764000dacd941419f9f0110000003001000000303c0f142996001000468ef8fcbfdf8f800"
	testESDS = "000000000380808025000200048080801740150000000000fb010000fb010580808005118856e500068080800102"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// FrameSize and PacketSize are the sizes of the samples of a made film.
func FrameSize(i, gop int) int {
	if i%gop == 0 {
		return 900
	}
	return 40 + i%7
}

// PacketBytes is the size of a made packet.
func PacketBytes(i int) int { return 20 + i%3 }

// Build makes the index of such a film, with samples interleaved by the second, and the media that its offsets speak of.
func (s Spec) Build() (*Index, []byte) {
	x := &Index{Brand: "isom", MovieTimescale: 1000, video: -1, audio: -1}
	var media []byte
	var v, a *Track
	if s.Frames > 0 {
		v = s.video()
		x.video = len(x.Tracks)
		x.Tracks = append(x.Tracks, v)
	}
	if s.Packets > 0 {
		a = s.audio()
		x.audio = len(x.Tracks)
		x.Tracks = append(x.Tracks, a)
	}
	frame, packet := 0, 0
	for frame < s.Frames || packet < s.Packets {
		for range 30 {
			if frame < s.Frames {
				v.s.offset = append(v.s.offset, int64(len(media)))
				size := FrameSize(frame, s.GOP)
				v.s.size = append(v.s.size, uint32(size))
				media = binary.BigEndian.AppendUint32(media, uint32(size-4))
				kind := byte(0x41) // a slice
				if frame%s.GOP == 0 {
					kind = 0x65 // of an IDR picture
				}
				media = append(media, kind)
				media = append(media, make([]byte, size-5)...)
				frame++
			}
		}
		for range 47 {
			if packet < s.Packets {
				a.s.offset = append(a.s.offset, int64(len(media)))
				a.s.size = append(a.s.size, uint32(PacketBytes(packet)))
				media = append(media, make([]byte, PacketBytes(packet))...)
				packet++
			}
		}
	}
	x.Size = int64(len(media))
	for _, t := range x.Tracks {
		t.s.seal()
	}
	x.settle()
	return x, media
}

func (s Spec) video() *Track {
	t := &Track{
		ID: 1, Kind: Video, Handler: "vide", Enabled: true, Timescale: 30000, Format: "avc1", Entries: 1, Matrix: unity(),
		CanvasWidth: 192 << 16, CanvasHeight: 108 << 16, Samples: s.Frames,
	}
	entry := make([]byte, visualHead)
	binary.BigEndian.PutUint16(entry[24:], 192)
	binary.BigEndian.PutUint16(entry[26:], 108)
	var w writer
	w.box("avcC", unhex(testAVCC))
	if err := t.parseVisual(box{"avc1", append(entry, w.b...)}); err != nil {
		panic(err)
	}
	for i := range s.Frames {
		t.s.dts = append(t.s.dts, int64(i)*1000)
		if s.Reorder { // shown one frame later, every third two frames later and the next at once: I P B P B …
			cto := int32(1000)
			if k := i % s.GOP; k > 0 && k%2 == 1 && k+1 < s.GOP && i+1 < s.Frames {
				cto = 2000
			} else if k > 0 && k%2 == 0 {
				cto = 0
			}
			t.s.cto = append(t.s.cto, cto)
		}
		if i%s.GOP == 0 {
			t.s.sync = append(t.s.sync, uint32(i))
		}
	}
	t.s.end = int64(s.Frames) * 1000
	if s.Reorder {
		t.Edits = []EditEntry{{Duration: uint64(s.Frames) * 1000 / 30, MediaTime: 1000, Rate: 1 << 16}}
		if err := t.interpret(1000, 1<<40); err != nil {
			panic(err)
		}
	}
	return t
}

func (s Spec) audio() *Track {
	t := &Track{
		ID: 2, Kind: Audio, Handler: "soun", Enabled: true, Timescale: 48000, Format: "mp4a", Entries: 1, Matrix: unity(),
		Samples: s.Packets, Sound: &Sound{},
	}
	if err := t.parseESDS(unhex(testESDS)); err != nil {
		panic(err)
	}
	t.s.allSync = true
	for i := range s.Packets {
		t.s.dts = append(t.s.dts, int64(i)*1024)
	}
	t.s.end = int64(s.Packets) * 1024
	t.Edits = []EditEntry{{Duration: uint64(s.Packets-1) * 1024 / 48, MediaTime: 1024, Rate: 1 << 16}}
	if err := t.interpret(1000, 1<<40); err != nil {
		panic(err)
	}
	return t
}

// Film is the film as a file, by ComposeHead.
func (s Spec) Film() []byte {
	x, media := s.Build()
	head, body, err := ComposeHead(x)
	if err != nil {
		panic(err)
	}
	for _, r := range body {
		head = append(head, media[r.Offset:][:r.Length]...)
	}
	return head
}

// Fragmented is the film as fragments of one GOP of pictures and then some sound, in the forms that trun allows: fields per
// sample or by default, with tfdt or without.
func (s Spec) Fragmented(terse bool) []byte {
	x, media := s.Build()
	var w writer
	w.bytes(fragmentedHead(x))
	next := map[*Track]int{}
	for seq := uint32(1); ; seq++ {
		done := true
		for _, t := range x.Tracks {
			first := next[t]
			last := min(first+47, t.Len())
			if t.Kind == Video {
				last = t.NextSync(first + 1)
			}
			if first >= t.Len() {
				continue
			}
			done = false
			begins := s.AudioBegins
			if t.Kind == Video {
				begins = s.VideoBegins
			}
			w.fragment(t, seq, begins, first, last, terse, media)
			next[t] = last
		}
		if done {
			return w.b
		}
	}
}

// fragmentedHead is a moov with all tracks and no samples.
func fragmentedHead(x *Index) []byte {
	var w writer
	end := w.open("ftyp")
	w.str("iso5")
	w.u32(0)
	end()
	moov := w.open("moov")
	writeMvhd(&w, 0, x.MovieTimescale, 0, 9)
	for _, t := range x.Tracks {
		trak := w.open("trak")
		writeTkhd(&w, t, t.ID, 0)
		if len(t.Edits) > 0 {
			writeElst(&w, []EditEntry{{MediaTime: t.Edit.MediaTime, Rate: 1 << 16}})
		}
		mdia := w.open("mdia")
		writeMdhd(&w, t, 0)
		writeHdlr(&w, t)
		minf := w.open("minf")
		writeMediaHeader(&w, t)
		stbl := w.open("stbl")
		writeStsd(&w, t)
		stbl()
		minf()
		mdia()
		trak()
	}
	mvex := w.open("mvex")
	for _, t := range x.Tracks {
		trex := w.full("trex", 0, 0)
		w.u32s(t.ID, 1, uint32(t.Duration(0)), 0, 0)
		trex()
	}
	mvex()
	moov()
	return w.b
}

func (w *writer) fragment(t *Track, seq uint32, begins int64, first, last int, terse bool, media []byte) {
	at := len(w.b)
	moof := w.open("moof")
	mfhd := w.full("mfhd", 0, 0)
	w.u32(seq)
	mfhd()
	traf := w.open("traf")
	flags := uint32(tfhdBaseIsMoof)
	if terse {
		flags = 0 // the first track fragment counts from moof anyway
	}
	tfhd := w.full("tfhd", 0, flags)
	w.u32(t.ID)
	tfhd()
	if !terse {
		tfdt := w.full("tfdt", 1, 0)
		w.u64(uint64(begins + t.DTS(first)))
		tfdt()
	}
	trunFields := uint32(trunDataOffset | trunSize | trunFlags | trunComposition)
	if !terse {
		trunFields |= trunDuration
	}
	trun := w.full("trun", 0, trunFields)
	w.u32(uint32(last - first))
	offset := len(w.b)
	w.u32(0)
	for i := first; i < last; i++ {
		if !terse {
			w.u32(uint32(t.Duration(i)))
		}
		w.u32(uint32(t.Size(i)))
		sampleFlags := uint32(sampleIsNonSync)
		if t.IsSync(i) {
			sampleFlags = 0
		}
		w.u32(sampleFlags)
		w.u32(uint32(t.CTO(i)))
	}
	trun()
	traf()
	moof()
	w.patch(offset, uint32(len(w.b)-at+8))
	mdat := w.open("mdat")
	for i := first; i < last; i++ {
		w.bytes(media[t.Offset(i):][:t.Size(i)])
	}
	mdat()
}

// Columns are a track's samples without where they lie, for comparisons.
func (t *Track) Columns() (sizes []uint32, dts []int64, end int64, cto []int32, sync []uint32) {
	return t.s.size, t.s.dts, t.s.end, t.s.cto, t.s.sync
}

// Huge makes the samples of an index n bytes long each, one behind the other in a file that begins with 4 GB of other
// things.
func (x *Index) Huge(n uint32) {
	at := int64(1 << 32)
	for _, t := range x.Tracks {
		for i := range t.s.size {
			t.s.size[i], t.s.offset[i] = n, at
			at += int64(n)
		}
	}
	x.Size = at
}
