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

// sample is one picture or packet of a fragment as trun describes it: ticks of the track, bytes.
type sample struct {
	duration, size uint32
	// later is how much later than decoded it is shown.
	later uint32
	sync  bool
}

// layout is the form of a segment's head: what is the same for all samples is said once.
type layout struct {
	tfhd, trun uint32
	// duration, bytes and flags are the defaults that tfhd has where its flags say so; flags always.
	duration, bytes uint32
	flags           uint32
	count           int
	data            int64 // bytes of all samples
	wideData        bool
}

// newLayout chooses the form for samples, of which there is at least one; allSync: no sample of the whole track is anything
// but a key frame.
func newLayout(samples []sample, allSync bool) layout {
	l := layout{tfhd: tfhdBaseIsMoof | tfhdDefaultFlags, trun: trunDataOffset, count: len(samples)}
	l.duration, l.bytes = samples[0].duration, samples[0].size
	sameDuration, sameSize, composed, others := true, true, false, 0
	for i, s := range samples {
		sameDuration = sameDuration && s.duration == l.duration
		sameSize = sameSize && s.size == l.bytes
		composed = composed || s.later != 0
		if i > 0 && s.sync {
			others++
		}
		l.data += int64(s.size)
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
	case allSync:
		l.flags = flagsSync
	case samples[0].sync && others == 0:
		l.flags = flagsNonSync
		l.trun |= trunFirstFlags
	default:
		l.flags = flagsNonSync
		l.trun |= trunFlags
	}
	l.wideData = l.data+8 > math.MaxUint32
	return l
}

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

// samples are those of a segment, in the room of an earlier call.
func (r *Rendition) samples(room []sample, n int) []sample {
	s := r.Segments[n]
	room = room[:0]
	next := r.Track.NextSync(s.First)
	for i := s.First; i < s.First+s.Count; i++ {
		dts := r.clock.decode(n, s.First, i-s.First)
		room = append(room, sample{
			duration: uint32(r.clock.decode(n, s.First, i+1-s.First) - dts), size: uint32(r.Track.Size(i)), later: uint32(r.clock.pts(i) - dts), sync: i == next,
		})
		if i == next {
			next = r.Track.NextSync(i + 1)
		}
	}
	return room
}

func (r *Rendition) allSync() bool { return r.Track.SyncCount() == r.Track.Len() }

// Segment writes the head of segment i (styp, moof and the header of mdat) and names the ranges of the film's bytes that
// follow it, in their order. size is the length of all of it, known before a byte is read.
func (r *Rendition) Segment(i int) (head []byte, ranges []mp4.Range, size int64, err error) {
	if i < 0 || i >= len(r.Segments) {
		return nil, nil, 0, fmt.Errorf("cmaf: segment %d of %d", i, len(r.Segments))
	}
	s := r.Segments[i]
	head = segmentHead(i, r.clock.decode(i, s.First, 0), r.samples(nil, i), r.allSync())
	return head, r.Track.Ranges(s.First, s.Count), s.Size, nil
}

// segmentHead writes all of segment n that stands before its samples.
func segmentHead(n int, decode int64, samples []sample, allSync bool) []byte {
	l := newLayout(samples, allSync)
	w := writer{b: make([]byte, 0, l.size())}
	w.box(stypSize, "styp")
	w.str("msdh")
	w.u32(0)
	w.str("msdhmsix")
	w.fragment(&l, uint32(n+1), decode, samples)
	return w.b
}

// fragment writes moof and the header of mdat.
func (w *writer) fragment(l *layout, number uint32, decode int64, samples []sample) {
	w.box(l.moofSize(), "moof")
	w.box(mfhdSize, "mfhd")
	w.u32(0)
	w.u32(number)
	w.box(l.trafSize(), "traf")
	w.tfhd(l)
	w.box(tfdtSize, "tfdt")
	w.u32(1 << 24) // version 1: 64 bits
	w.u64(uint64(decode))
	w.trun(l, samples)
	if l.wideData {
		w.box(1, "mdat")
		w.u64(uint64(16 + l.data))
	} else {
		w.box(int(8+l.data), "mdat")
	}
}

func (w *writer) tfhd(l *layout) {
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

func (w *writer) trun(l *layout, samples []sample) {
	w.box(l.trunSize(), "trun")
	w.u32(l.trun)
	w.u32(uint32(len(samples)))
	w.u32(uint32(l.moofSize() + l.mdatHead())) // from the beginning of moof to the payload of mdat
	if l.trun&trunFirstFlags != 0 {
		w.u32(flagsSync)
	}
	for _, s := range samples {
		if l.trun&trunDuration != 0 {
			w.u32(s.duration)
		}
		if l.trun&trunSize != 0 {
			w.u32(s.size)
		}
		if l.trun&trunFlags != 0 {
			flags := uint32(flagsNonSync)
			if s.sync {
				flags = flagsSync
			}
			w.u32(flags)
		}
		if l.trun&trunComposition != 0 {
			w.u32(s.later)
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
