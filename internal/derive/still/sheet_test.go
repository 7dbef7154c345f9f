package still

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
)

var errDisk = errors.New("the disk is broken")

// brokenSource is a film of which nothing can be read from some place on, but for what is behind the samples.
type brokenSource struct {
	*bytes.Reader

	from, to int64
}

func (s brokenSource) Close() error { return nil }

func (s brokenSource) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.from && off < s.to {
		return 0, errDisk
	}
	return s.Reader.ReadAt(p, off)
}

// TestUnreadableFilm: a sheet that lacks pictures because the film could not be read is none: it would be kept.
func TestUnreadableFilm(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(films.Get(t, films.Spec{Duration: 12 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	x, err := mp4.Parse(t.Context(), bytes.NewReader(b), int64(len(b)), mp4.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	last := x.Video().Offset(x.Video().Len() - 1)
	for name, from := range map[string]int64{"whole": last, "half": last / 2} {
		open := func(context.Context, film.FilmID, string) (reel.Source, error) {
			return brokenSource{bytes.NewReader(b), from, last}, nil
		}
		m := New(reel.New(nil, nil, reel.Config{Pictures: open, Sound: open}), ffmpeg.New(ffmpeg.Config{}))
		ref := reel.Ref{Film: "film0001", Base: film.Base{Part: film.PartSource, EncodedVideo: true, EncodedSound: true}}
		var out bytes.Buffer
		switch err := m.Make(t.Context(), Sheet(ref, 0), &out); {
		case name == "whole" && (err != nil || out.Len() == 0):
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		case name == "half" && (!errors.Is(err, errDisk) || out.Len() > 0):
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		}
	}
}
