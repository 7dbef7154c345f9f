package films

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A picture of MPEG-4 begins with vop; the two bits behind it say which kind it is (ISO/IEC 14496-2, 6.2.5).
var vop = []byte{0, 0, 1, 0xb6}

// notCoded is a picture without content, at up to 32 ticks a second: where it stands nothing new is shown.
var notCoded = []byte{0, 0, 1, 0xb6, 0x50, 0x4f}

// packedMark is what DivX calls itself in such a film; the p at its end means packed.
var packedMark = []byte("\x00\x00\x01\xb2DivX503b1393p")

// pack puts each B-frame of an AVI into one chunk with the anchor before it, and a picture without content at the end of
// the row of B-frames. Then each chunk shows one picture, and none need be told to wait.
func pack(b []byte) ([]byte, error) {
	at := bytes.Index(b, []byte("movi"))
	if len(b) < 12 || at < 8 {
		return nil, errors.New("no AVI with a movi list")
	}
	end := at + int(binary.LittleEndian.Uint32(b[at-4:]))
	if end > len(b) {
		return nil, fmt.Errorf("movi of %d bytes in %d", end-at, len(b))
	}
	chunks, err := packed(b[at+4 : end])
	if err != nil {
		return nil, err
	}
	movi, index := []byte("movi"), []byte(nil)
	for _, c := range chunks {
		const key = 0x10
		flags := uint32(key)
		if c.kind == "00dc" && c.coding() != codingI {
			flags = 0
		}
		index = append(index, c.kind...)
		for _, v := range []uint32{flags, uint32(len(movi)), uint32(len(c.payload))} {
			index = binary.LittleEndian.AppendUint32(index, v)
		}
		movi = append(movi, riffChunk(c.kind, c.payload)...)
	}
	out := append(bytes.Clone(b[:at-8]), riffChunk("LIST", movi)...)
	out = append(out, riffChunk("idx1", index)...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out, nil
}

type chunk struct {
	kind    string
	payload []byte
}

// The kinds of pictures, as coded.
const (
	codingI = 0
	codingB = 2
)

func (c chunk) coding() byte {
	i := bytes.Index(c.payload, vop)
	if i < 0 || i+5 > len(c.payload) {
		return codingI
	}
	return c.payload[i+4] >> 6
}

// packed are the chunks of a movi list in their new order: the sound stays where it is.
func packed(b []byte) ([]chunk, error) {
	var list []chunk
	anchor := -1 // where the anchor is that has no B-frame with it yet
	row := false // B-frames are under way
	mark := packedMark
	for len(b) > 0 {
		if len(b) < 8 || int(binary.LittleEndian.Uint32(b[4:])) > len(b)-8 {
			return nil, errors.New("chunk cut short")
		}
		size := int(binary.LittleEndian.Uint32(b[4:]))
		c := chunk{string(b[:4]), bytes.Clone(b[8 : 8+size])}
		b = b[min(len(b), 8+size+size%2):]
		pictures := c.kind == "00dc" && size > 0
		switch {
		case c.kind == "00dc" && size == 0: // the muxer's way to wait
			continue
		case pictures && c.coding() == codingB && anchor >= 0:
			list[anchor].payload = append(list[anchor].payload, c.payload...)
			anchor, row = -1, true
			continue
		case pictures && c.coding() != codingB:
			if row {
				list = append(list, chunk{"00dc", notCoded})
			}
			anchor, row = len(list), false
			if i := bytes.Index(c.payload, vop); i >= 0 {
				c.payload = bytes.Join([][]byte{c.payload[:i], c.payload[i:]}, mark)
				mark = nil // once is enough
			}
		}
		list = append(list, c)
	}
	if row {
		list = append(list, chunk{"00dc", notCoded})
	}
	return list, nil
}

func riffChunk(kind string, payload []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(payload)))
	return append(append(b, payload...), make([]byte, len(payload)%2)...)
}
