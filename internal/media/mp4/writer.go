package mp4

import "encoding/binary"

// writer appends boxes to b. Boxes that hold others are opened and closed: end := w.open("moov"); …; end().
type writer struct{ b []byte }

func (w *writer) u8(v uint8)     { w.b = append(w.b, v) }
func (w *writer) u16(v uint16)   { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)   { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) str(s string)   { w.b = append(w.b, s...) }
func (w *writer) bytes(b []byte) { w.b = append(w.b, b...) }
func (w *writer) zeros(n int)    { w.b = append(w.b, make([]byte, n)...) }
func (w *writer) u32s(v ...uint32) {
	for _, x := range v {
		w.u32(x)
	}
}

// open begins a box; the returned function ends it.
func (w *writer) open(kind string) (end func()) {
	at := len(w.b)
	w.u32(0)
	w.str(kind)
	return func() { binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at)) }
}

// full begins a box with version and flags.
func (w *writer) full(kind string, version uint8, flags uint32) (end func()) {
	end = w.open(kind)
	w.u32(uint32(version)<<24 | flags)
	return end
}

// box writes a box with that body.
func (w *writer) box(kind string, body []byte) {
	w.u32(uint32(8 + len(body)))
	w.str(kind)
	w.bytes(body)
}
