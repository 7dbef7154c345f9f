package mp4

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
)

// Bounds of what a [FragmentReader] takes from the process whose output it reads.
const (
	maxStreamHead   = 1 << 20  // bytes of moov or moof
	maxStreamPacket = 64 << 20 // bytes of a packet: more than a key frame of the largest picture without loss
	maxStreamRun    = 1 << 14  // packets in a fragment
	streamBuffer    = 64 << 10
)

// FragmentReader reads a fragmented MP4 of one track from a stream, such as ffmpeg writes into a pipe. What it reads is not
// trusted: whatever comes, it ends with an error that is an *[Error] or one of the reader's, in little memory. It is for
// one goroutine.
type FragmentReader struct {
	r     *bufio.Reader
	track *Track
	p     parser
	err   error

	// The packets of the fragment that is being read, and which is next; left are the bytes of mdat behind the last one.
	run  samples
	next int
	at   int64 // in the fragment, from the beginning of moof
	left int64
	data []byte
}

// NewFragmentReader reads from r. It reads ahead.
func NewFragmentReader(r io.Reader) *FragmentReader {
	return &FragmentReader{
		r: bufio.NewReaderSize(r, streamBuffer),
		// There is no file whose size could bound anything: the limits above do.
		p: parser{limits: Limits{}.withDefaults(), index: &Index{video: -1, audio: -1}, trex: map[uint32]defaults{}, src: source{size: math.MaxInt64}},
	}
}

// Init reads up to the end of the movie box and returns the track: sample entry, timescale, size, no samples. It may be
// called again.
func (f *FragmentReader) Init() (*Track, error) {
	for f.track == nil && f.err == nil {
		f.err = f.head()
	}
	if f.track == nil {
		return nil, f.err
	}
	return f.track, nil
}

// Next returns the next packet in decode order. Times are those of the fragments with the edit list applied. Data is valid
// until the next call. At the end of the stream between two fragments the error is io.EOF, anywhere else
// io.ErrUnexpectedEOF.
func (f *FragmentReader) Next() (Packet, error) {
	if _, err := f.Init(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // nothing but a head, or not even that
		}
		return Packet{}, err
	}
	for f.err == nil && f.next == len(f.run.dts) {
		f.err = f.fragment()
	}
	if f.err != nil {
		return Packet{}, f.err
	}
	p, err := f.packet()
	if err != nil {
		f.err = err
		return Packet{}, err
	}
	return p, nil
}

// box reads the header of a box; size is the length of what follows it. io.EOF: there is none.
func (f *FragmentReader) box() (kind string, size int64, err error) {
	var h [16]byte
	if _, err := io.ReadFull(f.r, h[:8]); err != nil {
		return "", 0, err // io.EOF only where nothing was read
	}
	kind, length, head := fourCC(h[4:8]), uint64(binary.BigEndian.Uint32(h[:])), uint64(8)
	if length == 1 {
		if _, err := io.ReadFull(f.r, h[8:]); err != nil {
			return "", 0, unexpected(err)
		}
		length, head = binary.BigEndian.Uint64(h[8:]), 16
	}
	if length < head || length > 1<<60 {
		return "", 0, damaged("box %q of %d bytes in a stream", kind, length)
	}
	f.at += int64(head)
	return kind, int64(length - head), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// take reads a whole box into memory.
func (f *FragmentReader) take(kind string, size int64) ([]byte, error) {
	if size > maxStreamHead {
		return nil, tooBig("A stream's index is too large.", "%s of %d bytes", kind, size)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(f.r, b)
	f.at += size
	return b, unexpected(err)
}

func (f *FragmentReader) skip(size int64) error {
	n, err := io.CopyN(io.Discard, f.r, size)
	f.at += n
	return unexpected(err)
}

// head reads one box before the fragments.
func (f *FragmentReader) head() error {
	kind, size, err := f.box()
	if err != nil {
		return err
	}
	switch kind {
	case "moof", "mdat":
		return damaged("a stream begins with %s", kind)
	case "moov":
		b, err := f.take(kind, size)
		if err != nil {
			return err
		}
		return f.moov(b)
	}
	return f.skip(size)
}

func (f *FragmentReader) moov(b []byte) error {
	x := f.p.index
	if err := f.p.parseMoov(b); err != nil {
		return err
	}
	if len(x.Tracks) != 1 || x.Tracks[0].Kind == Other || x.Tracks[0].Entry == nil || x.Tracks[0].Entries != 1 {
		return damaged("a stream of %d tracks; one with H.264, HEVC or AAC is read", len(x.Tracks))
	}
	t := x.Tracks[0]
	if err := t.interpret(x.MovieTimescale, f.p.limits.maxTicks(t.Timescale)); err != nil {
		return err
	}
	if t.Edit.Complex {
		return damaged("a stream with edits")
	}
	t.shift = t.Edit.Delay - t.Edit.MediaTime
	described := *t // the parser adds the fragments' samples to its own
	f.track = &described
	return nil
}

// fragment reads moof and the header of the mdat that belongs to it.
func (f *FragmentReader) fragment() error {
	if err := f.skip(f.left); err != nil {
		return err
	}
	f.left = 0
	f.at = 0
	kind, size, err := f.box()
	if err != nil {
		return err
	}
	switch kind {
	case "moov", "mdat":
		return damaged("%s where a fragment should begin", kind)
	case "moof":
	default:
		return f.skip(size)
	}
	b, err := f.take(kind, size)
	if err != nil {
		return err
	}
	t := f.p.index.Tracks[0]
	end := t.s.end
	t.s, t.Samples = samples{end: end}, 0 // without tfdt a fragment goes on where the last one ended
	if err := f.p.parseStreamed(b); err != nil {
		return err
	}
	t.s.seal()
	f.run, f.next = t.s, 0
	for i, size := range f.run.size {
		if size == 0 || size > maxStreamPacket {
			return tooBig("A stream's packet is too large.", "a packet of %d bytes", size)
		}
		if i > 0 && f.run.offset[i] != f.run.offset[i-1]+int64(f.run.size[i-1]) {
			return damaged("the packets of a fragment lie apart")
		}
	}
	if len(f.run.dts) == 0 {
		return nil
	}
	for {
		kind, size, err := f.box()
		if err != nil {
			return unexpected(err)
		}
		switch kind {
		case "free", "skip", "uuid":
			if err := f.skip(size); err != nil {
				return err
			}
			continue
		case "mdat":
		default:
			return damaged("%s between moof and mdat", kind)
		}
		lead := f.run.offset[0] - f.at
		if lead < 0 || lead > size {
			return damaged("a fragment's data lies outside of its mdat")
		}
		f.left = size - lead
		return f.skip(lead)
	}
}

// parseStreamed reads a moof that has only relative offsets.
func (p *parser) parseStreamed(b []byte) error {
	packets := int64(0)
	for c, err := range boxes(b) {
		if err != nil {
			return err
		}
		if c.kind != "traf" {
			continue
		}
		for c, err := range boxes(c.body) {
			if err != nil {
				return err
			}
			if c.kind == "trun" && len(c.body) >= 8 {
				packets += int64(binary.BigEndian.Uint32(c.body[4:]))
			}
		}
	}
	if packets > maxStreamRun {
		return tooBig("A stream's fragment has too many packets.", "%d packets", packets)
	}
	return p.parseMoof(b, 0)
}

func (f *FragmentReader) packet() (Packet, error) {
	s, i := &f.run, f.next
	size := int64(s.size[i])
	if size > f.left {
		return Packet{}, damaged("a packet of %d bytes in %d of mdat", size, f.left)
	}
	p := Packet{DTS: s.dts[i] + f.track.shift, Sync: s.allSync}
	p.PTS = p.DTS
	if s.cto != nil {
		p.PTS += int64(s.cto[i])
	}
	after := s.end
	if i+1 < len(s.dts) {
		after = s.dts[i+1]
	}
	p.Duration = after - s.dts[i]
	if !p.Sync {
		_, p.Sync = slices.BinarySearch(s.sync, uint32(i))
	}
	data, err := f.read(int(size))
	if err != nil {
		return Packet{}, err
	}
	p.Data = data
	f.next++
	return p, nil
}

// read reads a packet. Room grows with what has come: a size alone costs nothing.
func (f *FragmentReader) read(size int) ([]byte, error) {
	for have := 0; have < size; {
		if have == cap(f.data) {
			f.data = append(f.data[:have], 0)
		}
		room := f.data[:min(size, max(cap(f.data), 1))]
		n, err := io.ReadFull(f.r, room[have:])
		f.at, f.left, have = f.at+int64(n), f.left-int64(n), have+n
		if err != nil {
			return nil, unexpected(err)
		}
		f.data = room
	}
	return f.data[:size], nil
}
