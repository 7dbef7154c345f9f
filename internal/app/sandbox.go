package app

import (
	"context"
	"fmt"
	"runtime"

	"filmcan/internal/media/ffmpeg"
)

// openFFmpeg looks for ffmpeg and for its sandbox. Without the latter a production server does not start: it would give
// strangers' bytes to a program that could read every film.
func (a *App) openFFmpeg(ctx context.Context) error {
	cfg := ffmpeg.Config{FFmpeg: a.cfg.FFmpeg, FFprobe: a.cfg.FFprobe, NoSandbox: a.cfg.NoSandbox}
	if a.cfg.NoSandbox {
		a.sandbox = "off by --no-sandbox"
	} else {
		state, err := ffmpeg.New(cfg).Sandbox(ctx)
		switch {
		case err == nil:
			a.sandbox = state.String()
		case a.cfg.Development:
			cfg.NoSandbox, a.sandbox, a.noSandbox = true, "not available", err
			a.log.WarnContext(ctx, "ffmpeg runs without a sandbox", "err", err)
		default:
			return fmt.Errorf("ffmpeg cannot be confined: %w\n"+
				"Films come from strangers, so the server does not start like this. Run it on Linux 5.13 or newer with Landlock switched on "+
				"(docs/operations.md, \"The sandbox\"), or, if something else confines it, say --no-sandbox", err)
		}
	}
	a.ffmpeg = ffmpeg.New(cfg)
	version, err := a.ffmpeg.Version(ctx)
	if err != nil {
		return fmt.Errorf("%w (if it is elsewhere, name it with --ffmpeg and --ffprobe)", err)
	}
	encoder, err := a.ffmpeg.Encoder(ctx)
	if err != nil {
		return err
	}
	a.ffmpegVersion = version.Text + " " + encoder
	return nil
}

// MissingGuards are the protections that this server goes without.
func (a *App) MissingGuards() []string {
	var list []string
	switch {
	case a.cfg.NoSandbox:
		list = append(list, "ffmpeg runs without its sandbox, by --no-sandbox: a film may be made to read what this user can read")
	case a.noSandbox != nil:
		list = append(list, fmt.Sprintf("ffmpeg runs without its sandbox: %v; `filmcan serve` would not start", a.noSandbox))
	}
	if runtime.GOOS != "linux" {
		list = append(list, "on "+runtime.GOOS+" ffmpeg runs without limits of memory, processor time and output size; run production on Linux")
	}
	return list
}
