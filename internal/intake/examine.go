package intake

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

// view is what a look at the film came to: the facts, and how its master comes about.
type view struct {
	plan plan
	// found are the facts; of a film whose master is to be encoded they are not known yet.
	found film.Found
	// index is that of the master, or, where that is to be encoded, of the source; nil where nothing could be indexed.
	index *mp4.Index
	// probe is set where ffprobe looked at the source, and the primary streams with it.
	probe        *ffmpeg.Probe
	video, audio *ffmpeg.Stream
	kind         sniff.Kind
	// master makes the master once the source is sealed; nil where the source is the master, or it is to be encoded.
	master func(source vault.Sealed) (vault.Sealed, error)
	// release frees what the master is made from outside of the vault: files, or memory; nil where there is nothing.
	release func() error
}

// encodes reports whether something must be encoded before the film is ready. Sound that is merely not for everybody
// (5.1, HE-AAC) can wait: who listens has it made.
func (v *view) encodes() bool {
	return v.plan.encodes() || v.found.Base.EncodedVideo || v.found.Base.EncodedSound && len(v.plan.reasons) > 0
}

// close frees what the view holds. Once is enough, twice does no harm.
func (v *view) close() error {
	if v.release == nil {
		return nil
	}
	release := v.release
	v.release = nil
	return release()
}

// formatMP4 is ffprobe's name of the container, as the API shows it.
const formatMP4 = "mov,mp4,m4a,3gp,3g2,mj2"

// examine looks at the film and decides what becomes of it. Nothing is written, but for films that are in the wrong
// container alone: their master is made here.
func (in *Intake) examine(ctx context.Context, a film.Asset, src *source) (*view, error) {
	kind, missing, err := src.kind()
	if err != nil {
		return nil, err
	}
	if kind.Demuxer() == "" {
		return nil, sayKind(kind, a.IngestType)
	}
	var cut *plan
	if missing > 0 {
		cut = truncated(missing, "bytes")
	}
	if kind == sniff.MP4 || kind == sniff.MOV {
		v, err := in.examineMP4(ctx, a, src, kind)
		e, ok := errors.AsType[*mp4.Error](err)
		if !ok || e.Kind != mp4.Truncated || e.Whole == 0 {
			return v, err
		}
		// What is whole is copied into a master, or encoded.
		cut = truncated(int64(e.Samples-e.Whole), "frames and packets of sound")
		src.end = e.End // some readers refuse all of a film for half of a fragment's head
	}
	if cut != nil {
		in.log.WarnContext(ctx, "input is cut off, what is whole is kept", "asset", a.ID, "film", a.Film, "missing", cut.details[0])
	}
	return in.examineOther(ctx, a, src, kind, cut)
}

// truncated is what is wrong with a film that ends too early.
func truncated(missing int64, what string) *plan {
	p := &plan{}
	if missing <= 0 { // its tables are cut off too, and nobody knows how much there was
		p.because(film.ReasonUnexpectedFile, nonStandard, "The input is incomplete: its end is missing.")
		return p
	}
	p.because(film.ReasonUnexpectedFile, nonStandard, "The input is incomplete: it lacks the last %d %s.", missing, what)
	return p
}

func (in *Intake) examineMP4(ctx context.Context, a film.Asset, src *source, kind sniff.Kind) (*view, error) {
	done, err := in.tables.take(ctx)
	if err != nil {
		return nil, err
	}
	composes := false
	defer func() {
		if !composes {
			done()
		}
	}()
	x, verdict, err := in.index(ctx, src, src.size, a.Settings.MaxTier)
	if err != nil {
		return nil, err
	}
	if t := x.Video(); t != nil {
		p := t.Picture
		if err := vast(p.CodedWidth, p.CodedHeight, p.References, p.PixelFormat); err != nil {
			return nil, err
		}
	}
	v := &view{plan: decideIndexed(x.Video(), x.Audio(), verdict, a.Settings.MaxTier), index: x, kind: kind}
	if v.plan.master == film.MasterMade {
		done()
		composes = true // given back already
		_, err := in.viewSealed(ctx, a, v)
		return v, err
	}
	v.found = describe(x, formatMP4, verdict.Master)
	v.found.Master.Kind = v.plan.master
	if v.plan.master == film.MasterSource {
		v.found.Base = v.plan.basis(film.PartSource, x, verdict)
		return v, nil
	}
	v.found.Base = v.plan.basis(film.PartMaster, x, verdict)
	head, ranges, err := mp4.ComposeHead(x)
	if err != nil {
		return nil, err
	}
	composes = true // head and ranges are as large as the tables
	v.release = func() error {
		done()
		return nil
	}
	v.master = func(vault.Sealed) (vault.Sealed, error) {
		body := make([]vault.Extent, len(ranges))
		for i, r := range ranges {
			body[i] = vault.Extent{Part: vault.Source, Offset: r.Offset, Length: r.Length}
		}
		return in.vault.Compose(ctx, vault.Ref{Film: a.Film, Part: vault.Master}, head, body)
	}
	return v, nil
}

// index reads an MP4's tables and judges them. What is no film, or a damaged one, is a *failure.
func (in *Intake) index(ctx context.Context, r io.ReaderAt, size int64, tier film.Tier) (*mp4.Index, *mp4.Verdict, error) {
	x, err := mp4.Parse(ctx, r, size, in.cfg.Limits)
	if err != nil {
		return nil, nil, sayParse(err)
	}
	verdict, err := mp4.Check(ctx, x, r, mp4.Tier(tier))
	if err != nil {
		return nil, nil, sayParse(err)
	}
	return x, verdict, nil
}

const nonStandard = "non-standard"

// describe puts an index into the words of the house. Where the master has all tracks of the source, all tracks with
// sound are listed, else the primary ones.
func describe(x *mp4.Index, format string, all bool) film.Found {
	f := film.Found{Media: film.Media{Container: format, Duration: x.Duration()}}
	if t := x.Video(); t != nil {
		rate := film.Rate(t.FrameRate())
		f.Media.Video = &film.VideoMedia{
			Codec: t.FFName, Width: t.Picture.Width, Height: t.Picture.Height, Rate: rate, Duration: t.Length(),
		}
		f.Media.Video.ShapeWidth, f.Media.Video.ShapeHeight = shape(t)
		f.Tracks = append(f.Tracks, film.Track{
			Type: film.TrackVideo, Primary: true, Duration: t.Length(), Width: t.Picture.Width, Height: t.Picture.Height, Rate: rate,
		})
	}
	primary := x.Audio()
	if primary != nil {
		f.Media.Audio = &film.AudioMedia{
			Codec: primary.FFName, Channels: primary.Sound.Channels, SampleRate: primary.Sound.SampleRate,
			SampleSize: primary.Sound.BitsPerSample, Duration: primary.Length(),
		}
		f.Tracks = append(f.Tracks, sound(primary, true, primary.Length()))
	}
	for _, t := range x.Tracks {
		if all && t != primary && t.Kind == mp4.Audio && t.Sound != nil && t.Samples > 0 {
			// The samples of further tracks were not looked at; they are taken to last as long as the film.
			f.Tracks = append(f.Tracks, sound(t, false, x.Duration()))
		}
	}
	f.Master.AudioOnly = x.Video() == nil
	return f
}

// shape is the ratio of the sides of pictures whose pixels are not square, as shown.
func shape(t *mp4.Track) (width, height int) {
	h, v := t.Picture.ParH, t.Picture.ParV
	const most = 1 << 15 // what has more is not believed
	if h == v || h <= 0 || v <= 0 || max(h, v) > most {
		return 0, 0
	}
	if ffmpeg.TurnOf(t.Matrix).Quarters%2 != 0 {
		h, v = v, h
	}
	return t.Picture.Width * h, t.Picture.Height * v
}

func sound(t *mp4.Track, primary bool, d time.Duration) film.Track {
	return film.Track{Type: film.TrackAudio, Primary: primary, Duration: d, Channels: t.Sound.Channels}
}

// vast refuses pictures that are not decoded: they take more memory than anybody has to give.
// A decoder keeps those that others refer to, and four or so that it is at work on.
func vast(width, height, references int, format string) error {
	if max(width, height) > ffmpeg.MaxSide || width*height > ffmpeg.MaxPixels {
		return fail(whyTooLarge, nil, "The picture has %dx%d pixels, which is too large: at most %d a side, and %d in all, are taken.",
			width, height, ffmpeg.MaxSide, ffmpeg.MaxPixels)
	}
	if held := references + 4; float64(held)*float64(width)*float64(height)*bytesPerPixel(format) > mostDecoded {
		return fail(whyTooLarge, nil, "A decoder has to hold %d pictures of %dx%d pixels (%s) at a time, which takes more than %d GB of memory.",
			held, width, height, format, mostDecoded>>30)
	}
	return nil
}

// mostDecoded is how many bytes the pictures may take that a decoder holds at a time: a process that encodes a whole film
// has not much more.
const mostDecoded = 3 << 30

// bytesPerPixel of one of libav's planar formats, as yuv420p10le.
func bytesPerPixel(format string) float64 {
	samples := 1.5
	switch {
	case strings.Contains(format, "444"), strings.HasPrefix(format, "gbr"), strings.HasPrefix(format, "rgb"):
		samples = 3
	case strings.Contains(format, "422"):
		samples = 2
	}
	if strings.HasSuffix(format, "le") || strings.HasSuffix(format, "be") {
		return 2 * samples
	}
	return samples
}
