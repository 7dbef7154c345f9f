package hostile

import "math/bits"

// bitWriter writes the codes of parameter sets.
type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) u(n int, v uint64) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// ue writes exponential Golomb codes.
func (w *bitWriter) ue(values ...uint64) {
	for _, v := range values {
		n := bits.Len64(v + 1)
		w.u(n-1, 0)
		w.u(n, v+1)
	}
}

// end writes the stop bit of a raw byte sequence payload.
func (w *bitWriter) end() []byte {
	w.u(1, 1)
	return escaped(w.b)
}

// escaped puts in the bytes that prevent start codes.
func escaped(b []byte) []byte {
	var out []byte
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, c)
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// h264 are parameter sets and pictures of H.264 of that many macroblocks. The first picture has one byte for each of
// them, all others a few for all.
func h264(wide, high uint64) (sps, pps, first, next []byte) {
	w := &bitWriter{}
	w.u(8, 0x67)
	w.u(24, 66<<16|0xc0<<8|52) // baseline, level 5.2
	w.ue(0, 12, 2, 1)          // id, frame numbers of 16 bits, order as decoded, one reference
	w.u(1, 0)
	w.ue(wide-1, high-1)
	w.u(4, 0b1100) // frames, direct inference; no crop, no VUI
	sps = w.end()

	w = &bitWriter{}
	w.u(8, 0x68)
	w.ue(0, 0)
	w.u(2, 0)
	w.ue(0, 0, 0)
	w.u(3, 0)
	w.ue(0, 0, 0)
	w.u(3, 0b100) // deblocking is under control of slices
	pps = w.end()

	w = &bitWriter{}
	w.u(8, 0x65)
	w.ue(0, 7, 0)
	w.u(16, 0)
	w.ue(0)   // IDR picture
	w.u(2, 0) // marking
	w.ue(0, 1)
	for range min(wide*high, 1<<21) {
		w.u(8, 0x27) // I_16x16, DC, nothing left
	}
	first = w.end()

	w = &bitWriter{}
	w.u(8, 0x41)
	w.ue(0, 5, 0)
	w.u(16, 1)
	w.u(3, 0) // references as they are; sliding window
	w.ue(0, 1, wide*high)
	next = w.end()
	return sps, pps, first, next
}

// hevcSPS is a sequence parameter set of HEVC for pictures of that size, main profile, without its NAL header's escape
// bytes being needed.
func hevcSets(width, height uint64) (vps, sps, pps []byte) {
	level := func(w *bitWriter) {
		w.u(8, 1)           // main
		w.u(32, 0x60000000) // compatibility
		w.u(48, 0x90<<40)   // progressive, frames only
		w.u(8, 186)         // level 6.2
	}
	w := &bitWriter{}
	w.u(16, 0x4001)
	w.u(16, 0x0c01)
	w.u(16, 0xffff)
	level(w)
	w.u(1, 1)
	w.ue(1, 0, 0)
	w.u(6, 0)
	w.ue(0)
	w.u(2, 0)
	vps = w.end()

	w = &bitWriter{}
	w.u(16, 0x4201)
	w.u(8, 1)
	level(w)
	w.ue(0, 1, width, height)
	w.u(1, 0)
	w.ue(0, 0, 4)
	w.u(1, 1)
	w.ue(1, 0, 0)
	w.ue(0, 3, 0, 3, 0, 0)
	w.u(4, 0)
	w.ue(0)
	w.u(4, 0)
	sps = w.end()

	w = &bitWriter{}
	w.u(16, 0x4401)
	w.ue(0, 0)
	w.u(7, 0)
	w.ue(0, 0, 0)
	w.u(3, 0)
	w.ue(0, 0)
	w.u(14, 0)
	pps = w.end()
	return vps, sps, pps
}

func hvc(width, height uint16, claimed uint64) []byte {
	vps, sps, pps := hevcSets(claimed, claimed)
	array := func(kind byte, set []byte) []byte { return cat([]byte{0x80 | kind}, be16(1, uint16(len(set))), set) }
	return visual("hvc1", width, height, box("hvcC",
		[]byte{1, 1}, be32(0x60000000), be16(0x9000), zero(4), []byte{186}, be16(0xf000), []byte{0xfc, 0xfd, 0xf8, 0xf8}, be16(0), []byte{0x0f, 3},
		array(32, vps), array(33, sps), array(34, pps)))
}

// sized puts each picture behind its length.
func sized(nal []byte) []byte { return cat(be32(uint32(len(nal))), nal) }
