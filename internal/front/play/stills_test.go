package play_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// TestTrickPlay: the tiles of a film are the key frames at their times, upright, made once.
func TestTrickPlay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec   films.Spec
		w, h   int
		frames []int // the counters of the tiles
	}{
		// A key frame each second, a tile each four.
		"landscape": {films.Spec{Duration: 90 * time.Second, Rate: films.Rate{Num: 10, Den: 1}, BFrames: 2}, 320, 180, []int{
			0, 40, 80, 120, 160, 200, 240, 280, 320, 360, 400, 440, 480, 520, 560, 600, 640, 680, 720, 760, 800, 840, 880,
		}},
		"turned": {films.Spec{Duration: 10 * time.Second, Width: 180, Height: 320, Rotation: 90}, 180, 320, []int{0, 120, 240}},
		// A key frame each three seconds: the one before the tile's time.
		"few key frames": {films.Spec{Duration: 10 * time.Second, GOP: 3 * time.Second, Video: films.HEVC}, 320, 180, []int{0, 90, 180}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			_, pb := w.add(t, films.Get(t, c.spec), film.AssetSettings{})
			playlist := string(w.ok(t, "/"+string(pb)+".m3u8?roku_trick_play=true"))
			line := fmt.Sprintf("RESOLUTION=%dx%d,CODECS=\"jpeg\",URI=\"%s/%s/s2/tiles/rendition.m3u8\"", c.w, c.h, w.url, pb)
			if !strings.Contains(playlist, "#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=40000,"+line) {
				t.Fatalf("no %s in\n%s", line, playlist)
			}
			list := string(w.ok(t, "/"+string(pb)+"/s2/tiles/rendition.m3u8"))
			var got []int
			for sheet := range strings.Count(list, ".jpg\n") {
				path := fmt.Sprintf("/%s/s2/tiles/%d.jpg", pb, sheet)
				img := decode(t, w.ok(t, path))
				if b := img.Bounds(); b.Dx() != 5*c.w || b.Dy() != 4*c.h {
					t.Fatalf("sheet %d is %v", sheet, b)
				}
				for i := range 20 {
					tile := image.NewGray(image.Rect(0, 0, c.w, c.h))
					draw.Draw(tile, tile.Bounds(), img, image.Pt(i%5*c.w, i/5*c.h), draw.Src)
					if n, err := films.FrameNumber(tile); err == nil {
						got = append(got, n)
					} else if len(got) < len(c.frames) {
						t.Fatalf("tile %d of sheet %d: %v", i, sheet, err)
					}
				}
				w.ok(t, path)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.frames) {
				t.Errorf("tiles show %v, want %v", got, c.frames)
			}
			if made := w.runner.Stats().Sheets; made != int64((len(c.frames)+19)/20) {
				t.Errorf("%d processes", made)
			}
			for _, path := range []string{"9.jpg", "00.jpg", "-1.jpg", "0.m4s", "x", "init.mp4"} {
				if a := w.get(t, "/"+string(pb)+"/s2/tiles/"+path); a.status != 404 {
					t.Errorf("%s: %d", path, a.status)
				}
			}
		})
	}
}

func decode(t *testing.T, b []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestTrickPlayOfSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, films.Get(t, films.Spec{Video: films.None}), film.AssetSettings{})
	if body := string(w.ok(t, "/"+string(pb)+".m3u8?roku_trick_play=true")); strings.Contains(body, "IMAGE") {
		t.Errorf("pictures of sound:\n%s", body)
	}
	if a := w.get(t, "/"+string(pb)+"/s2/tiles/rendition.m3u8"); a.status != 404 {
		t.Errorf("tiles of sound: %d", a.status)
	}
}
