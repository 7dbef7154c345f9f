package mp4

import (
	"math/bits"
	"time"
)

// Index is what there is to know about a film without decoding it. It is immutable after [Parse] or
// [Index.UnmarshalBinary] and may be used by many goroutines.
type Index struct {
	// Size of the file that the offsets speak of.
	Size int64
	// Brand is the major brand of ftyp, empty where there is none. MOV: a QuickTime file, not an MP4.
	Brand string
	MOV   bool
	// Fragmented: at least one fragment (moof) holds samples.
	Fragmented bool
	// MovieTimescale is the timescale of the edit lists' durations.
	MovieTimescale uint32
	// Created is the film's creation time in seconds since 1904, 0 when not set.
	Created uint64
	// Tracks are all of the file's tracks in its order.
	Tracks []*Track

	// origin is the whole seconds by which all of a fragmented film's times begin late: they are taken off.
	origin int64
	video  int
	audio  int
}

// Kind of a track.
type Kind uint8

const (
	// Other tracks (time codes, metadata, text, hints) are listed and otherwise left alone.
	Other Kind = iota
	// Video tracks have pictures.
	Video
	// Audio tracks have sound.
	Audio
)

// Rate is a fraction in units per second; the zero Rate is unknown.
type Rate struct{ Num, Den int64 }

// Track is one track. Only the primary video and audio tracks have samples.
type Track struct {
	ID      uint32
	Kind    Kind
	Handler string
	Enabled bool
	// Timescale is ticks per second.
	Timescale uint32
	// Language is mdhd's packed code (ISO 639-2/T), 0 when none is set or the file has a QuickTime code.
	Language uint16
	// Format is the type of the sample entry in the file (avc1, mp4a, …), FFName the codec as ffprobe calls it (h264,
	// aac, …), Codec as the CODECS attribute of a playlist has it (RFC 6381), empty where that is not known.
	Format, FFName, Codec string
	// Entry is the sample entry as a whole ISO box, free of QuickTime's own spellings; nil for codecs that filmcan does
	// not pass through. Entries is how many of them the track has: one in every usual film.
	Entry   []byte
	Entries int
	// Edits is the edit list, Edit what it amounts to.
	Edits []EditEntry
	Edit  Edit
	// Matrix and the two numbers of 16.16 bits after it are tkhd's: rotation and size on the canvas.
	Matrix                    [9]int32
	CanvasWidth, CanvasHeight uint32

	// Picture and Sound hold the facts of their kind of track; one of them, or neither, is set.
	Picture *Picture
	Sound   *Sound

	// Light: the columns were not read, because the codec is not passed through. Samples counts them nevertheless.
	Light   bool
	Samples int

	s samples
	// shift turns file time into film time.
	shift       int64
	start, stop int64
	lightTicks  int64
}

// Picture are the facts of a video track.
type Picture struct {
	// CodedWidth and CodedHeight are in pixels as decoded; Width and Height as shown, after rotation.
	CodedWidth, CodedHeight int
	Width, Height           int
	// ParH:ParV is the shape of a pixel; 1:1 is square.
	ParH, ParV int
	// Profile is profile_idc, PixelFormat libav's name (yuv420p), Interlaced by the sequence parameter set.
	Profile     int
	PixelFormat string
	Interlaced  bool
	// References is how many pictures a decoder of H.264 keeps to refer to (max_num_ref_frames, 14496-10, 7.4.2.1.1); 0 where
	// that is not known.
	References int
	// Transfer is the code of the transfer characteristics (ISO/IEC 23091-2): 16 PQ, 18 HLG; 2 where not said.
	Transfer int
	// Matrix is the code of the matrix coefficients (the same standard): 1 BT.709, 5 and 6 BT.601, 9 BT.2020; 2 where not said.
	Matrix int
	// NALLength is the number of bytes of each NAL unit's length prefix; 0 for other codecs.
	NALLength int
	// InBand: the sample entry has no parameter sets, they are among the samples.
	InBand bool
}

// Sound are the facts of an audio track.
type Sound struct {
	SampleRate, Channels int
	// BitsPerSample is 0 for compressed sound.
	BitsPerSample int
	// ObjectType is the MPEG-4 audio object type: 2 LC, 5 HE-AAC, 29 HE-AAC v2; 0 for other codecs.
	ObjectType int
	// PacketSize is the samples in a packet, 0 where not known.
	PacketSize int
}

// EditEntry is one entry of an edit list: Duration in movie ticks, MediaTime in track ticks (-1: an empty edit), Rate
// as 16.16 bits.
type EditEntry struct {
	Duration  uint64
	MediaTime int64
	Rate      int32
}

// Edit is what an edit list amounts to when it is simple: wait Delay, then show the track from MediaTime on.
type Edit struct {
	// Delay in track ticks; MediaTime in track ticks of file time.
	Delay, MediaTime int64
	// Duration that is shown, in track ticks; 0 means to the end.
	Duration int64
	// Complex: the list does more than that; Delay and MediaTime are those of its first showing edit.
	Complex bool
}

// Video is the primary video track, nil if the film has none.
func (x *Index) Video() *Track { return x.primary(x.video) }

// Audio is the primary audio track, nil if the film has none.
func (x *Index) Audio() *Track { return x.primary(x.audio) }

func (x *Index) primary(i int) *Track {
	if i < 0 || i >= len(x.Tracks) {
		return nil
	}
	return x.Tracks[i]
}

// Duration is the film's length as a viewer sees it: from time 0 to the end of the longer track.
func (x *Index) Duration() time.Duration {
	var d time.Duration
	for _, t := range []*Track{x.Video(), x.Audio()} {
		if t != nil {
			d = max(d, t.Length())
		}
	}
	return d
}

// Length is the film time at which the track ends, an edit that ends earlier respected.
func (t *Track) Length() time.Duration {
	_, end := t.Span()
	if e := t.Edit; e.Duration > 0 && !e.Complex {
		end = min(end, e.Delay+e.Duration)
	}
	return t.Time(end)
}

// Time converts ticks of the track.
func (t *Track) Time(ticks int64) time.Duration {
	return time.Duration(rescale(ticks, int64(time.Second), int64(t.Timescale)))
}

// Shift is what is added to file time for film time: the delay of the edit list less its media time, less the origin of
// a fragmented film.
func (t *Track) Shift() int64 { return t.shift }

// FrameRate is the rate of a video track. Where nine frames of ten last equally long it is the exact fraction of that
// duration (30000/1001), else the average.
func (t *Track) FrameRate() Rate {
	n := t.Len()
	if n == 0 {
		if t.Samples == 0 || t.lightTicks <= 0 {
			return Rate{}
		}
		return reduce(int64(t.Samples)*int64(t.Timescale), t.lightTicks)
	}
	usual, times := t.usualDuration()
	if usual > 0 && times*10 >= (n-1)*9 {
		return reduce(int64(t.Timescale), usual)
	}
	start, end := t.Span()
	if end <= start {
		return Rate{}
	}
	return reduce(int64(n)*int64(t.Timescale), end-start)
}

// AverageRate is frames per second over the whole track.
func (t *Track) AverageRate() Rate {
	start, end := t.Span()
	n := max(t.Len(), t.Samples)
	if end <= start || n == 0 {
		return Rate{}
	}
	return reduce(int64(n)*int64(t.Timescale), end-start)
}

// usualDuration finds the most frequent duration among the samples but the last, by the vote of the majority: right
// whenever more than half of the samples agree, which is all that FrameRate asks.
func (t *Track) usualDuration() (ticks int64, times int) {
	n, votes := t.Len(), 0
	if n == 1 {
		return t.Duration(0), 1
	}
	for i := range n - 1 {
		switch d := t.Duration(i); {
		case votes == 0:
			ticks, votes = d, 1
		case d == ticks:
			votes++
		default:
			votes--
		}
	}
	for i := range n - 1 {
		if t.Duration(i) == ticks {
			times++
		}
	}
	return ticks, times
}

// Float returns the rate for display and comparison, 0 when it is unknown.
func (r Rate) Float() float64 {
	if r.Den <= 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

func reduce(num, den int64) Rate {
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	if a == 0 {
		return Rate{}
	}
	return Rate{num / a, den / a}
}

// rescale returns v×num/den rounded to the nearest integer, saturating instead of overflowing. num and den are positive.
func rescale(v, num, den int64) int64 {
	if den <= 0 || num <= 0 {
		return 0
	}
	neg := v < 0
	u := uint64(v)
	if neg {
		u = uint64(-v)
	}
	hi, lo := bits.Mul64(u, uint64(num))
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	hi += carry
	const most = 1<<63 - 1
	q := uint64(most)
	if hi < uint64(den) {
		q, _ = bits.Div64(hi, lo, uint64(den))
		q = min(q, most)
	}
	if neg {
		return -int64(q)
	}
	return int64(q)
}

// Rescale converts ticks of one timescale into another, to the nearest.
func Rescale(ticks int64, from, to uint32) int64 { return rescale(ticks, int64(to), int64(from)) }

// MemSize is about how many bytes the index holds in memory, for a cache's budget.
func (x *Index) MemSize() int64 {
	n := int64(256)
	for _, t := range x.Tracks {
		n += 512 + int64(len(t.Entry)) + int64(len(t.Edits))*24
		n += int64(cap(t.s.offset))*8 + int64(cap(t.s.size))*4 + int64(cap(t.s.dts))*8 + int64(cap(t.s.cto))*4 + int64(cap(t.s.sync))*4
	}
	return n
}
