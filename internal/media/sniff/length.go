package sniff

import (
	"encoding/binary"
	"math/bits"
)

// Missing returns how many bytes a file of that size lacks by its own account, 0 where it lacks none or its kind does
// not say how long it is. Head is the file's beginning, as for [Sniff]. ISO files are not looked at: their index tells.
func Missing(head []byte, size int64) int64 {
	var announced int64
	switch Sniff(head) {
	case Matroska, WebM:
		announced = segmentEnd(head)
	case AVI, WAV:
		// The size of the whole, less the eight bytes that say so. 0 and all ones: it was never filled in.
		if n := binary.LittleEndian.Uint32(head[4:]); n != 0 && n != 1<<32-1 && string(head[:4]) == "RIFF" {
			announced = int64(n) + 8
		}
	default:
	}
	return max(0, announced-size)
}

// segmentEnd returns where a Matroska file's one segment ends (RFC 9559, 5.1), 0 where it does not say.
func segmentEnd(head []byte) int64 {
	const idSize = 4
	if len(head) < idSize {
		return 0
	}
	header, n := vint(head[idSize:])
	if n == 0 || header > uint64(len(head)) {
		return 0
	}
	at := idSize + n + int(header)
	if at+idSize > len(head) || string(head[at:at+idSize]) != "\x18\x53\x80\x67" {
		return 0
	}
	size, m := vint(head[at+idSize:])
	if m == 0 || size == 1<<(7*m)-1 || size > 1<<60 {
		return 0 // written without going back to fill it in
	}
	return int64(at+idSize+m) + int64(size)
}

// vint reads a variable-length number of EBML (RFC 8794, 4) and returns its length, 0 where there is none.
func vint(b []byte) (value uint64, length int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	length = bits.LeadingZeros8(b[0]) + 1
	if length > len(b) {
		return 0, 0
	}
	value = uint64(b[0]) & (1<<(8-length) - 1)
	for _, c := range b[1:length] {
		value = value<<8 | uint64(c)
	}
	return value, length
}
