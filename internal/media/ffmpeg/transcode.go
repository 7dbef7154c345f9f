package ffmpeg

import (
	"context"
	"fmt"
	"strconv"

	"filmcan/internal/media/ladder"
)

// leadSeconds are added to all times of a film that is transcoded, and what is lacking to a whole tick, so that none is
// negative.
const leadSeconds = 600

// TranscodeArgs say how the pictures of a whole film are encoded.
//
// # Times
//
// A packet's time, less [TranscodeArgs.Lead] seconds, is the time that the frame has in the input, exactly: in ticks of the
// input's time base, of which the output's is a multiple. The same holds for what [Runner.Sound] is told and does: its
// file begins at SoundArgs.Start of the input's time, to the nearest sample. So the film's time 0 is whatever the caller
// takes for it (the lower of the streams' Stream.Start is what players do), Start is that, and the picture at packet
// time p appears at p − Lead − Start.
//
// The one exception are the streams of broadcast (MPEG-TS and -PS), whose clock may wrap or jump: there ffmpeg
// counts from the start of the container (Probe.Start), mends what jumps, and the same mending is had for pictures and sound,
// because all packets of both go through each of the two processes. [Input.Counted] tells which kind an input is.
type TranscodeArgs struct {
	Picture Picture
	// Settings' Width and Height are as shown.
	Settings ladder.Encode
	// Stream is the index in the input; Beside are those of the other streams of the film that are used (see above).
	Stream int
	Beside []int
	// Unit is the stream's TimeBase.
	Unit Ratio
	// Rate is the film's. Above 120 frames are dropped.
	Rate Ratio
	// Skip is how many frames are there already: the first packet is a key frame for the frame of that number. A film
	// that goes on where a group of pictures ended gets the same groups as in one piece.
	Skip int64
}

// maxRate is how many frames per second a made film has at most.
const maxRate = 120

// leastRate is the lowest rate that the rate control is told of.
const leastRate = 24

// maxSeconds is where an encode ends, whatever times its input jumps to: a little more than what a film may last, so that
// one that is longer shows.
const maxSeconds = 12*3600 + 60

// Pictures larger than those of 4K are decoded by few threads: each of them holds pictures of its own.
const (
	largePixels  = 4096 * 2304
	largeThreads = 2
)

// decoders is how many threads decode pictures of that size.
func decoders(p Picture, threads int) int {
	if p.Width*p.Height > largePixels {
		return min(largeThreads, threads)
	}
	return threads
}

// leastPacket is about how many bytes a packet has at least, with what is around it.
const leastPacket = 128

// group is the seconds from one key frame to the next.
const group = 2

// Lead is by how many seconds the times of packets are later than those of the input: about ten minutes, and a whole number
// of ticks, so that nothing is rounded.
func (a TranscodeArgs) Lead() Ratio {
	u := a.Unit
	const most = int64(1) << 40 // of ticks a second
	if u.Num <= 0 || u.Den <= 0 || u.Den > most || u.Num > u.Den || leadSeconds*u.Den%u.Num == 0 || a.Dense() {
		return Ratio{Num: leadSeconds, Den: 1}
	}
	return Ratio{Num: (leadSeconds*u.Den/u.Num + 1) * u.Num, Den: u.Den}
}

// Dense: the film has more frames than are kept, so they get times of their own.
func (a TranscodeArgs) Dense() bool { return a.Rate.Num > maxRate*a.Rate.Den }

// Counted reports whether ffmpeg counts the input's times from the container's start, rather than to take them as they
// are.
func (in Input) Counted() bool { return in.Demuxer == "mpegts" || in.Demuxer == "mpeg" }

// bare: a stream of pictures without a container. It has no times; ffmpeg gives it some, by the rate that it tells of, or 25
// frames per second. Here they begin at 0.
func (in Input) bare() bool {
	return in.Demuxer == "h264" || in.Demuxer == "hevc" || in.Demuxer == "mpegvideo"
}

// timing are the arguments before the input, and those of a second output that makes the demuxer read what is used
// beside.
func (in Input) timing(beside []int) (before, after []string) {
	if !in.Counted() {
		return []string{"-copyts"}, nil
	}
	for _, i := range beside {
		after = append(after, "-map", "0:"+strconv.Itoa(i))
	}
	if after != nil {
		after = append(after, "-c", "copy", "-f", "null", "pipe:2")
	}
	return nil, after
}

func transcodeArgs(in Input, a TranscodeArgs, threads int) []string {
	before, after := in.timing(a.Beside)
	args := append([]string{"-hide_banner", "-v", "warning", "-nostats", "-nostdin", "-threads:v", strconv.Itoa(decoders(a.Picture, threads))}, before...)
	args = append(args, input(in)...)
	// Frames that do not come after the one before are dropped: a muxer would move them.
	filters := ""
	if in.bare() && a.Rate.Num > 0 {
		// They are rounded to microseconds, which is taken back. Fields may be apart by half of a frame.
		filters = fmt.Sprintf("setpts='round(round((PTS-STARTPTS)*TB*%[1]d/%[2]d)*%[2]d/(%[1]d*TB))',", 2*a.Rate.Num, a.Rate.Den)
	}
	filters += "select='isnan(prev_selected_pts)+gt(pts,prev_selected_pts)'"
	if a.Dense() {
		filters += fmt.Sprintf(",fps=%d", maxRate)
	}
	if a.Skip > 0 {
		filters += fmt.Sprintf(",trim=start_frame=%d", a.Skip)
	}
	upright := a.Picture
	upright.Turn = Turn{} // ffmpeg turns what it reads from a file, before these filters
	lead := a.Lead()
	later := strconv.FormatInt(lead.Num, 10)
	if lead.Den != 1 {
		later += "/" + strconv.FormatInt(lead.Den, 10)
	}
	filters += fmt.Sprintf(",%s,setpts='round(PTS+%s/TB)'", upright.filters(a.Settings.Width, a.Settings.Height, upright.kept()), later)
	args = append(args, "-map", "0:"+strconv.Itoa(a.Stream), "-an", "-sn", "-dn", "-vf", filters)
	// The rate control must not see how long pictures are shown: it would starve those before one that stands for minutes. The rate
	// is that of the film, and where that is sparse the lowest that bursts may have.
	rate := a.Rate
	if rate.Num < leastRate*rate.Den {
		rate = Ratio{Num: leastRate, Den: 1}
	}
	args = append(args, x264(a.Settings, ":force-cfr=1"+fps(rate), threads)...)
	args = append(args, "-t", strconv.Itoa(maxSeconds), "-force_key_frames", fmt.Sprintf("expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+%d))", group))
	return append(append(args, packets("+frag_discont")...), after...)
}

// Transcode starts the encode of a whole film's pictures. The session has no input of its own: a film that comes by a
// pipe is read from in.Reader.
func (r *Runner) Transcode(ctx context.Context, in Input, a TranscodeArgs) (*Session, error) {
	in, err := in.absolute()
	if err != nil {
		return nil, err
	}
	return r.open(ctx, start{
		args: transcodeArgs(in, a, r.cfg.Threads), limits: r.cfg.Transcode, stdin: in.Reader, started: &r.stats.transcodes,
		earlier: a.Skip * leastPacket,
	}, nil)
}
