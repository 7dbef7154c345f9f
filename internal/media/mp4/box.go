package mp4

import (
	"encoding/binary"
	"iter"
)

// box is one box in memory: its type and what follows its header.
type box struct {
	kind string
	body []byte
}

// boxes yields the boxes that lie one after the other in b. A box that claims more than there is ends the walk with an
// error; up to seven bytes at the end are padding (QuickTime ends lists with four zero bytes). Nothing is recursive:
// callers descend along the paths they know, so depth costs nothing.
func boxes(b []byte) iter.Seq2[box, error] {
	return func(yield func(box, error) bool) {
		for len(b) >= 8 {
			size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
			switch size {
			case 0:
				if zero(b[:8]) { // the QuickTime terminator, not a box of type 0
					return
				}
				size = uint64(len(b))
			case 1:
				if len(b) < 16 {
					yield(box{}, damaged("a 64-bit box header is cut off"))
					return
				}
				size, head = binary.BigEndian.Uint64(b[8:]), 16
			}
			kind := string(b[4:8])
			if size < head || size > uint64(len(b)) {
				yield(box{}, damaged("box %q claims %d bytes of %d", kind, size, len(b)))
				return
			}
			if !yield(box{kind, b[head:size]}, nil) {
				return
			}
			b = b[size:]
		}
	}
}

// find returns the first box of that kind in b.
func find(b []byte, kind string) ([]byte, bool, error) {
	for c, err := range boxes(b) {
		if err != nil {
			return nil, false, err
		}
		if c.kind == kind {
			return c.body, true, nil
		}
	}
	return nil, false, nil
}

func zero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// fields reads the big-endian fields of a small box one after the other. A read beyond the end gives zero, and short
// is then true: callers look once, after the last field.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.short, f.b = true, nil
		return make([]byte, max(0, min(n, 16)))
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) skip(n int)  { f.take(n) }
func (f *fields) u8() uint8   { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }

// fullBox reads version and flags.
func (f *fields) fullBox() (version uint8, flags uint32) {
	v := f.u32()
	return uint8(v >> 24), v & 0xffffff
}

// wide reads a field that is 64 bits long in version 1 of its box and 32 bits in version 0.
func (f *fields) wide(version uint8) uint64 {
	if version == 1 {
		return f.u64()
	}
	return uint64(f.u32())
}

// fourCC makes the text of four characters of a file: what is not printable ASCII becomes a dot.
func fourCC(b []byte) string {
	out := []byte(string(b))
	for i, c := range out {
		if c < 0x20 || c > 0x7e {
			out[i] = '.'
		}
	}
	return string(out)
}
