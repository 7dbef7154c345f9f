package mp4

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// The stored form of an Index: "FCIX", a version byte, the length of the facts as 32 bits, the facts as JSON, the columns
// of each track, and the CRC-32C of all before it. Columns are varints: sizes as they are, the rest as differences
// from what the sample before lets expect, so that most take one byte.
const (
	indexMagic   = "FCIX"
	indexVersion = 2
	indexHead    = len(indexMagic) + 1 + 4
	// minSample is the least that a stored sample takes: one byte for each column.
	minSample = 4
)

// ErrIndex is what [Index.UnmarshalBinary] returns for bytes that are no stored index of this version: it is derived
// and can be made again.
var ErrIndex = errors.New("mp4: not a stored index of this version")

// storedIndex are the facts, storedTrack those of a track: everything but the columns.
type storedIndex struct {
	Size           int64
	Brand          string
	MOV            bool
	Fragmented     bool
	MovieTimescale uint32
	Created        uint64
	Video, Audio   int
	Tracks         []storedTrack
}

type storedTrack struct {
	Track
	LightTicks int64
	Count      int
	SyncCount  int
	AllSync    bool
	Compose    bool // there is a column of composition offsets
	End        int64
}

// MarshalBinary stores the index.
func (x *Index) MarshalBinary() ([]byte, error) {
	facts := storedIndex{
		Size: x.Size, Brand: x.Brand, MOV: x.MOV, Fragmented: x.Fragmented, MovieTimescale: x.MovieTimescale, Created: x.Created,
		Video: x.video, Audio: x.audio,
	}
	n := 0
	for _, t := range x.Tracks {
		facts.Tracks = append(facts.Tracks, storedTrack{
			Track: *t, LightTicks: t.lightTicks, Count: t.Len(), SyncCount: len(t.s.sync), AllSync: t.s.allSync, Compose: t.s.cto != nil, End: t.s.end,
		})
		n += t.Len()
	}
	js, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("mp4: store index: %w", err)
	}
	out := make([]byte, 0, indexHead+len(js)+n*7+4)
	out = append(out, indexMagic...)
	out = append(out, indexVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(js)))
	out = append(out, js...)
	for _, t := range x.Tracks {
		out = t.s.store(out)
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli())), nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// UnmarshalBinary reads a stored index. What it accepts has the same guarantees as what [Parse] returns: no more memory
// than the input's length allows, every sample inside the file, times in order.
func (x *Index) UnmarshalBinary(b []byte) error {
	if len(b) < indexHead+4 || string(b[:len(indexMagic)]) != indexMagic || b[len(indexMagic)] != indexVersion {
		return ErrIndex
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli()) != sum {
		return fmt.Errorf("%w: checksum", ErrIndex)
	}
	n := int64(binary.BigEndian.Uint32(body[indexHead-4:]))
	body = body[indexHead:]
	if n > int64(len(body)) {
		return fmt.Errorf("%w: facts of %d bytes", ErrIndex, n)
	}
	var facts storedIndex
	if err := json.Unmarshal(body[:n], &facts); err != nil {
		return fmt.Errorf("%w: facts: %v", ErrIndex, err) //nolint:errorlint // one sentinel is enough
	}
	y := Index{
		Size: facts.Size, Brand: facts.Brand, MOV: facts.MOV, Fragmented: facts.Fragmented, MovieTimescale: facts.MovieTimescale,
		Created: facts.Created, video: facts.Video, audio: facts.Audio,
	}
	d := decoder{b: body[n:]}
	for i := range facts.Tracks {
		st := &facts.Tracks[i]
		t := st.Track // no columns in it: they are not exported
		t.lightTicks = st.LightTicks
		if err := t.s.load(&d, st, facts.Size); err != nil {
			return fmt.Errorf("%w: track %d: %w", ErrIndex, t.ID, err)
		}
		if err := t.plausible(facts.MovieTimescale); err != nil {
			return fmt.Errorf("%w: track %d: %w", ErrIndex, t.ID, err)
		}
		y.Tracks = append(y.Tracks, &t)
	}
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("%w: %d bytes are left", ErrIndex, len(d.b))
	}
	if err := y.plausible(); err != nil {
		return err
	}
	y.settle()
	*x = y
	return nil
}

func (x *Index) plausible() error {
	v, a := x.Video(), x.Audio()
	switch {
	case v == nil && a == nil,
		x.video >= len(x.Tracks) || x.audio >= len(x.Tracks) || x.video < -1 || x.audio < -1,
		v != nil && (v.Kind != Video || v.Picture == nil || v.Light || v.Len() == 0),
		a != nil && (a.Kind != Audio || a.Sound == nil || a.Samples == 0 || !a.Light && a.Len() == 0):
		return fmt.Errorf("%w: no primary track", ErrIndex)
	}
	return nil
}

// plausible checks the facts of a stored track that computations rest on.
func (t *Track) plausible(movieTimescale uint32) error {
	const most = 1 << 56
	e := t.Edit
	switch {
	case t.Kind != Other && (t.Timescale == 0 || movieTimescale == 0),
		e.Delay < 0 || e.Delay > most, e.MediaTime < 0 || e.MediaTime > most, e.Duration < 0 || e.Duration > most,
		t.lightTicks < 0 || t.lightTicks > most,
		t.Samples < t.Len():
		return errors.New("facts out of bounds")
	}
	return nil
}

// store appends the columns.
func (s *samples) store(out []byte) []byte {
	put := binary.AppendVarint
	for _, v := range s.size {
		out = binary.AppendUvarint(out, uint64(v))
	}
	next := int64(0)
	for i, v := range s.offset {
		out = put(out, v-next)
		next = v + int64(s.size[i])
	}
	at, step := int64(0), int64(0)
	for _, v := range s.dts {
		out = put(out, v-at-step)
		at, step = v, v-at
	}
	if s.cto != nil {
		before := int64(0)
		for _, v := range s.cto {
			out = put(out, int64(v)-before)
			before = int64(v)
		}
	}
	before := uint32(0)
	for _, v := range s.sync {
		out = binary.AppendUvarint(out, uint64(v-before))
		before = v
	}
	return out
}

// load reads the columns that store wrote.
func (s *samples) load(d *decoder, st *storedTrack, fileSize int64) error {
	n := st.Count
	if n < 0 || int64(n)*(minSample-1) > int64(len(d.b)) || st.SyncCount < 0 || st.SyncCount > n || st.AllSync && st.SyncCount > 0 {
		return errors.New("more samples than bytes")
	}
	if n == 0 {
		s.end, s.allSync = st.End, st.AllSync
		return nil
	}
	s.size, s.offset, s.dts = make([]uint32, n), make([]int64, n), make([]int64, n)
	for i := range s.size {
		s.size[i] = uint32(d.unsigned(math.MaxUint32))
	}
	next := int64(0)
	for i := range s.offset {
		v := next + d.signed()
		if v < 0 || v > fileSize || int64(s.size[i]) > fileSize-v {
			return errors.New("a sample lies outside the file")
		}
		s.offset[i], next = v, v+int64(s.size[i])
	}
	at, step := int64(0), int64(0)
	for i := range s.dts {
		v := at + step + d.signed()
		if v < at || v > 1<<62 {
			return errors.New("times are not in order")
		}
		s.dts[i], at, step = v, v, v-at
	}
	if s.end = st.End; s.end < at || s.end > 1<<62 {
		return errors.New("times are not in order")
	}
	if st.Compose {
		s.cto = make([]int32, n)
		before := int64(0)
		for i := range s.cto {
			v := before + d.signed()
			if v != int64(int32(v)) {
				return errors.New("a composition offset is out of bounds")
			}
			s.cto[i], before = int32(v), v
		}
	}
	s.allSync = st.AllSync
	if st.SyncCount > 0 {
		s.sync = make([]uint32, st.SyncCount)
	}
	before := uint64(0)
	for i := range s.sync {
		v := before + d.unsigned(math.MaxUint32)
		if v >= uint64(n) || i > 0 && v <= before {
			return errors.New("key frames are not in order")
		}
		s.sync[i], before = uint32(v), v
	}
	if d.bad {
		return errors.New("cut off")
	}
	return nil
}

// decoder reads varints; after one that is cut off or out of bounds all are 0 and bad is true.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 || v > 1<<62 || v < -1<<62 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) unsigned(most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > most {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}
