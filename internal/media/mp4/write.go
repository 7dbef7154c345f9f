package mp4

import "math"

// InitHead writes the head of a fragmented film of one track: ftyp and moov without samples, the track as number 1
// with its sample entry, matrix and size as they are. mediaTime is where in the fragments' time the presentation
// begins, in ticks of the track: where it is not 0 an edit list says so (14496-12, 8.6.6).
func InitHead(t *Track, mediaTime int64) []byte {
	var w writer
	end := w.open("ftyp")
	w.str("iso6")
	w.u32(0)
	w.str("iso6cmfcmp41")
	end()
	moov := w.open("moov")
	writeMvhd(&w, 0, t.Timescale, 0, 2)
	trak := w.open("trak")
	writeTkhd(&w, t, 1, 0)
	if mediaTime != 0 {
		// A duration of 0 in a fragmented film is all of it.
		writeElst(&w, []EditEntry{{MediaTime: mediaTime, Rate: 1 << 16}})
	}
	mdia := w.open("mdia")
	writeMdhd(&w, t, 0)
	writeHdlr(&w, t)
	minf := w.open("minf")
	writeMediaHeader(&w, t)
	stbl := w.open("stbl")
	writeStsd(&w, t)
	for _, kind := range []string{"stts", "stsc", "stco"} {
		empty := w.full(kind, 0, 0)
		w.u32(0)
		empty()
	}
	empty := w.full("stsz", 0, 0)
	w.u32s(0, 0)
	empty()
	stbl()
	minf()
	mdia()
	trak()
	mvex := w.open("mvex")
	trex := w.full("trex", 0, 0)
	w.u32s(1, 1, 0, 0, 0)
	trex()
	mvex()
	moov()
	return w.b
}

// wideIf begins a box in version 1 where one of the values needs 64 bits; put writes such a field.
func (w *writer) wideIf(kind string, flags uint32, values ...uint64) (end func(), put func(uint64)) {
	for _, v := range values {
		if v > math.MaxUint32 {
			return w.full(kind, 1, flags), w.u64
		}
	}
	return w.full(kind, 0, flags), func(v uint64) { w.u32(uint32(v)) }
}

func (w *writer) matrix(m [9]int32) {
	for _, v := range m {
		w.u32(uint32(v))
	}
}

// patch overwrites the 32 bits at an offset.
func (w *writer) patch(at int, v uint32) {
	w.b[at], w.b[at+1], w.b[at+2], w.b[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}

func writeMvhd(w *writer, created uint64, scale uint32, duration uint64, next uint32) {
	end, put := w.wideIf("mvhd", 0, created, duration)
	put(created)
	put(created)
	w.u32(scale)
	put(duration)
	w.u32s(1<<16, 1<<24) // rate 1, volume 1
	w.zeros(8)
	w.matrix(unity())
	w.zeros(24)
	w.u32(next)
	end()
}

func writeTkhd(w *writer, t *Track, id uint32, duration uint64) {
	end, put := w.wideIf("tkhd", 3, duration) // enabled, in the film
	put(0)
	put(0)
	w.u32s(id, 0)
	put(duration)
	w.zeros(8)
	w.u16(0)
	if t.Kind == Audio {
		w.u16(1)
		w.u16(1 << 8)
	} else {
		w.u16(0)
		w.u16(0)
	}
	w.u16(0)
	w.matrix(t.Matrix)
	w.u32s(t.CanvasWidth, t.CanvasHeight)
	end()
}

func writeElst(w *writer, edits []EditEntry) {
	edts := w.open("edts")
	var widest uint64
	for _, e := range edits {
		widest = max(widest, e.Duration)
		if e.MediaTime > math.MaxInt32 || e.MediaTime < math.MinInt32 {
			widest = math.MaxUint64
		}
	}
	end, put := w.wideIf("elst", 0, widest)
	w.u32(uint32(len(edits)))
	for _, e := range edits {
		put(e.Duration)
		put(uint64(e.MediaTime))
		w.u32(uint32(e.Rate))
	}
	end()
	edts()
}

func writeMdhd(w *writer, t *Track, duration uint64) {
	end, put := w.wideIf("mdhd", 0, duration)
	put(0)
	put(0)
	w.u32(t.Timescale)
	put(duration)
	language := t.Language
	if language == 0 {
		language = 0x55c4 // und
	}
	w.u16(language)
	w.u16(0)
	end()
}

func writeHdlr(w *writer, t *Track) {
	end := w.full("hdlr", 0, 0)
	w.u32(0)
	w.str(t.Handler)
	w.zeros(12)
	name := "VideoHandler"
	if t.Kind == Audio {
		name = "SoundHandler"
	}
	w.str(name)
	w.u8(0)
	end()
}

// writeMediaHeader writes vmhd or smhd, and dinf: the media is in this file.
func writeMediaHeader(w *writer, t *Track) {
	var end func()
	if t.Kind == Audio {
		end = w.full("smhd", 0, 0)
		w.zeros(4)
	} else {
		end = w.full("vmhd", 0, 1)
		w.zeros(8)
	}
	end()
	dinf := w.open("dinf")
	dref := w.full("dref", 0, 0)
	w.u32(1)
	url := w.full("url ", 0, 1)
	url()
	dref()
	dinf()
}

func writeStsd(w *writer, t *Track) {
	end := w.full("stsd", 0, 0)
	w.u32(1)
	w.bytes(t.Entry)
	end()
}

// writeTables writes stts, ctts, stss and stsz; times begin at 0.
func (s *samples) writeTables(w *writer) {
	n := len(s.dts)
	duration := func(i int) uint32 {
		next := s.end
		if i+1 < n {
			next = s.dts[i+1]
		}
		return uint32(next - s.dts[i])
	}
	writeRuns(w, "stts", 0, n, duration)
	if s.cto != nil {
		version := uint8(0)
		for _, v := range s.cto {
			if v < 0 {
				version = 1
			}
		}
		writeRuns(w, "ctts", version, n, func(i int) uint32 { return uint32(s.cto[i]) })
	}
	if !s.allSync {
		end := w.full("stss", 0, 0)
		w.u32(uint32(len(s.sync)))
		for _, v := range s.sync {
			w.u32(v + 1)
		}
		end()
	}
	end := w.full("stsz", 0, 0)
	w.u32s(0, uint32(n))
	for _, v := range s.size {
		w.u32(v)
	}
	end()
}

// writeRuns writes a table of (count, value).
func writeRuns(w *writer, kind string, version uint8, n int, value func(int) uint32) {
	end := w.full(kind, version, 0)
	at, runs := len(w.b), uint32(0)
	w.u32(0)
	for i := 0; i < n; {
		v, first := value(i), i
		for i < n && value(i) == v {
			i++
		}
		w.u32s(uint32(i-first), v)
		runs++
	}
	w.patch(at, runs)
	end()
}
