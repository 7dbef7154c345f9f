package mp4

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// joinGap is the longest stretch of other bytes (another track's, padding) that stays between two samples in a composed
// film: it is cheaper to carry along than to seek over.
const joinGap = 4 << 10

// ComposeHead makes a plain MP4 out of the samples of a QuickTime file or of fragments, where they lie: head is ftyp,
// moov and the header of mdat; body are the byte ranges of the source that follow it. Only the primary tracks are in
// the result, with ISO sample entries, their edit lists, rotation and times; the samples keep the order of the source,
// so that the ranges are few. The head is a function of the index alone: the same film gives the same head.
//
// It is an error to compose a film whose tracks were not read, because their codec is not passed through.
func ComposeHead(x *Index) (head []byte, body []Range, err error) {
	var tracks []*Track
	for _, t := range []*Track{x.Video(), x.Audio()} {
		if t == nil {
			continue
		}
		if t.Light || t.Entry == nil {
			return nil, nil, fmt.Errorf("mp4: compose: track %d (%s) was not read", t.ID, t.FFName)
		}
		tracks = append(tracks, t)
	}
	if len(tracks) == 0 {
		return nil, nil, errors.New("mp4: compose: no tracks")
	}
	for _, t := range tracks {
		for i := range t.Len() {
			if t.Duration(i) > math.MaxUint32 {
				return nil, nil, fmt.Errorf("mp4: compose: sample %d of track %d lasts %d ticks", i, t.ID, t.Duration(i))
			}
		}
	}
	c := newComposition(x, tracks)
	mdat := int64(0)
	for _, r := range c.body {
		mdat += r.Length
	}
	// The head's length depends on the width of the chunk offsets, and these on the head's length: narrow ones first.
	for _, wide := range []bool{false, true} {
		c.wide = wide
		head = c.head(mdat, head)
		c.start = int64(len(head))
		if wide || c.start+mdat <= math.MaxUint32 {
			break
		}
	}
	return c.head(mdat, head), c.body, nil
}

// composition is the layout of one composed film.
type composition struct {
	x      *Index
	tracks []*Track
	// body are the kept ranges of the source in ascending order, place where each begins in the payload of mdat.
	body  []Range
	place []int64
	// chunks of each track, in decode order.
	chunks [][]chunk
	// joins are, in a film of several files, where the samples of each track lie.
	joins [][]place
	// start is where the payload of mdat begins; wide chooses co64.
	start int64
	wide  bool
}

type chunk struct {
	at      int64 // in the payload of mdat
	samples int
}

func newComposition(x *Index, tracks []*Track) *composition {
	c := &composition{x: x, tracks: tracks}
	var all []Range
	for _, t := range tracks {
		all = append(all, t.Ranges(0, t.Len())...)
	}
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, r := range all {
		if n := len(c.body); n > 0 {
			last := &c.body[n-1]
			if end := last.Offset + last.Length; r.Offset <= end+joinGap {
				last.Length = max(end, r.Offset+r.Length) - last.Offset
				continue
			}
		}
		c.body = append(c.body, r)
	}
	at := int64(0)
	for _, r := range c.body {
		c.place = append(c.place, at)
		at += r.Length
	}
	for _, t := range tracks {
		c.chunks = append(c.chunks, c.cut(t))
	}
	return c
}

// cut groups a track's samples into chunks: samples side by side, a second at most.
func (c *composition) cut(t *Track) []chunk {
	var out []chunk
	end, began := int64(-1), int64(0) // where the sample before ended in the source, when its chunk began
	for i := range t.Len() {
		if off := t.Offset(i); off != end || t.DTS(i)-began >= int64(t.Timescale) {
			out = append(out, chunk{at: c.locate(off)})
			began, end = t.DTS(i), off
		}
		out[len(out)-1].samples++
		end += int64(t.Size(i))
	}
	return out
}

// locate turns an offset of the source into one of the payload. A sample without bytes may lie nowhere.
func (c *composition) locate(off int64) int64 {
	i, found := slices.BinarySearchFunc(c.body, off, func(r Range, off int64) int { return cmp.Compare(r.Offset, off) })
	if !found {
		i--
	}
	if i < 0 || off > c.body[i].Offset+c.body[i].Length {
		return 0
	}
	return c.place[i] + off - c.body[i].Offset
}

// head writes everything before the samples, into the room of an earlier attempt.
func (c *composition) head(mdat int64, room []byte) []byte {
	w := writer{b: room[:0]}
	end := w.open("ftyp")
	w.str("isom")
	w.u32(0x200)
	w.str("isomiso2mp41mp42")
	end()
	c.moov(&w)
	if 8+mdat <= math.MaxUint32 {
		w.u32(uint32(8 + mdat))
		w.str("mdat")
	} else {
		w.u32(1)
		w.str("mdat")
		w.u64(uint64(16 + mdat))
	}
	return w.b
}

func (c *composition) moov(w *writer) {
	end := w.open("moov")
	// Milliseconds would round the edit lists of the source: its own timescale keeps them.
	scale := c.x.MovieTimescale
	longest := uint64(0)
	for _, t := range c.tracks {
		longest = max(longest, t.movieDuration(c.x, scale))
	}
	writeMvhd(w, c.x.Created, scale, longest, uint32(len(c.tracks)+1))
	for i, t := range c.tracks {
		c.trak(w, t, c.chunks[i], uint32(i+1))
	}
	end()
}

// movieDuration is how long the track lasts in the presentation, in movie ticks, as tkhd has it.
func (t *Track) movieDuration(x *Index, scale uint32) uint64 {
	if edits := t.composedEdits(x); len(edits) > 0 {
		sum := uint64(0)
		for _, e := range edits {
			sum += e.Duration
		}
		return sum
	}
	return uint64(max(0, Rescale(t.s.end-t.DTS(0), t.Timescale, scale)))
}

// composedEdits are the edits of the composed track: the source's own, wherever its tables begin at 0. Those of fragments
// may begin later, and may carry a whole second more: then an edit list of the same effect is made.
func (t *Track) composedEdits(x *Index) []EditEntry {
	first := t.DTS(0)
	if first == 0 && x.origin == 0 || t.Edit.Complex {
		return t.closedEdits(x)
	}
	shift := t.shift + first
	if shift == 0 {
		return nil
	}
	shown := EditEntry{MediaTime: max(0, -shift), Rate: 1 << 16}
	length := t.s.end - first - shown.MediaTime
	if t.Edit.Duration > 0 {
		length = min(length, t.Edit.Duration)
	}
	shown.Duration = uint64(max(0, Rescale(length, t.Timescale, x.MovieTimescale)))
	if shift < 0 {
		return []EditEntry{shown}
	}
	return []EditEntry{{Duration: uint64(Rescale(shift, t.Timescale, x.MovieTimescale)), MediaTime: -1, Rate: 1 << 16}, shown}
}

// closedEdits are the source's edits with an open end (0, as fragments have it) filled in.
func (t *Track) closedEdits(x *Index) []EditEntry {
	edits := slices.Clone(t.Edits)
	for i := range edits {
		if e := &edits[i]; e.MediaTime >= 0 && e.Duration == 0 {
			e.Duration = uint64(max(0, Rescale(t.s.end-e.MediaTime, t.Timescale, x.MovieTimescale)))
		}
	}
	return edits
}

func (c *composition) trak(w *writer, t *Track, chunks []chunk, id uint32) {
	end := w.open("trak")
	writeTkhd(w, t, id, t.movieDuration(c.x, c.x.MovieTimescale))
	if edits := t.composedEdits(c.x); len(edits) > 0 {
		writeElst(w, edits)
	}
	mdia := w.open("mdia")
	writeMdhd(w, t, uint64(t.s.end-t.DTS(0)))
	writeHdlr(w, t)
	minf := w.open("minf")
	writeMediaHeader(w, t)
	stbl := w.open("stbl")
	writeStsd(w, t)
	t.s.writeTables(w)
	c.writeChunks(w, chunks)
	stbl()
	minf()
	mdia()
	end()
}

func (c *composition) writeChunks(w *writer, chunks []chunk) {
	end := w.full("stsc", 0, 0)
	at, n := len(w.b), uint32(0)
	w.u32(0)
	for i, ch := range chunks {
		if i == 0 || ch.samples != chunks[i-1].samples {
			w.u32s(uint32(i+1), uint32(ch.samples), 1)
			n++
		}
	}
	w.patch(at, n)
	end()
	if c.wide {
		end = w.full("co64", 0, 0)
	} else {
		end = w.full("stco", 0, 0)
	}
	w.u32(uint32(len(chunks)))
	for _, ch := range chunks {
		if c.wide {
			w.u64(uint64(c.start + ch.at))
		} else {
			w.u32(uint32(c.start + ch.at))
		}
	}
	end()
}
