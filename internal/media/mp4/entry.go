package mp4

import (
	"encoding/binary"
	"slices"
)

// parseEntries reads stsd: how many sample entries there are, and the first of them.
func (t *Track) parseEntries(stsd []byte) error {
	if len(stsd) < 8 {
		return damaged("track %d has no sample description", t.ID)
	}
	version := stsd[0]
	n := 0
	for b, err := range boxes(stsd[8:]) {
		if err != nil {
			return err
		}
		if n++; n > 1 {
			continue
		}
		t.Format = fourCC([]byte(b.kind))
		switch t.Kind {
		case Video:
			err = t.parseVisual(b)
		case Audio:
			err = t.parseAudio(b, version)
		case Other:
		}
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return damaged("track %d has an empty sample description", t.ID)
	}
	t.Entries = n
	return nil
}

func encrypted() *Error {
	return &Error{Kind: Protected, Message: "The film is encrypted (DRM). Only unprotected films can be used."}
}

// visualHead is the length of the fixed fields of a visual sample entry, the same in QuickTime and ISO.
const visualHead = 78

// keptVisual are the boxes of a visual sample entry that stay in its ISO form: configurations, shape, colour, light.
// QuickTime's own (gama, fiel, chrm, …) go.
func keptVisual(kind string) bool {
	switch kind {
	case "avcC", "hvcC", "lhvC", "pasp", "clap", "colr", "btrt", "mdcv", "clli", "amve", "cclv", "dvcC", "dvvC", "dvwC":
		return true
	}
	return false
}

func (t *Track) parseVisual(b box) error {
	if b.kind == "encv" {
		return encrypted()
	}
	if len(b.body) < visualHead {
		return damaged("visual sample entry %q of %d bytes", b.kind, len(b.body))
	}
	pic := &Picture{
		CodedWidth:  int(binary.BigEndian.Uint16(b.body[24:])),
		CodedHeight: int(binary.BigEndian.Uint16(b.body[26:])),
		ParH:        1, ParV: 1, Transfer: 2, Matrix: 2,
	}
	t.Picture, t.FFName = pic, videoName(b.kind)
	var w writer
	end := w.open(isoVisual(b.kind))
	w.bytes(visualFields(b.body[:visualHead]))
	config := false
	shape, colr := Rate{}, []byte(nil) // of pasp and colr: they have the last word over the parameter sets
	for c, err := range boxes(b.body[visualHead:]) {
		if err != nil {
			if t.FFName == "h264" || t.FFName == "hevc" {
				return err
			}
			break // what is not passed through may be odd
		}
		if !keptVisual(c.kind) {
			continue
		}
		switch c.kind {
		case "avcC":
			if t.FFName != "h264" || config {
				continue
			}
			if err := t.parseAVC(c.body); err != nil {
				return err
			}
			config = true
		case "hvcC":
			if t.FFName != "hevc" || config {
				continue
			}
			if err := t.parseHEVC(c.body); err != nil {
				return err
			}
			config = true
		case "pasp":
			f := fields{b: c.body}
			if h, v := f.u32(), f.u32(); !f.short && h > 0 && v > 0 && h < 1<<31 && v < 1<<31 {
				shape = reduce(int64(h), int64(v))
			}
		case "colr":
			if c.body = isoColour(c.body); c.body == nil {
				continue
			}
			if string(c.body[:4]) == "nclx" {
				colr = c.body
			}
		}
		w.box(c.kind, c.body)
	}
	end()
	if shape != (Rate{}) {
		pic.ParH, pic.ParV = int(shape.Num), int(shape.Den)
	}
	if colr != nil {
		if code := int(binary.BigEndian.Uint16(colr[6:])); code != 0 {
			pic.Transfer = code
		}
		pic.Matrix = int(binary.BigEndian.Uint16(colr[8:]))
	}
	if (t.FFName == "h264" || t.FFName == "hevc") && !config {
		return damaged("%s without its configuration", b.kind)
	}
	if config {
		if pic.InBand {
			copy(w.b[4:8], b.kind)
		}
		t.Entry = w.b
	}
	t.orient()
	return nil
}

// visualFields makes QuickTime's version, vendor, quality and data size the zeros that ISO wants, and the colour table
// absent.
func visualFields(b []byte) []byte {
	out := slices.Clone(b)
	clear(out[0:6])
	binary.BigEndian.PutUint16(out[6:], 1) // the first data reference
	clear(out[8:24])
	clear(out[36:40])
	binary.BigEndian.PutUint16(out[40:], 1) // frames per sample
	if out[42] > 31 {
		out[42] = 31 // a Pascal string in 32 bytes
	}
	binary.BigEndian.PutUint16(out[74:], 24)
	binary.BigEndian.PutUint16(out[76:], 0xffff)
	return out
}

// isoVisual is the type of the entry where the parameter sets are in it.
func isoVisual(kind string) string {
	switch kind {
	case "avc3":
		return "avc1"
	case "hev1":
		return "hvc1"
	}
	return kind
}

// isoColour turns QuickTime's nclc into ISO's nclx. Nil means to drop the box.
func isoColour(b []byte) []byte {
	if len(b) < 4 {
		return nil
	}
	switch string(b[:4]) {
	case "nclc":
		if len(b) < 10 {
			return nil
		}
		return append(append([]byte("nclx"), b[4:10]...), 0)
	case "nclx":
		if len(b) < 11 {
			return nil
		}
		return b
	case "prof", "rICC":
		return b
	}
	return nil
}

// orient works out the size as shown: the matrix of tkhd may turn the picture by quarter turns.
func (t *Track) orient() {
	p := t.Picture
	p.Width, p.Height = p.CodedWidth, p.CodedHeight
	if t.Rotation()%180 != 0 {
		p.Width, p.Height = p.Height, p.Width
	}
}

// Rotation is by how many degrees the picture is turned clockwise when shown: 0, 90, 180 or 270. Mirroring and other
// transformations count as the nearest of these.
func (t *Track) Rotation() int {
	a, b, c, d := t.Matrix[0], t.Matrix[1], t.Matrix[3], t.Matrix[4]
	switch {
	case a == 0 && d == 0 && (b != 0 || c != 0):
		if b > 0 || b == 0 && c < 0 {
			return 90
		}
		return 270
	case a < 0 && d < 0:
		return 180
	}
	return 0
}
