package hostile

import "math"

// boxes are giant, deep, or too many.
func boxes(m *models, _ Places) []File {
	const broken = "its boxes contradict its size"
	const many = "more boxes than are read"
	const index = "an index larger than any film has"
	const noIndex = "no index"
	const depth = 100000
	nested := func(kind string) []byte {
		// Each box ends where the file ends.
		b := make([]byte, 0, 8*depth)
		for i := range depth {
			b = append(b, claim(kind, uint32(8*(depth-i)))...)
		}
		return b
	}
	deepEBML := func() []byte {
		body := words(0x45a3, "name")
		heads := make([]byte, 0, 10*depth)
		size := uint64(len(body))
		parts := make([][]byte, depth)
		for i := range depth {
			parts[depth-1-i] = headOf(idSimpleTag, size)
			size += uint64(len(parts[depth-1-i]))
		}
		for _, h := range parts {
			heads = append(heads, h...)
		}
		return element(idTags, element(idTag, heads, body))
	}
	deepRIFF := func() []byte {
		b := make([]byte, 0, 12*depth)
		for i := range depth {
			b = append(b, cat([]byte("LIST"), le32(uint32(12*(depth-i)-8)), []byte("hdrl"))...)
		}
		return riff("RIFF", "AVI ", b)
	}
	return []File{
		{Name: "moov-63-bits.mp4", Why: broken, Upload: true, body: whole(cat(ftyp("isom"), claim64("moov", math.MaxInt64), zero(64)))},
		{Name: "moov-64-bits.mp4", Why: broken, Upload: true, body: whole(cat(ftyp("isom"), claim64("moov", math.MaxUint64), zero(64)))},
		{Name: "mdat-64-bits.mp4", Why: broken, body: whole(cat(ftyp("isom"), claim64("mdat", math.MaxUint64-7), moov(track{handler: "vide", scale: 25}, nil)))},
		{Name: "moov-rest.mp4", Why: broken, body: whole(cat(ftyp("isom"), claim("moov", 0), zero(100)))},
		{Name: "rest-in-rest.mp4", Why: broken, body: whole(cat(ftyp("isom"), repeat(claim("moov", 0), 10000)))},
		{Name: "size-1-short.mp4", Why: broken, body: whole(cat(ftyp("isom"), claim("moov", 1), be32(0)))},
		{Name: "size-7.mp4", Why: broken, body: whole(cat(ftyp("isom"), claim("moov", 7), zero(100)))},
		{Name: "size-64-zero.mp4", Why: broken, body: whole(cat(ftyp("isom"), repeat(claim64("free", 0), 100)))},
		{Name: "child-larger.mp4", Why: broken, body: whole(cat(ftyp("isom"), box("moov", claim("trak", 1<<30), zero(20))))},
		{Name: "nested-moov.mp4", Why: noIndex, Upload: true, body: later(func() []byte { return cat(ftyp("isom"), nested("moov")) })},
		{Name: "nested-trak.mp4", Why: broken, body: later(func() []byte { return cat(ftyp("isom"), box("moov", nested("trak"))) })},
		{Name: "nested-meta.mp4", Want: Ready, Why: "a whole film: what is said beside it is not read", body: later(func() []byte { return into(m.mp4, "moov", box("udta", nested("udta"))) })},
		{Name: "nested-meta-remuxed.mp4", Why: "its pictures are damaged", body: later(func() []byte {
			return into(swap(m.mp4, inTable+"stsd", full("stsd", 0, be32(0))), "moov", box("udta", nested("meta")))
		})},
		{Name: "million-free.mp4", Want: Ready, Why: "a whole film before a million empty boxes", body: later(func() []byte {
			return cat(m.mp4, repeat(claim("free", 8), 1<<20))
		})},
		{Name: "million-mdat.mp4", Why: noIndex, body: later(func() []byte { return cat(ftyp("isom"), repeat(claim("mdat", 8), 1<<20)) })},
		{Name: "million-moof.mp4", Why: noIndex, body: later(func() []byte { return cat(ftyp("isom"), repeat(claim("moof", 8), 1<<20)) })},
		{Name: "million-trak.mp4", Why: "more tracks than any film has", body: later(func() []byte { return cat(ftyp("isom"), box("moov", repeat(claim("trak", 8), 1<<20))) })},
		{Name: "million-moov.mp4", Why: broken, body: later(func() []byte { return cat(ftyp("isom"), repeat(claim("moov", 8), 1<<20)) })},
		{Name: "seventeen-million.mp4", Why: many, body: func() []piece {
			// A box at each eighth byte of 144 MB: more than are read.
			return []piece{{data: cat(ftyp("isom"), repeat(claim("skip", 8), 17<<20+1))}}
		}},
		{Name: "moov-160mb.mp4", Why: index, body: func() []piece {
			return []piece{{data: cat(ftyp("isom"), claim("moov", 160<<20)), hole: 160<<20 - 8}}
		}},
		{Name: "moov-127mb.mp4", Why: broken, body: func() []piece {
			return []piece{{data: cat(ftyp("isom"), claim("moov", 127<<20)), hole: 127<<20 - 8}}
		}},
		{Name: "free-terabyte.mp4", Why: "larger than what is taken", Type: "video/mp4", body: func() []piece {
			return []piece{{data: cat(ftyp("isom"), claim64("free", 1<<41)), hole: 1<<41 - 16}}
		}},
		{Name: "nested-tags.mkv", Type: "video/x-matroska", Want: Ready, Why: "a whole film with tags in tags", body: later(func() []byte { return beside(m.mkv, deepEBML(), idSegment, idInfo) })},
		{Name: "giant-element.mkv", Type: "video/x-matroska", Why: broken, Upload: true, body: whole(cat(ebmlHead(), headOf(idSegment, unknownLength-1), headOf(idInfo, unknownLength-1), zero(100)))},
		{Name: "giant-private.mkv", Type: "video/x-matroska", Why: broken, body: whole(cat(ebmlHead(), headOf(idSegment, unknownLength), headOf(idTracks, unknownLength),
			headOf(idTrackEntry, unknownLength), pictures("V_MPEG4/ISO/AVC", 320, 180, nil), headOf(idPrivate, 1<<31), zero(100)))},
		{Name: "unknown-lengths.mkv", Type: "video/x-matroska", Why: broken, body: later(func() []byte {
			return cat(ebmlHead(), repeat(headOf(idSegment, unknownLength), 50000))
		})},
		{Name: "unknown-clusters.mkv", Type: "video/x-matroska", Why: "no pictures and no sound", body: later(func() []byte {
			return cat(ebmlHead(), headOf(idSegment, unknownLength), repeat(headOf(idCluster, unknownLength), 100000))
		})},
		{Name: "many-tracks.mkv", Type: "video/x-matroska", Why: "more tracks than are read within its limits", body: later(func() []byte {
			entry := element(idTrackEntry, number(0xd7, 1), number(0x73c5, 1), number(0x83, 2), words(idCodec, "A_OPUS"))
			return cat(ebmlHead(), element(idSegment, element(idInfo, number(idScale, 1000000)), element(idTracks, repeat(entry, 100000))))
		})},
		{Name: "giant-head.mkv", Type: "video/x-matroska", Why: broken, body: whole(cat(headOf(idEBML, 1<<40), words(idDocType, "matroska"), zero(100)))},
		{Name: "nested.avi", Type: "video/x-msvideo", Why: "no pictures and no sound", body: later(func() []byte { return deepRIFF() })},
		{Name: "giant.wmv", Type: "video/x-ms-wmv", Why: broken, body: whole(cat([]byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"), le64(math.MaxInt64), le32(0xffffffff), []byte{1, 2}, repeat([]byte{7}, 200)))},
		{Name: "giant.mxf", Type: "application/mxf", Why: broken, body: whole(cat(mxf(nil), []byte("\x06\x0e\x2b\x34\x02\x53\x01\x01\x0d\x01\x01\x01\x01\x01\x37\x00\x88"), be64(math.MaxInt64), zero(100)))},
		{Name: "id3-256mb.mp3", Type: "audio/mpeg", Why: "no frame of sound", body: func() []piece {
			return []piece{{data: []byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), hole: 1 << 28}}
		}},
		{Name: "blocks.flac", Type: "audio/flac", Why: "no frame of sound", body: later(func() []byte {
			return cat([]byte("fLaC"), flacInfo(44100, 2, 16, 0), repeat([]byte{4, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}, 300000))
		})},
		{Name: "tags.flv", Type: "video/x-flv", Why: "no pictures and no sound", body: later(func() []byte {
			return cat([]byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"), repeat(flvTag(18, 0, []byte{2, 0, 1, 'x', 10, 0xff, 0xff, 0xff, 0xff}), 100000))
		})},
		{Name: "pages.ogg", Type: "video/ogg", Why: "no pictures and no sound", body: later(func() []byte {
			page := cat([]byte("OggS\x00\x02"), zero(8), be32(1, 0, 0), []byte{255}, repeat([]byte{255}, 255), zero(255*255))
			return repeat(page, 100)
		})},
	}
}
