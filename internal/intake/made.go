package intake

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/sniff"
)

// examineOther looks at a film in another container than MP4. Where only the container is wrong its streams are copied
// into a made master.
func (in *Intake) examineOther(ctx context.Context, a film.Asset, src *source, kind sniff.Kind) (*view, error) {
	ref := vault.Ref{Film: a.Film, Part: vault.Master}
	probe, err := in.ffmpeg.Probe(ctx, src.input(kind))
	if err != nil {
		return nil, sayFFmpeg(kind, err)
	}
	streams, err := choose(probe, kind)
	if err != nil {
		return nil, err
	}
	// Made by an earlier run that died before it could say so.
	if f, err := in.vault.Open(ctx, ref); err == nil {
		defer f.Close()
		sealed := f.Sealed()
		return in.viewMade(ctx, a, f, f.Size(), probe.Format, streams, func(vault.Sealed) (vault.Sealed, error) { return sealed, nil })
	} else if !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrNotSealed) {
		return nil, err
	}
	dir, err := in.folders.make()
	if err != nil {
		return nil, err
	}
	v, err := in.remux(ctx, a, src, kind, probe.Format, streams, filepath.Join(dir.path, "master.mp4"))
	if err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	v.release = dir.remove
	return v, nil
}

// remux copies the streams into the file out and looks at that.
func (in *Intake) remux(ctx context.Context, a film.Asset, src *source, kind sniff.Kind, format string, streams []ffmpeg.Stream, out string) (*view, error) {
	// An MP4 is hardly ever larger than what it was copied from; its index may make it so.
	limit := src.size + src.size/4 + 64<<20
	// It is made beside the vault and then taken in: for a moment there are two of it.
	room := in.rooms.claim()
	defer room.drop()
	if err := room.want(2 * src.size); err != nil {
		return nil, err
	}
	if err := in.ffmpeg.Remux(ctx, src.input(kind), out, streams, limit); err != nil {
		return nil, sayFFmpeg(kind, err)
	}
	file, err := os.Open(out)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return in.viewMade(ctx, a, file, info.Size(), format, streams, func(vault.Sealed) (vault.Sealed, error) {
		return in.store(ctx, vault.Ref{Film: a.Film, Part: vault.Master}, out)
	})
}

// viewMade looks at a made master as at any MP4 that came in. All that the source announced must be in it.
func (in *Intake) viewMade(ctx context.Context, a film.Asset, r io.ReaderAt, size int64, format string, streams []ffmpeg.Stream,
	store func(vault.Sealed) (vault.Sealed, error),
) (*view, error) {
	done, err := in.tables.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	x, verdict, err := in.index(ctx, r, size, a.Settings.MaxTier)
	if err != nil {
		return nil, err
	}
	if (x.Video() != nil) != hasKind(streams, ffmpeg.Video) || (x.Audio() != nil) != hasKind(streams, ffmpeg.Audio) {
		return nil, fail(whyUnread, nil, "The input is damaged or incomplete: it announces pictures or sound that are not there.")
	}
	v := &view{found: describe(x, format, verdict.Master), master: store}
	v.found.Master.Kind = film.MasterMade
	return v, nil
}

// store brings a file into the vault and seals it.
func (in *Intake) store(ctx context.Context, ref vault.Ref, path string) (vault.Sealed, error) {
	file, err := os.Open(path)
	if err != nil {
		return vault.Sealed{}, err
	}
	defer file.Close()
	w, err := in.vault.Append(ctx, ref)
	if err != nil {
		return vault.Sealed{}, err
	}
	defer w.Close()
	if w.Size() > 0 { // begun by a run that died
		if err := w.Restart(); err != nil {
			return vault.Sealed{}, err
		}
	}
	if _, err := io.Copy(w, until(ctx, file)); err != nil {
		return vault.Sealed{}, err
	}
	return w.Seal()
}

// input is how ffmpeg gets at the film.
func (s *source) input(kind sniff.Kind) ffmpeg.Input {
	in := ffmpeg.Input{Path: s.path, Demuxer: kind.Demuxer()}
	if in.Path == "" {
		in.Reader = io.NewSectionReader(s, 0, s.size)
	}
	return in
}

// choose takes the streams that belong into a made master: the pictures, the primary sound, and further sound in AAC. A
// film that would have to be encoded for it is a *failure with its reasons.
func choose(p *ffmpeg.Probe, kind sniff.Kind) ([]ffmpeg.Stream, error) {
	video := pick(p.Streams, func(s ffmpeg.Stream) bool { return s.Kind == ffmpeg.Video && !s.Cover })
	audio := pick(p.Streams, func(s ffmpeg.Stream) bool { return s.Kind == ffmpeg.Audio })
	if video == nil && audio == nil {
		return nil, fail(whyNotFilm, nil, "The input is %s without pictures and without sound.", kind.Name())
	}
	reasons := film.Reasons{}
	var streams []ffmpeg.Stream
	if video != nil {
		if video.Codec != "h264" && video.Codec != "hevc" {
			reasons[film.ReasonVideoCodec] = orUnknown(video.Codec)
		}
		streams = append(streams, *video)
	}
	if audio != nil {
		if audio.Codec != "aac" {
			reasons[film.ReasonAudioCodec] = orUnknown(audio.Codec)
		}
		streams = append(streams, *audio)
		for _, s := range p.Streams {
			if s.Kind == ffmpeg.Audio && s.Index != audio.Index && s.Codec == "aac" {
				streams = append(streams, s)
			}
		}
	}
	switch kind {
	case sniff.Matroska, sniff.WebM, sniff.TS, sniff.FLV, sniff.ADTS:
	default:
		if len(reasons) == 0 {
			reasons[film.ReasonUnexpectedFile] = nonStandard
		}
	}
	if len(reasons) > 0 {
		return nil, sayReasons(reasons, nil)
	}
	return streams, nil
}

func hasKind(streams []ffmpeg.Stream, k ffmpeg.StreamKind) bool {
	return slices.ContainsFunc(streams, func(s ffmpeg.Stream) bool { return s.Kind == k })
}

// pick returns the stream that the container marks as the default one, else the first.
func pick(streams []ffmpeg.Stream, fits func(ffmpeg.Stream) bool) *ffmpeg.Stream {
	var first *ffmpeg.Stream
	for i := range streams {
		if s := &streams[i]; fits(*s) {
			if s.Default {
				return s
			}
			if first == nil {
				first = s
			}
		}
	}
	return first
}

func orUnknown(codec string) string {
	if codec == "" {
		return "unknown"
	}
	return codec
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// until reads r until the context ends.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}
