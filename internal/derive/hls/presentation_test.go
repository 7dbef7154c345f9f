package hls_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filmcan/internal/derive/hls"
	"filmcan/internal/derive/hls/hlstest"
)

func ladder() []hls.Rendition {
	var list []hls.Rendition
	for _, lines := range []int{1080, 720, 480, 270} {
		list = append(list, hls.Rendition{
			URI: strconv.Itoa(lines), Backup: strconv.Itoa(lines) + "?backup", Bandwidth: int64(lines) * 3000,
			Codec: "avc1.64001f", Width: lines * 2, Height: lines,
		})
	}
	return list
}

func TestOrder(t *testing.T) {
	t.Parallel()
	sound := []hls.Rendition{{URI: "sound", Backup: "sound?backup", Bandwidth: 130_000, Average: 128_000, Codec: "mp4a.40.2"}}
	instant := func(i int) []hls.Rendition {
		list := ladder()
		list[i].Instant, list[i].Average = true, list[i].Bandwidth-100
		return list
	}
	for name, c := range map[string]struct {
		video, audio []hls.Rendition
		options      hls.Options
		want         string
	}{
		"passed through first":      {instant(0), sound, hls.Options{}, "1080 720 480 270"},
		"wherever it stands":        {instant(1), sound, hls.Options{}, "720 1080 480 270"},
		"else the middle one":       {ladder(), sound, hls.Options{}, "480 1080 720 270"},
		"descending":                {ladder(), sound, hls.Options{Descending: true}, "1080 720 480 270"},
		"descending, one instant":   {instant(2), nil, hls.Options{Descending: true}, "1080 720 480 270"},
		"one":                       {ladder()[:1], sound, hls.Options{}, "1080"},
		"with sound alone":          {ladder()[:2], sound, hls.Options{AudioOnly: true}, "720 1080 sound"},
		"no sound to be alone":      {ladder()[:1], nil, hls.Options{AudioOnly: true}, "1080"},
		"sound is all there is":     {nil, sound, hls.Options{AudioOnly: true}, "sound"},
		"redundant":                 {ladder()[:2], sound, hls.Options{Redundant: true}, "720 1080 720?backup 1080?backup"},
		"all of it":                 {ladder()[:2], sound, hls.Options{Descending: true, Redundant: true, AudioOnly: true}, "1080 720 sound 1080?backup 720?backup"},
		"sound alone is no variant": {ladder()[:1], sound, hls.Options{Redundant: true}, "1080 1080?backup"},
	} {
		before := slices.Clone(c.video)
		m := hls.Present(c.video, c.audio, c.options)
		var got []string
		for _, v := range m.Variants {
			got = append(got, v.URI)
			if withSound := slices.Contains(v.Codecs, "mp4a.40.2"); withSound != (len(c.audio) > 0) {
				t.Errorf("%s: codecs %q", name, v.Codecs)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
		if !slices.Equal(before, c.video) {
			t.Errorf("%s: the caller's list was changed", name)
		}
		text := hlstest.Parse(string(m.Bytes()))
		p := hlstest.Presentation{Multivariant: text, Media: map[string]hlstest.Playlist{}}
		for _, uri := range text.Renditions() {
			p.Media[uri] = hlstest.Parse(string(media()["media-90k"].Bytes()))
		}
		p.Size = func(media, segment string) int64 {
			if segment == "2.m4s" {
				return 1
			}
			if media == "sound" {
				return 128_000 * 4 / 8
			}
			lines, _ := strconv.ParseInt(strings.TrimSuffix(media, "?backup"), 10, 64)
			return lines * 3000 * 4 / 8
		}
		for _, wrong := range hlstest.Check(p) {
			t.Errorf("%s: %s\n%s", name, wrong, text.Text)
		}
	}
}

// TestRates: what is played together counts together, and what nobody knows yet is not said.
func TestRates(t *testing.T) {
	t.Parallel()
	video := ladder()[:2]
	video[0].Average = 2_000_000
	m := hls.Present(video, []hls.Rendition{{URI: "s", Bandwidth: 130_000, Average: 128_000, Codec: "mp4a.40.2"}}, hls.Options{Descending: true})
	if v := m.Variants[0]; v.Bandwidth != 1080*3000+130_000 || v.Average != 2_128_000 {
		t.Errorf("first variant %+v", v)
	}
	if v := m.Variants[1]; v.Bandwidth != 720*3000+130_000 || v.Average != 0 {
		t.Errorf("second variant %+v", v)
	}
	if n := strings.Count(string(m.Bytes()), "AVERAGE-BANDWIDTH"); n != 1 {
		t.Errorf("AVERAGE-BANDWIDTH stands %d times:\n%s", n, m.Bytes())
	}
}

func TestImagesGolden(t *testing.T) {
	t.Parallel()
	s := hls.Sheets{
		Width: 320, Height: 180, Columns: 5, Rows: 4, Each: 4 * time.Second, Length: 95500 * time.Millisecond,
		URI: func(i int) string { return strconv.Itoa(i) + ".jpg" },
	}
	golden(t, "images", s.Bytes())
	if got := s.Count(); got != 2 {
		t.Errorf("%d sheets", got)
	}
	s.Length = 80 * time.Second
	if got := s.Count(); got != 1 {
		t.Errorf("%d sheets for one that is just full", got)
	}
	m := hls.Present(ladder(), nil, hls.Options{})
	m.Images = []hls.Images{{URI: "https://stream.example.com/images.m3u8", Bandwidth: 9000, Width: 320, Height: 180}}
	golden(t, "with-images", m.Bytes())
}
