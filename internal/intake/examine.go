package intake

import (
	"context"
	"io"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

// view is what a look at a film came to: the facts, and how its master comes about.
type view struct {
	found film.Found
	// master makes the master once the source is sealed; nil where the source is the master.
	master func(source vault.Sealed) (vault.Sealed, error)
	// release frees what the master is made from outside of the vault: files, or memory; nil where there is nothing.
	release func() error
}

// formatMP4 is ffprobe's name of the container, as the API shows it.
const formatMP4 = "mov,mp4,m4a,3gp,3g2,mj2"

// examine looks at the film and decides what becomes of it. Nothing is written, but for films that are in the wrong
// container alone: their master is made here.
func (in *Intake) examine(ctx context.Context, a film.Asset, src *source) (*view, error) {
	kind, err := src.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case sniff.MP4, sniff.MOV:
		return in.examineMP4(ctx, a, src)
	default:
		if kind.Demuxer() == "" {
			return nil, sayKind(kind, a.IngestType)
		}
		return in.examineOther(ctx, a, src, kind)
	}
}

func (in *Intake) examineMP4(ctx context.Context, a film.Asset, src *source) (*view, error) {
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
	v := &view{found: describe(x, formatMP4, verdict.Master)}
	if verdict.Master {
		v.found.Master.Kind = film.MasterSource
		return v, nil
	}
	head, ranges, err := mp4.ComposeHead(x)
	if err != nil {
		return nil, err
	}
	composes = true // head and ranges are as large as the tables
	v.release = func() error {
		done()
		return nil
	}
	v.found.Master.Kind = film.MasterComposed
	v.master = func(vault.Sealed) (vault.Sealed, error) {
		body := make([]vault.Extent, len(ranges))
		for i, r := range ranges {
			body[i] = vault.Extent{Part: vault.Source, Offset: r.Offset, Length: r.Length}
		}
		return in.vault.Compose(ctx, vault.Ref{Film: a.Film, Part: vault.Master}, head, body)
	}
	return v, nil
}

// index reads an MP4's tables and judges them. A film that cannot be prepared is a *failure; what comes back is a
// master, or can be composed into one.
func (in *Intake) index(ctx context.Context, r io.ReaderAt, size int64, tier film.Tier) (*mp4.Index, *mp4.Verdict, error) {
	x, err := mp4.Parse(ctx, r, size, in.cfg.Limits)
	if err != nil {
		return nil, nil, sayParse(err)
	}
	verdict, err := mp4.Check(ctx, x, r, mp4.Tier(tier))
	if err != nil {
		return nil, nil, sayParse(err)
	}
	if !verdict.Standard() || !verdict.Master && !verdict.Composable {
		reasons := film.Reasons{}
		for key, value := range verdict.Reasons {
			reasons[film.Reason(key)] = value
		}
		if len(reasons) == 0 {
			reasons[film.ReasonUnexpectedFile] = nonStandard
		}
		return nil, nil, sayReasons(reasons, verdict.Details)
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

func sound(t *mp4.Track, primary bool, d time.Duration) film.Track {
	return film.Track{Type: film.TrackAudio, Primary: primary, Duration: d, Channels: t.Sound.Channels}
}
