package export

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
)

// TestBrokenOutput: a process whose output is no film is ended, however much more of it there would be.
func TestBrokenOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.add(t, films.Spec{})
	part, err := w.vault.Open(t.Context(), vault.Ref{Film: "film0001", Part: vault.Source})
	must(t, err)
	defer part.Close()
	f, err := w.Indexed(t.Context(), "film0001", film.PartSource, part, part.Size(), localPath(part))
	must(t, err)
	program := filepath.Join(t.TempDir(), "ffmpeg")
	must(t, os.WriteFile(program, []byte("#!/bin/sh\nprintf '\\000\\000\\000\\000moof'\nexec yes\n"), 0o755))
	w.ffmpeg = ffmpeg.New(ffmpeg.Config{FFmpeg: program})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.pictures(ctx, encoding{film: f, args: f.transcode(film.QualityPlus, 0)}, nil); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
