package hostile

import (
	"bytes"
	"net/url"
	"strings"
)

// names are films that a program may take for something else by what they are called, inside or outside.
func names(m *models, p Places) []File {
	const film = "a whole film: its name is never an argument, a path or a script"
	harm := []struct{ name, text string }{
		{"option", "-i"},
		{"help", "--help"},
		{"report", "-report"},
		{"file", "file:" + p.Canary},
		{"path", p.Canary},
		{"up", "../../../../../../../.." + p.Canary},
		{"pipe", "|cat " + p.Canary},
		{"shell", "$(cat " + p.Canary + ")`cat " + p.Canary + "`;cat<" + p.Canary},
		{"concat", "concat:" + p.Canary + "|" + p.Canary},
		{"subfile", "subfile,,start,0,end,9,,:" + p.Canary},
		{"address", "http://" + p.Host + "/film.mp4"},
		{"pattern", "%d%s%n%05d.mp4"},
		{"lines", "film\r\nHost: " + p.Host + "\r\n\r\n.mp4"},
		{"zero", "film\x00.mp4"},
		{"right-to-left", "film\u202e4pm.exe\u200b\u2066"},
		{"long", strings.Repeat("n", 251) + ".mp4"},
		{"long-wide", strings.Repeat("\u00fc", 125) + ".mp4"},
		{"no-utf8", "film\xff\xfe\xc3.mp4"},
		{"playlist", "film.m3u8"},
		{"script", "<script src=//" + p.Host + ">.mp4"},
		{"star", "*?[a-z]{1,2}~"},
		{"dots", ".."},
	}
	var files []File
	for i, h := range harm {
		title := strings.ToValidUTF8(strings.ReplaceAll(h.text, "\x00", "\ufffd"), "\ufffd")
		files = append(files, File{
			Name: "name-" + h.name, As: "names/" + strings.ReplaceAll(url.PathEscape(h.text), "..", "%2e%2e"), Title: title[:min(len(title), 120)],
			Type: "application/vnd.apple.mpegurl", Want: Ready, Why: film, Upload: i%5 == 0, body: whole(titled(m.mp4, h.text)),
		})
		if i%4 == 0 {
			files = append(files, File{
				Name: "title-" + h.name + ".mkv", Title: title[:min(len(title), 120)], Type: "video/x-matroska", Want: Ready, Why: film,
				body: whole(intoEBML(m.mkv, words(idTitle, h.text), idSegment, idInfo)),
			})
		}
		if i%4 == 1 {
			files = append(files, File{
				Name: "nothing-" + h.name, As: "nothing/" + strings.ReplaceAll(url.PathEscape(h.text), "..", "%2e%2e"), Title: title[:min(len(title), 120)],
				Type: "video/mp4", Why: "a text, whatever it is called", Upload: i%8 == 1, body: text("%s\n", h.text),
			})
		}
	}
	for _, t := range []struct{ name, tag string }{{"option", "-i\x00\x00"}, {"format", "%s%n"}, {"path", "/etc"}, {"lines", "\r\n\r\n"}} {
		name, tag := t.name, t.tag
		files = append(files, File{
			Name: "tag-" + name + ".mp4", Why: "a codec of that name there is not",
			body: whole(edit(m.mp4, inTable+"stsd", func(b []byte) []byte { return put(b, 20, []byte(tag)) })),
		}, File{
			Name: "brand-" + name + ".mp4", Want: Ready, Why: film, body: whole(put(put(m.mp4, 8, []byte(tag)), 16, []byte(tag))),
		}, File{
			Name: "codec-" + name + ".mkv", Type: "video/x-matroska", Want: Ready, Why: "its sound is a film; a codec of that name there is not",
			body: whole(editEBML(m.mkv, func(b []byte) []byte {
				if bytes.Contains(b, []byte("V_MPEG4")) {
					return words(idCodec, tag)
				}
				return b
			}, idSegment, idTracks, idTrackEntry, idCodec)),
		})
	}
	return files
}

// titled puts a text where players look for titles, and into the names of its tracks.
func titled(file []byte, title string) []byte {
	item := func(kind string) []byte { return box(kind, box("data", be32(1, 0), []byte(title))) }
	meta := full("meta", 0, full("hdlr", 0, zero(4), []byte("mdirappl"), zero(9)), box("ilst", item("\xa9nam"), item("\xa9cmt"), item("\xa9too"), item("purl")))
	file = into(file, "moov", box("udta", meta, box("\xa9url", be16(uint16(len(title)), 0), []byte(title))))
	return edit(file, "moov/trak/mdia/hdlr", func(b []byte) []byte { return box("hdlr", b[8:32], []byte(title), []byte{0}) })
}
