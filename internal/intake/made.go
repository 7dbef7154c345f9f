package intake

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

// examineOther looks at a film by ffprobe: one in another container than MP4, or an MP4 that is cut off. Where only the
// container is wrong its streams are copied into a made master. Reasons that are known already come in cut.
func (in *Intake) examineOther(ctx context.Context, a film.Asset, src *source, kind sniff.Kind, cut *plan) (*view, error) {
	probe, err := in.ffmpeg.Probe(ctx, src.input(kind))
	if err != nil {
		return nil, sayFFmpeg(kind, err)
	}
	v := &view{kind: kind, probe: probe}
	v.video = pick(probe.Streams, func(s ffmpeg.Stream) bool { return s.Kind == ffmpeg.Video && !s.Cover })
	v.audio = pick(probe.Streams, func(s ffmpeg.Stream) bool { return s.Kind == ffmpeg.Audio })
	if v.video == nil && v.audio == nil {
		return nil, fail(whyNotFilm, nil, "The input is %s without pictures and without sound.", kind.Name())
	}
	if err := bounded(v.video, v.audio); err != nil {
		return nil, err
	}
	v.plan = decideProbed(kind, v.video, v.audio, a.Settings.MaxTier)
	if cut != nil {
		v.plan.join(*cut)
	}
	if there, err := in.viewSealed(ctx, a, v); there || err != nil {
		return v, err
	}
	if v.plan.encodes() {
		return v, in.short(probe)
	}
	dir, err := in.folders.Make()
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir.Path, "master.mp4")
	err = in.remux(ctx, src, kind, v.streams(), out)
	if err == nil {
		err = in.viewFile(ctx, a, v, out)
	}
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	v.release = dir.Remove
	return v, nil
}

// slowest is how many samples of sound a second has at least. One a second, brought to the rate of players, takes
// gigabytes of memory.
const slowest = 1000

// bounded refuses what a decoder, or what comes behind it, would need too much memory for.
func bounded(video, audio *ffmpeg.Stream) error {
	if video != nil {
		if err := vast(video.Width, video.Height, video.References, video.PixelFormat); err != nil {
			return err
		}
	}
	if audio != nil && audio.SampleRate > 0 && audio.SampleRate < slowest {
		return fail(whyUnread, nil, "The sound has %d samples a second: at least %d are needed.", audio.SampleRate, slowest)
	}
	return nil
}

// short refuses a film that claims to be longer than any that is taken, before room is made for it. That of a copy is
// measured.
func (in *Intake) short(probe *ffmpeg.Probe) error {
	if limit := cmp.Or(in.cfg.Limits.MaxDuration, 12*time.Hour); probe.Duration > limit {
		return fail(whyTooLarge, nil, "The film is too long: at most %d hours are possible.", int64(limit/time.Hour))
	}
	return nil
}

// viewSealed looks at a made master that is in the vault: an earlier run made it, and died before it could say so, or went
// on to encode a base of it.
func (in *Intake) viewSealed(ctx context.Context, a film.Asset, v *view) (there bool, err error) {
	f, err := in.vault.Open(ctx, vault.Ref{Film: a.Film, Part: vault.Master})
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrNotSealed) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	sealed := f.Sealed()
	return true, in.viewMade(ctx, a, v, f, f.Size(), func(vault.Sealed) (vault.Sealed, error) { return sealed, nil })
}

// remux copies streams into the file out.
func (in *Intake) remux(ctx context.Context, src *source, kind sniff.Kind, streams []ffmpeg.Stream, out string) error {
	// An MP4 is hardly ever larger than what it was copied from; its index may make it so.
	limit := src.size + src.size/4 + 64<<20
	// It is made beside the vault and then taken in: for a moment there are two of it.
	room := in.rooms.claim()
	defer room.drop()
	if err := room.want(2 * src.size); err != nil {
		return err
	}
	if err := in.ffmpeg.Remux(ctx, src.input(kind), out, streams, limit); err != nil {
		return sayFFmpeg(kind, err)
	}
	return nil
}

// viewFile looks at a made master that is not in the vault yet.
func (in *Intake) viewFile(ctx context.Context, a film.Asset, v *view, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return in.viewMade(ctx, a, v, file, info.Size(), func(vault.Sealed) (vault.Sealed, error) {
		return in.store(ctx, vault.Ref{Film: a.Film, Part: vault.Master}, path)
	})
}

// viewMade looks at a made master as at any MP4 that came in. All that the source announced must be in it.
func (in *Intake) viewMade(ctx context.Context, a film.Asset, v *view, r io.ReaderAt, size int64, store func(vault.Sealed) (vault.Sealed, error)) error {
	done, err := in.tables.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	x, verdict, err := in.index(ctx, r, size, a.Settings.MaxTier)
	if err != nil {
		return err
	}
	if (x.Video() != nil) != (v.plan.pictures != absent) || (x.Audio() != nil) != (v.plan.sound != absent) {
		return fail(whyUnread, nil, "The input is damaged or incomplete: it announces pictures or sound that are not there.")
	}
	format := formatMP4
	if v.probe != nil {
		format = v.probe.Format
	}
	source := v.index
	v.found, v.index, v.master = describe(x, format, verdict.Master), x, store
	v.found.Master.Kind = film.MasterMade
	if v.plan.pictures == encoded {
		verdict.Pictures = false // they are as they should be, whatever their bit rate
	}
	v.found.Base = v.plan.basis(film.PartMaster, x, verdict)
	v.original(source)
	if v.plan.pictures == copied || v.plan.sound == copied {
		// What was encoded is standard; what was copied may not be.
		v.plan.join(verdictPlan(verdict))
	}
	v.plan.pictures, v.plan.sound = settled(v.plan.pictures), settled(v.plan.sound)
	return nil
}

// settled is the treatment of what is in a master already: no more encoding.
func settled(t treatment) treatment {
	if t == encoded {
		return copied
	}
	return t
}

// original makes the facts those of the film as it came, where the made master has others.
func (v *view) original(x *mp4.Index) {
	m := &v.found.Media
	if m.Video != nil {
		switch {
		case v.video != nil:
			m.Video.Codec = orUnknown(v.video.Codec)
		case x != nil && x.Video() != nil:
			m.Video.Codec = x.Video().FFName
		}
	}
	if m.Audio == nil {
		return
	}
	switch {
	case v.audio != nil:
		m.Audio.Codec, m.Audio.Channels, m.Audio.SampleRate = orUnknown(v.audio.Codec), v.audio.Channels, v.audio.SampleRate
		m.Audio.SampleSize = v.audio.SampleSize
	case x != nil && x.Audio() != nil && x.Audio().Sound != nil:
		s := x.Audio().Sound
		m.Audio.Codec, m.Audio.Channels, m.Audio.SampleRate, m.Audio.SampleSize = x.Audio().FFName, s.Channels, s.SampleRate, s.BitsPerSample
	}
}

// streams are those that are copied into a made master: the pictures, the primary sound, and further sound in AAC.
func (v *view) streams() []ffmpeg.Stream {
	var list []ffmpeg.Stream
	if v.video != nil {
		list = append(list, *v.video)
	}
	if v.audio == nil {
		return list
	}
	list = append(list, *v.audio)
	for _, s := range v.probe.Streams {
		if s.Kind == ffmpeg.Audio && s.Index != v.audio.Index && s.Codec == "aac" {
			list = append(list, s)
		}
	}
	return list
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

// input is how ffmpeg gets at the film: by its path where it has one and all of it may be read, else by a pipe.
func (s *source) input(kind sniff.Kind) ffmpeg.Input {
	if s.path != "" && s.end == 0 {
		return ffmpeg.Input{Path: s.path, Demuxer: kind.Demuxer()}
	}
	return ffmpeg.Input{Reader: io.NewSectionReader(s, 0, cmp.Or(s.end, s.size)), Demuxer: kind.Demuxer()}
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
