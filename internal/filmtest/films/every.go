package films

import "time"

// Named is a film with a name.
type Named struct {
	Name string
	Spec Spec
}

// large is a film of few pictures, and no more than that.
func large(s Spec) Spec {
	s.Audio, s.Duration, s.Rate = None, time.Second, Rate{12, 1}
	return s
}

// Every returns a film of each kind that filmcan must be right for, small: three seconds of a card where nothing else is
// the point.
func Every() []Named {
	const ms = time.Millisecond
	all := []Named{
		// Standard.
		{"standard", Spec{BFrames: 2, GOP: 2 * time.Second}},
		{"standard fast start", Spec{Container: FastStart, BFrames: 3, GOP: 2 * time.Second}},
		{"ladder", Spec{Width: 1280, Height: 720, BFrames: 2, GOP: 2 * time.Second, Duration: 9 * time.Second}},
		{"groups of 8 s", Spec{Width: 640, Height: 360, BFrames: 2, GOP: 8 * time.Second, Duration: 17 * time.Second}},
		{"23.976", Spec{Width: 640, Height: 360, Rate: NTSC, BFrames: 2, Duration: 9 * time.Second}},
		{"variable rate", Spec{Width: 640, Height: 360, VariableRate: true, BFrames: 2, Duration: 9 * time.Second}},
		{"fragmented", Spec{Container: Fragmented, BFrames: 2}},
		{"mov", Spec{Container: MOV, BFrames: 2}},
		{"hevc", Spec{Video: HEVC, Width: 640, Height: 360, BFrames: 2}},
		{"hevc 10 bits", Spec{Video: HEVC, PixFmt: "yuv420p10le", BFrames: 2}},
		{"hdr10", Spec{Video: HEVC, PixFmt: "yuv420p10le", Light: HDR10, Width: 640, Height: 360}},
		{"hlg", Spec{Video: HEVC, PixFmt: "yuv420p10le", Light: HLG}},
		{"120 fps", Spec{Rate: Rate{120, 1}, BFrames: 2}},
		{"no edit lists", Spec{BFrames: 2, NoEditList: true}},
		{"late sound", Spec{BFrames: 2, AudioOffset: 700 * ms}},
		{"late pictures", Spec{BFrames: 2, PictureOffset: 500 * ms}},
		{"no sound", Spec{Audio: None, BFrames: 2}},
		{"mono", Spec{Channels: 1, AudioRate: 44100}},

		// Masters that stay, with a base.
		{"groups of 21 s", Spec{Rate: Rate{10, 1}, BFrames: 2, GOP: 21 * time.Second, Duration: 22 * time.Second}},
		{"groups of 12 s", Spec{Width: 640, Height: 360, BFrames: 2, GOP: 12 * time.Second, Duration: 14 * time.Second}},
		{"slide show", Spec{Width: 640, Height: 360, Shown: []time.Duration{0, 90 * time.Second, 150 * time.Second}, Duration: 160 * time.Second}},
		{"open groups", Spec{Width: 640, Height: 360, BFrames: 2, OpenGOP: true, Duration: 9 * time.Second}},
		{"interlaced, top first", Spec{Interlaced: true, Fields: true}},
		{"interlaced, bottom first", Spec{Interlaced: true, Fields: true, BottomFirst: true}},
		{"hidden frames", Spec{BFrames: 2, Duration: 5 * time.Second, Hide: 1300 * ms}},
		{"two edits", Spec{BFrames: 2, Duration: 4 * time.Second, Edits: []Edit{{0, time.Second}, {2 * time.Second, 4 * time.Second}}}},
		{"edits of an order of their own", Spec{Duration: 4 * time.Second, Edits: []Edit{{2 * time.Second, 3 * time.Second}, {0, 2 * time.Second}}}},
		{"turned 90", Spec{Width: 180, Height: 320, Rotation: 90, BFrames: 2}},
		{"turned 180", Spec{Rotation: 180}},
		{"turned 270", Spec{Width: 180, Height: 320, Rotation: 270}},
		{"mirrored", Spec{MirrorX: true}},
		{"upside down", Spec{MirrorY: true}},
		{"phone", Phone(MOV, H264)},
		{"phone hevc", Phone(MP4, HEVC)},
		{"wide pixels", Spec{PixelAspect: "4/3"}},
		{"5.1", Spec{Channels: 6}},
		{"7.1", Spec{Channels: 8}},

		// Made masters.
		{"vp8", Spec{Container: WebM, Video: VP8, Audio: Vorbis}},
		{"vp8 ladder", Spec{Container: WebM, Video: VP8, Audio: Vorbis, Width: 640, Height: 360, Duration: 9 * time.Second}},
		{"vp9", Spec{Container: WebM, Video: VP9, Audio: Opus}},
		{"av1", Spec{Container: MP4, Video: AV1}},
		{"av1 svt", Spec{Container: MKV, Video: SVTAV1, Audio: Opus}},
		{"prores", Spec{Container: MOV, Video: ProRes, PixFmt: "yuv422p10le", Audio: PCM}},
		{"dnxhr", Spec{Container: MOV, Video: DNxHD, PixFmt: "yuv422p", Audio: PCM}},
		{"mpeg-2 ts", Spec{Container: TS, Video: MPEG2, Audio: AC3, BFrames: 2}},
		{"mpeg-2 ps", Spec{Container: PS, Video: MPEG2, Audio: AC3, BFrames: 2}},
		{"mpeg-2 interlaced", Spec{Container: TS, Video: MPEG2, Interlaced: true, Fields: true, Audio: AC3}},
		{"mpeg-4 avi", Spec{Container: AVI, Video: MPEG4, Audio: MP3, BFrames: 2}},
		{"packed b-frames", Spec{Container: AVI, Video: MPEG4, Audio: MP3, BFrames: 2, Packed: true, Rate: Rate{25, 1}}},
		{"mpeg-2 mxf", Spec{Container: MXF, Video: MPEG2, PixFmt: "yuv422p", BFrames: 2, Audio: PCM, Rate: Rate{25, 1}}},
		{"dnxhr mxf", Spec{Container: MXF, Video: DNxHD, PixFmt: "yuv422p", Audio: PCM, Rate: NTSC}},
		{"3gp", Spec{Container: ThreeGP, Video: MPEG4}},
		{"h263 3gp", Spec{Container: ThreeGP, Video: H263, Width: 352, Height: 288}},
		{"h264 3gp", Spec{Container: ThreeGP, BFrames: 2}},
		{"mjpeg", Spec{Container: AVI, Video: MJPEG, PixFmt: "yuvj422p", Audio: PCM}},
		{"wmv", Spec{Container: ASF, Video: WMV2, Audio: WMA, AudioRate: 44100}},
		{"theora", Spec{Container: Ogg, Video: Theora, Audio: Vorbis}},
		{"gif", Spec{Container: GIFFile, Video: GIF, Audio: None, Rate: Rate{25, 1}, PixFmt: "rgb8"}},
		{"h264 10 bits", Spec{PixFmt: "yuv420p10le", BFrames: 2}},
		{"h264 4:2:2", Spec{PixFmt: "yuv422p", BFrames: 2}},
		{"odd size", Spec{Video: MPEG4, Width: 853, Height: 480}},
		{"odd lines", Spec{Container: AVI, Video: MJPEG, PixFmt: "yuvj444p", Width: 427, Height: 241, Audio: PCM}},
		{"5.1 ac3", Spec{Container: MKV, Audio: AC3, Channels: 6}},
		{"dts mkv", Spec{Container: MKV, Audio: DTS, BFrames: 2}},
		{"dts mov", Spec{Container: MOV, Audio: DTS, BFrames: 2}},
		{"5.1 dts", Spec{Container: MKV, Audio: DTS, Channels: 6}},
		{"bare h264", Spec{Container: H264File, Audio: None, BFrames: 2, Rate: NTSC}},
		{"bare hevc", Spec{Container: HEVCFile, Video: HEVC, Audio: None, BFrames: 2}},
		{"bare mpeg-2", Spec{Container: M2VFile, Video: MPEG2, Audio: None, BFrames: 2, Rate: Rate{25, 1}}},
		{"flac", Spec{Container: MKV, Audio: FLAC, BFrames: 2}},
		{"opus mkv", Spec{Container: MKV, Audio: Opus, BFrames: 2}},
		{"mp3 in mp4", Spec{Audio: MP3}},
		{"vfr vp9", Spec{Container: WebM, Video: VP9, Audio: Opus, VariableRate: true}},
		{"before zero", Spec{Container: TS, Video: MPEG2, Audio: AC3, Begin: -1500 * ms}},
		{"wrap", Spec{Container: TS, Video: MPEG2, Audio: AC3, Begin: 95442200 * ms}},
		{"late pictures mkv", Spec{Container: MKV, Video: VP9, Audio: Opus, PictureOffset: 500 * ms}},
		{"late sound mkv", Spec{Container: MKV, Video: VP9, Audio: Opus, AudioOffset: 700 * ms}},

		// Larger than a tier.
		{"above 1080p", large(Spec{Width: 2560, Height: 1440})},
		{"above 1080p, portrait", large(Spec{Width: 1440, Height: 2560, Rotation: 90})},
		{"above 1080p, wide", large(Spec{Container: MKV, Video: HEVC, Width: 2400, Height: 1000})},
		{"above 1440p", large(Spec{Width: 3840, Height: 2160})},
		{"above 1440p, square", large(Spec{Container: WebM, Video: VP9, Width: 2600, Height: 2600})},
		{"above 2160p", large(Spec{Width: 4608, Height: 2592})},
		{"within 2160p", large(Spec{Width: 3840, Height: 2160, MaxRate: 9_000_000})},

		// Copied masters.
		{"mkv", Spec{Container: MKV, BFrames: 2}},
		{"ts", Spec{Container: TS, BFrames: 2}},
		{"ts wrap", Spec{Container: TS, BFrames: 2, Begin: 95442200 * ms}},
		{"flv", Spec{Container: FLV, AudioRate: 44100, BFrames: 2}},
		{"two of each", Spec{Container: MKV, BFrames: 2, SecondPicture: true, SecondSound: true}},
		{"two of each mp4", Spec{BFrames: 2, SecondPicture: true, SecondSound: true}},
		{"ts late sound", Spec{Container: TS, BFrames: 2, AudioOffset: 700 * ms}},

		// Sound alone.
		{"m4a", Spec{Video: None}},
		{"wav", Spec{Video: None, Audio: PCM, Container: WAVFile, AudioRate: 44100}},
		{"mp3", Spec{Video: None, Audio: MP3, Container: MP3File}},
		{"flac alone", Spec{Video: None, Audio: FLAC, Container: FLACFile}},
		{"aiff", Spec{Video: None, Audio: PCM, Container: AIFFFile, AudioRate: 44100}},
		{"adts", Spec{Video: None, Container: ADTSFile}},
		{"bare ac3", Spec{Video: None, Audio: AC3, Container: AC3File}},
		{"bare dts", Spec{Video: None, Audio: DTS, Container: DTSFile}},
		{"ogg", Spec{Video: None, Audio: Vorbis, Container: Ogg}},

		// Cut off.
		{"cut fast start", Spec{Container: FastStart, BFrames: 2, Duration: 8 * time.Second, Keep: 60}},
		{"cut mkv", Spec{Container: MKV, BFrames: 2, Duration: 8 * time.Second, Keep: 60}},
		{"cut ts", Spec{Container: TS, BFrames: 2, Duration: 8 * time.Second, Keep: 60}},
		{"cut webm", Spec{Container: WebM, Video: VP9, Audio: Opus, Duration: 8 * time.Second, Keep: 60}},
		{"cut mp4", Spec{BFrames: 2, Keep: 60}},
	}
	for i := range all {
		all[i].Spec.Card = true
		if all[i].Spec.Duration == 0 {
			all[i].Spec.Duration = 3 * time.Second
		}
	}
	return all
}
