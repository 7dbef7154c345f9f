package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// Packet is one coded picture or stretch of sound, in ticks of its track.
type Packet struct {
	PTS, DTS, Duration int64
	Sync               bool
	Data               []byte
}

// Table says of the packets of one track what a film's tables need to know, while their bytes lie one behind the other
// elsewhere. The zero Table is empty. Decode times are not in it: they follow from the order and the presentation times.
type Table struct {
	pts  []int64
	size []uint32
	sync []bool
	// end is when the last of them ends to be shown.
	end   int64
	bytes int64
}

// The stored form of a Table: "FCPT", a version byte, the number of packets, the end less the greatest time, per packet the
// difference of its time from the one before, and its size and sync bit; all as varints, and the CRC-32C of all before it.
const (
	tableMagic   = "FCPT"
	tableVersion = 1
)

// ErrTable is wrapped by what [Table.UnmarshalBinary] returns for bytes that are no stored table of this version.
var ErrTable = errors.New("mp4: not a stored table of packets of this version")

// mostTicks bounds times that packets may have.
const mostTicks = 1 << 56

// Append adds a packet, whose bytes lie behind those before. It errs where the packet could not be stored.
func (t *Table) Append(p Packet) error {
	return t.Add(p.PTS, p.Duration, int64(len(p.Data)), p.Sync)
}

// Add is Append for a packet of which the size is known alone.
func (t *Table) Add(pts, duration, size int64, sync bool) error {
	switch {
	case pts < -mostTicks || pts > mostTicks || duration < 0 || duration > mostTicks:
		return fmt.Errorf("mp4: a packet at %d lasts %d ticks", pts, duration)
	case size <= 0 || size > math.MaxInt32:
		return fmt.Errorf("mp4: a packet of %d bytes", size)
	}
	if t.end = max(t.end, pts+duration); len(t.pts) == 0 {
		t.end = pts + duration
	}
	t.pts, t.size, t.sync = append(t.pts, pts), append(t.size, uint32(size)), append(t.sync, sync)
	t.bytes += size
	return nil
}

// Len is the number of packets, Bytes the length of all of them.
func (t *Table) Len() int { return len(t.pts) }

// Bytes is described at Len.
func (t *Table) Bytes() int64 { return t.bytes }

// End is when the last packet ends to be shown.
func (t *Table) End() int64 { return t.end }

// Packet is the i-th packet without its bytes and decode time; size is the length of them.
func (t *Table) Packet(i int) (p Packet, size int) {
	return Packet{PTS: t.pts[i], Sync: t.sync[i]}, int(t.size[i])
}

// MarshalBinary stores the table.
func (t *Table) MarshalBinary() ([]byte, error) {
	out := append([]byte(tableMagic), tableVersion)
	out = binary.AppendUvarint(out, uint64(t.Len()))
	before := int64(0)
	if t.Len() > 0 {
		out = binary.AppendVarint(out, t.end-slices.Max(t.pts))
	}
	for i, pts := range t.pts {
		out = binary.AppendVarint(out, pts-before)
		before = pts
		v := uint64(t.size[i]) << 1
		if t.sync[i] {
			v |= 1
		}
		out = binary.AppendUvarint(out, v)
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli())), nil
}

// UnmarshalBinary reads a stored table.
func (t *Table) UnmarshalBinary(b []byte) error {
	head := len(tableMagic) + 1
	if len(b) < head+4 || string(b[:len(tableMagic)]) != tableMagic || b[len(tableMagic)] != tableVersion {
		return ErrTable
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli()) != sum {
		return fmt.Errorf("%w: checksum", ErrTable)
	}
	d := decoder{b: body[head:]}
	n := d.unsigned(uint64(len(body)) / 2) // each packet takes two bytes at least
	beyond := int64(0)
	if n > 0 {
		beyond = d.signed()
	}
	var u Table
	before := int64(0)
	for range n {
		pts := before + d.signed()
		v := d.unsigned(math.MaxInt32<<1 | 1)
		if d.bad {
			break
		}
		if err := u.Add(pts, 0, int64(v>>1), v&1 != 0); err != nil {
			return fmt.Errorf("%w: %w", ErrTable, err)
		}
		before = pts
	}
	if d.bad || len(d.b) != 0 || beyond < 0 || beyond > mostTicks {
		return fmt.Errorf("%w: cut off", ErrTable)
	}
	u.end += beyond
	*t = u
	return nil
}
