package ladder

import (
	"math"
	"strings"
	"testing"
	"time"
)

func films() []Film {
	var all []Film
	for _, size := range [][2]int{
		{3840, 2160},
		{4096, 1716},
		{2560, 1440},
		{1920, 1080},
		{1920, 800},
		{1919, 1079},
		{1280, 720},
		{1440, 1080},
		{1000, 500},
		{853, 480},
		{640, 360},
		{320, 180},
		{480, 270},
		{481, 271},
		{177, 99},
		{16, 16},
		{3, 2},
		{1, 1},
		{4096, 100},
		{2048, 2048},
		{4096, 4096},
	} {
		for _, rate := range []Rate{{}, {Num: 24000, Den: 1001}, {Num: 30, Den: 1}, {Num: 60, Den: 1}, {Num: 120, Den: 1}} {
			for _, bits := range []int64{0, 100_000, 2_000_000, 50_000_000} {
				all = append(all, Film{size[0], size[1], rate, bits}, Film{size[1], size[0], rate, bits})
			}
		}
	}
	return all
}

func row(idc int) level {
	for _, l := range levels() {
		if l.idc == idc {
			return l
		}
	}
	return level{}
}

// holds are the limits of H.264, annex A, written down a second time.
func holds(t *testing.T, f Film, e Encode) {
	t.Helper()
	rate := 30.0
	if f.Rate.Num > 0 {
		rate = float64(f.Rate.Num) / float64(f.Rate.Den)
	}
	l := row(e.Level)
	w, h := math.Ceil(float64(e.Width)/16), math.Ceil(float64(e.Height)/16)
	switch {
	case w*h > float64(l.perFrame), w > math.Sqrt(8*float64(l.perFrame)), h > math.Sqrt(8*float64(l.perFrame)):
		t.Errorf("%v: %+v: frames of %v macroblocks", f, e, w*h)
	case w*h*rate > float64(l.perSecond):
		t.Errorf("%v: %+v: %v macroblocks a second", f, e, w*h*rate)
	case math.Floor(float64(l.buffer)/(w*h)) < frames:
		t.Errorf("%v: %+v: room for %v frames", f, e, float64(l.buffer)/(w*h))
	case e.MaxRate > 1250*l.rate, e.Buffer > 1250*l.coded:
		t.Errorf("%v: %+v: bit rate", f, e)
	}
}

func TestRungs(t *testing.T) {
	t.Parallel()
	for _, f := range films() {
		for _, q := range []Quality{Basic, Plus, Premium} {
			rungs := Rungs(f, q)
			names := map[string]bool{}
			for i, r := range rungs {
				names[r.Name] = true
				if r.Width%2 != 0 || r.Height%2 != 0 || r.Width < 2 || r.Height < 2 || r.Width > max(2, f.Width) || r.Height > max(2, f.Height) {
					t.Errorf("%v: size %dx%d", f, r.Width, r.Height)
				}
				if r.Lines != min(r.Width, r.Height) {
					t.Errorf("%v: %+v", f, r)
				}
				// The size differs from the exact one by a pixel at most (where a film has pixels to lose).
				if long, exact := max(r.Width, r.Height), float64(max(f.Width, f.Height))*float64(r.Lines)/float64(min(f.Width, f.Height)); !r.Own && math.Abs(float64(long)-exact) > 1 {
					t.Errorf("%v: %+v: %v exactly", f, r, exact)
				}
				if r.Own != (i == 0) {
					t.Errorf("%v: own: %+v", f, r)
				}
				if i > 0 && (r.MaxRate >= rungs[i-1].MaxRate || r.Lines >= rungs[i-1].Lines) {
					t.Errorf("%v %s: %s has %d bit/s, %s %d", f, q, rungs[i-1].Name, rungs[i-1].MaxRate, r.Name, r.MaxRate)
				}
				if r.Bandwidth(4*time.Second) < r.MaxRate*5/4 || r.Bandwidth(time.Second) <= r.Bandwidth(4*time.Second) {
					t.Errorf("%+v: bandwidth %d", r, r.Bandwidth(4*time.Second))
				}
				if !strings.HasPrefix(r.Codec, "avc1.6400") {
					t.Errorf("codec %s", r.Codec)
				}
				holds(t, f, r.Encode)
			}
			if len(names) != len(rungs) {
				t.Errorf("%v: names %v", f, names)
			}
		}
	}
}

func TestMaster(t *testing.T) {
	t.Parallel()
	for _, f := range films() {
		for _, side := range []int{1920, 2560, 4096} {
			e := Master(f, Plus, side)
			if e.Width%2 != 0 || e.Height%2 != 0 || max(e.Width, e.Height) > side || e.Width > max(2, f.Width) || e.Height > max(2, f.Height) {
				t.Errorf("%v: %+v", f, e)
			}
			holds(t, f, e)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Film{
		"1080p 720p 480p 360p 270p": {1920, 1080, Rate{Num: 30, Den: 1}, 0},
		"540p 480p 360p 270p":       {540, 960, Rate{Num: 30, Den: 1}, 0},
		"500p 360p 270p":            {890, 500, Rate{Num: 30, Den: 1}, 0},
		"180p":                      {320, 180, Rate{}, 0},
	} {
		var names []string
		for _, r := range Rungs(f, Plus) {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
	if got := Rungs(Film{1920, 1080, Rate{Num: 30, Den: 1}, 0}, Basic); len(got) != 4 || got[0].Codec != "avc1.640028" {
		t.Errorf("basic: %+v", got)
	}
	if Rungs(Film{}, Plus) != nil {
		t.Error("no pictures, no rungs")
	}
}

func TestAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		codec         string
		width, height int
		peak          int64
		want          bool
	}{
		{"h264", 1920, 1080, 8_000_000, true},
		{"h264", 1920, 1080, 16_000_000, true},
		{"h264", 1920, 1080, 16_000_001, false},
		{"h264", 1080, 1920, 17_000_000, false},
		{"h264", 320, 180, 17_000_000, false},
		{"h264", 2048, 1080, 17_000_000, false},
		{"h264", 2560, 1440, 24_000_000, true},
		{"h264", 1440, 2560, 25_000_000, false},
		{"h264", 3840, 2160, 40_000_000, true},
		{"h264", 3840, 2160, 58_000_000, false},
		{"hevc", 1920, 1080, 2_000_000, false},
		{"hevc", 3840, 2160, 60_000_000, false},
	} {
		if got := Alone(tt.codec, tt.width, tt.height, tt.peak); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}
