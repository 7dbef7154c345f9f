package mp4

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Source is one track of a film that [Compose] makes. Its samples are those of the chunks, or, where there are none, those
// of Track itself in the file number File.
type Source struct {
	// Track describes it: sample entry, timescale, language, matrix, size.
	Track  *Track
	File   int
	Chunks []Chunk
}

// Chunk are packets that lie one behind the other in a file, from Offset on. Their times are film time in ticks of the
// track. A chunk is shown after those before it, and begins with a key frame.
type Chunk struct {
	File    int
	Offset  int64
	Packets *Table
}

// Extent is a run of bytes of one of several files.
type Extent struct {
	File int
	Range
}

// interleave is about how much of a track lies in one place of a composed film.
const interleave = time.Second

// maxEarly is how long before the film's beginning packets of chunks may begin, for the sake of rounded times: they are moved
// to it, because what comes before is not shown.
const maxEarly = 20 * time.Millisecond

// maxMoved is by how many places the packets of chunks may be moved between decoding and showing.
const maxMoved = 16

// Compose makes a plain MP4 of tracks whose samples lie in any number of files: head is ftyp, moov and the header of mdat, body
// is what follows it. Tracks are interleaved by the second, times are the sources' film times, to the tick of their track and
// for sound that begins late to the tick of the film. The same sources give the same bytes.
func Compose(sources []Source) (head []byte, body []Extent, err error) {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(s Source) bool { return s.Track == nil }) {
		return nil, nil, errors.New("mp4: compose: no tracks")
	}
	c := &composition{x: &Index{MovieTimescale: movieScale(sources)}}
	for i := range sources {
		t, places, err := sources[i].flatten(c.x.MovieTimescale)
		if err != nil {
			return nil, nil, fmt.Errorf("mp4: compose track %d: %w", i+1, err)
		}
		c.tracks = append(c.tracks, t)
		c.joins = append(c.joins, places)
	}
	body, mdat := c.weave()
	for _, wide := range []bool{false, true} { // as in ComposeHead
		c.wide = wide
		head = c.head(mdat, head)
		c.start = int64(len(head))
		if wide || c.start+mdat <= math.MaxUint32 {
			break
		}
	}
	return c.head(mdat, head), body, nil
}

// movieScale is a timescale in which starts and lengths of all tracks are exact, as long as it stays small.
func movieScale(sources []Source) uint32 {
	const most = 10_000_000
	scale := uint64(1)
	for _, s := range sources {
		own := uint64(s.Track.Timescale)
		if own == 0 {
			continue
		}
		a, b := scale, own
		for b != 0 {
			a, b = b, a%b
		}
		if scale = scale / a * own; scale > most {
			return sources[0].Track.Timescale
		}
	}
	return uint32(scale)
}

// place is where samples from a number on lie: side by side in a file.
type place struct {
	sample int
	file   int
	offset int64
}

// flatten makes a track with columns, whose decode times begin at 0 and whose edit list puts it into film time.
func (s *Source) flatten(scale uint32) (*Track, []place, error) {
	was := s.Track
	if was.Entry == nil || was.Timescale == 0 || was.Kind == Other {
		return nil, nil, errors.New("it was not read")
	}
	t := &Track{
		Kind: was.Kind, Handler: was.Handler, Timescale: was.Timescale, Language: was.Language, Entry: was.Entry, Matrix: was.Matrix,
		CanvasWidth: was.CanvasWidth, CanvasHeight: was.CanvasHeight,
	}
	fill := s.own
	if len(s.Chunks) > 0 {
		fill = s.joined
	}
	places, start, length, err := fill(t)
	if err != nil {
		return nil, nil, err
	}
	t.s.seal()
	t.Samples = t.Len()
	for i := range t.Len() {
		if t.Duration(i) > math.MaxUint32 {
			return nil, nil, fmt.Errorf("packet %d lasts %d ticks", i, t.Duration(i))
		}
	}
	t.setEdits(start, length, scale)
	return t, places, nil
}

// setEdits makes the edit list of a track that is shown from the film time start on, for length; shift is set: what its
// file time is earlier by than film time.
func (t *Track) setEdits(start, length int64, scale uint32) {
	if start < 0 { // what comes before the film is not shown
		start, length = 0, length+start
	}
	shown := EditEntry{MediaTime: start - t.shift, Duration: uint64(max(1, Rescale(length, t.Timescale, scale))), Rate: 1 << 16}
	if start == 0 && shown.MediaTime == 0 && length >= t.s.end {
		return
	}
	if start > 0 {
		t.Edits = append(t.Edits, EditEntry{MediaTime: -1, Duration: uint64(Rescale(start, t.Timescale, scale)), Rate: 1 << 16})
	}
	t.Edits = append(t.Edits, shown)
}

// own takes the samples of the source's track.
func (s *Source) own(t *Track) (places []place, start, length int64, err error) {
	was := s.Track
	if was.Light || was.Len() == 0 {
		return nil, 0, 0, errors.New("it was not read")
	}
	if was.Edit.Complex {
		return nil, 0, 0, errors.New("its edit list does more than to start it")
	}
	first := was.DTS(0)
	t.s.size, t.s.cto, t.s.allSync, t.s.sync = was.s.size, was.s.cto, was.s.allSync, was.s.sync
	t.s.dts, t.s.end = was.s.dts, was.s.end
	if first != 0 {
		t.s.dts, t.s.end = slices.Clone(was.s.dts), was.s.end-first
		for i := range t.s.dts {
			t.s.dts[i] -= first
		}
	}
	for i, off := range was.s.offset {
		if i == 0 || off != was.s.offset[i-1]+int64(was.s.size[i-1]) {
			places = append(places, place{sample: i, file: s.File, offset: off})
		}
	}
	t.shift = was.shift + first
	start, end := was.Span()
	if e := was.Edit; len(was.Edits) > 0 {
		shown := e.MediaTime + was.shift // priming comes before it
		start = max(start, shown)
		if e.Duration > 0 {
			end = min(end, shown+e.Duration)
		}
	}
	return places, start, end - start, nil
}

// joined puts chunks one behind the other. Decode times are the presentation times in order, as many places back as packets
// are moved at most: whatever clock each chunk was encoded by, there is no seam.
func (s *Source) joined(t *Track) (places []place, start, length int64, err error) {
	n := 0
	for _, c := range s.Chunks {
		n += c.Packets.Len()
	}
	t.s.grow(n)
	pts := make([]int64, 0, n)
	var end int64
	for i, c := range s.Chunks {
		p := c.Packets
		if p.Len() == 0 || !p.sync[0] {
			return nil, 0, 0, fmt.Errorf("chunk %d does not begin with a key frame", i)
		}
		if i > 0 && slices.Min(p.pts) <= slices.Max(pts[max(0, len(pts)-2*maxMoved):]) {
			return nil, 0, 0, fmt.Errorf("chunk %d begins before the one before it ends", i)
		}
		places = append(places, place{sample: len(pts), file: c.File, offset: c.Offset})
		for k, sync := range p.sync {
			if sync {
				t.s.sync = append(t.s.sync, uint32(len(pts)+k))
			}
		}
		pts = append(pts, p.pts...)
		t.s.size = append(t.s.size, p.size...)
		end = p.end
	}
	order := slices.Clone(pts)
	slices.Sort(order)
	if early := -order[0]; early > 0 {
		if t.Time(early) > maxEarly {
			return nil, 0, 0, fmt.Errorf("it begins %v before the film", t.Time(early))
		}
		for i := range pts {
			pts[i], order[i] = pts[i]+early, order[i]+early
		}
		end += early
	}
	moved := 0
	for k, at := range pts {
		rank, _ := slices.BinarySearch(order, at)
		moved = max(moved, k-rank)
		if rank+1 < n && order[rank+1] == at {
			return nil, 0, 0, fmt.Errorf("two packets at %d", at)
		}
	}
	if moved > maxMoved {
		return nil, 0, 0, fmt.Errorf("packets are moved by %d places", moved)
	}
	step := int64(1) // back from the first picture
	if n > 1 {
		step = min(order[1]-order[0], int64(t.Timescale))
	}
	t.shift = order[0] - int64(moved)*step
	for k, at := range pts {
		decode := int64(k) * step
		if k >= moved {
			decode = order[k-moved] - t.shift
		}
		t.s.dts = append(t.s.dts, decode)
		later := at - t.shift - decode
		if later > math.MaxInt32 {
			return nil, 0, 0, fmt.Errorf("packet %d is shown %d ticks after it is decoded", k, later)
		}
		t.s.setCTO(int32(later))
	}
	// The last in decode order lasts until the film's end, wherever its place is in the order of showing: so the track does.
	t.s.end = t.s.dts[n-1] + max(1, end-pts[n-1])
	return places, order[0], end - order[0], nil
}

// weave cuts the tracks into chunks of about a second and lays them one behind the other in the order of time.
func (c *composition) weave() (body []Extent, length int64) {
	type turn struct {
		track, first, count int
		at                  time.Duration
	}
	var turns []turn
	for i, t := range c.tracks {
		next := time.Duration(math.MinInt64)
		for k := range t.Len() {
			at := t.Time(t.DTS(k) + t.shift)
			if at >= next {
				turns = append(turns, turn{track: i, first: k, at: at})
				next = at - at%interleave + interleave
			}
			turns[len(turns)-1].count++
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.at/interleave, b.at/interleave) })
	c.chunks = make([][]chunk, len(c.tracks))
	next := make([]int, len(c.tracks)) // place of each track's next sample
	from := make([]int64, len(c.tracks))
	for _, u := range turns {
		t, places := c.tracks[u.track], c.joins[u.track]
		c.chunks[u.track] = append(c.chunks[u.track], chunk{at: length, samples: u.count})
		for k := u.first; k < u.first+u.count; k++ {
			if n := next[u.track]; n < len(places) && places[n].sample == k {
				from[u.track] = places[n].offset
				next[u.track]++
			}
			file, size := places[next[u.track]-1].file, int64(t.Size(k))
			if n := len(body); n > 0 && body[n-1].File == file && body[n-1].Offset+body[n-1].Length == from[u.track] {
				body[n-1].Length += size
			} else {
				body = append(body, Extent{file, Range{from[u.track], size}})
			}
			from[u.track] += size
			length += size
		}
	}
	return body, length
}
