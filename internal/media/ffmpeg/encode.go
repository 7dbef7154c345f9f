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
	// Rate is the film's, for the rate control alone: the highest of any segment.
	Rate Ratio
}

// x264 are the arguments that are the same in all encodes. Settings that decide what the parameter sets contain are
// fixed, and `stitchable` keeps the rate control out of them: all segments of a rendition go with one init segment, those
// of superfast and veryfast alike.
func x264(e ladder.Encode, params string, threads int) []string {
	if e.Ordered {
		params += ":bframes=0"
	}
	return []string{
		"-c:v", "libx264", "-preset", e.Preset, "-profile:v", "high", "-level:v", strconv.Itoa(e.Level),
		"-pix_fmt", "yuv420p", "-crf", strconv.Itoa(e.CRF),
		"-maxrate", strconv.FormatInt(e.MaxRate, 10), "-bufsize", strconv.FormatInt(e.Buffer, 10),
		"-x264-params", "stitchable=1:open-gop=0:scenecut=0:keyint=infinite" + params,
		"-threads:v", strconv.Itoa(threads), "-flags", "+global_header+cgop",
		// The message in which x264 names its options would be in every segment. Decode times go before 0 where the first
		// frames are far apart.
		"-bsf:v", `filter_units=remove_types=6,setts=pts=PTS:dts=max(DTS\,N)`,
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
	args := []string{"-hide_banner", "-v", "warning", "-nostats", "-nostdin"}
	// Strict: where the parameter sets do not say how far frames are reordered, take the most.
	args = append(args, fed(threads, "-strict:v", "strict")...)
	args = append(args, "-vf", fmt.Sprintf("trim=start=%d,", FedSegment)+a.Picture.filters(a.Settings.Width, a.Settings.Height, a.Picture.kept()))
	// The rate control must not see the fed times: it would take the last picture of each segment for one that is shown for
	// a minute, and starve those before it.
	args = append(args, x264(a.Settings, ":force-cfr=1"+fps(a.Rate), threads)...)
	args = append(args, "-force_key_frames", fmt.Sprintf("expr:gte(t,(n_forced+1)*%d)", FedSegment))
	return append(args, packets("+frag_discont")...)
}

// fps tells x264 the rate, which it would otherwise guess from the first packets: the next one above that is usual, so
// that no bit rate is passed and films of similar rates share their processes.
func fps(r Ratio) string {
	if r.Num <= 0 || r.Den <= 0 {
		r = Ratio{Num: 30, Den: 1}
	}
	usual := []Ratio{
		{1, 1},
		{2, 1},
		{4, 1},
		{6, 1},
		{8, 1},
		{10, 1},
		{12, 1},
		{15, 1},
		{20, 1},
		{24000, 1001},
		{24, 1},
		{25, 1},
		{30000, 1001},
		{30, 1},
		{40, 1},
		{48, 1},
		{50, 1},
		{60000, 1001},
		{60, 1},
		{90, 1},
	}
	for _, u := range usual {
		if float64(r.Num)/float64(r.Den) <= float64(u.Num)/float64(u.Den)*1.0001 {
			return fmt.Sprintf(":fps=%d/%d", u.Num, u.Den)
		}
	}
	return ":fps=120/1"
}

// key tells apart what needs processes of its own.
func (a EncodeArgs) key(threads int) string { return strings.Join(a.args(threads), "\x00") }
