package hostile

import "strings"

// subtitles are texts with references, and the formats that draw texts as pictures.
func subtitles(m *models, p Places) []File {
	const known = "known for a text by its characters"
	const none = "no pictures and no sound"
	const beside = "a whole film; its texts are not read"
	local, remote := "file://"+p.Canary, "http://"+p.Host+"/font.ttf"
	ass := "[Script Info]\nScriptType: v4.00+\nPlayResX: 100000\n[V4+ Styles]\nStyle: D," + p.Canary + ",20\n[Fonts]\nfontname: " + p.Canary +
		"\n[Events]\nFormat: Layer, Start, End, Style, Text\nDialogue: 0,0:00:00.00,9:59:59.99,D,{\\fn" + p.Canary + "\\p1}m 0 0 l 9999999 0{\\t(\\fscx99999999)}\n"
	srt := "1\n00:00:00,000 --> 99:59:59,000\n<img src=\"" + local + "\"><font face=\"" + remote + "\">x</font>\n\n"
	xbin := cat([]byte("XBIN\x1a"), le16(80, 1), []byte{16, 0x18}, zero(4096), []byte(p.Canary))
	sauce := cat([]byte("SAUCE00"), []byte(strings.Repeat(" ", 83)), []byte{1, 1}, le16(0xffff, 0xffff), zero(24))
	texts := func(codec, private string) []byte {
		entry := cat(number(0x83, 0x11), words(idCodec, codec), element(idPrivate, []byte(private)))
		return cat(ebmlHead(), element(idSegment, element(idInfo, number(idScale, 1000000)), element(idTracks,
			element(idTrackEntry, number(0xd7, 1), number(0x73c5, 1), entry)), block(0, []byte("0,0,D,,0,0,0,,"+local))))
	}
	second := func(codec, private string) []byte {
		return intoEBML(m.mkv, element(idTrackEntry, number(0xd7, 9), number(0x73c5, 9), number(0x83, 0x11), words(idCodec, codec),
			element(idPrivate, []byte(private))), idSegment, idTracks)
	}
	return []File{
		{Name: "ass.mp4", Why: known, Upload: true, body: text("%s", ass)},
		{Name: "srt.mp4", Why: known, Upload: true, body: text("%s", srt)},
		{Name: "vtt.mp4", Why: known, body: text("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:0\nSTYLE\n::cue{background:url(%s)}\n\n00:00.000 --> 99:00.000\n%s\n", remote, local)},
		{Name: "sami.avi", Type: "video/x-msvideo", Why: known, body: text("<SAMI><HEAD><STYLE>@import url(%s)</STYLE></HEAD><BODY><SYNC Start=0><P><IMG SRC=%s></BODY></SAMI>", remote, local)},
		{Name: "ttml.mp4", Why: known, body: text(`<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div><image src="%s"/></div></body></tt>`, local)},
		{Name: "vobsub.mkv", Type: "video/x-matroska", Why: known, Upload: true, body: text("# VobSub index file, v7 (do not modify this line!)\nsize: 99999x99999\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 000000000\n# %s\n", p.Canary)},
		{Name: "realtext.mp4", Why: known, body: text(`<window type="tickertape" width="99999" height="99999"><time begin="0"/><a href="%s">x</a></window>`, local)},
		{Name: "microdvd.mp4", Why: known, body: text("{1}{1}999999\n{0}{99999999}{f:%s}text|%s\n", p.Canary, local)},
		{Name: "scc.mov", Why: known, body: text("Scenarist_SCC V1.0\n\n00:00:00:00\t9420 9420 94ad 94ad\n")},
		{Name: "jacosub.mp4", Why: known, body: text("#TIMERES 999999999\n#INCLUDE %s\n0:00:00.00 9:00:00.00 D text\n", p.Canary)},
		{Name: "ansi.mp4", Why: "a text with control sequences, for tty", Upload: true, body: text("\x1b[2J\x1b[9999;9999H\x1b[1;31m%s\n%s\n", local, strings.Repeat("\x1b[99999C#\n", 1000))},
		{Name: "ansi.nfo.mov", Why: "text art of an old alphabet", body: whole(cat(repeat([]byte("\xdb\xb2\xb1\xb0\r\n"), 400), []byte(local), []byte("\x1a"), sauce))},
		{Name: "text-art.bin.mp4", Why: "text art in binary", body: whole(cat(repeat([]byte("A\x07"), 80*50), []byte("\x1a"), sauce))},
		{Name: "text-art.xbin.mp4", Why: "text art with a font", body: whole(xbin)},
		{Name: "text-art.idf.mp4", Why: "text art of iCEDraw", body: whole(cat([]byte("\x041.4\x00\x00\x00\x00\x4f\x00\x15\x00"), repeat([]byte("A\x07"), 4000), zero(4096), zero(48)))},
		{Name: "text-art.adf.mp4", Why: "text art of Artworx", body: whole(cat([]byte{1}, zero(192), zero(4096), repeat([]byte("A\x07"), 4000)))},
		{Name: "pgs.sup.mp4", Why: "pictures of subtitles alone", body: whole(cat([]byte("PG"), be32(0, 0), []byte{0x16}, be16(19), be16(0xffff, 0xffff), []byte{0x10}, be16(0), []byte{0x80, 0, 0, 0}, zero(8)))},
		{Name: "only-ass.mkv", Type: "video/x-matroska", Why: none, body: whole(texts("S_TEXT/ASS", ass))},
		{Name: "only-vobsub.mkv", Type: "video/x-matroska", Why: none, body: whole(texts("S_VOBSUB", "size: 65535x65535\npalette: "+strings.Repeat("ffffff, ", 16)))},
		{Name: "only-tx3g.mp4", Why: none, body: whole(movie(track{
			handler: "text", scale: 1000, length: 1000, delta: 1000, sizes: []uint32{4},
			entry: box("tx3g", zero(6), be16(1), zero(38), box("ftab", be16(1, 1), []byte{byte(len(p.Canary))}, []byte(p.Canary))),
		}, []byte("\x00\x02hi")))},
		{Name: "ass-beside.mkv", Type: "video/x-matroska", Want: Ready, Why: beside, Upload: true, body: whole(second("S_TEXT/ASS", ass))},
		{Name: "vobsub-beside.mkv", Type: "video/x-matroska", Why: "subtitle pictures of a size that nobody decodes", body: whole(second("S_VOBSUB", "size: 65535x65535\n"))},
	}
}
