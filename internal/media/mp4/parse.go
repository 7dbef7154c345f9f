package mp4

import (
	"context"
	"io"
	"math"
	"slices"
	"time"
)

// parser is the state of one [Parse].
type parser struct {
	src    source
	limits Limits

	index *Index
	boxes []trackBoxes // beside index.Tracks
	trex  map[uint32]defaults
	// fragments: the moov announces fragments (mvex).
	fragments bool
	moov      bool
	// beyond is how far the top-level boxes reach by their own account; torn is where a fragment's head begins whose end is
	// missing, 0 if none is.
	beyond, torn int64
}

// Parse reads the index of a film of size bytes. It reads the movie box and the fragments' headers, never the media. A
// refusal of the file is an *[Error]; other errors are failures to read, or the context's.
func Parse(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*Index, error) {
	p := &parser{
		src:    source{r: r, size: size},
		limits: limits.withDefaults(),
		index:  &Index{Size: size, video: -1, audio: -1},
		trex:   map[uint32]defaults{},
	}
	if err := p.scan(ctx); err != nil {
		return nil, err
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.index, nil
}

// scan walks over the top-level boxes once.
func (p *parser) scan(ctx context.Context) error {
	size, off, known := p.src.size, int64(0), false
	for n := 0; off < size; n++ {
		if err := canceled(ctx, n); err != nil {
			return err
		}
		if n >= p.limits.MaxBoxes {
			return tooBig("The file has too many parts.", "more than %d boxes at the top level", p.limits.MaxBoxes)
		}
		b, ok, err := p.src.top(off)
		if err != nil {
			return err
		}
		if !ok { // junk after the film is harmless, instead of it not
			break
		}
		switch b.kind {
		case "ftyp", "moov", "mdat", "moof", "free", "skip", "wide", "styp", "sidx", "pnot", "uuid", "meta", "udta":
			known = true
		}
		p.beyond = max(p.beyond, b.end)
		if err := p.visit(b); err != nil {
			return err
		}
		off = b.end
	}
	switch {
	case p.moov:
		return nil
	case !known:
		return &Error{Kind: NotFilm, Message: "The file is not an MP4 or QuickTime film."}
	case p.beyond > size:
		return missingIndex("no moov; a box reaches to %d of %d", p.beyond, size)
	default:
		return missingIndex("no moov")
	}
}

// visit deals with one top-level box.
func (p *parser) visit(b span) error {
	length := b.end - b.body
	switch b.kind {
	case "ftyp":
		if b.off != 0 || length < 4 || b.end > p.src.size {
			return nil
		}
		h, err := p.src.peek(b.body, 4)
		if err != nil {
			return err
		}
		p.index.Brand = fourCC(h)
	case "moov":
		if p.moov {
			return nil // a second one is ignored, as by most readers
		}
		if b.end > p.src.size {
			return missingIndex("moov reaches to %d of %d", b.end, p.src.size)
		}
		if length > p.limits.MaxMoov {
			return tooBig("The file's index is too large.", "moov of %d bytes", length)
		}
		moov, err := p.src.read(b.body, length)
		if err != nil {
			return err
		}
		if length <= windowSize {
			moov = append([]byte(nil), moov...) // the window moves on
		}
		p.moov = true
		p.index.MOV = p.index.Brand == "qt  " || p.index.Brand == ""
		if err := p.parseMoov(moov); err != nil {
			return err
		}
		return p.readTables()
	case "moof":
		if b.end > p.src.size {
			p.torn = b.off
			return nil
		}
		if !p.moov || !p.fragments {
			return nil
		}
		if length > p.limits.MaxMoov {
			return tooBig("A fragment's index is too large.", "moof of %d bytes", length)
		}
		moof, err := p.src.read(b.body, length)
		if err != nil {
			return err
		}
		return p.parseMoof(moof, b.off)
	}
	return nil
}

// finish checks the columns against the file and works out what depends on all of them.
func (p *parser) finish() error {
	x := p.index
	p.boxes = nil // the moov's bytes are no longer needed
	total, whole := 0, 0
	for _, t := range x.Tracks {
		t.s.seal()
		total += t.Len()
		whole += t.s.whole(x.Size)
		if most := p.limits.maxTicks(t.Timescale); len(t.s.cto) > 0 && (int64(slices.Max(t.s.cto)) > most || -t.MinCTO() > most) {
			return tooLong("a composition offset")
		}
	}
	if whole < total {
		return &Error{
			Kind:    Truncated,
			Message: "The file is incomplete: its end is missing. Was the recording or the transfer interrupted?",
			Detail:  "samples lie beyond the end of the file",
			Samples: total, Whole: whole, End: p.torn,
		}
	}
	v, a := x.Video(), x.Audio()
	if v == nil && a == nil {
		return &Error{Kind: NotFilm, Message: "The file has neither pictures nor sound."}
	}
	if (v == nil || v.Samples == 0) && (a == nil || a.Samples == 0) {
		if p.fragments && p.beyond > x.Size {
			return missingIndex("no whole fragment")
		}
		return &Error{Kind: Empty, Message: "The film is empty: it has no pictures and no sound."}
	}
	// A primary track without any sample is no track: a film with an unused sound track is a film without sound.
	if v != nil && v.Samples == 0 {
		x.video = -1
	}
	if a != nil && a.Samples == 0 {
		x.audio = -1
	}
	if x.Fragmented && p.beyond > x.Size {
		return &Error{
			Kind:    Truncated,
			Message: "The file is incomplete: its last part is cut off. Was the recording or the transfer interrupted?",
			Detail:  "a top-level box reaches beyond the end of the file",
			Whole:   whole,
			End:     p.torn,
		}
	}
	x.settle()
	for _, t := range []*Track{x.Video(), x.Audio()} {
		if t != nil && (t.Time(t.stop) > p.limits.MaxDuration || t.Time(t.start) < -p.limits.MaxDuration) {
			return tooLong("track " + t.Handler)
		}
	}
	return nil
}

// settle computes what follows from columns and edit lists alone.
func (x *Index) settle() {
	x.origin = 0
	tracks := []*Track{x.Video(), x.Audio()}
	if x.Fragmented {
		// Fragments cut out of something longer carry its times. Whole seconds are exact in every timescale. The priming of
		// sound may come a little before the second that the film begins with.
		earliest := int64(math.MaxInt64)
		for _, t := range tracks {
			if t != nil && t.Len() > 0 {
				t.shift = t.Edit.Delay - t.Edit.MediaTime
				t.measure()
				start := t.start
				if t.Kind == Audio {
					start += rescale(int64(hiddenSound), int64(t.Timescale), int64(time.Second))
				}
				earliest = min(earliest, floorDiv(start, int64(t.Timescale)))
			}
		}
		if earliest != math.MaxInt64 {
			x.origin = max(0, earliest)
		}
	}
	for _, t := range x.Tracks {
		t.shift = t.Edit.Delay - t.Edit.MediaTime
		if t.Timescale > 0 {
			t.shift -= x.origin * int64(t.Timescale)
			t.measure()
		}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
