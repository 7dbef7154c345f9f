package export

import (
	"context"
	"io"
	"math"
	"math/big"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/ladder"
	"filmcan/internal/media/mp4"
)

// Film is a part of a film, to be decoded.
type Film struct {
	ID   film.FilmID
	Part string
	// Input is how a process gets at it; each gets one of its own. Heard is the same for its sound, which is encoded beside
	// the pictures; nil: Input.
	Input, Heard func() ffmpeg.Input
	// Video and Audio are its primary streams, nil where there are none.
	Video, Audio *ffmpeg.Stream
	// Zero is the input's time at which the film begins, in seconds.
	Zero ffmpeg.Ratio
	// Length is about how long it lasts; it serves progress alone.
	Length time.Duration
	// Index is that of an MP4, nil where there is none to be trusted.
	Index *mp4.Index
	// Missing is how many of the frames that the index promises did not come out of the decoder. It is told when the pictures
	// are encoded.
	Missing int64
}

// demuxer reads MP4 and QuickTime files.
const demuxer = "mov"

// InputOf is how processes get at a film: by its path where it has one, else by a pipe.
func InputOf(r io.ReaderAt, size int64, path, demuxer string) func() ffmpeg.Input {
	return func() ffmpeg.Input {
		if path != "" {
			return ffmpeg.Input{Path: path, Demuxer: demuxer}
		}
		return ffmpeg.Input{Reader: io.NewSectionReader(r, 0, size), Demuxer: demuxer}
	}
}

// Indexed describes an MP4 or QuickTime file. Path names it as a file, where it is one.
func (e *Exporter) Indexed(ctx context.Context, id film.FilmID, part string, r io.ReaderAt, size int64, path string) (*Film, error) {
	x, err := mp4.Parse(ctx, r, size, e.cfg.Limits)
	if err != nil {
		return nil, err
	}
	return e.OfIndex(ctx, id, part, x, InputOf(r, size, path, demuxer))
}

// OfIndex is Indexed with an index that is there already.
func (e *Exporter) OfIndex(ctx context.Context, id film.FilmID, part string, x *mp4.Index, input func() ffmpeg.Input) (*Film, error) {
	probe, err := e.ffmpeg.Probe(ctx, input())
	if err != nil {
		return nil, err
	}
	f := &Film{ID: id, Part: part, Input: input, Length: x.Duration(), Index: x}
	f.Video = streamOf(probe, x, x.Video(), ffmpeg.Video)
	f.Audio = streamOf(probe, x, x.Audio(), ffmpeg.Audio)
	f.Zero = zero(f)
	return f, nil
}

// streamOf finds the stream of a track: streams are numbered as the tracks of the file.
func streamOf(p *ffmpeg.Probe, x *mp4.Index, t *mp4.Track, kind ffmpeg.StreamKind) *ffmpeg.Stream {
	if t == nil {
		return nil
	}
	var first *ffmpeg.Stream
	for i := range p.Streams {
		s := &p.Streams[i]
		if s.Kind != kind || s.Cover {
			continue
		}
		if s.Index < len(x.Tracks) && x.Tracks[s.Index] == t {
			return s
		}
		if first == nil {
			first = s
		}
	}
	return first
}

// zero finds the time of ffmpeg's that is the index's time 0. They are the same but for fragments that were cut out of
// something longer.
func zero(f *Film) ffmpeg.Ratio {
	t, s := f.Index.Video(), f.Video
	if t == nil {
		t, s = f.Index.Audio(), f.Audio
	}
	if t == nil || s == nil || t.Light || s.Start.Den == 0 {
		return ffmpeg.Ratio{Num: 0, Den: 1}
	}
	start, scale := int64(math.MaxInt64), int64(t.Timescale)
	for i := range t.Len() {
		if pts := t.PTS(i); pts >= 0 { // what is before is hidden
			start = min(start, pts)
		}
	}
	if start == math.MaxInt64 {
		start = 0
	}
	apart := ticks(s.Start, t.Timescale) - start
	// What is less than a second is a matter of opinion (priming, hidden frames), not of origin; see mp4's index.
	return ffmpeg.Ratio{Num: int64(math.Round(float64(apart) / float64(scale))), Den: 1}
}

// ticks converts seconds to the nearest tick.
func ticks(r ffmpeg.Ratio, timescale uint32) int64 {
	if r.Den == 0 {
		return 0
	}
	n := new(big.Int).Mul(big.NewInt(r.Num), big.NewInt(2*int64(timescale)))
	n.Add(n, big.NewInt(r.Den))
	n.Div(n, new(big.Int).Mul(big.NewInt(2), big.NewInt(r.Den)))
	return n.Int64()
}

// beside are the other streams that are used of a film.
func (f *Film) beside(not *ffmpeg.Stream) []int {
	var list []int
	for _, s := range []*ffmpeg.Stream{f.Video, f.Audio} {
		if s != nil && s != not {
			list = append(list, s.Index)
		}
	}
	return list
}

// transcode are the settings for its pictures, with at most side pixels on the longer one (0: its own size).
func (f *Film) transcode(q film.Quality, side int) ffmpeg.TranscodeArgs {
	p := f.Video.Picture()
	w, h := p.Displayed()
	settings := ladder.Master(ladder.Film{Width: w, Height: h, Rate: mp4.Rate(f.Video.Rate)}, ladder.Quality(q), side)
	if f.Index != nil && f.Index.Video() != nil {
		settings.Ordered = f.Index.Video().HasStills()
	}
	return ffmpeg.TranscodeArgs{
		Picture:  p,
		Settings: settings,
		Stream:   f.Video.Index, Beside: f.beside(f.Video), Unit: f.Video.TimeBase, Rate: f.Video.Rate,
	}
}

// sound are the settings for its sound.
func (f *Film) sound(keepChannels bool) ffmpeg.SoundArgs {
	return ffmpeg.SoundArgs{
		Stream: f.Audio.Index, Beside: f.beside(f.Audio), SampleRate: f.Audio.SampleRate, Channels: f.Audio.Channels,
		KeepChannels: keepChannels, Start: f.Zero,
	}
}

// Bytes is about how much room the encoded pictures of a film take, its chunks beside the whole.
func (f *Film) Bytes(q film.Quality, side int) int64 {
	if f.Video == nil {
		return 0
	}
	// Most films stay far below the bound.
	const parts = 2
	return f.transcode(q, side).Settings.MaxRate / 8 * int64(f.Length/time.Second+1) / parts * 2
}
