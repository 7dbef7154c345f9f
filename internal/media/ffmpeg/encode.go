package ffmpeg

import (
	"fmt"
	"strconv"
	"strings"

	"filmcan/internal/media/ladder"
)

// FedSegment is the seconds of fed time that belong to each segment of a run; see [EncodeArgs].
const FedSegment = 64

// EncodeArgs say what a process of a rendition does. They do not depend on the place in the film, so that it can be
// started before anyone knows what it will be fed.
//
// It is fed a fragmented MP4 of one video track (no edit list, a sample entry with its parameter sets) with times of our
// own, counted in segments of [FedSegment] seconds: what is only there to be decoded lies before 64 s, the frames of the
// run's i-th segment (from 0) at 64·(i+1) s + (time − start of the segment). The process drops what lies before 64 s and begins a
// closed group of pictures with each segment; the times of the packets that come out are the fed ones, which tells whose
// frame each packet is.
type EncodeArgs struct {
	Picture  Picture
	Settings ladder.Encode
	// Rate is the film's, for the rate control alone.
	Rate Ratio
}

// x264 are the arguments that are the same in all encodes. Settings that decide what the parameter sets contain are
// fixed, and `stitchable` keeps the rate control out of them: all segments of a rendition go with one init segment, those
// of superfast and veryfast alike.
func x264(e ladder.Encode, params string, threads int) []string {
	return []string{
		"-c:v", "libx264", "-preset", e.Preset, "-profile:v", "high", "-level:v", strconv.Itoa(e.Level),
		"-pix_fmt", "yuv420p", "-crf", strconv.Itoa(e.CRF),
		"-maxrate", strconv.FormatInt(e.MaxRate, 10), "-bufsize", strconv.FormatInt(e.Buffer, 10),
		"-x264-params", "stitchable=1:open-gop=0:scenecut=0:keyint=infinite" + params,
		"-threads:v", strconv.Itoa(threads), "-flags", "+global_header+cgop",
		// The message in which x264 names its options would be in every segment.
		"-bsf:v", "filter_units=remove_types=6",
	}
}

// packets make the output a stream of single frames as soon as each is done, with the times as they are.
func packets(timing string) []string {
	return []string{
		"-fps_mode", "passthrough", "-enc_time_base", "-1", "-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact",
		"-flush_packets", "1", "-movflags", "+frag_every_frame+empty_moov+default_base_moof" + timing, "-use_editlist", "0", "-avoid_negative_ts", "disabled", "-f", "mp4", "pipe:1",
	}
}

func (a EncodeArgs) args(threads int) []string {
	args := []string{
		"-hide_banner", "-v", "warning", "-nostats", "-nostdin",
		"-protocol_whitelist", "pipe", "-format_whitelist", "mov",
		// Begin with the first packets; the sample entry says what they are. Strict: where the parameter sets do not say
		// how far frames are reordered, take the most.
		"-fpsprobesize", "0", "-probesize", "32", "-analyzeduration", "0", "-strict:v", "strict",
		"-threads:v", strconv.Itoa(threads), "-copyts", "-noautorotate", "-f", "mov", "-i", "pipe:0", "-map", "0:v:0", "-an", "-sn", "-dn",
		"-vf", fmt.Sprintf("trim=start=%d,", FedSegment) + a.Picture.filters(a.Settings.Width, a.Settings.Height),
	}
	args = append(args, x264(a.Settings, fps(a.Rate), threads)...)
	args = append(args, "-force_key_frames", fmt.Sprintf("expr:gte(t,(n_forced+1)*%d)", FedSegment))
	return append(args, packets("+frag_discont")...)
}

// fps tells x264 the rate, which it would otherwise guess from the first packets. It plans with the frames' own times;
// so a rough figure does, and films of similar rates share their processes.
func fps(r Ratio) string {
	switch {
	case r.Den > 0 && r.Num > 66*r.Den:
		return ":fps=120"
	case r.Den > 0 && r.Num > 33*r.Den:
		return ":fps=60"
	}
	return ":fps=30"
}

// key tells apart what needs processes of its own.
func (a EncodeArgs) key(threads int) string { return strings.Join(a.args(threads), "\x00") }
