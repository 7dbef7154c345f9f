package hostile

// dimensions are pictures that no memory holds, or that take a machine apart by their number. Some can be decoded.
func dimensions(m *models, _ Places) []File {
	const many = "more pixels than are taken"
	const none = "no decoder takes pictures of that size"
	real := func(wide, high uint64, frames int) []byte { return vast(wide, high, frames) }
	files := []File{
		// 16000 is what still fits into the numbers of ffmpeg: a frame is 384 MB, and decodes.
		{Name: "h264-16000.mp4", Why: many, Upload: true, body: later(func() []byte { return real(1000, 1000, 3) })},
		{Name: "h264-16384.mp4", Why: many, Upload: true, body: later(func() []byte { return real(1024, 1024, 1) })},
		{Name: "h264-wide.mp4", Why: many, body: later(func() []byte { return real(8000, 4, 100) })},
		{Name: "h264-tall.mp4", Why: many, body: later(func() []byte { return real(1, 16000, 100) })},
		{Name: "h264-claims.mp4", Why: many, body: later(func() []byte {
			sps, pps, _, next := h264(1<<20, 1<<20)
			return oneTrack(avc(65535, 65535, sps, pps), 65535, sized(next))
		})},
		{Name: "h264-small-entry.mp4", Why: "the index says 320, the parameters 16000", body: later(func() []byte {
			sps, pps, first, next := h264(1000, 1000)
			return oneTrack(avc(320, 180, sps, pps), 320, sized(first), sized(next))
		})},
		{Name: "h264-grows.mp4", Why: "the index says 320, parameters between its pictures 16000: half of them are not decoded", body: later(func() []byte { return growing() })},
		// What is largest of what is taken, in the deepest format, with as many references as there can be: 226 MB each.
		{Name: "h264-8k-deep.mp4", Why: "what a decoder holds of it is more than it is given", body: later(func() []byte { return deep(60) })},
		{Name: "h264-16000.mkv", Type: "video/x-matroska", Why: many, Upload: true, body: later(func() []byte {
			sps, pps, first, next := h264(1000, 1000)
			private := cat([]byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1}, be16(uint16(len(sps))), sps, []byte{1}, be16(uint16(len(pps))), pps)
			return matroska(pictures("V_MPEG4/ISO/AVC", 16000, 16000, private), block(0, sized(first)), block(40, sized(next)), block(80, sized(next)))
		})},
		{Name: "h264-16000.ts", Type: "video/mp2t", Why: many, body: later(func() []byte {
			sps, pps, first, next := h264(1000, 1000)
			start := []byte{0, 0, 0, 1}
			return transport(cat(start, []byte{9, 0xf0}, start, sps, start, pps, start, first), cat(start, []byte{9, 0xf0}, start, next), cat(start, []byte{9, 0xf0}, start, next))
		})},
		{Name: "hevc-16384.mp4", Why: many, body: whole(oneTrack(hvc(16384, 16384, 16384), 16384, sized([]byte{0x26, 1, 0xaf, 0x80})))},
		{Name: "hevc-65535.mp4", Why: many, body: whole(oneTrack(hvc(65535, 65535, 65536), 65535, sized([]byte{0x26, 1, 0xaf, 0x80})))},
		{Name: "vp9-65536.webm", Type: "video/webm", Why: many, body: whole(matroska(pictures("V_VP9", 65536, 65536, nil), block(0, vp9(65536, 65536)), block(40, vp9(65536, 65536))))},
		{Name: "vp9-16000.ivf", Type: "video/x-ivf", Why: many, body: whole(ivf("VP90", 16000, 16000, vp9(16000, 16000), vp9(16000, 16000)))},
		{Name: "vp8-16383.webm", Type: "video/webm", Why: many, body: whole(matroska(pictures("V_VP8", 16383, 16383, nil), block(0, vp8(16383, 16383)), block(40, vp8(16383, 16383))))},
		{Name: "av1-65536.mp4", Why: many, body: whole(oneTrack(visual("av01", 65535, 65535, box("av1C", []byte{0x81, 0x1f, 0, 0}, av1Sequence(65536))), 65535, av1Sequence(65536)))},
		{Name: "av1-65536.ivf", Type: "video/x-ivf", Why: many, body: whole(ivf("AV01", 65535, 65535, cat([]byte{0x12, 0}, av1Sequence(65536))))},
		{Name: "mjpeg-65535.avi", Type: "video/x-msvideo", Why: many, body: whole(motion("MJPG", 65535, 65535, jpeg(65535, 65535), jpeg(65535, 65535)))},
		{Name: "mjpeg-16000.avi", Type: "video/x-msvideo", Why: many, Upload: true, body: whole(motion("MJPG", 16000, 16000, jpeg(16000, 16000), jpeg(16000, 16000)))},
		{Name: "mjpeg-lies.avi", Type: "video/x-msvideo", Why: "the head says 320, its pictures 16000", body: whole(motion("MJPG", 320, 180, jpeg(16000, 16000), jpeg(16000, 16000)))},
		{Name: "png-65535.mov", Type: "video/quicktime", Why: many, body: whole(oneTrack(visual("png ", 65535, 65535), 65535, png(65535, 65535, 0)))},
		{Name: "jpeg-65535.mov", Type: "video/quicktime", Why: many, body: whole(oneTrack(visual("jpeg", 65535, 65535), 65535, jpeg(65535, 65535)))},
		{Name: "raw-65535.mov", Type: "video/quicktime", Why: many, body: whole(oneTrack(visual("raw ", 65535, 65535), 65535, zero(64)))},
		{Name: "prores-65535.mov", Type: "video/quicktime", Why: many, body: whole(oneTrack(visual("apch", 65535, 65535), 65535,
			cat(be32(64), []byte("icpf"), be16(20, 0), []byte("fmpg"), be16(65535, 65535), []byte{0x80, 0, 0, 0, 0, 0, 0, 0}, zero(40))))},
		{Name: "gif-65535.gif", Type: "image/gif", Why: many, Upload: true, body: whole(gif(65535, 65535, 3, 4))},
		{Name: "gif-16000.gif", Type: "image/gif", Why: many, body: whole(gif(16000, 16000, 3, 4))},
		{Name: "png.mp4", Why: "a still image", body: whole(png(65535, 65535, 0))},
		{Name: "jpeg.mp4", Why: "a still image", body: whole(jpeg(65535, 65535))},
		{Name: "y4m.y4m", Type: "video/x-yuv4mpeg", Why: many, body: text("YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420jpeg\nFRAME\n0123456789")},
		{Name: "y4m-huge.y4m", Type: "video/x-yuv4mpeg", Why: none, body: text("YUV4MPEG2 W2147483647 H2147483647 F25:1 Ip A1:1 C420jpeg\nFRAME\n0123456789")},
		{Name: "mpeg2-16383.mpg", Type: "video/mpeg", Why: many, body: whole(cat(be32(0x1b3), []byte{0xff, 0xff, 0xff, 0x13, 0xff, 0xff, 0xe0, 0x18},
			be32(0x1b5), []byte{0x14, 0x8b, 0xff, 0xff, 0xe0, 0}, be32(0x1b8), zero(4), be32(0x100), []byte{0, 0xf, 0xff, 0xf8}, be32(0x101), repeat([]byte{0x13}, 300)))},
		{Name: "ffv1-65535.mkv", Type: "video/x-matroska", Why: many, body: whole(matroska(pictures("V_FFV1", 65535, 65535, nil), block(0, zero(100))))},
		{Name: "tkhd-65535.mp4", Want: Ready, Why: "a whole film whose head claims another size for display: the pictures say it", body: whole(patch(m.mp4, inTrack+"tkhd", 76, be32(0xffffffff, 0xffffffff)))},
		{Name: "pasp.mp4", Want: Ready, Why: "pixels a billion times as wide as high: brought to a size that can be shown", body: whole(edit(m.mp4, inTable+"stsd", func(b []byte) []byte {
			entry := cat(b[16:], box("pasp", be32(1<<31-1, 1)))
			return full("stsd", 0, be32(1), put(entry, 0, be32(uint32(len(entry)))))
		}))},
	}
	return files
}

// oneTrack is an MP4 of a picture track with these frames, 25 a second.
func oneTrack(entry []byte, side uint16, frames ...[]byte) []byte {
	t := track{handler: "vide", scale: 25, length: uint32(len(frames)), width: side, height: side, entry: entry, delta: 1}
	for _, f := range frames {
		t.sizes = append(t.sizes, uint32(len(f)))
	}
	return movie(t, frames...)
}

// vast is H.264 of that many macroblocks that can be decoded.
func vast(wide, high uint64, frames int) []byte {
	sps, pps, first, next := h264(wide, high)
	list := [][]byte{sized(first)}
	for range frames - 1 {
		list = append(list, sized(next))
	}
	side := uint16(min(65535, 16*wide))
	return oneTrack(avc(side, uint16(min(65535, 16*high)), sps, pps), side, list...)
}

// deep is H.264 of 8192x4608 pixels of 10 bits in 4:4:4, each picture with sixteen before it in memory.
func deep(frames int) []byte {
	const wide, high = 512, 288
	w := &bitWriter{}
	w.u(8, 0x67)
	w.u(24, 244<<16|62) // high 4:4:4 predictive, level 6.2
	w.ue(0, 3)          // id, 4:4:4
	w.u(1, 0)           // its planes together
	w.ue(2, 2)          // 10 bits
	w.u(2, 0)           // no bypass, no scaling lists
	w.ue(12, 2, 16)     // frame numbers of 16 bits, order as decoded, sixteen references
	w.u(1, 0)
	w.ue(wide-1, high-1)
	w.u(4, 0b1100)
	sps := w.end()
	_, pps, _, _ := h264(1, 1)

	w = &bitWriter{}
	w.u(8, 0x65)
	w.ue(0, 7, 0)
	w.u(16, 0)
	w.ue(0)
	w.u(2, 0)
	w.ue(0, 1)
	for range wide * high {
		w.u(9, 0b001001111) // I_16x16, DC, nothing left of three planes
	}
	list := [][]byte{sized(w.end())}
	for n := 1; n < frames; n++ {
		w = &bitWriter{}
		w.u(8, 0x41)
		w.ue(0, 5, 0)
		w.u(16, uint64(n))
		w.u(3, 0)
		w.ue(0, 1, wide*high)
		list = append(list, sized(w.end()))
	}
	return oneTrack(avc(16*wide, 16*high, sps, pps), 16*wide, list...)
}

// growing is H.264 whose later pictures come with other parameters than the index has.
func growing() []byte {
	sps, pps, first, next := h264(20, 12)
	sps2, pps2, first2, next2 := h264(1000, 1000)
	var list [][]byte
	list = append(list, sized(first))
	for range 24 {
		list = append(list, sized(next))
	}
	list = append(list, cat(sized(sps2), sized(pps2), sized(first2)))
	for range 24 {
		list = append(list, sized(next2))
	}
	return oneTrack(avc(320, 192, sps, pps), 320, list...)
}

// vp9 is the uncompressed head of a key frame, and nothing.
func vp9(width, height uint64) []byte {
	w := &bitWriter{}
	w.u(8, 0b10000010) // marker, profile 0, key frame, shown
	w.u(24, 0x498342)
	w.u(4, 0b0010)
	w.u(16, width-1)
	w.u(16, height-1)
	w.u(64, 0)
	return append(w.b, zero(64)...)
}

func vp8(width, height uint16) []byte {
	return cat([]byte{0x10, 2, 0, 0x9d, 1, 0x2a}, le16(width, height), zero(64))
}

// av1Sequence is a sequence header.
func av1Sequence(side uint64) []byte {
	w := &bitWriter{}
	w.u(3, 0)
	w.u(2, 0b11) // a still picture, reduced head
	w.u(5, 31)
	w.u(4, 15)
	w.u(4, 15)
	w.u(16, side-1)
	w.u(16, side-1)
	w.u(24, 0)
	body := w.end()
	return cat([]byte{0x0a, byte(len(body))}, body)
}

func ivf(codec string, width, height uint16, frames ...[]byte) []byte {
	b := cat([]byte("DKIF"), le16(0, 32), []byte(codec), le16(width, height), le32(25, 1, uint32(len(frames)), 0))
	for i, f := range frames {
		b = cat(b, le32(uint32(len(f)), uint32(i), 0), f)
	}
	return b
}

// jpeg is the head of a baseline JPEG, and a few bits of its pictures.
func jpeg(width, height uint16) []byte {
	var b []byte
	segment := func(marker byte, body ...[]byte) {
		all := cat(body...)
		b = cat(b, []byte{0xff, marker}, be16(uint16(len(all)+2)), all)
	}
	b = []byte{0xff, 0xd8}
	segment(0xdb, []byte{0}, repeat([]byte{1}, 64))
	segment(0xc0, []byte{8}, be16(height, width), []byte{3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0})
	segment(0xc4, []byte{0x00, 2}, zero(15), []byte{0, 1})
	segment(0xc4, []byte{0x10, 2}, zero(15), []byte{0, 1})
	segment(0xda, []byte{3, 1, 0, 2, 0, 3, 0, 0, 63, 0})
	return cat(b, zero(200), []byte{0xff, 0xd9})
}

// transport is a transport stream of one program of H.264, 25 pictures a second.
func transport(pictures ...[]byte) []byte {
	var out []byte
	counters := map[uint16]byte{}
	packet := func(pid uint16, start bool, payload []byte, pcr int64) []byte {
		head := be16(pid)
		if start {
			head[0] |= 0x40
		}
		adaptation := []byte(nil)
		if pcr >= 0 {
			adaptation = cat([]byte{0x10}, be64(uint64(pcr) << 31)[:6])
		}
		room := 184
		if adaptation != nil {
			room -= 1 + len(adaptation)
		}
		n := min(room, len(payload))
		if stuffing := room - n; stuffing > 0 {
			if adaptation == nil {
				if stuffing == 1 {
					adaptation = []byte{}
				} else {
					adaptation = cat([]byte{0}, repeat([]byte{0xff}, stuffing-2))
				}
			} else {
				adaptation = cat(adaptation, repeat([]byte{0xff}, stuffing))
			}
		}
		control := byte(0x10)
		if adaptation != nil {
			control = 0x30
			adaptation = cat([]byte{byte(len(adaptation))}, adaptation)
		}
		out = cat2(out, []byte{0x47}, head, []byte{control | counters[pid]}, adaptation, payload[:n])
		counters[pid] = (counters[pid] + 1) & 15
		return payload[n:]
	}
	table := func(pid uint16, body []byte) {
		body = cat(body, be32(crc(body)))
		packet(pid, true, cat([]byte{0}, body, repeat([]byte{0xff}, 183-len(body))), -1)
	}
	for i, p := range pictures {
		table(0, []byte{0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0})
		table(0x1000, []byte{2, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 0, 0xf0, 0})
		time := uint64(90000 + 3600*i)
		pes := cat([]byte{0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5}, stamp(2, time), p)
		for first := true; len(pes) > 0; first = false {
			pcr := int64(-1)
			if first {
				pcr = int64(time)
			}
			pes = packet(0x100, first, pes, pcr)
		}
	}
	return out
}

// cat2 appends without copying what is there.
func cat2(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// stamp is a time of a transport stream.
func stamp(kind byte, t uint64) []byte {
	return []byte{kind<<4 | byte(t>>30&7)<<1 | 1, byte(t >> 22), byte(t>>15&0x7f)<<1 | 1, byte(t >> 7), byte(t&0x7f)<<1 | 1}
}

// crc is that of MPEG's tables.
func crc(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x) << 24
		for range 8 {
			if c>>31 == 1 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
	}
	return c
}
