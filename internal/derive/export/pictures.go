package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/film"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/point"
)

// maxChunk is how many bytes of pictures are in memory at most before the next key frame ends a chunk.
const maxChunk = 48 << 20

// pictures are the encoded pictures of a film: its chunks in their order.
type pictures struct {
	chunks []chunk
	frames int64
	done   bool
}

// chunk is one of them, open.
type chunk struct {
	*stretch

	object derive.Object
	data   int64 // where in the object the frames begin
}

func (p *pictures) add(s *stretch, object derive.Object, data int64) {
	p.chunks = append(p.chunks, chunk{s, object, data})
	p.frames += int64(s.frames.Len())
	p.done = s.last
}

// Close frees the chunks; they stay in the store.
func (p *pictures) Close() error {
	var errs []error
	for _, c := range p.chunks {
		errs = append(errs, c.object.Close())
	}
	return errors.Join(errs...)
}

// encoding is one way to encode the pictures of one film.
type encoding struct {
	film *Film
	args ffmpeg.TranscodeArgs
}

// chunk names the n-th chunk. The name has all that decides what is in it.
func (c encoding) chunk(n int) film.Artifact {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %v", c.args, c.film.Zero))
	return film.Artifact{
		Film: c.film.ID, Part: c.film.Part, Kind: film.KindChunk, Recipe: Recipe,
		Parameters: hex.EncodeToString(sum[:8]) + "_" + strconv.Itoa(n),
	}
}

// pictures encodes the pictures of a film, or what an earlier run did not get to. tell hears up to which film time they
// are done.
func (e *Exporter) pictures(ctx context.Context, c encoding, tell Tell) (p *pictures, err error) {
	p = &pictures{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := e.found(ctx, c, p); err != nil {
		return p, err
	}
	e.reused.Add(int64(len(p.chunks)))
	if p.frames > 0 && tell != nil {
		last := p.chunks[0].track.Time(p.chunks[len(p.chunks)-1].frames.End())
		tell(max(0, last))
	}
	if p.done {
		return p, nil
	}
	err = e.encode(ctx, c, p, tell)
	if errors.Is(err, errOther) {
		// What is there was made by another version of the encoder: it does not fit to what comes now.
		if err := errors.Join(p.Close(), e.drop(ctx, c, len(p.chunks))); err != nil {
			return p, err
		}
		*p = pictures{}
		err = e.encode(ctx, c, p, tell)
	}
	if err == nil && p.frames == 0 {
		err = &Unfit{"not one picture came out of the decoder"}
	}
	return p, err
}

// found takes the chunks of earlier runs.
func (e *Exporter) found(ctx context.Context, c encoding, p *pictures) error {
	for !p.done {
		object, ok := e.store.Find(ctx, c.chunk(len(p.chunks)))
		if !ok {
			return nil
		}
		s, data, err := readChunk(object)
		if err != nil || s.first != p.frames || !p.fits(s.track) {
			e.log.WarnContext(ctx, "chunk of an encoding is not used", "artifact", c.chunk(len(p.chunks)).Key(), "error", err)
			return object.Close()
		}
		p.add(s, object, data)
	}
	return nil
}

// latest is the time of the picture that is shown last.
func (p *pictures) latest() (pts int64, ok bool) {
	pts = math.MinInt64
	for _, c := range p.chunks[max(0, len(p.chunks)-1):] {
		for i := range c.frames.Len() {
			packet, _ := c.frames.Packet(i)
			pts, ok = max(pts, packet.PTS), true
		}
	}
	return pts, ok
}

// fits reports whether frames of such a track go with those that are there.
func (p *pictures) fits(t *mp4.Track) bool {
	if t == nil || p.frames == 0 {
		return true
	}
	have := p.chunks[0].track
	return bytes.Equal(have.Entry, t.Entry) && have.Timescale == t.Timescale
}

// drop removes the chunks, so many or as many as there are.
func (e *Exporter) drop(ctx context.Context, c encoding, n int) error {
	for i := range n {
		if err := e.store.Drop(ctx, c.chunk(i)); err != nil {
			return err
		}
	}
	return nil
}

// errOther: the encoder's header is another one than that of the chunks.
var errOther = errors.New("export: another encoder's chunks")

// encode runs the process to its end.
func (e *Exporter) encode(ctx context.Context, c encoding, p *pictures, tell Tell) error {
	args := c.args
	args.Skip = p.frames
	session, err := e.ffmpeg.Transcode(ctx, c.film.Input(), args)
	if err != nil {
		return err
	}
	defer session.Close()
	var data bytes.Buffer
	rest, err := e.collect(ctx, c, p, mp4.NewFragmentReader(session.Stdout()), &data, tell)
	if brokeOff := errors.Is(err, errBroken) && errors.Is(err, io.ErrUnexpectedEOF); err != nil && !brokeOff {
		return err
	}
	// Only a process that ended well has written its last frame; and that what it wrote breaks off is explained by how it
	// ended. One that writes something else must not be waited for: nobody reads that.
	if end := session.Wait(); end != nil {
		return end
	}
	if err != nil {
		return err
	}
	rest.last = true
	return e.keep(ctx, c, p, rest, &data)
}

// errBroken: the process wrote something that is no film, or half of one.
var errBroken = errors.New("export: the encoder's output is broken")

// collect makes chunks of packets, and keeps each as soon as it is whole. It returns the last one, whose frames are in data.
func (e *Exporter) collect(ctx context.Context, c encoding, p *pictures, r *mp4.FragmentReader, data *bytes.Buffer, tell Tell) (*stretch, error) {
	open, shift := &stretch{first: p.frames, frames: &mp4.Table{}}, int64(0)
	latest, shown := p.latest()
	for {
		packet, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return open, nil
		case errors.Is(err, io.ErrUnexpectedEOF) && open.track == nil:
			// Not one frame came: there are none, or an earlier run died after its last one, before it could say so.
			return open, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
		if open.track == nil {
			if open.track, err = r.Init(); err != nil {
				return nil, fmt.Errorf("%w: %w", errBroken, err)
			}
			if !packet.Sync {
				return nil, fmt.Errorf("%w: the first frame is no key frame", errBroken)
			}
			if !p.fits(open.track) {
				return nil, errOther
			}
			shift = ticks(c.args.Lead(), open.track.Timescale) + ticks(c.film.Zero, open.track.Timescale)
		}
		packet.PTS -= shift
		first := p.frames == 0 && open.frames.Len() == 0
		if t := c.film.promised(); first && t != nil {
			if late := open.track.Time(packet.PTS) - begins(t); late > maxLate {
				return nil, &Unfit{fmt.Sprintf("the first %v could not be decoded", late)}
			}
		}
		if first && (packet.PTS < 0 || open.track.Time(packet.PTS) > maxLate) {
			packet.PTS = 0
		}
		if packet.Sync && open.full(packet.PTS, e.cfg.Chunk) {
			if err := e.keep(ctx, c, p, open, data); err != nil {
				return nil, err
			}
			open = &stretch{first: p.frames, track: open.track, frames: &mp4.Table{}}
		}
		// What the muxer says is how long it is decoded. No picture is shown for longer than the one before it.
		if shown {
			packet.Duration = min(packet.Duration, max(packet.PTS-latest, latest-packet.PTS))
		}
		latest, shown = max(latest, packet.PTS), true
		if err := open.frames.Append(packet); err != nil {
			return nil, fmt.Errorf("%w: %w", errBroken, err)
		}
		data.Write(packet.Data)
		e.frames.Add(1)
		point.Hit("export.frame")
		if tell != nil {
			tell(open.track.Time(packet.PTS))
		}
	}
}

// maxLate is how much later than the film its pictures may begin, as [mp4.Check] has it. The first frame of pictures that
// begin later is shown from the start on.
const maxLate = 4 * time.Second

// full reports whether a chunk has enough in it for a key frame of that time to begin the next.
func (s *stretch) full(pts int64, length time.Duration) bool {
	if s.frames.Len() == 0 {
		return false
	}
	first, _ := s.frames.Packet(0)
	return s.frames.Bytes() > maxChunk || s.track.Time(pts-first.PTS) >= length
}

// keep stores a chunk and empties data.
func (e *Exporter) keep(ctx context.Context, c encoding, p *pictures, s *stretch, data *bytes.Buffer) error {
	a := c.chunk(len(p.chunks))
	head, err := s.encode()
	if err != nil {
		return err
	}
	if err := e.store.Put(ctx, a, io.MultiReader(bytes.NewReader(head), data)); err != nil {
		return noRoom(err)
	}
	data.Reset()
	object, ok := e.store.Find(ctx, a)
	if !ok {
		return fmt.Errorf("export: %s is gone again", a.Key())
	}
	s, at, err := readChunk(object)
	if err != nil {
		return errors.Join(err, object.Close())
	}
	p.add(s, object, at)
	e.chunks.Add(1)
	point.Hit("export.chunk")
	return nil
}
