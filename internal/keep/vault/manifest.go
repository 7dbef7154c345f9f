package vault

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
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

// manifest is what a manifest says.
type manifest struct {
	ref Ref
	// Of a film that grows: the last sync, the notes, and where the log ends; what is behind that is torn.
	synced synced
	notes  map[string][]byte
	end    int64
	sum    uint32
	// Of a sealed film: one of them.
	whole    *whole
	composed *composed
	// off is where the records behind a composed film's summary begin.
	off int64
}

func (m *manifest) sealed() bool { return m.whole != nil || m.composed != nil }

// readManifest reads a manifest as far as it can be in one piece: the whole log of a film that grows, the summary of a
// sealed one. Its cost is the log's length, or nothing to speak of when it is sealed. The memory is bounded by the
// bounds of records and notes.
func readManifest(r io.Reader) (*manifest, error) {
	s := newScanner(r)
	if err := s.header(); err != nil {
		return nil, err
	}
	first, err := s.next()
	if err != nil {
		return nil, ended(err)
	}
	b, ok := first.(begin)
	if !ok {
		return nil, fmt.Errorf("manifest begins with a record of kind %q", first.kind())
	}
	m := &manifest{ref: b.ref, notes: make(map[string][]byte)}
	if s.state == compact {
		return m, m.readSeal(s)
	}
	for {
		next, err := s.next()
		m.end, m.sum = s.off, s.sum
		if errors.Is(err, errTorn) && s.damaged() {
			return nil, fmt.Errorf("record at %d is wrong and those behind it are not", m.end)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		if err := m.add(next); err != nil {
			return nil, err
		}
	}
}

// readSeal reads the summary of a sealed manifest.
func (m *manifest) readSeal(s *scanner) error {
	next, err := s.next()
	if err != nil {
		return ended(err)
	}
	m.off, m.sum = s.off, s.sum
	switch r := next.(type) {
	case whole:
		m.whole = &r
		return nil
	case composed:
		m.composed = &r
		return r.check()
	}
	return fmt.Errorf("record of kind %q where the seal should be", next.kind())
}

// add takes the next record of a log.
func (m *manifest) add(r record) error {
	switch r := r.(type) {
	case synced:
		if r.size < m.synced.size {
			return fmt.Errorf("synced %d bytes after %d", r.size, m.synced.size)
		}
		m.synced = r
	case note:
		if len(r.value) == 0 {
			delete(m.notes, r.key)
			return nil
		}
		m.notes[r.key] = r.value
		if len(m.notes) > maxNotes {
			return fmt.Errorf("more than %d notes", maxNotes)
		}
	case restart:
		m.synced = synced{}
		clear(m.notes)
	default:
		return fmt.Errorf("record of kind %q out of place", r.kind())
	}
	return nil
}

// check holds a composed film's summary against itself.
func (r *composed) check() error {
	if r.headSize > r.size || r.count == 0 && r.headSize != r.size {
		return fmt.Errorf("composed of %d bytes with a head of %d and %d extents", r.size, r.headSize, r.count)
	}
	return nil
}

// encodeSealed returns the bytes of a sealed manifest: the summary comes first, so that it is found without reading
// what can be long.
func encodeSealed(ref Ref, seal record, table extents) []byte {
	var f framer
	f.header(compact)
	f.record(begin{ref})
	f.record(seal)
	for chunk := range table.records() {
		f.record(chunk)
	}
	f.record(end{})
	return f.buf
}

// records cuts a table into records.
func (r extents) records() func(func(extents) bool) {
	return func(yield func(extents) bool) {
		for len(r) > 0 {
			n := min(len(r), extentsPerRecord)
			if !yield(r[:n]) {
				return
			}
			r = r[n:]
		}
	}
}

// digest is that of the table's bytes.
func (r extents) digest() [digestSize]byte {
	h := sha256.New()
	var buf []byte
	for chunk := range r.records() {
		buf = chunk.append(buf[:0])
		h.Write(buf)
	}
	return [digestSize]byte(h.Sum(nil))
}

// sealedSize is the length of a sealed manifest whose summary ends at off.
func (m *manifest) sealedSize() int64 {
	size := m.off + frameSize + 1 // the end
	if m.composed != nil {
		full, rest := m.composed.count/extentsPerRecord, m.composed.count%extentsPerRecord
		size += int64(m.composed.count) * extentSize
		size += int64(full) * (frameSize + 1)
		if rest > 0 {
			size += frameSize + 1
		}
	}
	return size
}

// readTable reads what follows the summary of a sealed manifest: the extents, if it is composed, and the end. r gives
// the bytes from m.off. Everything must be there and agree with the summary.
func (m *manifest) readTable(r io.Reader) (extents, error) {
	s := newScanner(r)
	s.sum = m.sum
	var table extents
	for {
		next, err := s.next()
		if err != nil {
			return nil, ended(err)
		}
		chunk, more := next.(extents)
		if !more {
			if next.kind() != kindEnd {
				return nil, fmt.Errorf("record of kind %q in the table of extents", next.kind())
			}
			break
		}
		if m.composed == nil || len(table)%extentsPerRecord != 0 || len(table)+len(chunk) > m.composed.count {
			return nil, errors.New("extents out of place")
		}
		table = append(table, chunk...)
	}
	if _, err := s.next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("bytes behind the end of the manifest")
	}
	return table, m.checkTable(table)
}

func (m *manifest) checkTable(table extents) error {
	if m.composed == nil {
		return nil
	}
	if len(table) != m.composed.count || table.digest() != m.composed.table {
		return errors.New("table of extents does not agree with its digest")
	}
	size := m.composed.headSize
	for _, e := range table {
		if e.source >= len(m.composed.sources) || e.len == 0 {
			return errors.New("extent of nothing")
		}
		if of := m.composed.sources[e.source].size; e.len > of || e.offset > of-e.len {
			return fmt.Errorf("extent of %d bytes at %d in a source of %d", e.len, e.offset, of)
		}
		if size += e.len; size < 0 {
			return errors.New("composed film too long")
		}
	}
	if size != m.composed.size {
		return fmt.Errorf("extents make %d bytes, the film has %d", size, m.composed.size)
	}
	return nil
}

// etag names a composed film's content: the digest of its manifest's summary, which holds the digests of the rest.
func (r composed) etag() [digestSize]byte { return sha256.Sum256(r.append(nil)) }

// ended makes a missing record what it is where records may not be missing.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errTorn
	}
	return err
}
