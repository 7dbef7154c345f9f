package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filmcan/internal/blob"
	"filmcan/internal/derive"
	"filmcan/internal/film"
	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/point"
)

// Tell hears how far a work is: so much of a film's pictures or sound, in its own time, is done.
type Tell func(time.Duration)

// Base encodes the pictures of a film to be cut, and keeps them as the artifact [PicturesOf], unless they are there. They
// are of the same quality whatever the asset's is: a base is named by its film alone.
func (e *Exporter) Base(ctx context.Context, f *Film, tell Tell) error {
	a := PicturesOf(f.ID, f.Part)
	if object, ok := e.store.Find(ctx, a); ok {
		return object.Close()
	}
	done, err := e.turns.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	c := encoding{film: f, args: f.transcode(film.QualityPlus, 0)}
	p, err := e.pictures(ctx, c, tell)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := e.compare(ctx, f, p); err != nil {
		return err
	}
	whole, err := compose([]source{{pictures: p}})
	if err != nil {
		return err
	}
	if err := e.put(ctx, a, func(w io.Writer) error { return whole.write(ctx, w) }); err != nil {
		return err
	}
	if err := e.inspect(ctx, a, p); err != nil {
		return errors.Join(err, e.store.Drop(ctx, a))
	}
	point.Hit("export.base")
	return e.drop(ctx, c, len(p.chunks))
}

// Sound encodes the sound of a film, stereo, and keeps it as the artifact [SoundOf], unless it is there.
func (e *Exporter) Sound(ctx context.Context, f *Film, tell Tell) error {
	object, err := e.soundIn(ctx, f, SoundOf(f.ID, f.Part), false, tell)
	if err != nil {
		return err
	}
	return object.Close()
}

// BaseAndSound is [Exporter.Base] and [Exporter.Sound] at the same time. tell hears of the pictures.
func (e *Exporter) BaseAndSound(ctx context.Context, f *Film, tell Tell) error {
	return together(ctx, func(ctx context.Context) error {
		return e.Base(ctx, f, tell)
	}, func(ctx context.Context) error {
		return e.Sound(ctx, f, nil)
	})
}

// Length is how long an artifact lasts that is there.
func (e *Exporter) Length(ctx context.Context, a film.Artifact) (time.Duration, error) {
	object, ok := e.store.Find(ctx, a)
	if !ok {
		return 0, fmt.Errorf("export: %s is gone again", a.Key())
	}
	defer object.Close()
	x, err := mp4.Parse(ctx, object, object.Size(), e.cfg.Limits)
	if err != nil {
		return 0, fmt.Errorf("export: look at %s: %w", a.Key(), err)
	}
	return x.Duration(), nil
}

// soundIn encodes the sound of a film into an artifact, unless that is there, and opens it.
func (e *Exporter) soundIn(ctx context.Context, f *Film, a film.Artifact, keepChannels bool, tell Tell) (derive.Object, error) {
	if object, ok := e.store.Find(ctx, a); ok {
		return object, nil
	}
	done, err := e.sounds.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	input := f.Input
	if f.Heard != nil {
		input = f.Heard
	}
	dir, err := e.folders.Make()
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Remove() }()
	path := filepath.Join(dir.Path, "sound.m4a")
	if err := e.ffmpeg.Sound(ctx, input(), path, f.sound(keepChannels), soundLimit(f.Length)); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := e.hear(ctx, file); err != nil {
		return nil, err
	}
	point.Hit("export.before-sound")
	if err := e.store.Put(ctx, a, file); err != nil {
		return nil, noRoom(err)
	}
	point.Hit("export.sound")
	if tell != nil {
		tell(f.Length)
	}
	object, ok := e.store.Find(ctx, a)
	if !ok {
		return nil, fmt.Errorf("export: %s is gone again", a.Key())
	}
	return object, nil
}

// soundLimit is how many bytes the sound of a film may have: twice what the highest bit rate makes of it, and of a film
// that does not know its length what twelve hours have.
func soundLimit(length time.Duration) int64 {
	const most = 512_000 / 8 * 2
	if length <= 0 {
		length = 12 * time.Hour
	}
	return int64(length/time.Second+60) * most
}

// hear looks whether there is sound in what was encoded, and brings the file back to its start.
func (e *Exporter) hear(ctx context.Context, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	x, err := mp4.Parse(ctx, file, info.Size(), e.cfg.Limits)
	if _, bad := errors.AsType[*mp4.Error](err); bad {
		return &Unfit{"no sound came out of the decoder"}
	}
	if err != nil {
		return err
	}
	if t := x.Audio(); t == nil || t.Len() == 0 {
		return &Unfit{"no sound came out of the decoder"}
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// Copy is a track that goes into a master as it is.
type Copy struct {
	Track *mp4.Track
	File  io.ReaderAt
}

// MasterArgs say what a made master consists of. What is nil is encoded where the film has it.
type MasterArgs struct {
	Quality film.Quality
	// Side is how many pixels the longer side of encoded pictures has at most; 0: as many as the film's.
	Side            int
	Pictures, Sound *Copy
}

// Master makes a master out of a film, and writes it with write, which may be called once. Pictures and sound are encoded
// at the same time, and stay in the store until [Exporter.Tidy]. tell hears of the pictures.
func (e *Exporter) Master(ctx context.Context, f *Film, m MasterArgs, write func(film func(io.Writer) error) error, tell Tell) error {
	var both [2]source
	defer func() {
		for _, s := range both {
			_ = s.close()
		}
	}()
	err := together(ctx, func(ctx context.Context) (err error) {
		both[0], err = e.picturesOf(ctx, f, m, tell)
		return err
	}, func(ctx context.Context) (err error) {
		both[1], err = e.soundOf(ctx, f, m)
		return err
	})
	if err != nil {
		return err
	}
	sources := slices.DeleteFunc(both[:], func(s source) bool { return s == source{} })
	whole, err := compose(sources)
	if err != nil {
		return err
	}
	if err := e.verify(ctx, whole, sources); err != nil {
		return err
	}
	return write(func(w io.Writer) error { return whole.write(ctx, w) })
}

// picturesOf are those of a master; none where the film has none.
func (e *Exporter) picturesOf(ctx context.Context, f *Film, m MasterArgs, tell Tell) (source, error) {
	if m.Pictures != nil {
		return source{track: m.Pictures.Track, file: m.Pictures.File}, nil
	}
	if f.Video == nil {
		return source{}, nil
	}
	done, err := e.turns.take(ctx)
	if err != nil {
		return source{}, err
	}
	defer done()
	p, err := e.pictures(ctx, encoding{film: f, args: f.transcode(m.Quality, m.Side)}, tell)
	if err != nil {
		return source{}, err
	}
	return source{pictures: p, closer: p}, e.compare(ctx, f, p)
}

// soundOf is that of a master; none where the film has none.
func (e *Exporter) soundOf(ctx context.Context, f *Film, m MasterArgs) (source, error) {
	if m.Sound != nil {
		return source{track: m.Sound.Track, file: m.Sound.File}, nil
	}
	if f.Audio == nil {
		return source{}, nil
	}
	object, err := e.soundIn(ctx, f, f.soundChunk(), true, nil)
	if err != nil {
		return source{}, err
	}
	x, err := mp4.Parse(ctx, object, object.Size(), e.cfg.Limits)
	if err != nil {
		return source{closer: object}, err
	}
	return source{track: x.Audio(), file: object, closer: object}, nil
}

// soundChunk names the sound of a master that is being made.
func (f *Film) soundChunk() film.Artifact {
	return film.Artifact{Film: f.ID, Part: f.Part, Kind: film.KindChunk, Recipe: Recipe, Parameters: "sound"}
}

// source is a track of a film that is written: one of an index, with the file of its samples, or encoded pictures.
type source struct {
	track    *mp4.Track
	file     io.ReaderAt
	pictures *pictures
	closer   io.Closer // of what was opened for it; may be nil
}

func (s source) close() error {
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}

// whole is an MP4 that is to be written: its head, and where the rest of it lies. It can be read before it is.
type whole struct {
	head  []byte
	body  []mp4.Extent
	files []io.ReaderAt
	ends  []int64 // of each piece of the body, in the film
}

// compose makes an MP4 of those tracks.
func compose(sources []source) (*whole, error) {
	w := &whole{}
	var tracks []mp4.Source
	for _, s := range sources {
		track := mp4.Source{Track: s.track, File: len(w.files)}
		if s.pictures == nil {
			w.files = append(w.files, s.file)
		} else {
			for _, c := range s.pictures.chunks {
				if c.track == nil {
					continue
				}
				track.Track = s.pictures.chunks[0].track
				track.Chunks = append(track.Chunks, mp4.Chunk{File: len(w.files), Offset: c.data, Packets: c.frames})
				w.files = append(w.files, c.object)
			}
		}
		tracks = append(tracks, track)
	}
	var err error
	if w.head, w.body, err = mp4.Compose(tracks); err != nil {
		return nil, err
	}
	end := int64(len(w.head))
	w.ends = make([]int64, len(w.body))
	for i, piece := range w.body {
		end += piece.Length
		w.ends[i] = end
	}
	return w, nil
}

// size is how many bytes it has.
func (w *whole) size() int64 {
	if len(w.ends) == 0 {
		return int64(len(w.head))
	}
	return w.ends[len(w.ends)-1]
}

// ReadAt reads it as if it were written.
func (w *whole) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(w.head)) {
		n = copy(p, w.head[off:])
	}
	for i, _ := slices.BinarySearch(w.ends, off+int64(n)+1); n < len(p) && i < len(w.body); i++ {
		piece := w.body[i]
		from := off + int64(n) - (w.ends[i] - piece.Length)
		want := min(int64(len(p)-n), piece.Length-from)
		got, err := w.files[piece.File].ReadAt(p[n:n+int(want)], piece.Offset+from)
		if n += got; int64(got) < want {
			return n, cmp.Or(err, io.ErrUnexpectedEOF)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (w *whole) write(ctx context.Context, to io.Writer) error {
	if _, err := to.Write(w.head); err != nil {
		return err
	}
	point.Hit("export.composing")
	buffer := make([]byte, 256<<10)
	for _, piece := range w.body {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{to}, io.NewSectionReader(w.files[piece.File], piece.Offset, piece.Length), buffer)
		if err == nil && n < piece.Length {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("export: write a film: %w", err)
		}
	}
	return nil
}

// Tidy removes the chunks of a film, those of sound as well: nothing of it is being made any more.
func (e *Exporter) Tidy(ctx context.Context, id film.FilmID) error {
	_, err := e.store.Clear(ctx, derive.Selection{Film: id, Kind: film.KindChunk})
	return err
}

// put keeps what write writes as an artifact.
func (e *Exporter) put(ctx context.Context, a film.Artifact, write func(io.Writer) error) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() { // waited for below
		err := write(w)
		_ = w.CloseWithError(err)
		wrote <- err
	}()
	err := e.store.Put(ctx, a, r)
	_ = r.CloseWithError(err)
	if writeErr := <-wrote; err == nil {
		err = writeErr
	}
	return noRoom(err)
}

// noRoom gives a full store the meaning that it has for callers.
func noRoom(err error) error {
	if !errors.Is(err, blob.ErrNoSpace) {
		return err
	}
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "There is no room to store this at the moment.", Cause: err,
	}
}

// inspect looks at a base as at any film: it must be one that can be cut, with every frame at its time.
func (e *Exporter) inspect(ctx context.Context, a film.Artifact, p *pictures) error {
	object, ok := e.store.Find(ctx, a)
	if !ok {
		return fmt.Errorf("export: %s is gone again", a.Key())
	}
	defer object.Close()
	x, err := mp4.Parse(ctx, object, object.Size(), e.cfg.Limits)
	if err != nil {
		return fmt.Errorf("export: look at %s: %w", a.Key(), err)
	}
	return cuttable(ctx, x, object, p)
}

// cuttable reports why encoded pictures are not what they should be. That would be our doing, not the film's.
func cuttable(ctx context.Context, x *mp4.Index, r io.ReaderAt, p *pictures) error {
	if err := faithful(x.Video(), p); err != nil {
		return err
	}
	v, err := mp4.Check(ctx, x, r, mp4.Tier2160p)
	if err != nil {
		return err
	}
	for reason := range v.Reasons {
		switch reason {
		case "video_frame_rate", "video_bitrate", "video_resolution", "audio_codec", "audio_edit_list":
			// Their own, or the sound's.
		case "video_gop_size":
			// A picture that stands still for a minute has no key frame in it; see faithful.
		default:
			return fmt.Errorf("export: encoded pictures cannot be cut: %v", v.Details)
		}
	}
	return nil
}

// verify looks at a master before it is written: what was encoded is in it with every frame at its time, what is copied is
// in it as a whole.
func (e *Exporter) verify(ctx context.Context, w *whole, sources []source) error {
	x, err := mp4.Parse(ctx, w, w.size(), e.cfg.Limits)
	if err != nil {
		return fmt.Errorf("export: look at a master: %w", err)
	}
	for _, s := range sources {
		if s.pictures != nil {
			if err := faithful(x.Video(), s.pictures); err != nil {
				return err
			}
			continue
		}
		t := x.Audio()
		if s.track.Kind == mp4.Video {
			t = x.Video()
		}
		if t == nil || t.Len() != s.track.Len() {
			return fmt.Errorf("export: not all of the %d samples of a track are in a master", s.track.Len())
		}
	}
	return nil
}

// faithful reports whether a track has the pictures that were encoded, each at its time, and whether playback can cut it.
// Pictures have the times of the film that they came from, so the latter may be that film's doing.
func faithful(t *mp4.Track, p *pictures) error {
	if t == nil {
		return errors.New("export: pictures were encoded and are not there")
	}
	if int64(t.Len()) != p.frames {
		return fmt.Errorf("export: %d frames were encoded, %d are in the film", p.frames, t.Len())
	}
	i := 0
	for _, c := range p.chunks {
		for k := range c.frames.Len() {
			if want, _ := c.frames.Packet(k); t.PTS(i) != want.PTS {
				return fmt.Errorf("export: frame %d is shown at %d instead of %d", i, t.PTS(i), want.PTS)
			}
			i++
		}
	}
	if _, err := cmaf.PlanTracks(t, nil); err != nil {
		return &Unfit{err.Error()}
	}
	return nil
}

// tolerable is which part of a film's frames may be missing in what is encoded of it: one of so many.
const tolerable = 20

// compare holds the frames that were encoded against those that a film's index promises. What a decoder made nothing of
// is missing in the result; where that is little it is told, and no reason not to have the rest.
func (e *Exporter) compare(ctx context.Context, f *Film, p *pictures) error {
	t := f.promised()
	if t == nil {
		return nil
	}
	promised, last, end := int64(0), int64(math.MinInt64), shownUntil(t)
	for i := range t.Len() {
		if at := t.PTS(i); at >= 0 && at < end && at != last { // what is outside is hidden, two of one time are one
			promised, last = promised+1, at
		}
	}
	if f.Missing = max(0, promised-p.frames); f.Missing == 0 {
		return nil
	}
	e.log.WarnContext(ctx, "not all frames of a film could be decoded", "film", f.ID, "part", f.Part, "missing", f.Missing, "of", promised)
	if f.Missing*tolerable > promised {
		return &Unfit{fmt.Sprintf("%d of %d frames could not be decoded", f.Missing, promised)}
	}
	return nil
}

// shownUntil is the time at which a simple edit list ends a track. Readers round it in their own ways, by less than a
// millisecond.
func shownUntil(t *mp4.Track) int64 {
	if t.Edit.Duration == 0 {
		return math.MaxInt64
	}
	return t.Edit.MediaTime + t.Shift() + t.Edit.Duration - int64(t.Timescale)/1000
}

// promised is the track whose frames are to come out of a decoder, each of them; nil where nobody can tell.
func (f *Film) promised() *mp4.Track {
	if f.Index == nil {
		return nil
	}
	t := f.Index.Video()
	if t == nil || t.Light || t.Edit.Complex || f.Video == nil || (ffmpeg.TranscodeArgs{Rate: f.Video.Rate}).Dense() {
		return nil
	}
	return t
}

// begins is when the first picture of a track is shown.
func begins(t *mp4.Track) time.Duration {
	first := int64(math.MaxInt64)
	for i := range t.Len() {
		if at := t.PTS(i); at >= 0 {
			first = min(first, at)
		}
	}
	if first == math.MaxInt64 {
		return 0
	}
	return t.Time(first)
}
