package cmaf_test

import (
	"errors"
	"io"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mediatest"
)

// longestRead remembers the most that was read at once.
type longestRead struct {
	io.ReaderAt

	most int
}

func (r *longestRead) ReadAt(p []byte, off int64) (int, error) {
	r.most = max(r.most, len(p))
	return r.ReaderAt.ReadAt(p, off)
}

// TestLargePictures: a picture of any size goes through to a decoder piece by piece. How large one is a stranger says.
func TestLargePictures(t *testing.T) {
	t.Parallel()
	const picture, piece = 600 << 10, 256 << 10
	path := mediatest.Film(t, "f.mp4", append([]string{"-f", "lavfi", "-i", "nullsrc=s=1280x720:r=5:d=1,geq=random(1)*255:128:128"}, mediatest.X264("1", "-crf", "8")...)...)
	x, f := index(t, path)
	line, err := cmaf.NewTimeline(x.Video())
	if err != nil {
		t.Fatal(err)
	}
	if size := x.Video().Size(0); size < picture {
		t.Fatalf("a key frame of %d bytes", size)
	}
	run, err := line.Run(0)
	if err != nil {
		t.Fatal(err)
	}
	for name, feed := range map[string]func(io.Writer, io.ReaderAt) error{
		"run":    func(w io.Writer, src io.ReaderAt) error { return run.Feed(t.Context(), w, src) },
		"stills": func(w io.Writer, src io.ReaderAt) error { return line.Stills(t.Context(), w, src, []int{0, 2}) },
	} {
		src := &longestRead{ReaderAt: f}
		if err := feed(io.Discard, src); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if src.most == 0 || src.most > piece {
			t.Errorf("%s: %d bytes were read at once", name, src.most)
		}
	}
}
