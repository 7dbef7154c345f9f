package ffmpeg

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// StreamKind is what a stream carries.
type StreamKind string

// The kinds of streams that matter here.
const (
	Video StreamKind = "video"
	Audio StreamKind = "audio"
	Other StreamKind = "other"
)

// Ratio is a fraction; the zero Ratio is unknown.
type Ratio struct{ Num, Den int64 }

// Stream is one stream as ffprobe describes it.
type Stream struct {
	Index    int
	Kind     StreamKind
	Codec    string
	Profile  string
	Duration time.Duration // zero: unknown
	// Default is the container's mark of the stream to take first; Cover marks a still picture that came along.
	Default, Cover bool
	// Start is when it begins, in seconds of the time that [Runner.Transcode] and [Runner.Sound] see; it may be negative.
	// TimeBase is the unit of its times in seconds.
	Start, TimeBase Ratio

	// Pictures, as coded.
	Width, Height int
	// Rotation in degrees, as the display matrix has it; Turn is what that matrix means, mirroring included.
	Rotation    int
	Turn        Turn
	Light       Light
	Matrix      Matrix
	PixelFormat string
	// References is how many pictures a decoder of H.264 keeps to refer to; of other codecs it says nothing.
	References  int
	Interlaced  bool
	PixelAspect Ratio
	Rate        Ratio

	// Sound.
	SampleRate, Channels int
	// Layout is ffmpeg's word for the channels, such as "5.1(side)"; empty where the film does not say.
	Layout string
	// SampleSize is bits per sample, 0 where the codec has none.
	SampleSize int
}

// Probe is what ffprobe says of a file.
type Probe struct {
	// Format is the demuxer's full name, such as "matroska,webm".
	Format   string
	Duration time.Duration // zero: unknown
	Streams  []Stream
}

// Picture are the facts of a stream of pictures.
func (s Stream) Picture() Picture {
	return Picture{
		Width: s.Width, Height: s.Height, PixelAspect: s.PixelAspect, Turn: s.Turn, Interlaced: s.Interlaced,
		Light: s.Light, Matrix: s.Matrix,
	}
}

// maxStreams is how many streams a file may have here. A film has a handful.
const maxStreams = 256

// wireProbe is ffprobe's JSON. Most numbers come as strings.
type wireProbe struct {
	Format struct {
		Name     string `json:"format_name"`
		Duration string `json:"duration"`
		Start    string `json:"start_time"`
	} `json:"format"`
	Streams []wireStream `json:"streams"`
}

type wireStream struct {
	Index       int    `json:"index"`
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Profile     string `json:"profile"`
	References  int    `json:"refs"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	PixelFormat string `json:"pix_fmt"`
	FieldOrder  string `json:"field_order"`
	SAR         string `json:"sample_aspect_ratio"`
	AverageRate string `json:"avg_frame_rate"`
	RealRate    string `json:"r_frame_rate"`
	Duration    string `json:"duration"`
	SampleRate  string `json:"sample_rate"`
	Channels    int    `json:"channels"`
	Layout      string `json:"channel_layout"`
	SampleSize  int    `json:"bits_per_sample"`
	TimeBase    string `json:"time_base"`
	Start       *int64 `json:"start_pts"`
	Transfer    string `json:"color_transfer"`
	Space       string `json:"color_space"`
	Disposition struct {
		Default int `json:"default"`
		Cover   int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"`
		Matrix   string  `json:"displaymatrix"`
	} `json:"side_data_list"`
}

func parseProbe(b []byte, in Input) (*Probe, error) {
	var w wireProbe
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, &Error{Program: "ffprobe", Cause: err}
	}
	if len(w.Streams) > maxStreams {
		return nil, &Error{Program: "ffprobe", Cause: errors.New("too many streams")}
	}
	p := &Probe{Format: w.Format.Name, Duration: seconds(w.Format.Duration)}
	for _, s := range w.Streams {
		stream := s.stream()
		stream.begin(s.Start, w.Format.Start, in)
		p.Streams = append(p.Streams, stream)
	}
	return p, nil
}

// begin sets the stream's start, from that in its own ticks and the container's in seconds.
func (s *Stream) begin(ticks *int64, container string, in Input) {
	if ticks == nil || s.TimeBase == (Ratio{}) || *ticks > math.MaxInt64/s.TimeBase.Num/2 || *ticks < math.MinInt64/s.TimeBase.Num/2 {
		return
	}
	at := Ratio{Num: *ticks * s.TimeBase.Num, Den: s.TimeBase.Den}
	switch {
	case in.bare():
		at.Num = 0
	case in.Counted():
		// ffmpeg counts from the container's start, which it knows in microseconds and rounds to ticks.
		if start, err := strconv.ParseFloat(container, 64); err == nil && math.Abs(start) < 1e9 {
			at.Num -= int64(math.Round(start*float64(at.Den)/float64(s.TimeBase.Num))) * s.TimeBase.Num
		}
	case in.Demuxer == "matroska" && s.Kind == Audio:
		// What is before 0 is there for the decoder's sake, and not heard.
		at.Num = max(0, at.Num)
	}
	s.Start = at
}

func (w wireStream) stream() Stream {
	s := Stream{
		Index: max(0, w.Index), Kind: Other, Codec: w.Codec, Profile: w.Profile, Duration: seconds(w.Duration),
		Default: w.Disposition.Default != 0, Cover: w.Disposition.Cover != 0, TimeBase: ratio(w.TimeBase, "/"),
	}
	switch w.Type {
	case "video":
		s.Kind = Video
		s.Width, s.Height, s.PixelFormat = max(0, w.Width), max(0, w.Height), w.PixelFormat
		s.References = min(max(0, w.References), 16)
		switch w.FieldOrder {
		case "tt", "bb", "tb", "bt":
			s.Interlaced = true
		}
		s.PixelAspect = ratio(w.SAR, ":")
		if s.Rate = ratio(w.AverageRate, "/"); s.Rate == (Ratio{}) {
			s.Rate = ratio(w.RealRate, "/")
		}
		for _, side := range w.SideData {
			if r := math.Round(side.Rotation); math.Abs(r) <= 360 && r != 0 {
				s.Rotation = int(r)
			}
			if m, ok := displayMatrix(side.Matrix); ok {
				s.Turn = TurnOf(m)
			}
		}
		s.Light, s.Matrix = lightNamed(w.Transfer), matrixNamed(w.Space)
	case "audio":
		s.Kind = Audio
		s.Channels, s.SampleSize, s.Layout = max(0, w.Channels), max(0, w.SampleSize), w.Layout
		if n, err := strconv.Atoi(w.SampleRate); err == nil {
			s.SampleRate = max(0, n)
		}
	}
	return s
}

// displayMatrix reads what ffprobe prints of a display matrix: three lines of a number, a colon and three numbers.
func displayMatrix(text string) (m [9]int32, ok bool) {
	n := 0
	for line := range strings.Lines(text) {
		_, row, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		for word := range strings.FieldsSeq(row) {
			v, err := strconv.ParseInt(word, 10, 32)
			if err != nil || n == len(m) {
				return m, false
			}
			m[n] = int32(v)
			n++
		}
	}
	return m, n == len(m)
}

// lightNamed and matrixNamed read ffprobe's words.
func lightNamed(transfer string) Light {
	switch transfer {
	case "smpte2084":
		return PQ
	case "arib-std-b67":
		return HLG
	}
	return SDR
}

func matrixNamed(space string) Matrix {
	switch space {
	case "bt709":
		return BT709
	case "bt470bg", "smpte170m":
		return BT601
	case "bt2020nc", "bt2020c":
		return BT2020
	}
	return NoMatrix
}

// seconds reads a decimal number of seconds; what is none, or out of reach, is zero.
func seconds(text string) time.Duration {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0 && f < 1e9) {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// ratio reads "30000/1001"; what is none, or has a part that is not positive, is the zero Ratio.
func ratio(text, sign string) Ratio {
	a, b, ok := strings.Cut(text, sign)
	if !ok {
		return Ratio{}
	}
	num, err1 := strconv.ParseInt(a, 10, 32)
	den, err2 := strconv.ParseInt(b, 10, 32)
	if err1 != nil || err2 != nil || num <= 0 || den <= 0 {
		return Ratio{}
	}
	return Ratio{Num: num, Den: den}
}
