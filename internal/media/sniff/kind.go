package sniff

// Kind is what a file is.
type Kind string

// The kinds of films and sound.
const (
	MP4      Kind = "mp4" // also fragmented
	MOV      Kind = "mov"
	Matroska Kind = "matroska"
	WebM     Kind = "webm"
	TS       Kind = "mpeg-ts"
	FLV      Kind = "flv"
	AVI      Kind = "avi"
	ASF      Kind = "asf"
	MPEGPS   Kind = "mpeg-ps"
	MPEGES   Kind = "mpeg-video"
	MXF      Kind = "mxf"
	Ogg      Kind = "ogg"
	Real     Kind = "realmedia"
	IVF      Kind = "ivf"
	Y4M      Kind = "yuv4mpeg"
	GIF      Kind = "gif"
	WAV      Kind = "wav"
	AIFF     Kind = "aiff"
	CAF      Kind = "caf"
	FLAC     Kind = "flac"
	MP3      Kind = "mp3"
	ADTS     Kind = "adts"
	AC3      Kind = "ac3"
	DTS      Kind = "dts"
	H264     Kind = "h264"
	HEVC     Kind = "hevc"
	AMR      Kind = "amr"
)

// The kinds of everything else. They have no demuxer: no reader of films gets to see them.
const (
	Empty    Kind = "empty"
	HLS      Kind = "hls"
	DASH     Kind = "dash"
	Playlist Kind = "playlist"
	SDP      Kind = "sdp"
	Concat   Kind = "concat"
	HTML     Kind = "html"
	XML      Kind = "xml"
	JSON     Kind = "json"
	Subtitle Kind = "subtitle"
	Text     Kind = "text"
	Image    Kind = "image"
	PDF      Kind = "pdf"
	Archive  Kind = "archive"
	Program  Kind = "program"
	Unknown  Kind = "unknown"
)

// facts are a kind's name in a sentence and its demuxer.
func (k Kind) facts() (name, demuxer string) {
	switch k {
	case MP4:
		return "an MP4 file", "mov"
	case MOV:
		return "a QuickTime file", "mov"
	case Matroska:
		return "a Matroska file", "matroska"
	case WebM:
		return "a WebM file", "matroska"
	case TS:
		return "an MPEG transport stream", "mpegts"
	case FLV:
		return "an FLV file", "flv"
	case AVI:
		return "an AVI file", "avi"
	case ASF:
		return "a Windows Media file", "asf"
	case MPEGPS:
		return "an MPEG program stream", "mpeg"
	case MPEGES:
		return "a bare MPEG video stream", "mpegvideo"
	case MXF:
		return "an MXF file", "mxf"
	case Ogg:
		return "an Ogg file", "ogg"
	case Real:
		return "a RealMedia file", "rm"
	case IVF:
		return "an IVF file", "ivf"
	case Y4M:
		return "a YUV4MPEG file", "yuv4mpegpipe"
	case GIF:
		return "a GIF image", "gif"
	case WAV:
		return "a WAV file", "wav"
	case AIFF:
		return "an AIFF file", "aiff"
	case CAF:
		return "a Core Audio file", "caf"
	case FLAC:
		return "a FLAC file", "flac"
	case MP3:
		return "an MP3 file", "mp3"
	case ADTS:
		return "a bare AAC stream", "aac"
	case AC3:
		return "a bare AC-3 stream", "ac3"
	case DTS:
		return "a bare DTS stream", "dts"
	case H264:
		return "a bare H.264 stream", "h264"
	case HEVC:
		return "a bare HEVC stream", "hevc"
	case AMR:
		return "an AMR file", "amr"
	case Empty:
		return "an empty file", ""
	case HLS:
		return "an HLS playlist", ""
	case DASH:
		return "a DASH manifest", ""
	case Playlist:
		return "a playlist", ""
	case SDP:
		return "a session description (SDP)", ""
	case Concat:
		return "an ffmpeg concat script", ""
	case HTML:
		return "an HTML page", ""
	case XML:
		return "an XML document", ""
	case JSON:
		return "a JSON document", ""
	case Subtitle:
		return "a subtitle file", ""
	case Text:
		return "a text file", ""
	case Image:
		return "a still image", ""
	case PDF:
		return "a PDF document", ""
	case Archive:
		return "an archive", ""
	case Program:
		return "a program", ""
	case Unknown:
	}
	return "a file of an unknown kind", ""
}

// Name is what the kind is called in a sentence, with its article.
func (k Kind) Name() string {
	name, _ := k.facts()
	return name
}

// Demuxer is the name by which ffmpeg takes the kind (-f), empty where no reader of films may see it.
func (k Kind) Demuxer() string {
	_, demuxer := k.facts()
	return demuxer
}
