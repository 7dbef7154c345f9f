package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"filmcan/internal/derive"
	"filmcan/internal/media/mp4"
)

// stretch is the description of a chunk: consecutive frames in decode order, from a key frame on.
type stretch struct {
	// first is the number of its first frame in decode order.
	first int64
	// track describes the pictures; nil where there are none.
	track  *mp4.Track
	frames *mp4.Table
	// last: there is nothing after it.
	last bool
}

// A chunk is stored as
//
//	"fmchunk1", and big-endian: the CRC-32 of what follows up to the frames, 1 for the last chunk (8 bits), first frame (64),
//	length of the head (32), length of the table (32)
//	the head: ftyp and moov of a film without samples; none where there are no frames
//	the table, as [mp4.Table] stores it
//	the frames, one after the other
const (
	chunkMagic = "fmchunk1"
	chunkFixed = len(chunkMagic) + 4 + 1 + 8 + 4 + 4
	// maxTable bounds what is read of a chunk that is not to be believed: 10 s have some 1200 frames.
	maxTable = 64 << 20
)

var errNoChunk = errors.New("it is no chunk, or a damaged one")

// encode returns what stands before the frames.
func (s *stretch) encode() ([]byte, error) {
	table, err := s.frames.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var head []byte
	if s.track != nil {
		head = mp4.InitHead(s.track, 0)
	}
	b := append([]byte(chunkMagic), 0, 0, 0, 0, bit(s.last))
	b = binary.BigEndian.AppendUint64(b, uint64(s.first))
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(table)))
	b = append(append(b, head...), table...)
	binary.BigEndian.PutUint32(b[len(chunkMagic):], checksum(b))
	return b, nil
}

func checksum(b []byte) uint32 { return crc32.ChecksumIEEE(b[len(chunkMagic)+4:]) }

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// readChunk reads a chunk's description and returns where in it the frames begin.
func readChunk(o derive.Object) (s *stretch, data int64, err error) {
	fixed := make([]byte, chunkFixed)
	if n, err := o.ReadAt(fixed, 0); n < len(fixed) {
		return nil, 0, fmt.Errorf("%w: %w", errNoChunk, err)
	}
	rest := fixed[len(chunkMagic)+5:]
	head, table := int64(binary.BigEndian.Uint32(rest[8:])), int64(binary.BigEndian.Uint32(rest[12:]))
	data = int64(chunkFixed) + head + table
	if !bytes.HasPrefix(fixed, []byte(chunkMagic)) || data > maxTable || data > o.Size() {
		return nil, 0, errNoChunk
	}
	all := make([]byte, data)
	if n, err := o.ReadAt(all, 0); n < len(all) {
		return nil, 0, fmt.Errorf("%w: %w", errNoChunk, err)
	}
	if binary.BigEndian.Uint32(all[len(chunkMagic):]) != checksum(all) {
		return nil, 0, errNoChunk
	}
	s = &stretch{first: int64(binary.BigEndian.Uint64(rest)), last: fixed[len(chunkMagic)+4] == 1, frames: &mp4.Table{}}
	if err := s.frames.UnmarshalBinary(all[int64(chunkFixed)+head:]); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errNoChunk, err)
	}
	if s.frames.Len() > 0 {
		if s.track, err = mp4.NewFragmentReader(bytes.NewReader(all[chunkFixed:][:head])).Init(); err != nil {
			return nil, 0, fmt.Errorf("%w: %w", errNoChunk, err)
		}
	}
	if data+s.frames.Bytes() != o.Size() {
		return nil, 0, errNoChunk
	}
	return s, data, nil
}
