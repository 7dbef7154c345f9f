package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// box is an ISO box, or a QuickTime atom.
func box(kind string, parts ...[]byte) []byte {
	body := cat(parts...)
	return cat(be32(uint32(len(body)+8)), []byte(kind), body)
}

// full is a box with version 0 and flags.
func full(kind string, flags uint32, parts ...[]byte) []byte {
	return box(kind, be32(flags), cat(parts...))
}

// claim is the head of a box that says it is so long.
func claim(kind string, size uint32) []byte { return cat(be32(size), []byte(kind)) }

// claim64 is the same with a 64-bit size.
func claim64(kind string, size uint64) []byte { return cat(be32(1), []byte(kind), be64(size)) }

func ftyp(brand string) []byte { return box("ftyp", []byte(brand), be32(512), []byte(brand)) }

func isContainer(kind string) bool {
	switch kind {
	case "moov", "trak", "mdia", "minf", "dinf", "stbl", "edts", "mvex", "udta", "moof", "traf":
		return true
	}
	return false
}

// edit changes boxes of a file that has its moov last. A path such as moov/trak/mdia/mdhd names all boxes of that path;
// with moov/trak:0/… the first track alone. f gets the whole box and returns what stands in its place.
func edit(file []byte, path string, f func(b []byte) []byte) []byte {
	n := 0
	out := editIn(file, strings.Split(path, "/"), f, &n)
	if n == 0 {
		panic("no box " + path)
	}
	return out
}

func editIn(b []byte, path []string, f func([]byte) []byte, n *int) []byte {
	var out []byte
	kind, number, numbered := strings.Cut(path[0], ":")
	for i := 0; len(b) >= 8; {
		size := int(binary.BigEndian.Uint32(b))
		one := b[:size]
		b = b[size:]
		hit := string(one[4:8]) == kind
		if hit {
			hit = !numbered || number == fmt.Sprint(i)
			i++
		}
		switch {
		case !hit:
			out = append(out, one...)
		case len(path) == 1:
			*n++
			out = append(out, f(one)...)
		default:
			out = append(out, box(kind, editIn(one[8:], path[1:], f, n))...)
		}
	}
	return out
}

// swap puts another box in the place of one.
func swap(file []byte, path string, with []byte) []byte {
	return edit(file, path, func([]byte) []byte { return with })
}

// into puts boxes at the end of a container.
func into(file []byte, path string, more ...[]byte) []byte {
	return edit(file, path, func(b []byte) []byte { return box(string(b[4:8]), b[8:], cat(more...)) })
}

// patch writes bytes at a place of the box, counted behind its head of 8 bytes.
func patch(file []byte, path string, at int, v []byte) []byte {
	return edit(file, path, func(b []byte) []byte { return put(b, 8+at, v) })
}

// Paths into the first track, which has the pictures.
const (
	inTrack = "moov/trak:0/"
	inMedia = inTrack + "mdia/"
	inTable = inMedia + "minf/stbl/"
)

// track is one that is written from nothing.
type track struct {
	handler       string // vide or soun
	scale         uint32
	length        uint32
	width, height uint16
	entry         []byte // the sample entry
	sizes         []uint32
	delta         uint32
	tables        []byte // in place of stts, stsz, stsc and stco
}

// movie is a file of one track, with moov last.
func movie(t track, data ...[]byte) []byte {
	head := ftyp("isom")
	mdat := box("mdat", data...)
	first := uint32(len(head) + 8)
	tables := t.tables
	if tables == nil {
		n := uint32(len(t.sizes))
		tables = cat(
			full("stts", 0, be32(1, n, t.delta)), full("stsc", 0, be32(1, 1, n, 1)),
			full("stsz", 0, be32(0, n), be32(t.sizes...)), full("stco", 0, be32(1, first)),
		)
	}
	return cat(head, mdat, moov(t, tables))
}

func moov(t track, tables []byte) []byte {
	matrix := be32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30)
	media := full("vmhd", 1, zero(8))
	if t.handler == "soun" {
		media = full("smhd", 0, zero(4))
	}
	return box("moov",
		full("mvhd", 0, zero(8), be32(t.scale, t.length, 1<<16), be16(0x100, 0), zero(8), matrix, zero(24), be32(2)),
		box("trak",
			full("tkhd", 3, zero(8), be32(1, 0, t.length), zero(16), matrix, be32(uint32(t.width)<<16, uint32(t.height)<<16)),
			box("mdia",
				full("mdhd", 0, zero(8), be32(t.scale, t.length), be16(0x55c4, 0)),
				full("hdlr", 0, zero(4), []byte(t.handler), zero(13)),
				box("minf", media, box("dinf", full("dref", 0, be32(1), full("url ", 1))),
					box("stbl", full("stsd", 0, be32(1), t.entry), tables)))))
}

// visual is a sample entry for pictures.
func visual(kind string, width, height uint16, more ...[]byte) []byte {
	return box(kind, zero(6), be16(1), zero(16), be16(width, height), be32(0x480000, 0x480000, 0), be16(1), zero(32), be16(24, 0xffff), cat(more...))
}

// audio is a sample entry for sound.
func audio(kind string, channels, bits uint16, rate uint32, more ...[]byte) []byte {
	return box(kind, zero(6), be16(1), zero(8), be16(channels, bits, 0, 0), be32(rate<<16), cat(more...))
}

// avc is the sample entry of H.264 with these parameter sets, and lengths of four bytes.
func avc(width, height uint16, sps, pps []byte) []byte {
	return visual("avc1", width, height, box("avcC", []byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1}, be16(uint16(len(sps))), sps, []byte{1}, be16(uint16(len(pps))), pps))
}
