package sniff

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

func box(kind, rest string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))) + kind + rest
}

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

func packets(size, lead, n int) string {
	p := strings.Repeat("\x00", lead) + "\x47" + strings.Repeat("\x01", size-1-lead)
	return strings.Repeat(p, n)
}

func cases() map[string][]string {
	adts := "\xff\xf1\x50\x80\x01\x1f\xfc\x00"
	return map[string][]string{
		"mp4": {
			box("ftyp", "isom\x00\x00\x02\x00isomiso2avc1mp41") + box("moov", ""), box("ftyp", "M4A \x00\x00\x00\x00"), box("ftyp", "dash"),
			box("styp", "msdh") + box("moof", ""), box("free", "") + box("ftyp", "isom"), box("sidx", "xxxx"), box("ftyp", ""),
		},
		"mov":        {box("ftyp", "qt  \x20\x05\x03\x00qt  "), box("moov", "..."), box("wide", "") + box("mdat", "..."), "\x00\x00\x00\x01mdat\x00\x00\x00\x00", box("skip", "") + box("ftyp", "qt  ")},
		"matroska":   {"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82\x88matroska", "\x1a\x45\xdf\xa3\x80"},
		"webm":       {"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm\x42\x87"},
		"mpeg-ts":    {packets(188, 0, 6), packets(192, 4, 6), packets(204, 0, 6), packets(188, 0, 6)[100:], packets(188, 0, 1), packets(188, 0, 400)},
		"flv":        {"FLV\x01\x05\x00\x00\x00\x09"},
		"avi":        {"RIFF\x00\x01\x00\x00AVI LIST"},
		"wav":        {"RIFF\x00\x01\x00\x00WAVEfmt ", "RF64\xff\xff\xff\xffWAVEds64"},
		"asf":        {"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"},
		"mpeg-ps":    {"\x00\x00\x01\xba\x44\x00"},
		"mpeg-video": {"\x00\x00\x01\xb3\x16\x00"},
		"mxf":        {"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01"},
		"ogg":        {"OggS\x00\x02"},
		"gif":        {"GIF89a\x01\x00"},
		"flac":       {"fLaC\x00\x00", "ID3\x04\x00\x00\x00\x00\x00\x02xxfLaC"},
		"mp3":        {"\xff\xfb\x90\x00\x00\x00", "ID3\x04\x00\x00\x00\x00\x00\x02xx\xff\xfb\x90\x00\x00", "ID3\x04\x00\x00\x00\x0f\x7f\x7f\x00\x00"},
		"adts":       {adts + strings.Repeat("\x00", 0) + adts, adts},
		"ac3":        {"\x0b\x77\x01\x02\x03\x04"},
		"dts":        {"\x7f\xfe\x80\x01\xfc\x3c", "\xfe\x7f\x01\x80\x3c\xfc", "\x1f\xff\xe8\x00\x07\xf0", "\xff\x1f\x00\xe8\xf0\x07"},
		"h264":       {"\x00\x00\x00\x01\x67\x64\x00\x0d", "\x00\x00\x01\x27\x42\xe0", "\x00\x00\x00\x01\x09\x10\x00\x00\x00\x01\x06\x05\x10\x00\x00\x01\x47\x4d\x00"},
		"hevc":       {"\x00\x00\x00\x01\x40\x01\x0c", "\x00\x00\x01\x46\x01\x10\x00\x00\x01\x42\x01\x01"},
		"aiff":       {"FORM\x00\x00\x00\x00AIFFCOMM"},
		"caf":        {"caff\x00\x01"},
		"empty":      {""},
		"hls":        {"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd", "\xef\xbb\xbf#EXTM3U", "\r\n\n  #extm3u\n", utf16le("#EXTM3U\nx")},
		"dash":       {"<?xml version=\"1.0\"?>\n<MPD xmlns=", "<MPD type=\"static\">"},
		"playlist":   {"[playlist]\nFile1=http://x", "<smil><body>", "<SmoothStreamingMedia Major"},
		"sdp":        {"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "v=0\no=-"},
		"concat":     {"ffconcat version 1.0\nfile a", "file '/etc/passwd'\n"},
		"html":       {"<!DOCTYPE html><html>", "  \n<HTML>\n", "<!-- hi --><html lang=en>", "<?xml version='1.0'?><!DOCTYPE html PUBLIC", "\xef\xbb\xbf<html>", utf16le("<html><p>")},
		"xml":        {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"},
		"json":       {"{\"error\":\"not found\"}", "{}", " [1,2]", "{\n  \"a\": 1"},
		"subtitle":   {"WEBVTT\n\n00:00", "1\n00:00:01,000 --> 00:00:02,000\nHi", "[Script Info]\nTitle"},
		"text":       {"Not found", "{ nothing }", "[hello] there", "Grüße aus München", "Gr\xfc\xdfe aus Latein-1 Land", "<3", "moov"},
		"image":      {"\x89PNG\r\n\x1a\n\x00", "\xff\xd8\xff\xe0\x00\x10JFIF", "RIFF\x00\x00\x00\x00WEBPVP8 ", box("ftyp", "heic\x00\x00\x00\x00mif1heic"), "BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00", "<svg xmlns="},
		"pdf":        {"%PDF-1.7\n"},
		"archive":    {"PK\x03\x04\x14\x00", "\x1f\x8b\x08\x00", "Rar!\x1a\x07\x01\x00", "7z\xbc\xaf\x27\x1c\x00", "name" + strings.Repeat("\x00", 253) + "ustar\x0000"},
		"program":    {"\x7fELF\x02", "#!/bin/sh\n", "MZ\x90\x00\x03"},
		"unknown":    {"\x00", "\x00\x00\x01\x65\x88\x84", "\x00\x00\x01\x09\x10\x00\x00\x01\x41\x9a", "\x02\x00\x00\x01\x67\x64", "\x00\x00\x01\x67", strings.Repeat("\x00", 1000), "\x01\x02\x03\x04\x05\x06\x07\x08\x09", "\x00\x00\x00\x00\x00\x00\x00\x18moof"},
		"realmedia":  {".RMF\x00\x00"},
		"ivf":        {"DKIF\x00\x00"},
		"yuv4mpeg":   {"YUV4MPEG2 W2 H2"},
		"amr":        {"#!AMR\n"},
	}
}

func TestSniff(t *testing.T) {
	t.Parallel()
	for want, heads := range cases() {
		for _, head := range heads {
			if got := Sniff([]byte(head)); got != Kind(want) {
				t.Errorf("%.40q: got %s, want %s", head, got, want)
			}
		}
	}
}

// TestEveryKind: each kind has an example above, a name of its own for messages, and a demuxer exactly where it is a
// film or sound.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	films := []Kind{
		MP4, MOV, Matroska, WebM, TS, FLV, AVI, ASF, MPEGPS, MPEGES, MXF, Ogg, Real, IVF, Y4M, GIF, WAV, AIFF, CAF, FLAC, MP3, ADTS, AC3, AMR, DTS, H264, HEVC,
	}
	others := []Kind{Empty, HLS, DASH, Playlist, SDP, Concat, HTML, XML, JSON, Subtitle, Text, Image, PDF, Archive, Program, Unknown}
	examples, names := cases(), map[string]Kind{}
	for i, k := range append(films, others...) {
		if len(examples[string(k)]) == 0 {
			t.Errorf("%s: no example", k)
		}
		if was, twice := names[k.Name()]; twice {
			t.Errorf("%s and %s are both called %s", k, was, k.Name())
		}
		names[k.Name()] = k
		if !strings.HasPrefix(k.Name(), "a ") && !strings.HasPrefix(k.Name(), "an ") {
			t.Errorf("%s: name %q does not fit into a sentence", k, k.Name())
		}
		if got, want := k.Demuxer() != "", i < len(films); got != want {
			t.Errorf("%s: demuxer %q", k, k.Demuxer())
		}
	}
	if len(names) != len(examples) {
		t.Errorf("%d kinds, %d examples", len(names), len(examples))
	}
}

// FuzzSniff: a playlist, in whatever white space and case, is never taken for something that ffmpeg may open; what
// lies behind HeadSize changes nothing.
func FuzzSniff(f *testing.F) {
	for _, heads := range cases() {
		for _, head := range heads {
			f.Add([]byte(head))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k := Sniff(b)
		if k == "" || k.Name() == "" {
			t.Fatalf("%q: no kind", b)
		}
		start := bytes.ToLower(bytes.TrimLeft(b, " \t\r\n"))
		for _, p := range []string{"#extm3u", "<mpd", "ffconcat", "<html"} {
			if bytes.HasPrefix(start, []byte(p)) && k.Demuxer() != "" && k != TS {
				t.Errorf("%q: got %s", b, k)
			}
		}
		if len(b) >= HeadSize && Sniff(append(b[:HeadSize:HeadSize], "more"...)) != k {
			t.Error("bytes behind the head changed the kind")
		}
	})
}
