package rendition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// process is an ffmpeg at work (ffmpeg.Session).
type process interface {
	io.Writer
	CloseInput() error
	Stdout() io.Reader
	Wait() error
	Close() error
}

// encoding is a take with ffmpeg: it is fed from the film's own samples, and what comes out is named, counted and put into
// segments by the film's tables.
type encoding struct {
	line    *cmaf.Timeline
	run     *cmaf.Run
	source  io.ReaderAt
	process process
	free    func() // lets go of the source
	pulse   func()
	// check sees the sample entry of what comes out before any of it is used.
	check func(entry []byte) error

	begun   bool
	packets *mp4.FragmentReader
	scale   uint32
	segment int // that comes next
	frames  []cmaf.Frame
	data    []byte
}

func newEncoding(line *cmaf.Timeline, source io.ReaderAt, from int, p process, check func([]byte) error, pulse, free func()) (*encoding, error) {
	run, err := line.Run(from)
	if err != nil {
		return nil, err
	}
	return &encoding{
		line: line, run: run, source: source, process: p, free: free, pulse: pulse, check: check,
		packets: mp4.NewFragmentReader(p.Stdout()), segment: from,
	}, nil
}

// gated is the way into a process: open while the run may work.
type gated struct {
	*encoding

	pass func() error
}

func (g gated) Write(p []byte) (int, error) {
	if err := g.pass(); err != nil {
		return 0, err
	}
	n, err := g.process.Write(p)
	g.pulse()
	return n, err
}

func (e *encoding) feed(ctx context.Context, pass func() error) error {
	w := gated{e, pass}
	if !e.begun {
		e.begun = true
		if _, err := w.Write(e.run.Init()); err != nil {
			return err
		}
	}
	return e.run.Feed(ctx, w, e.source)
}

func (e *encoding) finish() error { return e.process.CloseInput() }

func (e *encoding) next() ([]byte, error) {
	if e.scale == 0 {
		if err := e.open(); err != nil {
			return nil, e.why(err)
		}
	}
	pieces := e.line.Segments()
	for {
		p, err := e.packets.Next()
		if err != nil {
			return nil, e.why(err)
		}
		e.pulse()
		segment, rank, ok := e.run.Place(p.PTS, e.scale)
		if !ok || segment != e.segment {
			return nil, fmt.Errorf("%w: one of time %d/%d in the middle of segment %d", cmaf.ErrFrames, p.PTS, e.scale, e.segment)
		}
		if len(e.frames) == 0 {
			e.data = e.data[:0]
		}
		e.frames = append(e.frames, cmaf.Frame{Rank: rank, Size: len(p.Data), Sync: p.Sync})
		e.data = append(e.data, p.Data...)
		if len(e.frames) < pieces[segment].Frames {
			continue
		}
		head, err := e.line.Head(segment, e.frames)
		if err != nil {
			return nil, err
		}
		e.frames = e.frames[:0]
		e.segment++
		return slices.Concat(head, e.data), nil
	}
}

// open reads what comes before the packets.
func (e *encoding) open() error {
	track, err := e.packets.Init()
	if err != nil {
		return err
	}
	e.pulse()
	if err := e.check(track.Entry); err != nil {
		return err
	}
	e.scale = track.Timescale
	return nil
}

// wanted is how many pictures the next segment has.
func (e *encoding) wanted() int {
	if pieces := e.line.Segments(); e.segment < len(pieces) {
		return pieces[e.segment].Frames
	}
	return 0
}

// why turns the end of the output into what the process says of it; io.EOF where all is well.
func (e *encoding) why(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if said := e.process.Wait(); said != nil {
		return said
	}
	// Some pictures of the segment after the last had to be fed too. Whether more were wanted is for the desk to say.
	return fmt.Errorf("after %d of %d pictures of segment %d: %w", len(e.frames), e.wanted(), e.segment, err)
}

func (e *encoding) kill() { _ = e.process.Close() } // what it says of that is known

func (e *encoding) close() {
	e.kill()
	e.free()
}
