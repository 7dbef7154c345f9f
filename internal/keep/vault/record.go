package vault

import (
	"encoding/binary"
	"fmt"
	"strings"

	"filmcan/internal/film"
)

// The records of a manifest, docs/storage.md. Each has one encoding only: what can be read is written again as the
// same bytes.
type record interface {
	kind() byte
	// append appends the record's payload.
	append(b []byte) []byte
}

const (
	kindBegin    = 'B'
	kindNote     = 'N'
	kindSync     = 'S'
	kindRestart  = 'R'
	kindWhole    = 'W'
	kindComposed = 'C'
	kindExtents  = 'X'
	kindEnd      = 'E'
)

const (
	digestSize = 32
	// maxState bounds the state of a hash: sha256's takes 108 bytes.
	maxState = 512
	// maxName bounds a film's id, a part's name and a note's key.
	maxName = 64
	// maxNote and maxNotes bound what callers may keep beside a film that grows.
	maxNote  = 16 << 10
	maxNotes = 32
	// extentsPerRecord extents fit in a record.
	extentsPerRecord = 3500
	extentSize       = 1 + 8 + 8
	// maxExtents bounds what a composed film may be made of: 17 bytes each in memory while it is open.
	maxExtents = 1 << 20
	// maxSources bounds the parts that a composed film takes bytes from.
	maxSources = 4
)

// begin says what the manifest is of; it is always the first record.
type begin struct{ ref Ref }

// note is a caller's state; an empty value takes it away.
type note struct {
	key   string
	value []byte
}

// synced says that the piece's first size bytes are durable, and how the hash stood behind them.
type synced struct {
	size  int64
	state []byte
}

// restart says that everything before it is forgotten.
type restart struct{}

// whole is the seal of a film that was written: one piece from its first byte to its last.
type whole struct {
	size   int64
	digest [digestSize]byte // sha256 of the bytes
}

// composed is the seal of a film that was composed. It names the digests of all that the film is made of, so its own
// digest stands for the film's bytes.
type composed struct {
	size       int64
	headSize   int64
	headDigest [digestSize]byte
	sources    []source
	count      int              // of the extents behind the head, which follow in records of their own
	table      [digestSize]byte // sha256 of the payloads of these
}

// source is a sealed part that a composed film takes bytes from.
type source struct {
	part   Part
	size   int64
	digest [digestSize]byte
}

// extents are byte ranges of the sources, in the order of the composed film.
type extents []extent

type extent struct {
	source      int // index into the sources
	offset, len int64
}

// end is the last record of a sealed manifest.
type end struct{}

func (begin) kind() byte    { return kindBegin }
func (note) kind() byte     { return kindNote }
func (synced) kind() byte   { return kindSync }
func (restart) kind() byte  { return kindRestart }
func (whole) kind() byte    { return kindWhole }
func (composed) kind() byte { return kindComposed }
func (extents) kind() byte  { return kindExtents }
func (end) kind() byte      { return kindEnd }

func (r begin) append(b []byte) []byte {
	return appendName(appendName(b, string(r.ref.Film)), string(r.ref.Part))
}

func (r note) append(b []byte) []byte {
	return append(appendName(b, r.key), r.value...)
}

func (r synced) append(b []byte) []byte {
	return append(appendSize(b, r.size), r.state...)
}

func (restart) append(b []byte) []byte { return b }

func (r whole) append(b []byte) []byte {
	return append(appendSize(b, r.size), r.digest[:]...)
}

func (r composed) append(b []byte) []byte {
	b = appendSize(b, r.size)
	b = append(appendSize(b, r.headSize), r.headDigest[:]...)
	b = append(b, byte(len(r.sources)))
	for _, s := range r.sources {
		b = appendSize(appendName(b, string(s.part)), s.size)
		b = append(b, s.digest[:]...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(r.count))
	return append(b, r.table[:]...)
}

func (r extents) append(b []byte) []byte {
	for _, e := range r {
		b = append(b, byte(e.source))
		b = appendSize(appendSize(b, e.offset), e.len)
	}
	return b
}

func (end) append(b []byte) []byte { return b }

func appendName(b []byte, name string) []byte {
	return append(append(b, byte(len(name))), name...)
}

func appendSize(b []byte, size int64) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(size))
}

// decode reads a payload whose checksum was right. An error is therefore no torn write, but damage or another version.
// The record keeps no part of the payload.
func decode(kind byte, payload []byte) (record, error) {
	d := decoder{rest: payload}
	var r record
	switch kind {
	case kindBegin:
		r = begin{Ref{Film: film.FilmID(d.name()), Part: Part(d.name())}}
	case kindNote:
		r = note{key: d.name(), value: d.remainder(maxNote)}
	case kindSync:
		r = synced{size: d.size(), state: d.remainder(maxState)}
	case kindRestart:
		r = restart{}
	case kindWhole:
		r = whole{size: d.size(), digest: d.digest()}
	case kindComposed:
		r = d.composed()
	case kindExtents:
		r = d.extents()
	case kindEnd:
		r = end{}
	default:
		return nil, fmt.Errorf("record of the unknown kind %q", kind)
	}
	if d.bad || len(d.rest) > 0 {
		return nil, fmt.Errorf("record of kind %q with a payload of %d bytes that makes no sense", kind, len(payload))
	}
	return r, nil
}

// decoder takes a payload apart. What is missing reads as zero and makes it bad.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.rest) {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() int {
	if b := d.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (d *decoder) name() string {
	n := d.byte()
	d.bad = d.bad || n == 0 || n > maxName
	return string(d.take(n))
}

func (d *decoder) size() int64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	size := int64(binary.LittleEndian.Uint64(b))
	d.bad = d.bad || size < 0
	return size
}

func (d *decoder) digest() (digest [digestSize]byte) {
	copy(digest[:], d.take(digestSize))
	return digest
}

func (d *decoder) remainder(limit int) []byte {
	d.bad = d.bad || len(d.rest) > limit
	return []byte(strings.Clone(string(d.take(len(d.rest)))))
}

func (d *decoder) composed() composed {
	r := composed{size: d.size(), headSize: d.size(), headDigest: d.digest()}
	n := d.byte()
	d.bad = d.bad || n > maxSources
	for range n {
		if d.bad {
			break
		}
		r.sources = append(r.sources, source{part: Part(d.name()), size: d.size(), digest: d.digest()})
	}
	if b := d.take(4); b != nil {
		r.count = int(binary.LittleEndian.Uint32(b))
	}
	d.bad = d.bad || r.count > maxExtents
	r.table = d.digest()
	return r
}

func (d *decoder) extents() extents {
	n := len(d.rest) / extentSize
	if d.bad = n == 0 || n > extentsPerRecord || n*extentSize != len(d.rest); d.bad {
		return nil
	}
	r := make(extents, n)
	for i := range r {
		r[i] = extent{source: d.byte(), offset: d.size(), len: d.size()}
	}
	return r
}
