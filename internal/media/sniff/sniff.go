package sniff

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// HeadSize is how much of a file's beginning [Sniff] looks at; more is not needed, and less may make it less sure.
const HeadSize = 64 << 10

// Sniff names the kind of the file that begins with head. The whole file may be shorter than [HeadSize].
func Sniff(head []byte) Kind {
	if len(head) == 0 {
		return Empty
	}
	head = head[:min(len(head), HeadSize)]
	for _, look := range []func([]byte) Kind{boxes, marks, riff, ebml, units, text, transport, sound} {
		if k := look(head); k != "" {
			return k
		}
	}
	return Unknown
}

// boxes knows files of ISO boxes and QuickTime atoms.
func boxes(head []byte) Kind {
	if len(head) < 8 {
		return ""
	}
	size, kind := binary.BigEndian.Uint32(head), string(head[4:8])
	switch kind {
	case "ftyp", "styp":
		return brand(head[8:min(max(int64(size), 8), int64(len(head)))])
	case "moov", "mdat", "free", "skip", "wide", "pnot", "sidx", "moof", "uuid":
		// Before ftyp was there, or a file that puts something in front of it. The size keeps prose out.
		if size == 0 || size == 1 || size >= 8 {
			if i := bytes.Index(head, []byte("ftyp")); kind != "moov" && i >= 4 && i+8 <= len(head) && i < 1<<12 {
				return brand(head[i+4:])
			}
			if kind == "moof" || kind == "sidx" || kind == "uuid" {
				return MP4
			}
			return MOV
		}
	case "jP  ", "JXL ":
		if size == 12 {
			return Image
		}
	}
	return ""
}

// brand tells films from stills by what stands in an ftyp box.
func brand(b []byte) Kind {
	if len(b) < 4 {
		return MP4
	}
	switch major := string(b[:4]); major {
	case "qt  ":
		return MOV
	case "mif1", "heic", "heix", "heim", "heis", "avif", "crx ", "jp2 ", "jxl ":
		return Image
	default:
		return MP4
	}
}

// marks knows files by a fixed text at a fixed place.
func marks(head []byte) Kind {
	for _, m := range [...]struct {
		at   int
		mark string
		kind Kind
	}{
		{0, "FLV\x01", FLV},
		{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", ASF},
		{0, "\x00\x00\x01\xba", MPEGPS},
		{0, "\x00\x00\x01\xb3", MPEGES},
		{0, "\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", MXF},
		{0, "OggS\x00", Ogg},
		{0, ".RMF", Real},
		{0, "DKIF", IVF},
		{0, "YUV4MPEG2 ", Y4M},
		{0, "GIF87a", GIF},
		{0, "GIF89a", GIF},
		{0, "fLaC", FLAC},
		{0, "caff\x00", CAF},
		{0, "\x7f\xfe\x80\x01", DTS},
		{0, "\xfe\x7f\x01\x80", DTS},
		{0, "\x1f\xff\xe8\x00", DTS}, // of 14 bits a word
		{0, "\xff\x1f\x00\xe8", DTS},
		{0, "#!AMR", AMR},
		{0, "\x89PNG\r\n\x1a\n", Image},
		{0, "\xff\xd8\xff", Image},
		{0, "II*\x00", Image},
		{0, "MM\x00*", Image},
		{0, "8BPS\x00\x01", Image},
		{0, "\x00\x00\x01\x00\x01\x00", Image}, // icon
		{0, "\xff\x0a", Image},                 // JPEG XL
		{0, "%PDF-", PDF},
		{0, "PK\x03\x04", Archive},
		{0, "PK\x05\x06", Archive},
		{0, "\x1f\x8b\x08", Archive},
		{0, "BZh", Archive},
		{0, "\xfd7zXZ\x00", Archive},
		{0, "7z\xbc\xaf\x27\x1c", Archive},
		{0, "Rar!\x1a\x07", Archive},
		{0, "\x28\xb5\x2f\xfd", Archive},
		{257, "ustar", Archive},
		{0, "\x7fELF", Program},
		{0, "MZ\x90\x00", Program},
		{0, "\xcf\xfa\xed\xfe", Program},
	} {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.mark)) {
			return m.kind
		}
	}
	// A Windows bitmap: BM, four reserved zero bytes, then an offset to the pixels that is small.
	if len(head) >= 14 && head[0] == 'B' && head[1] == 'M' && binary.LittleEndian.Uint32(head[6:]) == 0 && binary.LittleEndian.Uint32(head[10:]) < 4096 {
		return Image
	}
	return ""
}

// riff knows RIFF files and their kin by their form.
func riff(head []byte) Kind {
	if len(head) < 12 {
		return ""
	}
	form := string(head[8:12])
	switch string(head[:4]) {
	case "RIFF", "RF64":
		switch form {
		case "AVI ":
			return AVI
		case "WAVE":
			return WAV
		case "WEBP":
			return Image
		}
	case "FORM":
		if form == "AIFF" || form == "AIFC" {
			return AIFF
		}
	}
	return ""
}

// ebml knows Matroska and WebM by the document type in the EBML header.
func ebml(head []byte) Kind {
	if !bytes.HasPrefix(head, []byte("\x1a\x45\xdf\xa3")) {
		return ""
	}
	// DocType is element 0x4282; its size is one byte, since its values are short.
	start := head[:min(len(head), 256)]
	if i := bytes.Index(start, []byte("\x42\x82")); i >= 0 && i+3 <= len(start) {
		if bytes.HasPrefix(start[i+3:], []byte("webm")) {
			return WebM
		}
	}
	return Matroska
}

// units knows bare H.264 and HEVC by the parameter sets that they begin with; delimiters and messages may stand before
// (ITU-T H.264 and H.265, annex B).
func units(head []byte) Kind {
	code := []byte{0, 0, 1}
	if i := bytes.Index(head, code); i < 0 || i > 1 || i == 1 && head[0] != 0 {
		return ""
	}
	for {
		i := bytes.Index(head, code)
		if i < 0 || i+5 > len(head) {
			return ""
		}
		head = head[i+3:]
		// HEVC's layer 0 and time 1, as these units have it, would be nothing that H.264 begins with.
		switch a, b := head[0], head[1]; {
		case b == 1 && (a == 0x40 || a == 0x42):
			return HEVC
		case a == 0x67 || a == 0x47 || a == 0x27:
			return H264
		case b == 1 && (a == 0x46 || a == 0x4e), a == 0x09, a == 0x06:
		default:
			return ""
		}
	}
}

// transport knows MPEG transport streams by their sync bytes: packets of 188 bytes, with 4 bytes of time code in front
// (Blu-ray, AVCHD), or with 16 of error correction behind. The stream may be cut into anywhere.
func transport(head []byte) Kind {
	const want = 5
	for _, size := range [...]int{188, 192, 204} {
		for start := range min(size, len(head)) {
			at, n := start, 0
			for ; at < len(head) && head[at] == 0x47; at += size {
				n++
			}
			// All packets in sight, and enough of them to be no accident.
			if at >= len(head) && (n >= want || n >= 1 && start == 0 && len(head) == n*size) {
				return TS
			}
		}
	}
	return ""
}

// sound knows bare streams of sound frames by two headers in a row.
func sound(head []byte) Kind {
	if tag := id3(head); tag > 0 {
		if tag >= len(head) {
			return MP3 // nothing but the tag's picture in sight
		}
		if k := sound(head[tag:]); k != "" {
			return k
		}
		if bytes.HasPrefix(head[tag:], []byte("fLaC")) {
			return FLAC
		}
		return MP3
	}
	switch {
	case len(head) > 7 && head[0] == 0xff && head[1]&0xf6 == 0xf0:
		size := int(head[3]&3)<<11 | int(head[4])<<3 | int(head[5])>>5
		if size >= 7 && (size+2 > len(head) || head[size] == 0xff && head[size+1]&0xf6 == 0xf0) {
			return ADTS
		}
	case len(head) > 4 && head[0] == 0xff && head[1]&0xe0 == 0xe0:
		// Version 01, layer 00, bit rate 1111 and sampling rate 11 are reserved.
		if head[1]&0x18 != 0x08 && head[1]&0x06 != 0 && head[2]&0xf0 != 0xf0 && head[2]&0x0c != 0x0c {
			return MP3
		}
	case len(head) > 5 && head[0] == 0x0b && head[1] == 0x77:
		return AC3
	}
	return ""
}

// id3 returns the length of an ID3v2 tag at the front, 0 where there is none.
func id3(head []byte) int {
	if len(head) < 10 || !bytes.HasPrefix(head, []byte("ID3")) || slices.Max(head[6:10]) >= 0x80 {
		return 0
	}
	return 10 + int(head[6])<<21 + int(head[7])<<14 + int(head[8])<<7 + int(head[9])
}

// text knows what is made of characters.
func text(head []byte) Kind {
	s, ok := characters(head)
	if !ok {
		return ""
	}
	lower := strings.ToLower(s[:min(len(s), 4096)])
	for _, m := range [...]struct {
		start string
		kind  Kind
	}{
		{"#extm3u", HLS},
		{"ffconcat version", Concat},
		{"v=0\r\no=", SDP},
		{"v=0\no=", SDP},
		{"[playlist]", Playlist},
		{"<mpd", DASH},
		{"<smoothstreamingmedia", Playlist},
		{"<smil", Playlist},
		{"<asx", Playlist},
		{"[reference]", Playlist},
		{"webvtt", Subtitle},
		{"[script info]", Subtitle},
		{"1\n00:", Subtitle},
		{"1\r\n00:", Subtitle},
		{"<sami", Subtitle},
		{"<tt ", Subtitle},
		{"#!", Program},
	} {
		if strings.HasPrefix(lower, m.start) {
			return m.kind
		}
	}
	if strings.HasPrefix(lower, "file '") || strings.HasPrefix(lower, "file /") {
		return Concat
	}
	if strings.HasPrefix(lower, "<") {
		return markup(lower)
	}
	if rest := strings.TrimLeft(lower[min(len(lower), 1):], " \t\r\n"); strings.HasPrefix(lower, "{") && (rest == "" || strings.ContainsRune("\"}", rune(rest[0]))) ||
		strings.HasPrefix(lower, "[") && (rest == "" || strings.ContainsRune("{[\"]-0123456789tfn", rune(rest[0]))) {
		return JSON
	}
	return Text
}

// markup tells the kinds of documents in angle brackets, by the first element that says so.
func markup(lower string) Kind {
	for _, m := range [...]struct {
		element string
		kind    Kind
	}{
		{"<mpd", DASH},
		{"<smoothstreamingmedia", Playlist},
		{"<smil", Playlist},
		{"<playlist", Playlist},
		{"<tt ", Subtitle},
		{"<!doctype html", HTML},
		{"<html", HTML},
		{"<head", HTML},
		{"<body", HTML},
		{"<script", HTML},
		{"<title", HTML},
		{"<svg", Image},
	} {
		if strings.Contains(lower, m.element) {
			return m.kind
		}
	}
	if strings.HasPrefix(lower, "<?xml") {
		return XML
	}
	return Text
}
