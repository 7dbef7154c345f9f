package ffmpeg

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"strconv"
)

// SoundArgs say how the sound of a whole film is encoded.
type SoundArgs struct {
	// Stream is the index in the input; Beside are those of the other streams of the film that are used, as in
	// [TranscodeArgs].
	Stream int
	Beside []int
	// SampleRate and Channels are the input's.
	SampleRate, Channels int
	// KeepChannels keeps up to eight channels; without it the sound is mixed down to two.
	KeepChannels bool
	// Start is the time of the input at which the film begins, in seconds; the zero Ratio is 0. The file's sound begins
	// there: what comes earlier is cut off, what is missing is silence. See [TranscodeArgs] for how that fits the
	// pictures' times. Unlike other ratios it may be negative.
	Start Ratio
}

// rate and channels of what comes out.
func (a SoundArgs) rate() int {
	if a.SampleRate == 44100 {
		return 44100
	}
	return 48000
}

func (a SoundArgs) channels() int {
	if !a.KeepChannels {
		return min(2, max(1, a.Channels))
	}
	return min(8, max(1, a.Channels))
}

// layout is that of so many channels: those for which AAC has a number (14496-3, table 1.19), and 7.1.
func layout(channels int) string {
	return [...]string{"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "5.1", "7.1"}[channels-1]
}

// first is the number of the sample at which the film begins, to the nearest.
func (a SoundArgs) first() int64 {
	if a.Start.Den <= 0 {
		return 0
	}
	n := new(big.Int).Mul(big.NewInt(a.Start.Num), big.NewInt(2*int64(a.rate())))
	n.Add(n, big.NewInt(a.Start.Den))
	n.Div(n, big.NewInt(2*a.Start.Den)) // rounds down, also what is negative
	return n.Int64()
}

func soundArgs(in Input, out string, a SoundArgs) []string {
	before, after := in.timing(a.Beside)
	args := append([]string{"-hide_banner", "-v", "warning", "-nostats", "-nostdin", "-y"}, before...)
	args = append(args, input(in)...)
	first := a.first()
	// The start is right to the sample (min_comp is half of one); later on only what jumps by more than a tenth of a second
	// is filled with silence or cut, because containers round times.
	filters := fmt.Sprintf("aresample=%d:async=1:min_comp=0.00001:first_pts=%d:out_chlayout=%s,asetpts=PTS-%d", a.rate(), first, layout(a.channels()), first)
	args = append(args, "-map", "0:"+strconv.Itoa(a.Stream), "-vn", "-sn", "-dn", "-af", filters,
		"-c:a", "aac", "-profile:a", "aac_low", "-b:a", strconv.Itoa(soundRate(a.channels())), "-map_metadata", "-1", "-map_chapters", "-1",
		"-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "mp4", "file:"+out)
	return append(args, after...)
}

// soundRate is the bit rate for so many channels.
func soundRate(channels int) int {
	return [...]int{96_000, 160_000, 224_000, 288_000, 320_000, 384_000, 384_000, 512_000}[channels-1]
}

// Sound encodes the sound of a film as a whole, AAC-LC in an MP4 of at most maxOutput bytes, whose edit list takes back
// the encoder's priming. Whatever happens, the caller removes out.
func (r *Runner) Sound(ctx context.Context, in Input, out string, a SoundArgs, maxOutput int64) error {
	in, err := in.absolute()
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	limits := r.cfg.Transcode
	limits.Output = min(limits.Output, maxOutput)
	return r.run(ctx, job{
		program: r.cfg.FFmpeg, name: "ffmpeg", args: soundArgs(in, out, a), limits: limits, stdin: in.Reader, output: out,
		started: &r.stats.sounds, made: func() int64 { return sizeOf(out) },
	})
}
