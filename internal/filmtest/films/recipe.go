package films

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Where the arguments of a step name its input and output.
const (
	inFile  = "{in}"
	outFile = "{out}"
)

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func (r Rate) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }

// recipe returns the runs of ffmpeg that make the film, each taking the output of the one before. It is pure: the
// cache's key is made of it.
func recipe(s Spec) [][]string {
	steps := [][]string{encode(s)}
	if s.Hide > 0 {
		// A cut by copy starts at the key frame before it; the muxer's edit list hides what is between.
		steps = append(steps, copyStep(s, []string{"-ss", seconds(s.Hide)}))
	}
	if s.Loop > 1 {
		steps = append(steps, copyStep(s, []string{"-stream_loop", strconv.Itoa(s.Loop - 1)}))
	}
	return steps
}

func base() []string {
	return []string{"-nostdin", "-hide_banner", "-v", "error", "-y"}
}

func copyStep(s Spec, before []string) []string {
	args := append(base(), before...)
	args = append(args, "-i", inFile, "-map", "0", "-c", "copy", "-fflags", "+bitexact")
	return append(append(args, muxer(s)...), outFile)
}

func encode(s Spec) []string {
	args := base()
	var maps, codecs []string
	input := 0
	if s.Video != None {
		if s.PictureOffset > 0 {
			args = append(args, "-itsoffset", seconds(s.PictureOffset))
		}
		args = append(args, "-f", "lavfi", "-t", seconds(s.Duration), "-i", pictures(s))
		maps = append(maps, "-map", "0:v")
		codecs = append(codecs, videoCodec(s)...)
		input++
	}
	if s.Audio != None {
		if s.AudioOffset > 0 {
			args = append(args, "-itsoffset", seconds(s.AudioOffset))
		}
		args = append(args, "-f", "lavfi", "-t", seconds(s.Duration), "-i", sound(s))
		maps = append(maps, "-map", strconv.Itoa(input)+":a")
		codecs = append(codecs, audioCodec(s)...)
		input++
	}
	if s.SecondPicture {
		args = append(args, "-f", "lavfi", "-t", seconds(s.Duration), "-i", "color=c=red:s=160x90:r="+s.Rate.String())
		maps = append(maps, "-map", strconv.Itoa(input)+":v")
		input++
	}
	if s.SecondSound {
		args = append(args, "-f", "lavfi", "-t", seconds(s.Duration), "-i", "sine=f=2500:r=48000")
		maps = append(maps, "-map", strconv.Itoa(input)+":a")
		input++
	}
	if s.DataTracks {
		// A subtitle track has the shape of a timed metadata track; relabel makes it one.
		args = append(args, "-f", "srt", "-i", "data:text/plain;base64,"+
			"MQowMDowMDowMCwwMDAgLS0+IDAwOjAwOjAwLDUwMApkYXRhCgo=")
		maps = append(maps, "-map", strconv.Itoa(input)+":s")
		codecs = append(codecs, "-c:s", "mov_text", "-timecode", "01:00:00:00")
	}
	if s.Begin != 0 {
		codecs = append(codecs, "-output_ts_offset", strconv.FormatFloat(s.Begin.Seconds(), 'f', -1, 64), "-avoid_negative_ts", "disabled")
	}
	args = append(append(args, maps...), codecs...)
	flags := "+bitexact"
	if s.Interlaced {
		flags += "+ildct+ilme"
	}
	args = append(args, "-threads", "1", "-fflags", "+bitexact", "-flags:v", flags, "-flags:a", "+bitexact")
	return append(append(args, muxer(s)...), outFile)
}

// pictures is the source of the frames, counter included, in the orientation in which they are coded.
func pictures(s Spec) string {
	var g strings.Builder
	number := "N"
	if s.Fields {
		// Each bit changes from field to field of the same parity too: where it would not, weaving them is right.
		s.Rate.Num *= 2
		number = "(5*floor(N/2)+2*mod(N,2))"
	}
	grain := ""
	if s.Grain {
		grain = ",noise=alls=6:allf=t"
	}
	patches := ""
	if s.Card {
		patches = corners(s.Width, s.Height)
	}
	fmt.Fprintf(&g, "testsrc2=s=%dx%d:r=%s%s,setsar=1%s[p];%s[c];[p][c]overlay=0:0:shortest=1",
		s.Width, s.Height, s.Rate, grain, patches, counterGraph(s.Rate.String(), s.Width, number))
	if s.MirrorX {
		g.WriteString(",hflip")
	}
	if s.MirrorY {
		g.WriteString(",vflip")
	}
	switch s.Rotation {
	case 90:
		g.WriteString(",transpose=cclock")
	case 180:
		g.WriteString(",hflip,vflip")
	case 270:
		g.WriteString(",transpose=clock")
	}
	if s.VariableRate {
		g.WriteString(",select='not(eq(mod(n,7),3))',settb=1/90000,setpts='PTS+90*mod(N*7919,5)'")
	}
	if len(s.Shown) > 0 {
		fmt.Fprintf(&g, ",trim=end_frame=%d,settb=1/90000,setpts='0", len(s.Shown))
		for n, d := range s.Shown {
			fmt.Fprintf(&g, "+eq(N,%d)*%d", n, ticks(d, 90000))
		}
		g.WriteString("'")
	}
	switch {
	case s.Fields && s.BottomFirst:
		g.WriteString(",tinterlace=interleave_bottom,setfield=bff")
	case s.Fields:
		g.WriteString(",tinterlace=interleave_top,setfield=tff")
	}
	if s.Light != "" {
		transfer := map[Light]string{HDR10: "smpte2084", HLG: "arib-std-b67"}[s.Light]
		// Graphics white is at 203 nits (ITU-R BT.2408).
		g.WriteString(",format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc,zscale=t=linear:npl=203,format=gbrpf32le," +
			"zscale=p=bt2020:t=" + transfer + ":m=bt2020nc:r=limited:npl=203")
	}
	if s.PixelAspect != "" {
		g.WriteString(",setsar=" + s.PixelAspect)
	}
	if s.hd() {
		g.WriteString(",scale=out_color_matrix=bt709")
	}
	return g.String() + ",format=" + s.PixFmt
}

// hd: its colours are those of high definition, and it says so.
func (s Spec) hd() bool { return s.Card && s.Light == "" && (s.Height >= 720 || s.Video == DNxHD) }

func sound(s Spec) string {
	if s.Card {
		return voices(s)
	}
	one := "0.03*sin(2*PI*330*t)+if(lt(mod(t,1),0.05),0.5*sin(2*PI*1000*t),0)"
	all := strings.TrimSuffix(strings.Repeat(one+"|", s.Channels), "|")
	return fmt.Sprintf("aevalsrc=exprs='%s':s=%d", all, s.AudioRate)
}

func videoCodec(s Spec) []string {
	gop := strconv.FormatInt(max(1, int64(s.GOP)*int64(s.Rate.Num)/int64(s.Rate.Den)/int64(time.Second)), 10)
	open := 0
	if s.OpenGOP {
		open = 1
	}
	var args []string
	switch s.Video {
	case HEVC:
		args = []string{"-c:v", "libx265", "-preset", "ultrafast", "-crf", "26", "-x265-params", fmt.Sprintf(
			"log-level=error:pools=1:frame-threads=1:keyint=%s:min-keyint=%s:scenecut=0:bframes=%d:open-gop=%d",
			gop, gop, s.BFrames, open)}
		switch s.Light {
		case HDR10:
			args[len(args)-1] += ":hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:" +
				"master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
			args = append(args, "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv")
		case HLG:
			args[len(args)-1] += ":colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"
			args = append(args, "-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc", "-color_range", "tv")
		}
		if s.boxes() {
			args = append(args, "-tag:v", "hvc1")
		}
	case H264:
		params := fmt.Sprintf("keyint=%s:min-keyint=%s:scenecut=0:bframes=%d:open-gop=%d", gop, gop, s.BFrames, open)
		switch {
		case s.BottomFirst:
			params += ":bff=1"
		case s.Interlaced:
			params += ":tff=1"
		}
		args = []string{"-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-x264-params", params}
		if s.MaxRate > 0 {
			rate := strconv.FormatInt(s.MaxRate, 10)
			args = append(args, "-maxrate", rate, "-bufsize", rate)
		}
	case VP9:
		args = []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", gop}
	case ProRes:
		args = []string{"-c:v", "prores_ks", "-profile:v", "0"}
	case VP8:
		args = []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k", "-g", gop}
	case AV1:
		args = []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-b:v", "400k", "-g", gop}
	case SVTAV1:
		args = []string{"-c:v", "libsvtav1", "-preset", "10", "-qp", "35", "-g", gop}
	case DNxHD: // DNxHR LB, which takes any size from 256x120 on
		args = []string{"-c:v", "dnxhd", "-profile:v", "dnxhr_lb"}
	case GIF:
		args = []string{"-c:v", "gif"}
	case Theora:
		args = []string{"-c:v", "libtheora", "-q:v", "7", "-g", gop}
	case None, MPEG4, MPEG2, MJPEG, WMV2, H263, AAC, MP3, Opus, AC3, PCM, Vorbis, FLAC, WMA, DTS:
		args = []string{"-c:v", string(s.Video), "-q:v", "3", "-g", gop}
		if s.BFrames > 0 {
			args = append(args, "-bf", strconv.Itoa(s.BFrames))
		}
	}
	if s.Fields { // flags of fields do not pass through a source of this kind
		order := "tff"
		if s.BottomFirst {
			order = "bff"
		}
		args = append(args, "-vf", "setfield="+order)
	}
	if s.hd() {
		args = append(args, "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
	}
	if s.PictureOffset > 0 {
		args = append(args, "-fps_mode", "passthrough")
	}
	if s.VariableRate || len(s.Shown) > 0 {
		args = append(args, "-fps_mode", "passthrough", "-enc_time_base", "1:90000")
		if s.boxes() {
			args = append(args, "-video_track_timescale", "90000")
		}
	}
	return args
}

func audioCodec(s Spec) []string {
	switch s.Audio {
	case MP3:
		return []string{"-c:a", "libmp3lame"}
	case Opus:
		return []string{"-c:a", "libopus"}
	case DTS: // ffmpeg's encoder calls itself experimental, and takes no less
		return []string{"-c:a", "dca", "-strict", "-2", "-b:a", "768k"}
	case PCM:
		if s.Container == AIFFFile {
			return []string{"-c:a", "pcm_s16be"}
		}
		return []string{"-c:a", "pcm_s16le"}
	case Vorbis:
		return []string{"-c:a", "libvorbis"}
	case FLAC:
		return []string{"-c:a", "flac"}
	case None, H264, HEVC, MPEG4, MPEG2, VP9, ProRes, MJPEG, VP8, AV1, SVTAV1, DNxHD, WMV2, Theora, GIF, H263, AAC, AC3, WMA:
	}
	if s.Card && s.Channels > 2 {
		return []string{"-c:a", string(s.Audio), "-b:a", strconv.Itoa(64*s.Channels) + "k"}
	}
	return []string{"-c:a", string(s.Audio), "-b:a", "96k"}
}

func muxer(s Spec) []string {
	var args, flags []string
	switch s.Container {
	case MP4:
		args = []string{"-f", "mp4"}
	case FastStart:
		args, flags = []string{"-f", "mp4"}, []string{"+faststart"}
	case Fragmented:
		args, flags = []string{"-f", "mp4"}, []string{"+frag_keyframe+empty_moov+default_base_moof"}
	case MOV:
		args = []string{"-f", "mov"}
	case MKV:
		args = []string{"-f", "matroska"}
	case TS:
		args = []string{"-f", "mpegts"}
	case PS:
		args = []string{"-f", "vob"}
	case WebM, FLV, AVI, ASF, Ogg, GIFFile, WAVFile, MP3File, FLACFile, MXF, ThreeGP, AIFFFile, ADTSFile, AC3File, DTSFile, H264File, HEVCFile:
		args = []string{"-f", string(s.Container)}
	case M2VFile:
		args = []string{"-f", "mpeg2video"}
	}
	if !s.boxes() {
		return args
	}
	if len(flags) > 0 {
		args = append(args, "-movflags", flags[0])
	}
	if s.DataTracks {
		args = append(args, "-write_tmcd", "1")
	}
	if s.NoEditList {
		args = append(args, "-use_editlist", "0")
	}
	return args
}
