package hostile

// bombs are small and unfold.
func bombs(m *models, _ Places) []File {
	const gig = 1 << 30
	const packed = "an archive"
	cmov := func(unfolded int64, says uint32) []byte {
		return cat(ftyp("qt  "), box("moov", box("cmov", box("dcom", []byte("zlib")), box("cmvd", be32(says), deflated(unfolded)))))
	}
	compressed := func(algorithm uint64, frame []byte, entry []byte, lacing byte) []byte {
		encoding := element(0x6d80, element(0x6240, number(0x5031, 0), number(0x5032, 1), number(0x5033, 0), element(0x5034, number(0x4254, algorithm))))
		return cat(ebmlHead(), element(idSegment, element(idInfo, number(idScale, 1000000)),
			element(idTracks, element(idTrackEntry, number(0xd7, 1), number(0x73c5, 1), entry, encoding)),
			element(idCluster, number(idTime, 0), repeat(element(idSimpleBlock, []byte{0x81, 0, 0, 0x80 | lacing}, frame), 5))))
	}
	vp := pictures("V_VP8", 320, 180, nil)
	return []File{
		{Name: "cmov.mov", Type: "video/quicktime", Why: "a compressed index", Upload: true, body: later(func() []byte { return cmov(gig, gig) })},
		{Name: "cmov-lies.mov", Type: "video/quicktime", Why: "a compressed index", body: later(func() []byte { return cmov(gig, 100) })},
		{Name: "cmov-in-cmov.mov", Type: "video/quicktime", Why: "a compressed index", body: later(func() []byte {
			return cat(ftyp("qt  "), box("moov", box("cmov", box("dcom", []byte("zlib")), box("cmvd", be32(1<<31-1), deflated(1<<20), repeat(cmov(100, 100), 10)))))
		})},
		{Name: "gzip.mp4", Why: packed, Upload: true, body: later(func() []byte { return gzipped(200 << 20) })},
		{Name: "png.mov", Type: "video/quicktime", Why: "more pixels than are taken", Upload: true, body: later(func() []byte {
			return oneTrack(visual("png ", 16000, 16000), 16000, png(16000, 16000, 16001*16000))
		})},
		{Name: "png-lies.mov", Type: "video/quicktime", Why: "the index says 320, its pictures 16000", body: later(func() []byte {
			return oneTrack(visual("png ", 320, 180), 320, png(16000, 16000, 16001*16000))
		})},
		{Name: "png-text.mov", Type: "video/quicktime", Why: "its pictures are damaged", body: later(func() []byte {
			return oneTrack(visual("png ", 320, 180), 320, png(320, 180, 0, repeat(pngChunk("zTXt", []byte("k\x00\x00"), deflated(64<<20)), 4), pngChunk("iCCP", []byte("k\x00\x00"), deflated(256<<20))))
		})},
		{Name: "apng.mp4", Why: "a still image", body: later(func() []byte {
			return png(16000, 16000, 1<<20, pngChunk("acTL", be32(1<<30, 0)), repeat(pngChunk("fcTL", be32(0, 16000, 16000, 0, 0), be16(1, 65535), zero(2)), 10000))
		})},
		{Name: "frames.gif", Type: "image/gif", Why: "longer than any film that is taken", body: later(func() []byte { return gif(16, 16, 20_000, 50000) })},
		{Name: "large-frames.gif", Type: "image/gif", Why: "more pixels than are taken", body: later(func() []byte { return gif(12000, 12000, 2000, 4) })},
		{Name: "skipped.mp4", Why: "more pixels than are taken", Upload: true, body: later(func() []byte { return vast(750, 750, 3000) })},
		{Name: "skipped-lies.mp4", Why: "the index says 320, the parameters 12000", body: later(func() []byte {
			sps, pps, first, next := h264(750, 750)
			list := [][]byte{sized(first)}
			for range 2000 {
				list = append(list, sized(next))
			}
			return oneTrack(avc(320, 180, sps, pps), 320, list...)
		})},
		{Name: "empty-frames.avi", Type: "video/x-msvideo", Why: "no picture in it", body: later(func() []byte { return motion("MSVC", 4096, 2160, make([][]byte, 100_000)...) })},
		{Name: "run-lengths.avi", Type: "video/x-msvideo", Why: "more pixels than are taken", body: later(func() []byte {
			return motion("mrle", 12000, 12000, repeated([]byte{0, 1}, 5000)...)
		})},
		{Name: "mjpeg-many.avi", Type: "video/x-msvideo", Why: "more pixels than are taken", body: later(func() []byte {
			return motion("MJPG", 12000, 12000, repeated(jpeg(12000, 12000), 500)...)
		})},
		{Name: "zlib-track.mkv", Type: "video/x-matroska", Why: "frames that are no pictures", Upload: true, body: later(func() []byte { return compressed(0, deflated(gig), vp, 0) })},
		{Name: "zlib-private.mkv", Type: "video/x-matroska", Why: "frames that are no pictures", body: later(func() []byte {
			e := cat(number(0x83, 1), words(idCodec, "V_MPEG4/ISO/AVC"), element(idVideo, number(idPixelWidth, 320), number(idPixelHeight, 180)), element(idPrivate, deflated(gig)))
			encoding := element(0x6d80, element(0x6240, number(0x5032, 2), element(0x5034, number(0x4254, 0))))
			return cat(ebmlHead(), element(idSegment, element(idInfo, number(idScale, 1000000)), element(idTracks, element(idTrackEntry, number(0xd7, 1), number(0x73c5, 1), e, encoding)), block(0, zero(100))))
		})},
		{Name: "bzip-track.mkv", Type: "video/x-matroska", Why: "frames that are no pictures", body: whole(compressed(1, []byte("BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"), vp, 0))},
		{Name: "stripped-heads.mkv", Type: "video/x-matroska", Why: "frames that are no pictures", body: later(func() []byte {
			encoding := element(0x6d80, element(0x6240, number(0x5032, 1), element(0x5034, number(0x4254, 3), element(0x4255, zero(1<<20)))))
			return cat(ebmlHead(), element(idSegment, element(idInfo, number(idScale, 1000000)), element(idTracks, element(idTrackEntry, number(0xd7, 1), number(0x73c5, 1), vp, encoding)),
				element(idCluster, number(idTime, 0), repeat(element(idSimpleBlock, []byte{0x81, 0, 0, 0x80, 0}), 2000))))
		})},
		{Name: "xiph-lacing.mkv", Type: "video/x-matroska", Why: "frames that are no sound", body: whole(laced(sounds("A_OPUS", 48000, 2), 0x02, cat([]byte{255}, repeat([]byte{255}, 1000))))},
		{Name: "ebml-lacing.mkv", Type: "video/x-matroska", Why: "frames that are no sound", body: whole(laced(sounds("A_OPUS", 48000, 2), 0x06, cat([]byte{255}, repeat([]byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, 255))))},
		{Name: "fixed-lacing.mkv", Type: "video/x-matroska", Why: "frames that are no sound", body: later(func() []byte {
			return laced(sounds("A_VORBIS", 48000, 2), 0x04, cat([]byte{255}, zero(256)))
		})},
		{Name: "claims.flac", Type: "audio/flac", Why: "no frame of sound", body: whole(cat([]byte("fLaC"), put(flacInfo(1, 8, 32, 1<<36-1), 0, []byte{0x80}), zero(400)))},
		{Name: "claims.opus", Type: "audio/ogg", Why: "no packet of sound", body: whole(cat(
			oggPage(2, 0, 0, []byte("OpusHead\x01\xff\xff\xff\x80\xbb\x00\x00\x00\x00\xff\xff\xff")), oggPage(0, 0, 1, []byte("OpusTags\xff\xff\xff\xff")),
			oggPage(4, 1<<62, 2, []byte{0xfc, 0xff, 0xfe})))},
		{Name: "silence.wav", Type: "audio/wav", Why: "longer than any film that is taken", body: func() []piece {
			// Thirteen hours of a byte each, as a hole.
			const n = 13 * 3600 * 1000
			return []piece{{data: wave(1, 1000, 1, 8, n, nil), hole: n}}
		}},
	}
}

func repeated(frame []byte, n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = frame
	}
	return list
}

func laced(entry []byte, flags byte, body []byte) []byte {
	one := element(idSimpleBlock, []byte{0x81, 0, 0, 0x80 | flags}, body)
	return matroska(entry, element(idCluster, number(idTime, 0), repeat(one, 2000)))
}

// oggPage is a page of one packet.
func oggPage(flags byte, granule uint64, number uint32, packet []byte) []byte {
	b := cat([]byte{'O', 'g', 'g', 'S', 0, flags}, le64(granule), le32(1, number, 0), []byte{1, byte(len(packet))}, packet)
	var c uint32
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
	return put(b, 22, le32(c))
}
