package cmaf

import (
	"encoding/binary"
	"fmt"
	"math"

	"filmcan/internal/media/mp4"
)

// Sample flags (14496-12, 8.8.3.1): a key frame depends on no other, all the rest depend and are no sync samples.
const (
	flagsSync    = 0x02000000
	flagsNonSync = 0x01010000
)

// Flags of tfhd and trun (14496-12, 8.8.7 and 8.8.8).
const (
	tfhdDefaultDuration = 0x000008
	tfhdDefaultSize     = 0x000010
	tfhdDefaultFlags    = 0x000020
	tfhdBaseIsMoof      = 0x020000

	trunDataOffset  = 0x000001
	trunFirstFlags  = 0x000004
	trunDuration    = 0x000100
	trunSize        = 0x000200
	trunFlags       = 0x000400
	trunComposition = 0x000800
)

// layout is the form of a segment's head: what is the same for all samples is said once.
type layout struct {
	tfhd, trun uint32
	// duration, bytes and flags are the defaults that tfhd has where its flags say so; flags always.
	duration, bytes uint32
	flags           uint32
	count           int
	wideData        bool
}

func (r *Rendition) layout(s Segment) layout {
	t := r.Track
	l := layout{tfhd: tfhdBaseIsMoof | tfhdDefaultFlags, trun: trunDataOffset, count: s.Count}
	last := s.First + s.Count
	l.duration, l.bytes = r.duration(s.First), uint32(t.Size(s.First))
	sameDuration, sameSize, composed := true, true, false
	total := int64(0)
	for i := s.First; i < last; i++ {
		sameDuration = sameDuration && r.duration(i) == l.duration
		sameSize = sameSize && uint32(t.Size(i)) == l.bytes
		composed = composed || r.clock.pts(i) != r.clock.dts(i)
		total += int64(t.Size(i))
	}
	if sameDuration {
		l.tfhd |= tfhdDefaultDuration
	} else {
		l.trun |= trunDuration
	}
	if sameSize {
		l.tfhd |= tfhdDefaultSize
	} else {
		l.trun |= trunSize
	}
	if composed {
		l.trun |= trunComposition
	}
	switch {
	case t.SyncCount() == t.Len():
		l.flags = flagsSync
	case t.IsSync(s.First) && t.NextSync(s.First+1) >= last:
		l.flags = flagsNonSync
		l.trun |= trunFirstFlags
	default:
		l.flags = flagsNonSync
		l.trun |= trunFlags
	}
	l.wideData = total+8 > math.MaxUint32
	return l
}

// duration of sample i in the output.
func (r *Rendition) duration(i int) uint32 { return uint32(r.clock.dts(i+1) - r.clock.dts(i)) }

// Lengths of the boxes of a head.
const (
	stypSize = 8 + 4 + 4 + 2*4
	mfhdSize = 8 + 4 + 4
	tfdtSize = 8 + 4 + 8
)

func (l *layout) tfhdSize() int {
	n := 8 + 4 + 4
	for _, f := range []uint32{tfhdDefaultDuration, tfhdDefaultSize, tfhdDefaultFlags} {
		if l.tfhd&f != 0 {
			n += 4
		}
	}
	return n
}

func (l *layout) trunSize() int {
	n, per := 8+4+4+4, 0
	if l.trun&trunFirstFlags != 0 {
		n += 4
	}
	for _, f := range []uint32{trunDuration, trunSize, trunFlags, trunComposition} {
		if l.trun&f != 0 {
			per += 4
		}
	}
	return n + l.count*per
}

func (l *layout) trafSize() int { return 8 + l.tfhdSize() + tfdtSize + l.trunSize() }
func (l *layout) moofSize() int { return 8 + mfhdSize + l.trafSize() }

func (l *layout) mdatHead() int {
	if l.wideData {
		return 16
	}
	return 8
}

// size of the whole head.
func (l *layout) size() int { return stypSize + l.moofSize() + l.mdatHead() }

// Init is the initialization segment: the same for all segments of the rendition.
func (r *Rendition) Init() []byte { return mp4.InitHead(r.Track, r.clock.lead) }

// Segment writes the head of segment i (styp, moof and the header of mdat) and names the ranges of the film's bytes that
// follow it, in their order. size is the length of all of it, known before a byte is read.
func (r *Rendition) Segment(i int) (head []byte, ranges []mp4.Range, size int64, err error) {
	if i < 0 || i >= len(r.Segments) {
		return nil, nil, 0, fmt.Errorf("cmaf: segment %d of %d", i, len(r.Segments))
	}
	s := r.Segments[i]
	l := r.layout(s)
	w := writer{b: make([]byte, 0, l.size())}
	w.box(stypSize, "styp")
	w.str("msdh")
	w.u32(0)
	w.str("msdhmsix")
	w.box(l.moofSize(), "moof")
	w.box(mfhdSize, "mfhd")
	w.u32(0)
	w.u32(uint32(i + 1))
	w.box(l.trafSize(), "traf")
	r.writeTfhd(&w, &l)
	w.box(tfdtSize, "tfdt")
	w.u32(1 << 24) // version 1: 64 bits
	w.u64(uint64(r.clock.dts(s.First)))
	r.writeTrun(&w, &l, s)
	data := s.Size - int64(l.size())
	if l.wideData {
		w.box(1, "mdat")
		w.u64(uint64(16 + data))
	} else {
		w.box(int(8+data), "mdat")
	}
	return w.b, r.Track.Ranges(s.First, s.Count), s.Size, nil
}

func (r *Rendition) writeTfhd(w *writer, l *layout) {
	w.box(l.tfhdSize(), "tfhd")
	w.u32(l.tfhd)
	w.u32(1) // the track of Init
	if l.tfhd&tfhdDefaultDuration != 0 {
		w.u32(l.duration)
	}
	if l.tfhd&tfhdDefaultSize != 0 {
		w.u32(l.bytes)
	}
	w.u32(l.flags)
}

func (r *Rendition) writeTrun(w *writer, l *layout, s Segment) {
	w.box(l.trunSize(), "trun")
	w.u32(l.trun)
	w.u32(uint32(s.Count))
	w.u32(uint32(l.moofSize() + l.mdatHead())) // from the beginning of moof to the payload of mdat
	if l.trun&trunFirstFlags != 0 {
		w.u32(flagsSync)
	}
	next := r.Track.NextSync(s.First)
	for i := s.First; i < s.First+s.Count; i++ {
		if l.trun&trunDuration != 0 {
			w.u32(r.duration(i))
		}
		if l.trun&trunSize != 0 {
			w.u32(uint32(r.Track.Size(i)))
		}
		if l.trun&trunFlags != 0 {
			flags := uint32(flagsNonSync)
			if i == next {
				flags, next = flagsSync, r.Track.NextSync(i+1)
			}
			w.u32(flags)
		}
		if l.trun&trunComposition != 0 {
			w.u32(uint32(r.clock.pts(i) - r.clock.dts(i)))
		}
	}
}

// writer appends to b; the lengths of boxes are known beforehand.
type writer struct{ b []byte }

func (w *writer) u32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) str(s string) { w.b = append(w.b, s...) }

func (w *writer) box(size int, kind string) {
	w.u32(uint32(size))
	w.str(kind)
}
