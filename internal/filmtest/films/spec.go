package films

import (
	"errors"
	"fmt"
	"time"
)

// Container is the kind of file that a film comes in.
type Container string

// The containers.
const (
	MP4        Container = "mp4"       // moov last, as cameras write it
	FastStart  Container = "faststart" // MP4 with moov first
	Fragmented Container = "fragmented"
	MOV        Container = "mov" // moov last
	MKV        Container = "mkv"
	WebM       Container = "webm"
	TS         Container = "ts"
	FLV        Container = "flv"
	AVI        Container = "avi"
	PS         Container = "mpg" // MPEG programme stream
	ASF        Container = "asf" // with WMV2 and WMA, as Windows wrote it
	Ogg        Container = "ogg"
	GIFFile    Container = "gif"
	WAVFile    Container = "wav"
	MP3File    Container = "mp3"
	FLACFile   Container = "flac"
	MXF        Container = "mxf"
	ThreeGP    Container = "3gp"
	AIFFFile   Container = "aiff"
	// Bare streams: no container at all.
	ADTSFile Container = "adts"
	AC3File  Container = "ac3"
	DTSFile  Container = "dts"
	H264File Container = "h264"
	HEVCFile Container = "hevc"
	M2VFile  Container = "m2v"
)

// Codec is how pictures or sound are coded, or None.
type Codec string

// The codecs. For pictures: H264 to H263, for sound: AAC to DTS.
const (
	None   Codec = "none"
	H264   Codec = "h264"
	HEVC   Codec = "hevc"
	MPEG4  Codec = "mpeg4"
	MPEG2  Codec = "mpeg2video"
	VP9    Codec = "vp9"
	ProRes Codec = "prores"
	MJPEG  Codec = "mjpeg"
	VP8    Codec = "vp8"
	AV1    Codec = "av1" // by libaom
	SVTAV1 Codec = "svtav1"
	DNxHD  Codec = "dnxhd"
	WMV2   Codec = "wmv2"
	Theora Codec = "theora"
	GIF    Codec = "gif"
	H263   Codec = "h263" // 352x288 and few other sizes

	AAC    Codec = "aac"
	MP3    Codec = "mp3"
	Opus   Codec = "opus"
	AC3    Codec = "ac3"
	PCM    Codec = "pcm"
	Vorbis Codec = "vorbis"
	FLAC   Codec = "flac"
	WMA    Codec = "wmav2"
	DTS    Codec = "dca"
)

// Light is how bright the numbers of a picture are meant.
type Light string

// Kinds of light. The high ranges need HEVC and a 10-bit PixFmt.
const (
	HDR10 Light = "hdr10"
	HLG   Light = "hlg"
)

// Rate is a frame rate: Num/Den frames per second.
type Rate struct{ Num, Den int }

// NTSC is the rate of films brought to 60 Hz: 23.976 frames per second.
var NTSC = Rate{24000, 1001}

// Spec says what a film is like. The zero Spec is a standard film: two seconds of 320x180 at 30 frames per second,
// H.264 without B-frames in closed groups of one second, AAC 48 kHz stereo, in an MP4 with its moov last.
type Spec struct {
	Duration  time.Duration
	Container Container

	// Pictures. Width and Height are as displayed, after Rotation.
	Video         Codec
	Width, Height int
	Rate          Rate
	// VariableRate drops every seventh frame and moves the others by up to 4 ms.
	VariableRate bool
	// Shown makes the film a slide show: its only pictures are shown at these times. MP4 and MOV only.
	Shown   []time.Duration
	BFrames int
	GOP     time.Duration
	OpenGOP bool // needs BFrames
	// Packed puts each B-frame into one piece with the frame before it, as DivX and Xvid did for AVI. MPEG4 in AVI only.
	Packed     bool
	Interlaced bool
	// Fields makes the two fields of each frame different pictures: the first is numbered 0, 5, 10 …, the second 2, 7,
	// 12 …. BottomFirst shows the lower field first. Both need Interlaced.
	Fields, BottomFirst bool
	PixFmt              string // ffmpeg's name, yuv420p if empty
	// Grain adds film grain, which makes segments as large as those of a camera.
	Grain bool
	// MaxRate bounds the pictures' bits a second, where x264 encodes them; 0 bounds nothing.
	MaxRate int64
	// Rotation is by how many degrees clockwise a player must turn the coded pictures (0, 90, 180, 270); the counter
	// is upright after that. MP4 and MOV only.
	Rotation int
	// PixelAspect is the sample aspect ratio, such as "4/3".
	PixelAspect string
	// MirrorX and MirrorY say that a player must mirror the coded pictures left to right, or top to bottom. MP4 and MOV
	// only, without Rotation.
	MirrorX, MirrorY bool
	Light            Light
	// Card draws patches of colour into the corners (see [Corners]), and gives each channel of sound a voice of its own.
	Card bool
	// PictureOffset is by how much the pictures begin after the sound.
	PictureOffset time.Duration
	// Begin is the container's time of the beginning: late, before zero, or before the wrap of 33 bits.
	Begin time.Duration
	// SecondPicture adds another track of pictures, small and red, and SecondSound one of sound, in another voice.
	SecondPicture, SecondSound bool

	// Sound.
	Audio     Codec
	AudioRate int
	Channels  int
	// AudioOffset is by how much the sound begins after the pictures.
	AudioOffset time.Duration

	// NoEditList leaves out the edit lists that MP4 and MOV need for B-frame delay and AAC priming.
	NoEditList bool
	// Hide cuts so much off the start by an edit list, inside a group of pictures where it is no multiple of GOP:
	// the frames before the cut are in the file, but not to be shown. MP4 and MOV only.
	Hide time.Duration
	// DataTracks adds what phones add: a timecode track (tmcd) and a timed metadata track (mebx). MP4 and MOV only.
	DataTracks bool
	// Edits are the parts of the film that are shown, one after the other, as an edit list of each track. MP4 with its
	// moov last only.
	Edits []Edit

	// Loop plays the film so many times in a row, by copy: long films cheaply. The counter starts anew each time.
	Loop int
	// PadTo makes the file so long in bytes by a `free` box at its end, as a hole: 10 GB cost no disk. MP4 and MOV only.
	PadTo int64
	// Keep cuts the file off after so many percent of its bytes; 0 keeps all.
	Keep int
}

// Edit is a part of a film: from From to To.
type Edit struct{ From, To time.Duration }

// Phone is the film of a phone: portrait, moov last, slightly variable rate, data tracks, edit lists with priming.
func Phone(c Container, video Codec) Spec {
	return Spec{
		Container: c, Video: video, Width: 180, Height: 320, Rotation: 90, VariableRate: true, BFrames: 2,
		Audio: AAC, AudioRate: 44100, Channels: 1, DataTracks: true,
	}
}

// Minutes is a film of that many minutes: ten seconds, looped.
func Minutes(n int) Spec {
	return Spec{Duration: 10 * time.Second, BFrames: 2, GOP: 2 * time.Second, Loop: 6 * n}
}

func (s Spec) withDefaults() Spec {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if s.Duration == 0 {
		s.Duration = 2 * time.Second
	}
	if s.Container == "" {
		s.Container = MP4
	}
	if s.Video == "" {
		s.Video = H264
	}
	def(&s.Width, 320)
	def(&s.Height, 180)
	if s.Rate == (Rate{}) {
		s.Rate = Rate{30, 1}
	}
	if s.GOP == 0 {
		s.GOP = time.Second
	}
	if s.PixFmt == "" {
		s.PixFmt = "yuv420p"
	}
	if s.Audio == "" {
		s.Audio = AAC
	}
	def(&s.AudioRate, 48000)
	def(&s.Channels, 2)
	def(&s.Loop, 1)
	def(&s.Keep, 100)
	return s
}

func (s Spec) boxes() bool {
	switch s.Container {
	case MP4, FastStart, Fragmented, MOV, ThreeGP:
		return true
	case MKV, WebM, TS, FLV, AVI, PS, ASF, Ogg, GIFFile, WAVFile, MP3File, FLACFile, MXF, AIFFFile, ADTSFile, AC3File, DTSFile, H264File, HEVCFile, M2VFile:
	}
	return false
}

func (s Spec) validate() error {
	switch {
	case s.Video == None && s.Audio == None:
		return errors.New("a film needs pictures or sound")
	case !s.boxes() && (s.Rotation != 0 || s.MirrorX || s.MirrorY || s.Hide != 0 || s.DataTracks || s.PadTo != 0):
		return fmt.Errorf("rotation, hidden frames, data tracks and padding need an MP4 or MOV, not %s", s.Container)
	case s.Rotation%90 != 0 || s.Rotation < 0 || s.Rotation > 270:
		return fmt.Errorf("rotation by %d degrees", s.Rotation)
	case s.Video != None && s.Width < MinWidth:
		return fmt.Errorf("a picture %d wide has no room for the counter: at least %d", s.Width, MinWidth)
	case len(s.Edits) > 0 && s.Container != MP4:
		return fmt.Errorf("edits need an MP4 with its moov last, not %s", s.Container)
	case (s.Fields || s.BottomFirst) && !s.Interlaced, (s.MirrorX || s.MirrorY) && s.Rotation != 0:
		return errors.New("fields of a film that is not interlaced, or turned and mirrored")
	case len(s.Shown) > 0 && !s.boxes():
		return fmt.Errorf("a slide show needs an MP4 or MOV, not %s", s.Container)
	case s.Packed && (s.Container != AVI || s.Video != MPEG4):
		return fmt.Errorf("packed frames need MPEG-4 in AVI, not %s in %s", s.Video, s.Container)
	case s.Keep < 1 || s.Keep > 100:
		return fmt.Errorf("keep %d percent", s.Keep)
	}
	return nil
}

// extension is the usual ending of such a file's name.
func (s Spec) extension() string {
	switch s.Container {
	case MP4, FastStart, Fragmented:
		if s.Video == None {
			return "m4a"
		}
		return "mp4"
	case ADTSFile:
		return "aac"
	case MOV, MKV, WebM, TS, FLV, AVI, PS, ASF, Ogg, GIFFile, WAVFile, MP3File, FLACFile, MXF, ThreeGP, AIFFFile, AC3File, DTSFile, H264File, HEVCFile, M2VFile:
	}
	return string(s.Container)
}
