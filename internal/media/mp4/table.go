package mp4

import "encoding/binary"

// tables are the payloads of the boxes of one stbl; nil where a box is missing.
type tables struct {
	stts, ctts, stss, stsz, stz2, stsc, stco, co64 []byte
}

// list checks a table of fixed-size entries against its box and returns the entries. The count in the file is believed
// only as far as the box is long.
func list(b []byte, name string, entry int) ([]byte, int, error) {
	if b == nil {
		return nil, 0, nil
	}
	if len(b) < 8 {
		return nil, 0, damaged("%s is too short", name)
	}
	n := int64(binary.BigEndian.Uint32(b[4:]))
	if n*int64(entry) > int64(len(b)-8) {
		return nil, 0, damaged("%s announces %d entries in %d bytes", name, n, len(b)-8)
	}
	return b[8 : 8+n*int64(entry)], int(n), nil
}

// count is the number of samples by stsz or stz2.
func (t *tables) count() (int64, error) {
	switch {
	case t.stsz != nil:
		if len(t.stsz) < 12 {
			return 0, damaged("stsz is too short")
		}
		return int64(binary.BigEndian.Uint32(t.stsz[8:])), nil
	case t.stz2 != nil:
		if len(t.stz2) < 12 {
			return 0, damaged("stz2 is too short")
		}
		return int64(binary.BigEndian.Uint32(t.stz2[8:])), nil
	}
	return 0, nil
}

// ticks is the sum of stts, without flattening it, and the number of samples that it speaks of.
func (t *tables) ticks(most int64) (total, samples int64, err error) {
	runs, n, err := list(t.stts, "stts", 8)
	if err != nil {
		return 0, 0, err
	}
	for i := range n {
		c, d := int64(binary.BigEndian.Uint32(runs[i*8:])), int64(binary.BigEndian.Uint32(runs[i*8+4:]))
		samples += c
		if d > 0 && c > (most-total)/d {
			return 0, 0, tooLong("stts")
		}
		total += c * d
	}
	return total, samples, nil
}

func tooLong(what string) *Error {
	return tooBig("The film is too long: at most 12 hours are possible.", "%s goes beyond the longest duration", what)
}

// flatten turns the tables of n samples into columns. n has been checked against the limits; most is the longest
// duration in ticks, fileSize bounds what one byte per sample can hold.
func (t *tables) flatten(n int, most, fileSize int64) (samples, error) {
	var s samples
	if int64(n) > fileSize {
		return s, damaged("%d samples in a file of %d bytes", n, fileSize)
	}
	s.size = make([]uint32, n)
	steps := []func(*samples, int) error{t.sizes, func(s *samples, n int) error { return t.times(s, n, most) }, t.offsets, t.compositions, t.syncs}
	for _, step := range steps {
		if err := step(&s, n); err != nil {
			return samples{}, err
		}
	}
	return s, nil
}

func (t *tables) sizes(s *samples, n int) error {
	switch {
	case n == 0:
		return nil
	case t.stsz == nil:
		return t.compactSizes(s, n)
	}
	if same := binary.BigEndian.Uint32(t.stsz[4:]); same != 0 {
		for i := range s.size {
			s.size[i] = same
		}
		return nil
	}
	b := t.stsz[12:]
	if int64(n)*4 > int64(len(b)) {
		return damaged("stsz announces %d sizes in %d bytes", n, len(b))
	}
	for i := range s.size {
		s.size[i] = binary.BigEndian.Uint32(b[i*4:])
	}
	return nil
}

func (t *tables) compactSizes(s *samples, n int) error {
	bits, b := int(t.stz2[7]), t.stz2[12:]
	if bits != 4 && bits != 8 && bits != 16 {
		return damaged("stz2 has fields of %d bits", bits)
	}
	if (int64(n)*int64(bits)+7)/8 > int64(len(b)) {
		return damaged("stz2 announces %d sizes in %d bytes", n, len(b))
	}
	for i := range s.size {
		switch bits {
		case 4:
			s.size[i] = uint32(b[i/2]>>(4*(1-i%2))) & 15
		case 8:
			s.size[i] = uint32(b[i])
		case 16:
			s.size[i] = uint32(binary.BigEndian.Uint16(b[i*2:]))
		}
	}
	return nil
}

func (t *tables) times(s *samples, n int, most int64) error {
	runs, count, err := list(t.stts, "stts", 8)
	if err != nil {
		return err
	}
	s.dts = make([]int64, 0, n)
	now := int64(0)
	for i := range count {
		c, d := int64(binary.BigEndian.Uint32(runs[i*8:])), int64(binary.BigEndian.Uint32(runs[i*8+4:]))
		if c > int64(n-len(s.dts)) {
			return damaged("stts has more than %d samples", n)
		}
		if d > 0 && c > (most-now)/d {
			return tooLong("stts")
		}
		for range c {
			s.dts = append(s.dts, now)
			now += d
		}
	}
	if len(s.dts) != n {
		return damaged("stts has %d samples, stsz %d", len(s.dts), n)
	}
	s.end = now
	return nil
}

// offsets places the samples: stsc says how many lie in each chunk, stco or co64 where the chunks are.
func (t *tables) offsets(s *samples, n int) error {
	chunks, nc, err := list(t.stco, "stco", 4)
	wide := t.stco == nil
	if wide {
		chunks, nc, err = list(t.co64, "co64", 8)
	}
	if err != nil {
		return err
	}
	runs, nr, err := list(t.stsc, "stsc", 12)
	if err != nil {
		return err
	}
	s.offset = make([]int64, n)
	next, chunk := 0, 0
	for r := range nr {
		first, per := int64(binary.BigEndian.Uint32(runs[r*12:])), int64(binary.BigEndian.Uint32(runs[r*12+4:]))
		last := int64(nc) // the last chunk of this run, counted from 1
		if r+1 < nr {
			last = int64(binary.BigEndian.Uint32(runs[r*12+12:])) - 1
		}
		if first != int64(chunk)+1 || last < first || last > int64(nc) {
			return damaged("stsc run %d covers chunks %d to %d of %d", r, first, last, nc)
		}
		if per > int64(n) {
			return damaged("stsc has %d samples in a chunk, stsz %d in all", per, n)
		}
		for ; int64(chunk) < last; chunk++ {
			if per > int64(n-next) {
				return damaged("the chunks hold more than %d samples", n)
			}
			at := uint64(0)
			if wide {
				at = binary.BigEndian.Uint64(chunks[chunk*8:])
			} else {
				at = uint64(binary.BigEndian.Uint32(chunks[chunk*4:]))
			}
			if at > 1<<60 {
				return damaged("chunk %d lies at %d", chunk, at)
			}
			off := int64(at)
			for range per {
				s.offset[next] = off
				off += int64(s.size[next])
				next++
			}
		}
	}
	if next != n {
		return damaged("the chunks hold %d samples, stsz %d", next, n)
	}
	return nil
}

// compositions reads ctts. Its offsets are signed whatever its version says: QuickTime and many writers of version 0
// store negative ones.
func (t *tables) compositions(s *samples, n int) error {
	runs, count, err := list(t.ctts, "ctts", 8)
	if err != nil || count == 0 {
		return err
	}
	s.cto = make([]int32, 0, n)
	for i := range count {
		c, v := int64(binary.BigEndian.Uint32(runs[i*8:])), int32(binary.BigEndian.Uint32(runs[i*8+4:]))
		if c > int64(n-len(s.cto)) {
			return damaged("ctts has more than %d samples", n)
		}
		for range c {
			s.cto = append(s.cto, v)
		}
	}
	if len(s.cto) != n {
		return damaged("ctts has %d samples, stsz %d", len(s.cto), n)
	}
	return nil
}

// syncs reads stss; without that box every sample is a key frame.
func (t *tables) syncs(s *samples, n int) error {
	if t.stss == nil {
		s.allSync = true
		return nil
	}
	b, count, err := list(t.stss, "stss", 4)
	if err != nil {
		return err
	}
	if count > n {
		return damaged("stss has %d key frames among %d samples", count, n)
	}
	s.sync = make([]uint32, 0, count)
	before := uint32(0)
	for i := range count {
		v := binary.BigEndian.Uint32(b[i*4:])
		if v <= before || int64(v) > int64(n) {
			return damaged("stss entry %d is sample %d of %d", i, v, n)
		}
		s.sync = append(s.sync, v-1)
		before = v
	}
	return nil
}
