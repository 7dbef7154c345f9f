package ffmpeg

import (
	"context"
	"fmt"
)

// SheetArgs say what a process that puts still pictures side by side does. It is fed as one of [EncodeArgs] is, with key
// frames alone, and writes one JPEG, whose matrix is always BT.601 (JFIF, ISO/IEC 10918-5, 6.2).
type SheetArgs struct {
	Picture Picture
	// Width and Height of one picture as shown, both even; Columns and Rows of the grid. What is left of the grid when
	// the pictures end is black.
	Width, Height, Columns, Rows int
}

func (a SheetArgs) args() []string {
	args := append([]string{"-hide_banner", "-v", "warning", "-nostats", "-nostdin"}, fed(1)...)
	return append(
		args,
		"-vf", a.Picture.filters(a.Width, a.Height, BT601)+fmt.Sprintf(",tile=%dx%d,scale=out_range=pc,format=yuvj420p", a.Columns, a.Rows),
		"-frames:v", "1", "-c:v", "mjpeg", "-q:v", "5", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
		"-f", "image2pipe", "pipe:1",
	)
}

// Sheet starts such a process.
func (r *Runner) Sheet(ctx context.Context, a SheetArgs) (*Session, error) {
	return r.open(ctx, start{args: a.args(), limits: r.cfg.Encode, fed: true, started: &r.stats.sheets}, nil)
}
