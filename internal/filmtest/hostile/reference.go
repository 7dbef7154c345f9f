package hostile

import "path/filepath"

// references are containers whose media lie elsewhere: by name, by address, by identity.
func references(m *models, p Places) []File {
	local, remote := "file://"+p.Canary, "http://"+p.Host+"/media.mp4"
	const elsewhere = "the index says that its media are in another file"
	const unread = "a whole film; what it says of others is not followed"
	dref := func(entry ...[]byte) []byte {
		return edit(m.mp4, inMedia+"minf/dinf/dref", func([]byte) []byte { return full("dref", 0, be32(uint32(len(entry))), cat(entry...)) })
	}
	list := []File{
		{Name: "dref-url-file.mp4", Why: elsewhere, Upload: true, body: whole(dref(full("url ", 0, []byte(local+"\x00"))))},
		{Name: "dref-url-http.mp4", Why: elsewhere, Upload: true, body: whole(dref(full("url ", 0, []byte(remote+"\x00"))))},
		{Name: "dref-urn.mp4", Why: elsewhere, body: whole(dref(full("urn ", 0, []byte("urn:film\x00"+local+"\x00"))))},
		{Name: "dref-alis.mov", Type: "video/quicktime", Why: elsewhere, Upload: true, body: whole(dref(alias(p.Canary, 0xffff)))},
		{Name: "dref-rsrc.mov", Type: "video/quicktime", Why: elsewhere, body: whole(dref(full("rsrc", 0, []byte(p.Canary+"\x00"))))},
		{Name: "dref-second.mp4", Why: elsewhere, body: whole(patch(dref(full("url ", 1), full("url ", 0, []byte(remote+"\x00"))), inTable+"stsd", 8+14, be16(2)))},
		{Name: "dref-none.mp4", Want: Ready, Why: "a whole film: a number of no reference means this file", body: whole(patch(m.mp4, inTable+"stsd", 8+14, be16(9)))},
		{Name: "dref-data.mp4", Why: elsewhere, body: whole(dref(full("url ", 0, []byte("data:video/mp4;base64,AAAA\x00"))))},
		{Name: "dref-fragmented.mp4", Why: elsewhere, body: whole(edit(m.fragmented, inMedia+"minf/dinf/dref",
			func([]byte) []byte { return full("dref", 0, be32(1), full("url ", 0, []byte(local+"\x00"))) }))},
		{Name: "rmra-url.mov", Type: "video/quicktime", Why: "a reference movie has no pictures of its own", body: whole(cat(ftyp("qt  "), box("moov",
			box("rmra", box("rmda", full("rdrf", 0, []byte("url "), be32(uint32(len(remote)+1)), []byte(remote+"\x00")))))))},
		{Name: "rmra-alis.mov", Type: "video/quicktime", Why: "a reference movie has no pictures of its own", body: whole(cat(ftyp("qt  "), box("moov",
			box("rmra", box("rmda", full("rdrf", 0, []byte("alis"), be32(uint32(len(p.Canary))), []byte(p.Canary)))))))},
		{Name: "rmra-beside.mov", Type: "video/quicktime", Want: Ready, Why: unread, body: whole(into(m.mov, "moov",
			box("rmra", box("rmda", full("rdrf", 0, []byte("url "), be32(uint32(len(remote)+1)), []byte(remote+"\x00"))))))},
		{Name: "linked-segments.mkv", Type: "video/x-matroska", Want: Ready, Why: unread, Upload: true, body: whole(intoEBML(m.mkv, cat(
			element(0x3cb923, zero(16)), words(0x3c83ab, p.Canary), element(0x3eb923, repeat([]byte{7}, 16)), words(0x3e83bb, p.Canary),
			words(0x7384, p.Canary)), idSegment, idInfo))},
		{Name: "ordered-chapters.mkv", Type: "video/x-matroska", Want: Ready, Why: unread, body: whole(beside(m.mkv, element(idChapters, element(0x45b9,
			number(0x45dd, 1), number(0x45db, 1), element(0xb6, number(0x73c4, 1), number(0x91, 0), number(0x92, 1e9),
				element(0x6e67, repeat([]byte{9}, 16)), number(0x6ebc, 1), element(0x80, words(0x85, local))))), idSegment, idInfo))},
		{Name: "attachments.mkv", Type: "video/x-matroska", Want: Ready, Why: unread, body: whole(beside(m.mkv, element(idAttachments,
			element(idAttached, words(0x466e, "../../../.."+p.Canary), words(0x4660, "font/ttf"), element(0x465c, []byte("not a font")), number(0x46ae, 1)),
			element(idAttached, words(0x466e, "-i"), words(0x4660, "application/vnd.apple.mpegurl"), element(0x465c, []byte("#EXTM3U\n"+local)), number(0x46ae, 2))), idSegment, idInfo))},
		{Name: "only-attachments.mkv", Type: "video/x-matroska", Why: "no pictures and no sound", body: whole(cat(ebmlHead(), element(idSegment, element(idInfo, number(idScale, 1000000)),
			element(idAttachments, element(idAttached, words(0x466e, p.Canary), words(0x4660, "image/png"), element(0x465c, []byte(local)), number(0x46ae, 1))))))},
		{Name: "cue.flac", Type: "audio/flac", Why: "a text", body: text("REM film\nFILE \"%s\" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n", p.Canary)},
		{Name: "cue-tag.flac", Type: "audio/flac", Why: "no frame of sound", body: whole(cat([]byte("fLaC"), flacInfo(44100, 2, 16, 44100),
			[]byte{4}, be32(uint32(12 + len(local)))[1:], zero(8), le32(uint32(len(local))), []byte(local), []byte{0x85}, be32(396)[1:], zero(396)))},
		{Name: "linked-picture.mp3", Type: "audio/mpeg", Why: "no frame of sound", body: whole(id3(
			id3Frame("APIC", cat([]byte("\x00-->\x00\x03\x00"), []byte(local))), id3Frame("WXXX", []byte("\x00\x00"+remote)), id3Frame("LINK", []byte("TIT2"+local+"\x00"))))},
		{Name: "script-command.wmv", Type: "video/x-ms-wmv", Why: "no pictures and no sound", body: whole(asf(asfObject(
			"\x30\x1a\xfb\x1e\x62\x0b\xd0\x11\xa3\x9b\x00\xa0\xc9\x03\x48\xf6", zero(16), le16(1, 1), le16(3), utf16le("URL")[:6], le32(0), le16(0, uint16(len(remote))), utf16le(remote)[:2*len(remote)])))},
		{Name: "locator.mxf", Type: "application/mxf", Why: "no pictures and no sound", body: whole(mxf(cat(be16(0x4001), be16(uint16(len(local))), []byte(local))))},
		{Name: "relative.mov", Type: "video/quicktime", Why: elsewhere, body: whole(dref(alias("../../"+filepath.Base(p.Canary), 1)))},
	}
	return list
}

// alias is an alias record of the Macintosh with a path in each of the ways that readers look at. So many levels of the
// path are relative to the film; all ones: none.
func alias(path string, levels uint16) []byte {
	tail := cat(be16(2, uint16(len(path))), []byte(path), repeat([]byte{0}, len(path)%2),
		be16(18, uint16(len(path))), []byte(path), repeat([]byte{0}, len(path)%2), be16(0xffff, 0))
	name := filepath.Base(path)
	fixed := put(zero(150), 4, be16(150, 2))
	fixed = put(fixed, 10, append([]byte{4}, "disk"...))
	fixed = put(fixed, 50, append([]byte{byte(min(len(name), 63))}, name[:min(len(name), 63)]...))
	fixed = put(fixed, 130, be16(levels, levels))
	return full("alis", 0, fixed, tail)
}

// flacInfo is the first block of FLAC.
func flacInfo(rate, channels, bits uint32, total uint64) []byte {
	return cat([]byte{0}, be32(34)[1:], be16(4096, 4096), zero(6), be64(uint64(rate)<<44|uint64(channels-1)<<41|uint64(bits-1)<<36|total&(1<<36-1)), zero(16))
}

func synchsafe(n int) []byte {
	return []byte{byte(n>>21) & 0x7f, byte(n>>14) & 0x7f, byte(n>>7) & 0x7f, byte(n) & 0x7f}
}

func id3(frames ...[]byte) []byte {
	body := cat(frames...)
	return cat([]byte("ID3\x04\x00\x00"), synchsafe(len(body)), body)
}

func id3Frame(kind string, body []byte) []byte {
	return cat([]byte(kind), synchsafe(len(body)), zero(2), body)
}

// asf is the header object of Windows Media with these objects in it.
func asf(objects ...[]byte) []byte {
	body := cat(objects...)
	return cat([]byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"), le64(uint64(30+len(body))), le32(uint32(len(objects))), []byte{1, 2}, body)
}

func asfObject(guid string, parts ...[]byte) []byte {
	body := cat(parts...)
	return cat([]byte(guid), le64(uint64(24+len(body))), body)
}

func le64(v uint64) []byte { return le32(uint32(v), uint32(v>>32)) }

// mxf is a header partition, and a network locator.
func mxf(locator []byte) []byte {
	const label = "\x06\x0e\x2b\x34"
	partition := cat([]byte(label+"\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04\x00"), []byte{0x83}, be32(88)[1:], be16(1, 2), be32(1), zero(80))
	return cat(partition, []byte(label+"\x02\x53\x01\x01\x0d\x01\x01\x01\x01\x01\x32\x00"), []byte{0x83}, be32(uint32(len(locator)))[1:], locator)
}
