package hostile

import "encoding/binary"

// editRIFF changes chunks of a RIFF file. A path names lists by their forms and, last, a chunk; f gets the whole chunk.
func editRIFF(file []byte, f func(b []byte) []byte, path ...string) []byte {
	n := 0
	out := editChunks(file, f, path, &n)
	if n == 0 {
		panic("no chunk " + path[len(path)-1])
	}
	return out
}

func editChunks(b []byte, f func([]byte) []byte, path []string, n *int) []byte {
	var out []byte
	for len(b) >= 8 {
		size := 8 + int(binary.LittleEndian.Uint32(b[4:]))
		size += size % 2
		one := b[:min(size, len(b))]
		b = b[len(one):]
		kind := string(one[:4])
		if (kind == "RIFF" || kind == "LIST") && len(one) >= 12 {
			kind = string(one[8:12])
		}
		switch {
		case kind != path[0]:
			out = append(out, one...)
		case len(path) == 1:
			*n++
			out = append(out, f(one)...)
		default:
			out = append(out, riff(string(one[:4]), kind, editChunks(one[12:], f, path[1:], n))...)
		}
	}
	return out
}

// patchRIFF writes bytes at a place of the first such chunk, that of the pictures, counted behind its head.
func patchRIFF(file []byte, at int, v []byte, path ...string) []byte {
	done := false
	return editRIFF(file, func(b []byte) []byte {
		if done {
			return b
		}
		done = true
		return put(b, 8+at, v)
	}, path...)
}

// withSubtitles gives an AVI of two streams a third one, of texts.
func withSubtitles(avi, subtitle []byte) []byte {
	stream := riff("LIST", "strl", chunk("strh", []byte("txts\x00\x00\x00\x00"), le32(0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0)), chunk("strf"))
	avi = editRIFF(avi, func(b []byte) []byte { return riff("LIST", "hdrl", b[12:], stream) }, "AVI ", "hdrl")
	avi = patchRIFF(avi, 24, le32(3), "AVI ", "hdrl", "avih")
	avi = editRIFF(avi, func([]byte) []byte { return nil }, "AVI ", "idx1")
	return editRIFF(avi, func(b []byte) []byte { return riff("LIST", "movi", chunk("02tx", subtitle), b[12:]) }, "AVI ", "movi")
}

// wave is a WAV file of PCM that claims what it likes.
func wave(channels uint16, rate uint32, align, bits uint16, claimed uint32, data []byte) []byte {
	return cat([]byte("RIFF"), le32(claimed+36), []byte("WAVE"),
		chunk("fmt ", le16(1, channels), le32(rate, rate*uint32(align)), le16(align, bits)),
		[]byte("data"), le32(claimed), data)
}

// motion is an AVI of pictures of one codec.
func motion(codec string, width, height uint32, frames ...[]byte) []byte {
	n := uint32(len(frames))
	var movi, index []byte
	for _, f := range frames {
		index = append(index, cat([]byte("00dc"), le32(0x10, uint32(4+len(movi)), uint32(len(f))))...)
		movi = append(movi, chunk("00dc", f)...)
	}
	return riff("RIFF", "AVI ", riff("LIST", "hdrl",
		chunk("avih", le32(40000, 0, 0, 0x10, n, 0, 1, 0, width, height, 0, 0, 0, 0)),
		riff("LIST", "strl",
			chunk("strh", []byte("vids"), []byte(codec), le32(0, 0, 0, 1, 25, 0, n, 0, 0, 0, 0, 0)),
			chunk("strf", le32(40, width, height), le16(1, 24), []byte(codec), zero(20)))),
		riff("LIST", "movi", movi), chunk("idx1", index))
}
