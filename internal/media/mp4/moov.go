package mp4

import "encoding/binary"

// trackBoxes are the boxes of one trak that are read after the primary tracks have been chosen.
type trackBoxes struct {
	tables tables
	stsd   []byte
	count  int64
}

// defaults are a track's trex, what fragments inherit.
type defaults struct {
	duration, size, flags uint32
}

// parseMoov reads the movie box: movie header, all tracks' headers and the defaults of fragments. Sample tables are
// only located, see [parser.readTables].
func (p *parser) parseMoov(moov []byte) error {
	var traks [][]byte
	var mvhd bool
	for b, err := range boxes(moov) {
		if err != nil {
			return err
		}
		switch b.kind {
		case "mvhd":
			mvhd = true
			if err := p.parseMvhd(b.body); err != nil {
				return err
			}
		case "trak":
			if traks = append(traks, b.body); len(traks) > p.limits.MaxTracks {
				return tooBig("The file has too many tracks.", "more than %d", p.limits.MaxTracks)
			}
		case "mvex":
			if err := p.parseMvex(b.body); err != nil {
				return err
			}
		case "cmov":
			return &Error{Kind: Damaged, Message: "The file has a compressed index (a form of QuickTime files before 2005), which is not supported."}
		}
	}
	if !mvhd {
		return damaged("no mvhd")
	}
	for i, b := range traks {
		t, tb, err := p.parseTrak(b)
		if err != nil {
			return err
		}
		for _, other := range p.index.Tracks {
			if other.ID == t.ID {
				return damaged("tracks %d and another have the id %d", i+1, t.ID)
			}
		}
		p.index.Tracks = append(p.index.Tracks, t)
		p.boxes = append(p.boxes, tb)
	}
	return nil
}

func (p *parser) parseMvhd(b []byte) error {
	f := fields{b: b}
	version, _ := f.fullBox()
	p.index.Created = f.wide(version)
	f.wide(version)
	p.index.MovieTimescale = f.u32()
	if f.short {
		return damaged("mvhd is too short")
	}
	if p.index.MovieTimescale == 0 {
		return damaged("the film's timescale is 0")
	}
	return nil
}

func (p *parser) parseMvex(b []byte) error {
	p.fragments = true
	for c, err := range boxes(b) {
		if err != nil {
			return err
		}
		if c.kind != "trex" {
			continue
		}
		f := fields{b: c.body}
		f.fullBox()
		id := f.u32()
		f.u32() // which sample entry: one is all that is passed through
		d := defaults{duration: f.u32(), size: f.u32(), flags: f.u32()}
		if f.short {
			return damaged("trex is too short")
		}
		if len(p.trex) < p.limits.MaxTracks {
			p.trex[id] = d
		}
	}
	return nil
}

func (p *parser) parseTrak(b []byte) (*Track, trackBoxes, error) {
	t := &Track{Matrix: unity()}
	var tb trackBoxes
	var mdia, edts []byte
	for c, err := range boxes(b) {
		if err != nil {
			return nil, tb, err
		}
		switch c.kind {
		case "tkhd":
			if err := t.parseTkhd(c.body); err != nil {
				return nil, tb, err
			}
		case "mdia":
			mdia = c.body
		case "edts":
			edts = c.body
		}
	}
	if t.ID == 0 || mdia == nil {
		return nil, tb, damaged("a track has no header or no media")
	}
	if err := p.parseMdia(t, &tb, mdia); err != nil {
		return nil, tb, err
	}
	if err := t.parseEdits(edts); err != nil {
		return nil, tb, err
	}
	return t, tb, nil
}

func unity() [9]int32 { return [9]int32{0: 1 << 16, 4: 1 << 16, 8: 1 << 30} }

func (t *Track) parseTkhd(b []byte) error {
	f := fields{b: b}
	version, flags := f.fullBox()
	t.Enabled = flags&1 != 0
	f.wide(version)
	f.wide(version)
	t.ID = f.u32()
	f.u32()
	f.wide(version)
	f.skip(8 + 2 + 2 + 2 + 2) // reserved, layer, alternate group, volume, reserved
	for i := range t.Matrix {
		t.Matrix[i] = int32(f.u32())
	}
	t.CanvasWidth, t.CanvasHeight = f.u32(), f.u32()
	if f.short || t.ID == 0 {
		return damaged("tkhd is too short or has the id 0")
	}
	return nil
}

func (p *parser) parseMdia(t *Track, tb *trackBoxes, b []byte) error {
	var minf []byte
	for c, err := range boxes(b) {
		if err != nil {
			return err
		}
		switch c.kind {
		case "mdhd":
			f := fields{b: c.body}
			version, _ := f.fullBox()
			f.wide(version)
			f.wide(version)
			t.Timescale = f.u32()
			f.wide(version)
			if t.Language = f.u16(); t.Language < 0x400 || t.Language == 0x7fff { // below: Macintosh language codes
				t.Language = 0
			}
			if f.short {
				return damaged("mdhd is too short")
			}
		case "hdlr":
			f := fields{b: c.body}
			f.fullBox()
			f.u32()
			if t.Handler = fourCC(f.take(4)); f.short {
				return damaged("hdlr is too short")
			}
		case "minf":
			minf = c.body
		}
	}
	switch t.Handler {
	case "vide":
		t.Kind = Video
	case "soun":
		t.Kind = Audio
	default:
		return nil // its tables are nobody's business
	}
	if t.Timescale == 0 {
		return damaged("track %d has the timescale 0", t.ID)
	}
	return p.parseMinf(t, tb, minf)
}

func (p *parser) parseMinf(t *Track, tb *trackBoxes, b []byte) error {
	var stbl []byte
	for c, err := range boxes(b) {
		if err != nil {
			return err
		}
		switch c.kind {
		case "stbl":
			stbl = c.body
		case "dinf":
			if err := checkReferences(c.body); err != nil {
				return err
			}
		}
	}
	if stbl == nil {
		return damaged("track %d has no sample tables", t.ID)
	}
	for c, err := range boxes(stbl) {
		if err != nil {
			return err
		}
		if place := tb.place(c.kind); place != nil && *place == nil {
			*place = c.body
		}
	}
	var err error
	if tb.count, err = tb.tables.count(); err != nil {
		return err
	}
	return t.parseEntries(tb.stsd)
}

// place is where the box of that kind is kept, nil for one that is not needed.
func (tb *trackBoxes) place(kind string) *[]byte {
	switch kind {
	case "stsd":
		return &tb.stsd
	case "stts":
		return &tb.tables.stts
	case "ctts":
		return &tb.tables.ctts
	case "stss":
		return &tb.tables.stss
	case "stsz":
		return &tb.tables.stsz
	case "stz2":
		return &tb.tables.stz2
	case "stsc":
		return &tb.tables.stsc
	case "stco":
		return &tb.tables.stco
	case "co64":
		return &tb.tables.co64
	}
	return nil
}

// checkReferences refuses films whose media lies in other files: nothing but the file itself is ever opened.
func checkReferences(dinf []byte) error {
	dref, ok, err := find(dinf, "dref")
	if err != nil || !ok {
		return err
	}
	if len(dref) < 8 {
		return damaged("dref is too short")
	}
	for c, err := range boxes(dref[8:]) {
		if err != nil {
			return err
		}
		if len(c.body) < 4 || binary.BigEndian.Uint32(c.body)&1 == 0 {
			return &Error{Kind: Protected, Message: "The file refers to media in another file. Only self-contained files can be used.", Detail: "dref " + c.kind}
		}
	}
	return nil
}
