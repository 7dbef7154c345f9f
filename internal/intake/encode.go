package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"filmcan/internal/derive/export"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
	"filmcan/internal/point"
)

// Encode is the handler of [film.EncodeAsset]: it goes on where [Intake.Ingest] found that a film must be encoded. What
// an earlier run encoded is used. Its errors are those of Ingest.
func (in *Intake) Encode(ctx context.Context, job film.EncodeAsset, attempt, last int) error {
	return in.run(ctx, job.Asset, job.Film, attempt, last, in.encode)
}

// MakeBase is the handler of [film.MakeBase].
func (in *Intake) MakeBase(ctx context.Context, job film.MakeBase) error {
	a, err := in.catalog.AssetForWork(ctx, job.Asset)
	if film.IsCode(err, film.CodeNotFound) {
		return in.deleted(ctx, job.Film)
	}
	if err != nil || a.Status != film.AssetReady {
		return err
	}
	if a.Base.EncodedVideo {
		err = in.export.Ensure(ctx, export.PicturesOf(a.Film, a.BasePart()))
	}
	if err == nil && a.Base.EncodedSound {
		err = in.export.Ensure(ctx, export.SoundOf(a.Film, a.BasePart()))
	}
	// Another process may have purged the film while this one encoded.
	if _, gone := in.catalog.AssetForWork(ctx, job.Asset); film.IsCode(gone, film.CodeNotFound) {
		return in.deleted(ctx, a.Film)
	}
	return err
}

// encode does the work on a film that must be encoded: its master where that cannot be had otherwise, its base, its sound.
func (in *Intake) encode(ctx context.Context, a film.Asset, m *meter) (err error) {
	src, err := in.openSource(ctx, vault.Ref{Film: a.Film, Part: vault.Source})
	if err != nil {
		return err
	}
	defer src.Close()
	v, err := in.look(ctx, a, src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	m.encoding.Store(true)
	work := &encoder{Intake: in, asset: a, src: src, view: v, meter: m, room: in.rooms.claim()}
	defer work.room.drop()
	if v.plan.encodes() {
		if err := work.master(ctx); err != nil {
			return work.words(ctx, err)
		}
	}
	sealed, err := in.keep(src, v)
	if err != nil {
		return err
	}
	// What follows may take hours: others are looked at meanwhile.
	if err := v.close(); err != nil {
		return err
	}
	v.master = func(vault.Sealed) (vault.Sealed, error) { return sealed, nil }
	point.Hit("intake.master-made")
	if point.Broken("ready-before-base") {
		v.found.Master.Size, v.found.Master.SHA256, v.found.Master.ETag = sealed.Size, sealed.SHA256, sealed.ETag
		if err := in.tell(ctx, a, v.found); err != nil {
			return err
		}
	}
	if err := work.base(ctx); err != nil {
		return work.words(ctx, err)
	}
	if err := in.finish(ctx, a, src, v); err != nil {
		return err
	}
	return in.export.Tidy(ctx, a.Film)
}

// encoder is one run of an encoding.
type encoder struct {
	*Intake

	asset film.Asset
	src   *source
	view  *view
	meter *meter
	room  *claim
	// before is how much of the film's time was encoded by steps that are over.
	before time.Duration
	// read is how many bytes a process has read of a film that does not know its length; nil where it does.
	read *atomic.Int64
}

// soundShare is how many seconds of sound take as long as one of pictures.
const soundShare = 20

// step begins a step of the work, so long of which is to be done, and returns who hears of its progress, and what ends it.
// bytes is the room that the step was let in with: the more is done, the less of it is still to be written. Half of it is
// for the chunks, half for the whole that is made of them.
func (w *encoder) step(length time.Duration, share, bytes int64) (tell export.Tell, done func()) {
	before := w.before
	return func(d time.Duration) {
			if w.read != nil {
				d = time.Duration(w.read.Load())
			}
			d = min(max(0, d), length)
			w.meter.done.Store(int64(before) + int64(d)/share)
			w.room.left(bytes/2 + int64(float64(bytes/2)*(1-float64(d)/float64(max(1, length)))))
		}, func() {
			w.before = before + length/time.Duration(share)
			w.meter.done.Store(int64(w.before))
		}
}

// master encodes what must be, and writes the master into the vault. Then the view is that of the master.
func (w *encoder) master(ctx context.Context) error {
	f, err := w.film(ctx)
	if err != nil {
		return err
	}
	args := export.MasterArgs{Quality: w.asset.Settings.Quality, Side: side(f, w.asset.Settings.MaxTier)}
	dir, err := w.folders.Make()
	if err != nil {
		return err
	}
	defer func() { _ = dir.Remove() }()
	copies, err := w.copies(ctx, filepath.Join(dir.Path, "copied.mp4"))
	if err != nil {
		return err
	}
	defer copies.Close()
	args.Pictures, args.Sound = copies.pictures, copies.sound
	length := w.length(f)
	pictures, sound, bytes := time.Duration(0), time.Duration(0), int64(0) // what takes the time: sound beside pictures takes none
	total := time.Duration(0)
	switch {
	case args.Pictures != nil:
		total = length // they may need a base
	case f.Video != nil:
		pictures, total = length, length
		bytes = f.Bytes(args.Quality, args.Side)
		if err := w.room.want(bytes); err != nil {
			return err
		}
	}
	if args.Sound == nil && f.Audio != nil && pictures == 0 {
		sound = length / soundShare
	}
	w.meter.total.Store(int64(total + sound))
	tell, done := w.step(pictures, 1, bytes)
	err = w.export.Master(ctx, f, args, func(write func(io.Writer) error) error { return w.write(ctx, write) }, tell)
	if err != nil {
		return err
	}
	done()
	w.before += sound
	w.read = nil
	w.lost(f)
	there, err := w.viewSealed(ctx, w.asset, w.view)
	if err == nil && !there {
		err = errors.New("a master was made and is not there")
	}
	return err
}

// lost notes that not all of a film could be decoded.
func (w *encoder) lost(f *export.Film) {
	if f.Missing > 0 {
		w.view.plan.because(film.ReasonUnexpectedFile, nonStandard, "%d frames could not be decoded.", f.Missing)
	}
}

// length is how long the film is, for progress. Where nobody knows that it is its bytes, and what is read of them counts as
// done.
func (w *encoder) length(f *export.Film) time.Duration {
	if f.Length > 0 || !streams(f.Input().Demuxer) {
		return f.Length
	}
	input, size := f.Input, w.src.size
	w.read = &atomic.Int64{}
	f.Heard = input
	f.Input = func() ffmpeg.Input {
		w.read.Store(0)
		return ffmpeg.Input{Demuxer: input().Demuxer, Reader: &counted{r: io.NewSectionReader(w.src, 0, size), n: w.read}}
	}
	return time.Duration(size)
}

// streams tells the demuxers that read from a pipe what they read from a file.
func streams(demuxer string) bool {
	return slices.Contains([]string{"mpegts", "mpeg", "matroska", "gif", "flv", "ogg"}, demuxer)
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// side is how many pixels the longer side of an encoded master has at most.
func side(f *export.Film, tier film.Tier) int {
	if f.Video == nil {
		return 0
	}
	width, height := f.Video.Picture().Displayed()
	if max(width, height) <= mp4.Tier(tier).MaxSide() {
		return 0
	}
	switch tier {
	case film.Tier2160p:
		return 3840
	case film.Tier1440p:
		return 2560
	default:
		return 1920
	}
}

// film describes the source for the encoder.
func (w *encoder) film(ctx context.Context) (*export.Film, error) {
	v, input := w.view, func() ffmpeg.Input { return w.src.input(w.view.kind) }
	if v.probe == nil {
		return w.export.OfIndex(ctx, w.asset.Film, film.PartSource, v.index, input)
	}
	f := &export.Film{ID: w.asset.Film, Part: film.PartSource, Input: input, Video: v.video, Audio: v.audio, Length: v.probe.Duration}
	f.Zero = begins(v)
	return f, nil
}

// begins finds the time of the input at which the film begins: the start of the first stream. Streams that are copied are
// so with times from the container's start on, which is that of the first of all its streams.
func begins(v *view) ffmpeg.Ratio {
	copies := v.plan.pictures == copied || v.plan.sound == copied
	var first *ffmpeg.Stream
	for i := range v.probe.Streams {
		s := &v.probe.Streams[i]
		used := v.video != nil && s.Index == v.video.Index || v.audio != nil && s.Index == v.audio.Index
		if s.Start.Den > 0 && (used || copies) && (first == nil || earlier(s.Start, first.Start)) {
			first = s
		}
	}
	switch {
	case first == nil:
		return ffmpeg.Ratio{Num: 0, Den: 1}
	case copies && v.kindCounts():
		return ffmpeg.Ratio{Num: 0, Den: 1}
	}
	return first.Start
}

func earlier(a, b ffmpeg.Ratio) bool {
	return float64(a.Num)*float64(b.Den) < float64(b.Num)*float64(a.Den)
}

// kindCounts: ffmpeg counts the times of such a film from its start already.
func (v *view) kindCounts() bool { return ffmpeg.Input{Demuxer: v.kind.Demuxer()}.Counted() }

// copied are the tracks that go into a master as they are.
type copiedTracks struct {
	pictures, sound *export.Copy
	file            *os.File
}

func (c *copiedTracks) Close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}

// copies finds what is copied into a master beside what is encoded: from the source itself where that is indexed, else
// from a copy of it in a container that can be.
func (w *encoder) copies(ctx context.Context, path string) (*copiedTracks, error) {
	c, v := &copiedTracks{}, w.view
	x, r := v.index, io.ReaderAt(w.src)
	if v.plan.pictures != copied && v.plan.sound != copied {
		return c, nil
	}
	if v.probe != nil {
		var streams []ffmpeg.Stream
		if v.plan.pictures == copied {
			streams = append(streams, *v.video)
		}
		if v.plan.sound == copied {
			streams = append(streams, *v.audio)
		}
		if err := w.remux(ctx, w.src, v.kind, streams, path); err != nil {
			return nil, err
		}
		var err error
		if c.file, err = os.Open(path); err != nil {
			return nil, err
		}
		info, err := c.file.Stat()
		if err == nil {
			x, err = mp4.Parse(ctx, c.file, info.Size(), w.cfg.Limits)
		}
		if err != nil {
			return nil, errors.Join(sayParse(err), c.Close())
		}
		r = c.file
	}
	if t := x.Video(); v.plan.pictures == copied && t != nil {
		c.pictures = &export.Copy{Track: t, File: r}
	}
	if t := x.Audio(); v.plan.sound == copied && t != nil {
		c.sound = &export.Copy{Track: t, File: r}
	}
	return c, nil
}

// write writes the master into the vault and seals it.
func (w *encoder) write(ctx context.Context, write func(io.Writer) error) error {
	to, err := w.vault.Append(ctx, vault.Ref{Film: w.asset.Film, Part: vault.Master})
	if err != nil {
		return err
	}
	defer to.Close()
	if to.Size() > 0 { // begun by a run that died
		if err := to.Restart(); err != nil {
			return err
		}
	}
	if err := write(taking{to, w.room}); err != nil {
		return err
	}
	_, err = to.Seal()
	return err
}

// taking is a writer that uses up a claim to room.
type taking struct {
	io.Writer

	room *claim
}

func (t taking) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	if err == nil {
		err = t.room.took(int64(n))
	}
	return n, err
}

// base encodes what the master cannot be played from.
func (w *encoder) base(ctx context.Context) error {
	b, v := w.view.found.Base, w.view
	if !b.EncodedVideo && !b.EncodedSound {
		return nil
	}
	part, err := w.vault.Open(ctx, vault.Ref{Film: w.asset.Film, Part: vault.Part(b.Part)})
	if err != nil {
		return err
	}
	defer part.Close()
	path, _ := part.LocalPath()
	f, err := w.export.OfIndex(ctx, w.asset.Film, b.Part, v.index, export.InputOf(part, part.Size(), path, sniff.MP4.Demuxer()))
	if err != nil {
		return err
	}
	total, bytes := w.before, int64(0)
	if b.EncodedVideo {
		total += f.Length
		bytes = f.Bytes(film.QualityPlus, 0)
		if err := w.room.want(bytes); err != nil {
			return err
		}
	}
	share := int64(1)
	if !b.EncodedVideo {
		share = soundShare
		total += f.Length / soundShare
	}
	w.meter.total.Store(int64(total))
	tell, done := w.step(f.Length, share, bytes)
	switch {
	case !b.EncodedVideo:
		err = w.export.Sound(ctx, f, tell)
	case !b.EncodedSound:
		err = w.export.Base(ctx, f, tell)
	default:
		err = w.export.BaseAndSound(ctx, f, tell)
	}
	if err != nil {
		return err
	}
	done()
	w.lost(f)
	return w.measure(ctx)
}

// measure makes the lengths those of what was encoded: edit lists that do more than to start a film may say others than its
// tables.
func (w *encoder) measure(ctx context.Context) error {
	f, id := &w.view.found, w.asset.Film
	set := func(kind film.TrackType, d time.Duration) {
		for i := range f.Tracks {
			if t := &f.Tracks[i]; t.Type == kind && t.Primary {
				t.Duration = d
			}
		}
	}
	if v := f.Media.Video; f.Base.EncodedVideo && v != nil {
		d, err := w.export.Length(ctx, export.PicturesOf(id, f.Base.Part))
		if err != nil {
			return err
		}
		v.Duration = d
		set(film.TrackVideo, d)
	}
	if a := f.Media.Audio; f.Base.EncodedSound && a != nil {
		d, err := w.export.Length(ctx, export.SoundOf(id, f.Base.Part))
		if err != nil {
			return err
		}
		a.Duration = d
		set(film.TrackAudio, d)
	}
	f.Media.Duration = 0
	if v := f.Media.Video; v != nil {
		f.Media.Duration = v.Duration
	}
	if a := f.Media.Audio; a != nil {
		f.Media.Duration = max(f.Media.Duration, a.Duration)
	}
	return nil
}

// words puts a film that could not be encoded into words, with the reasons why it had to be: its bytes are kept.
func (w *encoder) words(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	e, process := errors.AsType[*ffmpeg.Error](err)
	unfit, _ := errors.AsType[*export.Unfit](err)
	switch {
	case unfit != nil, process && !e.Ours() && !e.NoRoom:
		f := fail(whyUndecodable, err, "The input could not be decoded: it is %s, but what is in it is damaged, or in a form that is not supported.", w.view.kind.Name())
		switch {
		case process && e.Limit == ffmpeg.LimitMemory:
			f.message = fmt.Sprintf("The input is %s, but decoding it takes more memory than any film is given: its pictures are too large, or too many of them refer to others.", w.view.kind.Name())
		case unfit != nil:
			f.message = fmt.Sprintf("The input is %s, but could not be decoded: %s.", w.view.kind.Name(), unfit.Reason)
		}
		if f.reasons = w.view.plan.reasons; len(f.reasons) == 0 {
			f.reasons = film.Reasons{film.ReasonUnexpectedFile: nonStandard}
		}
		return f
	case process && e.NoRoom:
		return noRoom(err)
	}
	return err
}
