package ffmpeg

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"filmcan/internal/media/ladder"
)

// Encoder encodes a picture and returns a name of the x264 that did it, such as "x264-164-5f0c81d2": its build, and a
// digest of all that it wrote. The library is upgraded apart from ffmpeg, and another one may write other parameter sets.
// It is a check at the start of the program; the error's text is for the operator.
func (r *Runner) Encoder(ctx context.Context) (string, error) {
	const side, limit = 64, 64 << 10
	limits := r.cfg.Encode
	limits.Wall = 30 * time.Second
	out := &bounded{limit: limit}
	err := r.run(ctx, job{
		program: r.cfg.FFmpeg, name: "ffmpeg", args: encoderArgs(side), limits: limits, stdin: bytes.NewReader(make([]byte, side*side*3/2)),
		stdout: out, started: &r.stats.versions,
	})
	b := out.buf.Bytes()
	if err == nil && len(b) == 0 {
		err = errors.New("it wrote nothing")
	}
	if err != nil {
		return "", fmt.Errorf("ffmpeg does not encode H.264: it must be built with libx264 (Debian's is): %w", err)
	}
	name := "x264"
	if m := regexp.MustCompile(`x264 - core (\d{1,6})`).FindSubmatch(b); m != nil {
		name += "-" + string(m[1])
	}
	sum := sha256.Sum256(b)
	return name + "-" + hex.EncodeToString(sum[:4]), nil
}

// encoderArgs are those of a rendition as far as the parameter sets depend on them, with x264's message about itself.
func encoderArgs(side int) []string {
	args := []string{
		"-hide_banner", "-v", "error", "-nostats", "-nostdin", "-protocol_whitelist", "file,pipe", "-f", "rawvideo",
		"-pixel_format", "yuv420p", "-video_size", fmt.Sprintf("%dx%d", side, side), "-framerate", "30", "-i", "pipe:0",
	}
	settings := ladder.Encode{Preset: "veryfast", CRF: 22, MaxRate: 1_000_000, Buffer: 1_000_000, Level: 30}
	for _, a := range x264(settings, fps(Ratio{Num: 30, Den: 1}), 1) {
		switch a {
		case "+global_header+cgop":
			a = "+cgop" // they are to be in what is written
		case "-bsf:v":
			return append(args, "-frames:v", "1", "-f", "h264", "pipe:1")
		}
		args = append(args, a)
	}
	return args
}
