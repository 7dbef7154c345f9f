package ffmpeg

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	media "filmcan/internal/filmtest/hostile"
	"filmcan/internal/media/ladder"
	"filmcan/internal/media/mp4"
)

// TestFutile: a process that cannot make anything of its film does not try for long.
func TestFutile(t *testing.T) {
	t.Parallel()
	corpus := media.Corpus(t, media.Places{Canary: "/nowhere", Host: "127.0.0.1:1"})
	for _, tt := range []struct {
		name   string
		film   Picture
		memory int64
		want   Limit
	}{
		{"half-a-million-pictures.mov", Picture{Width: 320, Height: 192}, 0, LimitErrors},
		{"one-picture-and-half-a-million.mov", Picture{Width: 320, Height: 192}, 0, LimitErrors},
		{"h264-8k-deep.mp4", Picture{Width: 8192, Height: 4608}, 1280 << 20, LimitMemory},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "film")
			if err := corpus[slices.IndexFunc(corpus, func(f media.File) bool { return f.Name == tt.name })].Write(path); err != nil {
				t.Fatal(err)
			}
			r := New(Config{Transcode: Limits{Memory: tt.memory}})
			s, err := r.Transcode(t.Context(), Input{Path: path, Demuxer: "mov"}, TranscodeArgs{
				Picture: tt.film, Rate: Ratio{25, 1}, Unit: Ratio{1, 12800},
				Settings: ladder.Master(ladder.Film{Width: tt.film.Width, Height: tt.film.Height, Rate: mp4.Rate{Num: 25, Den: 1}}, ladder.Plus, 1920),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := io.Copy(io.Discard, s.Stdout()); err != nil {
				t.Fatal(err)
			}
			if e, ok := errors.AsType[*Error](s.Wait()); !ok || e.Limit != tt.want {
				t.Errorf("got %+v, want the limit %q", e, tt.want)
			}
		})
	}
}
