package hostile

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Elements of Matroska (RFC 9559).
const (
	idEBML        = 0x1a45dfa3
	idDocType     = 0x4282
	idSegment     = 0x18538067
	idSeekHead    = 0x114d9b74
	idVoid        = 0xec
	idInfo        = 0x1549a966
	idScale       = 0x2ad7b1
	idDuration    = 0x4489
	idTitle       = 0x7ba9
	idTracks      = 0x1654ae6b
	idTrackEntry  = 0xae
	idVideo       = 0xe0
	idAudio       = 0xe1
	idPixelWidth  = 0xb0
	idPixelHeight = 0xba
	idDefault     = 0x23e383
	idRate        = 0xb5
	idCodec       = 0x86
	idPrivate     = 0x63a2
	idCluster     = 0x1f43b675
	idTime        = 0xe7
	idSimpleBlock = 0xa3
	idCues        = 0x1c53bb6b
	idChapters    = 0x1043a770
	idTags        = 0x1254c367
	idTag         = 0x7373
	idSimpleTag   = 0x67c8
	idAttachments = 0x1941a469
	idAttached    = 0x61a7
)

func ebmlID(id uint32) []byte {
	b := be32(id)
	return b[bits.LeadingZeros32(id)/8:]
}

// unknownLength is the size of an element that ends where it ends.
const unknownLength = 1<<56 - 1

// headOf is the head of an element of that length.
func headOf(id uint32, size uint64) []byte {
	return cat(ebmlID(id), be64(1<<56|size))
}

func element(id uint32, parts ...[]byte) []byte {
	body := cat(parts...)
	return cat(headOf(id, uint64(len(body))), body)
}

func number(id uint32, v uint64) []byte { return element(id, be64(v)) }

func float(id uint32, v float64) []byte { return element(id, be64(math.Float64bits(v))) }

func words(id uint32, s string) []byte { return element(id, []byte(s)) }

// ebmlHead is the beginning of each Matroska file.
func ebmlHead() []byte { return element(idEBML, words(idDocType, "matroska")) }

// readElement reads the head of an element.
func readElement(b []byte) (id uint32, head int, size uint64) {
	n := bits.LeadingZeros8(b[0]) + 1
	for _, c := range b[:n] {
		id = id<<8 | uint32(c)
	}
	m := bits.LeadingZeros8(b[n]) + 1
	size = uint64(b[n]) & (1<<(8-m) - 1)
	for _, c := range b[n+1 : n+m] {
		size = size<<8 | uint64(c)
	}
	return id, n + m, size
}

// editEBML changes elements of a Matroska file, as edit does boxes. Their places move: seek heads and cues go.
func editEBML(file []byte, f func(b []byte) []byte, path ...uint32) []byte {
	n := 0
	out := editElements(file, f, path, &n)
	if n == 0 {
		panic("no such element")
	}
	return out
}

func editElements(b []byte, f func([]byte) []byte, path []uint32, n *int) []byte {
	var out []byte
	for len(b) > 0 {
		id, head, size := readElement(b)
		end := head + int(size)
		one := b[:end]
		b = b[end:]
		switch {
		case id == idSeekHead || id == idCues || id == idVoid:
		case id != path[0]:
			out = append(out, one...)
		case len(path) == 1:
			*n++
			out = append(out, f(one)...)
		default:
			out = append(out, element(id, editElements(one[head:], f, path[1:], n))...)
		}
	}
	return out
}

// swapEBML puts another element in the place of one.
func swapEBML(file, with []byte, path ...uint32) []byte {
	return editEBML(file, func([]byte) []byte { return with }, path...)
}

// intoEBML puts elements at the end of one.
func intoEBML(file, more []byte, path ...uint32) []byte {
	return editEBML(file, func(b []byte) []byte {
		id, head, _ := readElement(b)
		return element(id, b[head:], more)
	}, path...)
}

// beside puts elements behind the one of that path.
func beside(file, more []byte, path ...uint32) []byte {
	return editEBML(file, func(b []byte) []byte { return cat(b, more) }, path...)
}

// matroska is a file of one track from nothing.
func matroska(trackEntry []byte, clusters ...[]byte) []byte {
	return cat(ebmlHead(), element(idSegment,
		element(idInfo, number(idScale, 1000000)), element(idTracks, element(idTrackEntry, number(0xd7, 1), number(0x73c5, 1), trackEntry)), cat(clusters...)))
}

// pictures is what a track entry says of pictures.
func pictures(codec string, width, height uint64, private []byte) []byte {
	e := cat(number(0x83, 1), words(idCodec, codec), element(idVideo, number(idPixelWidth, width), number(idPixelHeight, height)))
	if private != nil {
		e = append(e, element(idPrivate, private)...)
	}
	return e
}

// sounds is what a track entry says of sound.
func sounds(codec string, rate float64, channels uint64) []byte {
	return cat(number(0x83, 2), words(idCodec, codec), element(idAudio, float(idRate, rate), number(0x9f, channels)))
}

// block is a cluster of one key frame.
func block(time uint64, frame []byte) []byte {
	return element(idCluster, number(idTime, time), element(idSimpleBlock, []byte{0x81, 0, 0, 0x80}, frame))
}

// chunk is one of RIFF.
func chunk(kind string, parts ...[]byte) []byte {
	body := cat(parts...)
	b := cat([]byte(kind), binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func riff(kind, form string, parts ...[]byte) []byte {
	return chunk(kind, []byte(form), cat(parts...))
}
