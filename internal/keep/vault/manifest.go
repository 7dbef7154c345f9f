package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// manifest is what a manifest says.
type manifest struct {
	ref Ref
	// Of a film that grows: the last sync, the notes, and where the log ends; what is behind that is torn.
	synced synced
	before int64 // size of the sync before that one, which no crash takes back
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
		m.before, m.synced = m.synced.size, r
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
		m.before, m.synced = 0, synced{}
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
