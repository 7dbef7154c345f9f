package app

import (
	"context"
	"io"

	"filmcan/internal/derive/export"
	"filmcan/internal/derive/reel"
	"filmcan/internal/derive/rendition"
	"filmcan/internal/derive/still"
	"filmcan/internal/film"
	"filmcan/internal/media/ffmpeg"
)

// watching makes what viewers need besides their door: films opened to be cut, and renditions made when they are watched.
func (a *App) watching() {
	a.reels = reel.New(a.store.Vault, a.derived, reel.Config{
		Pictures: a.opener(export.PicturesOf), Sound: a.opener(export.SoundOf),
	})
	a.stills = still.New(a.reels, a.ffmpeg)
	a.pool = ffmpeg.NewPool(a.ffmpeg, ffmpeg.PoolConfig{})
	a.renditions = rendition.New(rendition.Tools{
		Films: a.reels, Store: a.derived, Cold: a.ffmpeg, Warm: a.pool, Version: a.ffmpegVersion, Log: a.log,
	}, rendition.Config{})
}

// opener opens what was encoded of whole films; the cache has it made anew where it is gone.
func (a *App) opener(name func(id film.FilmID, part string) film.Artifact) reel.Opener {
	return func(ctx context.Context, id film.FilmID, part string) (reel.Source, error) {
		return a.derived.Open(ctx, name(id, part))
	}
}

// sheet makes sheets of still pictures.
func (a *App) sheet(ctx context.Context, artifact film.Artifact, w io.Writer) error {
	return a.stills.Make(ctx, artifact, w)
}
