package film

import "time"

// Rate is a frame rate as the fraction Num/Den in frames per second; the zero Rate is unknown.
type Rate struct{ Num, Den int64 }

// Float returns the rate for display, or -1 when it is unknown (the API's own spelling).
func (r Rate) Float() float64 {
	if r.Num <= 0 || r.Den <= 0 {
		return -1
	}
	return float64(r.Num) / float64(r.Den)
}

// Media is what was found in a film: the facts that the API reports. Nil pictures or sound mean that there is none.
type Media struct {
	// Container is ffprobe's name of the source's format, such as "mov,mp4,m4a,3gp,3g2,mj2".
	Container string
	Duration  time.Duration
	Video     *VideoMedia `json:",omitempty"`
	Audio     *AudioMedia `json:",omitempty"`
}

func (m Media) clone() Media {
	if m.Video != nil {
		m.Video = new(*m.Video)
	}
	if m.Audio != nil {
		m.Audio = new(*m.Audio)
	}
	return m
}

// VideoMedia describes the film's pictures as a viewer sees them: Width and Height are after rotation.
type VideoMedia struct {
	Codec         string // ffprobe's name: h264, hevc, …
	Width, Height int
	// ShapeWidth to ShapeHeight is the ratio of the sides as shown; 0 where the pixels are square.
	ShapeWidth, ShapeHeight int `json:",omitzero"`
	Rate                    Rate
	Duration                time.Duration
}

// AudioMedia describes the primary sound track.
type AudioMedia struct {
	Codec      string // ffprobe's name: aac, …
	Channels   int
	SampleRate int
	// SampleSize is bits per sample, 0 where the codec has none.
	SampleSize int
	Duration   time.Duration
}

// Reason is a key of the API's non_standard_input_reasons (reference page, 7.1).
type Reason string

// The reasons for which an input is not standard.
const (
	ReasonVideoCodec      Reason = "video_codec"
	ReasonAudioCodec      Reason = "audio_codec"
	ReasonVideoGOPSize    Reason = "video_gop_size"
	ReasonVideoFrameRate  Reason = "video_frame_rate"
	ReasonVideoResolution Reason = "video_resolution"
	ReasonVideoBitrate    Reason = "video_bitrate"
	ReasonPixelAspect     Reason = "pixel_aspect_ratio"
	ReasonVideoEditList   Reason = "video_edit_list"
	ReasonAudioEditList   Reason = "audio_edit_list"
	ReasonUnexpectedFile  Reason = "unexpected_media_file_parameters"
	ReasonUnexpectedVideo Reason = "unexpected_video_parameters"
	ReasonPixelFormat     Reason = "unsupported_pixel_format"
)

// Reasons maps each reason to its value, as the API shows them. Empty means standard.
type Reasons map[Reason]string
