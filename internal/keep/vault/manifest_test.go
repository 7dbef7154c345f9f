package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"
)

func logBytes(records ...record) []byte {
	var f framer
	f.header(growing)
	for _, r := range records {
		f.record(r)
	}
	return f.buf
}

func sealedBytes() [][]byte {
	ref := Ref{"Film1", Master}
	table := extents{{0, 5, 10}, {1, 0, 3}}
	seal := composed{
		size: 20, headSize: 7, count: 2, table: table.digest(),
		sources: []source{{part: Source, size: 100}, {part: "extra", size: 3}},
	}
	long := make(extents, extentsPerRecord+1)
	for i := range long {
		long[i] = extent{0, int64(i), 1}
	}
	big := composed{size: int64(len(long)), count: len(long), table: long.digest(), sources: []source{{part: Source, size: 9000}}}
	return [][]byte{
		encodeSealed(ref, whole{size: 42}, nil),
		encodeSealed(ref, seal, table),
		encodeSealed(ref, big, long),
	}
}

// FuzzManifest: whatever is accepted is written again as the same bytes, and no more memory is taken than the input
// and the bounds of the format allow.
func FuzzManifest(f *testing.F) {
	start := begin{Ref{"Film1", Source}}
	f.Add([]byte(nil))
	f.Add(logBytes(start))
	f.Add(logBytes(start, note{"k", []byte("v")}, synced{7, []byte("state")}, restart{}, note{"k", nil}, synced{0, nil}))
	f.Add(append(logBytes(start, synced{7, nil}), "torn"...))
	for _, b := range sealedBytes()[:2] { // the third is long, and slow to vary
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		fixChecksums(b)
		m, err := readManifest(bytes.NewReader(b))
		if err != nil {
			return
		}
		if !m.sealed() {
			if got := again(t, b[:m.end]); !bytes.Equal(got, b[:m.end]) {
				t.Errorf("log written again:\n%x\nwant\n%x", got, b[:m.end])
			}
			if len(m.notes) > maxNotes || m.synced.size < 0 {
				t.Errorf("accepted %d notes and a size of %d", len(m.notes), m.synced.size)
			}
			return
		}
		table, err := m.readTable(bytes.NewReader(b[m.off:]))
		if err != nil {
			return
		}
		var seal record
		if seal = m.whole; m.composed != nil {
			seal = m.composed
		}
		if got := encodeSealed(m.ref, seal, table); !bytes.Equal(got, b) || int64(len(b)) != m.sealedSize() {
			t.Errorf("sealed manifest written again:\n%x (said to be %d)\nwant\n%x", got, m.sealedSize(), b)
		}
	})
}

// again reads a log's records and writes them.
func again(t *testing.T, b []byte) []byte {
	t.Helper()
	s := newScanner(bytes.NewReader(b))
	if err := s.header(); err != nil {
		t.Fatal(err)
	}
	var f framer
	f.header(s.state)
	for {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			return f.buf
		}
		if err != nil {
			t.Fatal(err)
		}
		f.record(r)
	}
}

// fixChecksums makes the checksums of b right as far as its frames go, or the fuzzer would never get past them.
func fixChecksums(b []byte) {
	if len(b) < headerSize {
		return
	}
	sum := crc32.Checksum(b[:headerSize-4], castagnoli())
	binary.LittleEndian.PutUint32(b[headerSize-4:], sum)
	for at := headerSize; len(b)-at > frameSize; {
		n := int(b[at]) | int(b[at+1])<<8 | int(b[at+2])<<16
		if b[at+3] != 0 || n == 0 || n > len(b)-at-frameSize {
			return
		}
		sum = chain(sum, b[at:at+4], b[at+frameSize:][:n])
		binary.LittleEndian.PutUint32(b[at+4:], sum)
		at += frameSize + n
	}
}

func TestSealedManifestIsExact(t *testing.T) {
	t.Parallel()
	for i, b := range sealedBytes() {
		read := func(b []byte) error {
			m, err := readManifest(bytes.NewReader(b))
			if err != nil {
				return err
			}
			if !m.sealed() || int64(len(b)) != m.sealedSize() {
				return errors.New("not sealed, or of another length")
			}
			_, err = m.readTable(bytes.NewReader(b[m.off:]))
			return err
		}
		if err := read(b); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		step := max(1, len(b)/500)
		for at := 0; at < len(b); at += step {
			if read(b[:at]) == nil {
				t.Errorf("%d: accepted when cut at %d", i, at)
			}
			flipped := bytes.Clone(b)
			flipped[at] ^= 1
			if read(flipped) == nil {
				t.Errorf("%d: accepted with byte %d flipped", i, at)
			}
		}
		if read(append(bytes.Clone(b), 0)) == nil {
			t.Errorf("%d: accepted with a byte behind its end", i)
		}
	}
}

func TestNewerVersionIsNotDamage(t *testing.T) {
	t.Parallel()
	b := logBytes(begin{Ref{"Film1", Source}})
	b[4] = version + 1
	binary.LittleEndian.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli()))
	if _, err := readManifest(bytes.NewReader(b)); !errors.Is(err, errVersion) {
		t.Errorf("version %d: %v, want errVersion", version+1, err)
	}
}
