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

	// Pictures, as coded.
	Width, Height int
	// Rotation in degrees, as the display matrix has it.
	Rotation    int
	PixelFormat string
	Interlaced  bool
	PixelAspect Ratio
	Rate        Ratio

	// Sound.
	SampleRate, Channels int
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

// maxStreams is how many streams a file may have here. A film has a handful.
const maxStreams = 256

// wireProbe is ffprobe's JSON. Most numbers come as strings.
type wireProbe struct {
	Format struct {
		Name     string `json:"format_name"`
		Duration string `json:"duration"`
	} `json:"format"`
	Streams []wireStream `json:"streams"`
}

type wireStream struct {
	Index       int    `json:"index"`
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Profile     string `json:"profile"`
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
	SampleSize  int    `json:"bits_per_sample"`
	Disposition struct {
		Default int `json:"default"`
		Cover   int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"`
	} `json:"side_data_list"`
}

func parseProbe(b []byte) (*Probe, error) {
	var w wireProbe
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, &Error{Program: "ffprobe", Cause: err}
	}
	if len(w.Streams) > maxStreams {
		return nil, &Error{Program: "ffprobe", Cause: errors.New("too many streams")}
	}
	p := &Probe{Format: w.Format.Name, Duration: seconds(w.Format.Duration)}
	for _, s := range w.Streams {
		p.Streams = append(p.Streams, s.stream())
	}
	return p, nil
}

func (w wireStream) stream() Stream {
	s := Stream{
		Index: max(0, w.Index), Kind: Other, Codec: w.Codec, Profile: w.Profile, Duration: seconds(w.Duration),
		Default: w.Disposition.Default != 0, Cover: w.Disposition.Cover != 0,
	}
	switch w.Type {
	case "video":
		s.Kind = Video
		s.Width, s.Height, s.PixelFormat = max(0, w.Width), max(0, w.Height), w.PixelFormat
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
		}
	case "audio":
		s.Kind = Audio
		s.Channels, s.SampleSize = max(0, w.Channels), max(0, w.SampleSize)
		if n, err := strconv.Atoi(w.SampleRate); err == nil {
			s.SampleRate = max(0, n)
		}
	}
	return s
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
