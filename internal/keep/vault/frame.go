package vault

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// The framing of a manifest: a header of 12 bytes, then records of 8 bytes (length and checksum), kind and payload.
// Integers are little-endian. A record's CRC32C begins with that of the record before it, so records can be neither
// left out nor exchanged, and what an earlier file left on the disk never passes for a tail.
const (
	magic      = "FCVM"
	version    = 1
	headerSize = 12
	frameSize  = 8
	maxPayload = 1 + 60<<10 // with the kind

	// What the header says of the records: a log may end in a torn one, a sealed manifest may not.
	growing = 0
	compact = 1
)

var (
	// errTorn: the bytes from here on are no record: a write that did not end, or damage.
	errTorn = errors.New("torn record")
	// errVersion: a manifest of a version that this program does not know.
	errVersion = errors.New("manifest of a newer version of filmcan")
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// framer writes a manifest's bytes.
type framer struct {
	buf []byte
	sum uint32 // of the last record, or of the header
}

func (f *framer) header(state uint16) {
	f.buf = append(f.buf[:0], magic...)
	f.buf = binary.LittleEndian.AppendUint16(f.buf, version)
	f.buf = binary.LittleEndian.AppendUint16(f.buf, state)
	f.sum = crc32.Checksum(f.buf, castagnoli())
	f.buf = binary.LittleEndian.AppendUint32(f.buf, f.sum)
}

func (f *framer) record(r record) {
	at := len(f.buf)
	f.buf = append(f.buf, make([]byte, frameSize)...)
	f.buf = r.append(append(f.buf, r.kind()))
	payload := f.buf[at+frameSize:]
	binary.LittleEndian.PutUint32(f.buf[at:], uint32(len(payload)))
	f.sum = chain(f.sum, f.buf[at:at+4], payload)
	binary.LittleEndian.PutUint32(f.buf[at+4:], f.sum)
}

func chain(sum uint32, length, payload []byte) uint32 {
	return crc32.Update(crc32.Update(sum, castagnoli(), length), castagnoli(), payload)
}

// scanner reads a manifest's bytes. It holds one record at a time.
type scanner struct {
	r     *bufio.Reader
	state uint16 // of the header: growing or compact
	off   int64  // behind the last good record
	sum   uint32
	buf   []byte
	bad   frame // the record that made next return errTorn, if it was there in full
}

// frame is a record that is there in full but has the wrong checksum.
type frame struct {
	kind             byte
	stored, computed uint32
}

func newScanner(r io.Reader) *scanner { return &scanner{r: bufio.NewReaderSize(r, 4<<10)} }

// header reads the header: errTorn or errVersion.
func (s *scanner) header() error {
	h := make([]byte, headerSize)
	if _, err := io.ReadFull(s.r, h); err != nil {
		return tornAt(err)
	}
	s.sum = crc32.Checksum(h[:headerSize-4], castagnoli())
	if string(h[:4]) != magic || binary.LittleEndian.Uint32(h[8:]) != s.sum {
		return errTorn
	}
	s.state = binary.LittleEndian.Uint16(h[6:])
	if binary.LittleEndian.Uint16(h[4:]) != version || s.state > compact {
		return errVersion
	}
	s.off = headerSize
	return nil
}

// next reads a record: io.EOF at the end, errTorn where there is none; any other error is damage.
func (s *scanner) next() (record, error) {
	var head [frameSize]byte
	if _, err := io.ReadFull(s.r, head[:]); errors.Is(err, io.EOF) {
		return nil, io.EOF
	} else if err != nil {
		return nil, tornAt(err)
	}
	n := binary.LittleEndian.Uint32(head[:4])
	if n == 0 || n > maxPayload {
		return nil, errTorn
	}
	if cap(s.buf) < int(n) {
		s.buf = make([]byte, n)
	}
	payload := s.buf[:n]
	if _, err := io.ReadFull(s.r, payload); err != nil {
		return nil, tornAt(err)
	}
	sum := chain(s.sum, head[:4], payload)
	if stored := binary.LittleEndian.Uint32(head[4:]); sum != stored {
		s.bad = frame{payload[0], stored, sum}
		return nil, errTorn
	}
	r, err := decode(payload[0], payload[1:])
	if err != nil {
		return nil, err
	}
	s.sum = sum
	s.off += frameSize + int64(n)
	return r, nil
}

// damaged tells, after next returned errTorn, whether the record was whole once: then what follows was acknowledged and
// must not be cut. Records reach the log in batches of which each is durable before the next and has one sync or
// restart, its last record. A batch that was torn has therefore no whole one behind it.
func (s *scanner) damaged() bool {
	if s.bad == (frame{}) {
		return false
	}
	// The next record's checksum goes on from this one's, unless that is what is wrong.
	seeds := []uint32{s.bad.stored, s.bad.computed}
	ends := 0
	if endsBatch(s.bad.kind) {
		ends++
	}
	for {
		var head [frameSize]byte
		if _, err := io.ReadFull(s.r, head[:]); err != nil {
			return false
		}
		n, stored := binary.LittleEndian.Uint32(head[:4]), binary.LittleEndian.Uint32(head[4:])
		if n == 0 || n > maxPayload {
			return false
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(s.r, payload); err != nil {
			return false
		}
		if !slices.ContainsFunc(seeds, func(seed uint32) bool { return chain(seed, head[:4], payload) == stored }) {
			return false
		}
		if endsBatch(payload[0]) {
			if ends++; ends > 1 {
				return true
			}
		}
		seeds = []uint32{stored}
	}
}

func endsBatch(kind byte) bool { return kind == kindSync || kind == kindRestart }

// tornAt tells bytes that are missing from a device that fails.
func tornAt(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}
