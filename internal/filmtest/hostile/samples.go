package hostile

import "math"

// samples are tables of millions, with and without the bytes that they announce.
func samples(m *models, _ Places) []File {
	const short = "its tables announce what is not in them"
	const many = "more frames than any film has"
	const missing = "its frames lie behind the end of the file"
	tables := func(kind string, body []byte) func() []piece {
		return whole(swap(m.mp4, inTable+kind, full(kind, 0, body)))
	}
	// counted are tables that hold together: n samples of one byte in one chunk.
	counted := func(n uint32, at uint32) []byte {
		return cat(full("stts", 0, be32(1, n, 1)), full("stsc", 0, be32(1, 1, n, 1)), full("stsz", 0, be32(1, n)), full("stco", 0, be32(1, at)))
	}
	pcm := audio("ulaw", 1, 16, 8000)
	backed := func(entry []byte, kind string, n int) []piece {
		head := cat(ftyp("qt  "), claim("mdat", uint32(8+n)))
		t := track{handler: kind, scale: 8000, length: uint32(n), width: 320, height: 180, entry: entry}
		return []piece{{data: head, hole: int64(n)}, {data: moov(t, counted(uint32(n), uint32(len(head))))}}
	}
	// followed is the same with a first sample that is one.
	followed := func(entry, first []byte, n int) []piece {
		head := cat(ftyp("qt  "), claim("mdat", uint32(8+len(first)+n)), first)
		t := track{handler: "vide", scale: 8000, length: uint32(n + 1), width: 320, height: 180, entry: entry}
		at := uint32(len(head) - len(first))
		tables := cat(full("stts", 0, be32(1, uint32(n+1), 1)), full("stsc", 0, be32(2, 1, 1, 1, 2, uint32(n), 1)),
			full("stsz", 0, be32(0, uint32(n+1), uint32(len(first))), repeat(be32(1), n)), full("stco", 0, be32(2, at, uint32(len(head)))))
		return []piece{{data: head, hole: int64(n)}, {data: moov(t, tables)}}
	}
	fragments := func(n int) []byte {
		sps, pps, first, _ := h264(20, 12)
		init := box("moov", moov(track{handler: "vide", scale: 25, width: 320, height: 192, entry: avc(320, 192, sps, pps)},
			cat(full("stts", 0, be32(0)), full("stsc", 0, be32(0)), full("stsz", 0, be32(0, 0)), full("stco", 0, be32(0))))[8:],
			box("mvex", full("trex", 0, be32(1, 1, 1, 0, 0))))
		out := cat(ftyp("isom"), init)
		frame := sized(first)
		for i := range n {
			moof := box("moof", full("mfhd", 0, be32(uint32(i+1))), box("traf", full("tfhd", 0x20000, be32(1)),
				full("tfdt", 0, be32(uint32(i))), full("trun", 0x201, be32(1, 0, uint32(len(frame))))))
			moof = put(moof, len(moof)-8, be32(uint32(len(moof)+8)))
			out = cat2(out, moof, box("mdat", frame))
		}
		return out
	}
	return []File{
		{Name: "stts-claims.mp4", Why: short, Upload: true, body: tables("stts", be32(1, math.MaxUint32, 1))},
		{Name: "stts-entries.mp4", Why: short, body: tables("stts", be32(math.MaxUint32, 1, 1))},
		{Name: "stsz-claims.mp4", Why: short, Upload: true, body: tables("stsz", be32(1, math.MaxUint32))},
		{Name: "stsz-entries.mp4", Why: short, body: tables("stsz", be32(0, math.MaxUint32))},
		{Name: "stsz-sizes.mp4", Why: missing, body: tables("stsz", cat(be32(0, 30), repeat(be32(math.MaxUint32), 30)))},
		{Name: "ctts-claims.mp4", Why: short, body: whole(into(m.mp4, inMedia+"minf/stbl", full("ctts", 0, be32(math.MaxUint32, 1, 1))))},
		{Name: "stsc-claims.mp4", Why: short, body: tables("stsc", be32(1, 1, math.MaxUint32, 1))},
		{Name: "stco-claims.mp4", Why: short, body: tables("stco", be32(math.MaxUint32, 48))},
		{Name: "co64-far.mp4", Why: missing, body: whole(swap(m.mp4, inTable+"stco", full("co64", 0, be32(1), be64(math.MaxInt64-4))))},
		{Name: "stss-claims.mp4", Why: short, body: tables("stss", be32(math.MaxUint32, 1))},
		{Name: "all-claim.mp4", Why: many, body: whole(movie(track{handler: "soun", scale: 8000, entry: pcm, tables: counted(math.MaxUint32, 48)}, zero(64)))},
		{Name: "hundred-million.mp4", Why: "its tables hold together, but there are four milliseconds of it: too little for a packet of sound", body: whole(movie(track{handler: "soun", scale: 8000, entry: pcm, tables: counted(100_000_000, 48)}, zero(64)))},
		{Name: "half-a-million.mov", Type: "video/quicktime", Want: Ready, Why: "a minute of sound, a byte each: tables may say so", body: func() []piece { return backed(pcm, "soun", 500_000) }},
		{Name: "half-a-million-pictures.mov", Type: "video/quicktime", Why: "frames of a byte are no pictures", body: func() []piece {
			sps, pps, _, _ := h264(20, 12)
			return backed(avc(320, 192, sps, pps), "vide", 500_000)
		}},
		{Name: "one-picture-and-half-a-million.mov", Type: "video/quicktime", Why: "behind its first frame there are none", body: func() []piece {
			sps, pps, first, _ := h264(20, 12)
			return followed(avc(320, 192, sps, pps), sized(first), 500_000)
		}},
		{Name: "stsz-40mb.mp4", Why: missing, body: later(func() []byte {
			n := uint32(5_000_000)
			t := cat(full("stts", 0, be32(1, n, 1)), full("stsc", 0, be32(1, 1, n, 1)), full("stsz", 0, be32(0, n), repeat(be32(1000), int(n))), full("stco", 0, be32(1, 48)))
			return movie(track{handler: "soun", scale: 8000, length: n, entry: audio("mp4a", 2, 16, 48000), tables: t}, zero(64))
		})},
		{Name: "stts-120mb.mp4", Why: many, body: func() []piece {
			n := uint32(15_000_000)
			head := cat(ftyp("isom"), box("mdat", zero(64)))
			inner := cat(claim("stts", 16+8*n), be32(0, n))
			rest := moov(track{handler: "soun", scale: 8000, entry: pcm}, cat(inner))
			// The heads around the table grow by what follows.
			for _, kind := range []string{"moov", "trak", "mdia", "minf", "stbl"} {
				rest = grown(rest, kind, 8*n)
			}
			return []piece{{data: cat(head, rest), hole: 8 * int64(n)}}
		}},
		{Name: "trun-claims.mp4", Why: short, body: whole(edit(m.fragmented, "moof/traf/trun", func(b []byte) []byte { return full("trun", 0, be32(math.MaxUint32)) }))},
		{Name: "trun-sizes.mp4", Why: missing, body: whole(edit(m.fragmented, "moof/traf/tfhd", func(b []byte) []byte {
			return full("tfhd", 0x20010, b[12:16], be32(math.MaxUint32))
		}))},
		{Name: "thousands-of-fragments.mp4", Want: Ready, Why: "an hour in which each fragment is a frame: a film", body: later(func() []byte { return fragments(20_000) })},
		{Name: "fragments-of-nothing.mp4", Why: "no pictures and no sound", body: later(func() []byte {
			return cat(fragments(1)[:0], ftyp("isom"), repeat(box("moof", full("mfhd", 0, be32(1)), box("traf", full("tfhd", 0x20000, be32(1)), full("trun", 0, be32(0)))), 300_000))
		})},
		{Name: "subsamples.mp4", Want: Ready, Why: "a whole film; that table is not read", body: whole(into(m.mp4, inMedia+"minf/stbl",
			full("subs", 0, be32(math.MaxUint32), repeat(be32(1), 100)), full("sbgp", 0, []byte("roll"), be32(math.MaxUint32)), full("sdtp", 0, zero(5))))},
		{Name: "subsamples-only.mp4", Why: "its index is damaged", body: whole(swap(m.mp4, inTable+"stsz", full("subs", 0, be32(math.MaxUint32))))},
		{Name: "sidx.mp4", Want: Ready, Why: "a whole film; where segments lie is found by looking", body: whole(cat(m.fragmented, full("sidx", 0, be32(1, 1, 0, 0, 65535), repeat(be32(0x7fffffff, math.MaxUint32, 0), 65535))))},
		{Name: "index.avi", Type: "video/x-msvideo", Why: "no pictures and no sound", Upload: true, body: later(func() []byte {
			return riff("RIFF", "AVI ", riff("LIST", "hdrl"), riff("LIST", "movi"), chunk("idx1", repeat(cat([]byte("00dc"), le32(0x10, 4, 1)), 1<<20)))
		})},
		{Name: "index-beside.avi", Type: "video/x-msvideo", Want: Ready, Why: "a whole film with a second index", body: later(func() []byte {
			return cat(m.avi, chunk("idx1", repeat(cat([]byte("00dc"), le32(0x10, 4, 1)), 1<<19)))
		})},
		{Name: "cues.mkv", Type: "video/x-matroska", Want: Ready, Why: "a whole film; its list of places is not needed", body: later(func() []byte {
			return intoEBML(m.mkv, element(idCues, repeat(element(0xbb, number(0xb3, 1), element(0xb7, number(0xf7, 1), number(0xf1, 1))), 200_000)), idSegment)
		})},
		{Name: "blocks.mkv", Type: "video/x-matroska", Why: "frames of a byte are no pictures", body: later(func() []byte {
			blocks := repeat(element(idSimpleBlock, []byte{0x81, 0, 0, 0x80, 0}), 50_000)
			return matroska(pictures("V_VP8", 320, 180, nil), element(idCluster, number(idTime, 0), blocks))
		})},
		{Name: "keyframes.flv", Type: "video/x-flv", Why: "no pictures and no sound", body: later(func() []byte {
			values := repeat([]byte{0, 0x40, 0x8f, 0x40, 0, 0, 0, 0, 0}, 300_000)
			script := cat([]byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x09keyframes\x03\x00\x05times\x0a"), be32(300_000), values,
				[]byte("\x00\x0dfilepositions\x0a"), be32(300_000), values, []byte("\x00\x00\x09\x00\x00\x09"))
			return cat([]byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"), flvTag(18, 0, script))
		})},
	}
}

// grown makes the first box of that kind say that it is longer.
func grown(b []byte, kind string, by uint32) []byte {
	for i := 4; i+4 <= len(b); i++ {
		if string(b[i:i+4]) == kind {
			size := uint32(b[i-4])<<24 | uint32(b[i-3])<<16 | uint32(b[i-2])<<8 | uint32(b[i-1])
			return put(b, i-4, be32(size+by))
		}
	}
	panic("no box " + kind)
}
