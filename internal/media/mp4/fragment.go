package mp4

// Flags of tfhd and trun (14496-12, 8.8.7 and 8.8.8).
const (
	tfhdBaseDataOffset  = 0x000001
	tfhdSampleEntry     = 0x000002
	tfhdDefaultDuration = 0x000008
	tfhdDefaultSize     = 0x000010
	tfhdDefaultFlags    = 0x000020
	tfhdBaseIsMoof      = 0x020000

	trunDataOffset  = 0x000001
	trunFirstFlags  = 0x000004
	trunDuration    = 0x000100
	trunSize        = 0x000200
	trunFlags       = 0x000400
	trunComposition = 0x000800

	// sampleIsNonSync is the flag of a sample that is no key frame.
	sampleIsNonSync = 0x00010000
)

// run is what the samples of a fragment inherit, and where they lie.
type run struct {
	defaults
	// base is what data offsets count from; next where a trun without an offset continues.
	base, next int64
}

// parseMoof adds the samples of one fragment, whose moof begins at off.
func (p *parser) parseMoof(b []byte, off int64) error {
	end := off // where the last track fragment's data ended: the base of the next when it names none
	first := true
	for c, err := range boxes(b) {
		if err != nil {
			return err
		}
		if c.kind != "traf" {
			continue
		}
		if end, err = p.parseTraf(c.body, off, end, first); err != nil {
			return err
		}
		first = false
	}
	return nil
}

func (p *parser) parseTraf(b []byte, moof, before int64, first bool) (end int64, err error) {
	tfhd, ok, err := find(b, "tfhd")
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, damaged("a track fragment has no header")
	}
	f := fields{b: tfhd}
	_, flags := f.fullBox()
	id := f.u32()
	r := run{defaults: p.trex[id], base: before}
	if first || flags&tfhdBaseIsMoof != 0 {
		r.base = moof
	}
	if flags&tfhdBaseDataOffset != 0 {
		v := f.u64()
		if v > 1<<60 {
			return 0, damaged("a fragment's data lies at %d", v)
		}
		r.base = int64(v)
	}
	if flags&tfhdSampleEntry != 0 {
		f.u32()
	}
	if flags&tfhdDefaultDuration != 0 {
		r.duration = f.u32()
	}
	if flags&tfhdDefaultSize != 0 {
		r.size = f.u32()
	}
	if flags&tfhdDefaultFlags != 0 {
		r.flags = f.u32()
	}
	if f.short {
		return 0, damaged("tfhd is too short")
	}
	r.next = r.base
	t := p.index.trackByID(id)
	if t == nil {
		return 0, damaged("a fragment belongs to the unknown track %d", id)
	}
	if err := p.parseTfdt(b, t); err != nil {
		return 0, err
	}
	for c, err := range boxes(b) {
		if err != nil {
			return 0, err
		}
		if c.kind == "trun" {
			if err := p.parseTrun(c.body, t, &r); err != nil {
				return 0, err
			}
		}
	}
	return r.next, nil
}

func (x *Index) trackByID(id uint32) *Track {
	for _, t := range x.Tracks {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// parseTfdt sets the decode time at which the fragment's samples begin. A gap before it lengthens the sample before; a
// step back is an error, as long as it goes behind a sample that is there.
func (p *parser) parseTfdt(b []byte, t *Track) error {
	tfdt, ok, err := find(b, "tfdt")
	if err != nil || !ok || t.Light {
		return err
	}
	f := fields{b: tfdt}
	version, _ := f.fullBox()
	at := f.wide(version)
	if f.short {
		return damaged("tfdt is too short")
	}
	if at > 1<<61 {
		return damaged("a fragment begins at the tick %d", at)
	}
	now := int64(at)
	if n := t.Len(); n > 0 {
		if now < t.s.dts[n-1] {
			return damaged("the fragments of track %d are not in the order of time", t.ID)
		}
		if now-t.s.dts[0] > p.limits.maxTicks(t.Timescale) {
			return tooLong("a fragment")
		}
	}
	t.s.end = now
	return nil
}

func (p *parser) parseTrun(b []byte, t *Track, r *run) error {
	f := fields{b: b}
	_, flags := f.fullBox()
	n := int64(f.u32())
	if flags&trunDataOffset != 0 {
		r.next = r.base + int64(int32(f.u32()))
	}
	firstFlags := r.flags
	if flags&trunFirstFlags != 0 {
		firstFlags = f.u32()
	}
	if f.short {
		return damaged("trun is too short")
	}
	width := int64(0)
	for _, flag := range []uint32{trunDuration, trunSize, trunFlags, trunComposition} {
		if flags&flag != 0 {
			width += 4
		}
	}
	if n*width > int64(len(f.b)) {
		return damaged("trun announces %d samples in %d bytes", n, len(f.b))
	}
	if n > int64(p.limits.MaxSamples-t.Samples) {
		return tooBig("The film has too many frames.", "track %d has more than %d samples", t.ID, p.limits.MaxSamples)
	}
	if n+int64(t.Samples) > p.src.size || flags&trunSize == 0 && n*int64(r.size) > p.src.size {
		return damaged("trun announces %d samples of %d bytes", n, r.size)
	}
	if n == 0 {
		return nil
	}
	t.Samples += int(n)
	p.index.Fragmented = true
	return p.addRun(&f, t, r, flags, firstFlags, int(n))
}

// addRun adds n samples whose fields have been found to be there.
func (p *parser) addRun(f *fields, t *Track, r *run, flags, firstFlags uint32, n int) error {
	most := p.limits.maxTicks(t.Timescale)
	if !t.Light {
		t.s.grow(n)
		if len(t.s.dts) == 0 {
			t.s.allSync = true
		}
	}
	for i := range n {
		duration, size, sampleFlags, cto := r.duration, r.size, r.flags, int32(0)
		if i == 0 && flags&trunFirstFlags != 0 {
			sampleFlags = firstFlags
		}
		if flags&trunDuration != 0 {
			duration = f.u32()
		}
		if flags&trunSize != 0 {
			size = f.u32()
		}
		if flags&trunFlags != 0 {
			if v := f.u32(); i > 0 || flags&trunFirstFlags == 0 {
				sampleFlags = v
			}
		}
		if flags&trunComposition != 0 {
			cto = int32(f.u32())
		}
		at := r.next
		r.next += int64(size)
		if at < 0 || r.next > 1<<60 {
			return damaged("a fragment's data lies at %d", at)
		}
		if t.Light {
			if t.lightTicks += int64(duration); t.lightTicks > most && t.Kind != Other {
				return tooLong("a fragment")
			}
			continue
		}
		s := &t.s
		if len(s.dts) > 0 && s.end+int64(duration)-s.dts[0] > most {
			return tooLong("a fragment")
		}
		s.addSync(t.Kind == Audio || sampleFlags&sampleIsNonSync == 0)
		s.offset, s.size, s.dts = append(s.offset, at), append(s.size, size), append(s.dts, s.end)
		s.end += int64(duration)
		s.setCTO(cto)
	}
	return nil
}
