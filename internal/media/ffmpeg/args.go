package ffmpeg

import (
	"strconv"
	"strings"
)

// MaxSide and MaxPixels bound a picture that is decoded: 8K as cinemas and televisions have it, either way up. Beyond
// them a frame of a few bytes takes hundreds of megabytes, and decoders keep many. What a container says of the size may
// be a lie, and pictures may grow in the middle of a film; the decoders hold MaxPixels themselves.
const (
	MaxSide   = 8192
	MaxPixels = 8192 * 4608
)

// maxPixels is for decoders: an option of the input that follows.
func maxPixels() []string { return []string{"-max_pixels", strconv.Itoa(MaxPixels)} }

// input names the file and its demuxer, and forbids everything else: other demuxers inside it, other protocols. The
// `file:` in front keeps a name that looks like an option or a protocol from being one.
func input(in Input) []string {
	url := "pipe:0"
	if in.Path != "" {
		url = "file:" + in.Path
	}
	args := append(
		maxPixels(), "-protocol_whitelist", "file,pipe", "-format_whitelist", in.Demuxer,
		"-probesize", "33554432", "-analyzeduration", "30000000",
	)
	if in.Demuxer == "mov" {
		// The last frame of a file that was cut off may be half there. Other demuxers leave that out by themselves, or call
		// corrupt what can still be shown.
		args = append(args, "-fflags", "+discardcorrupt")
	}
	return append(args, "-f", in.Demuxer, "-i", url)
}

// fed is the input of a process that is fed by us: a fragmented MP4 of one track, whose sample entry says what the packets
// are, so that it begins with the first of them. decoder are further options for what decodes them.
func fed(threads int, decoder ...string) []string {
	args := append(
		maxPixels(), "-protocol_whitelist", "pipe", "-format_whitelist", "mov",
		"-fpsprobesize", "0", "-probesize", "32", "-analyzeduration", "0",
	)
	args = append(args, decoder...)
	return append(
		args,
		"-threads:v", strconv.Itoa(threads), "-copyts", "-noautorotate", "-f", "mov", "-i", "pipe:0", "-map", "0:v:0", "-an", "-sn", "-dn",
	)
}

// inputs are the files that arguments name behind -i.
func inputs(args []string) []string {
	var paths []string
	for i, a := range args {
		if i == 0 || args[i-1] != "-i" {
			continue
		}
		if path, ok := strings.CutPrefix(a, "file:"); ok {
			paths = append(paths, path)
		}
	}
	return paths
}

func probeArgs(in Input) []string {
	args := []string{"-hide_banner", "-v", "error"}
	args = append(args, input(in)...)
	return append(args, "-print_format", "json=compact=1", "-show_entries",
		"format=format_name,duration,start_time:"+
			"stream=index,codec_type,codec_name,profile,width,height,pix_fmt,refs,field_order,sample_aspect_ratio,avg_frame_rate,r_frame_rate,"+
			"duration,sample_rate,channels,channel_layout,bits_per_sample,time_base,start_pts,color_transfer,color_space:"+
			"stream_disposition=default,attached_pic:stream_side_data=displaymatrix,rotation")
}

// remuxArgs copies the streams into an MP4 with nothing else in it: no metadata, no chapters, no version of the muxer,
// so that the same input gives the same bytes.
func remuxArgs(in Input, out string, streams []Stream) []string {
	args := []string{"-hide_banner", "-v", "warning", "-nostats", "-nostdin", "-y"}
	args = append(args, input(in)...)
	for _, s := range streams {
		args = append(args, "-map", "0:"+strconv.Itoa(s.Index))
	}
	args = append(args, "-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1")
	for i, s := range streams {
		at := strconv.Itoa(i)
		switch s.Codec {
		case "hevc":
			// Parameter sets in the sample entry, as Apple's players want it.
			args = append(args, "-tag:"+at, "hvc1")
		case "aac":
			if in.Demuxer == "mpegts" || in.Demuxer == "aac" {
				// These carry a header before each frame; MP4 has it once.
				args = append(args, "-bsf:"+at, "aac_adtstoasc")
			}
		}
	}
	return append(args, "-fflags", "+bitexact", "-f", "mp4", "file:"+out)
}
