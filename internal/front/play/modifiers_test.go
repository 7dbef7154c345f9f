package play

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/derive/hls"
)

func TestWishes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query   string
		want    wishes
		refused string // what the message says
	}{
		{"", wishes{}, ""},
		{"token=a.b.c&TOKEN=x&CMCD=bl%3D2000&whatever", wishes{}, ""},
		{"max_resolution=720p", wishes{high: 720}, ""},
		{"min_resolution=480p&max_resolution=480p", wishes{low: 480, high: 480}, ""},
		{"max_resolution=720", wishes{}, "max_resolution must be 270p or 360p"},
		{"max_resolution=", wishes{}, "max_resolution must be"},
		{"min_resolution=1080p&max_resolution=720p", wishes{}, "min_resolution is above max_resolution"},
		{"max_resolution=720p&max_resolution=480p", wishes{}, "max_resolution is given more than once"},
		{"max_resolution=720p&max_resolution=720p", wishes{high: 720}, ""},
		{"rendition_order=desc", wishes{order: hls.Options{Descending: true}}, ""},
		{"rendition_order=asc", wishes{}, "rendition_order must be desc"},
		{"redundant_streams=true&add_audio_only=true", wishes{order: hls.Options{Redundant: true, AudioOnly: true}}, ""},
		{"redundant_streams=maybe", wishes{}, "redundant_streams must be true or false"},
		{"roku_trick_play=true", wishes{trickPlay: true}, ""},
		{"exclude_pdt=true&default_subtitles_lang=pt-BR", wishes{}, ""},
		{"default_subtitles_lang=%0A", wishes{}, "default_subtitles_lang is no language"},
		{"asset_start_time=4", wishes{clip: clip{from: 4 * time.Second}}, ""},
		{"asset_start_time=0&asset_end_time=2.5", wishes{clip: clip{to: 2500 * time.Millisecond}}, ""},
		{"asset_start_time=4&asset_end_time=4", wishes{}, "asset_end_time must be after asset_start_time"},
		{"asset_end_time=0", wishes{}, "asset_end_time must be after"},
		{"asset_start_time=-1", wishes{}, "asset_start_time must be a number of seconds"},
		{"asset_start_time=NaN", wishes{}, "asset_start_time must be a number"},
		{"asset_start_time=1e300", wishes{clip: clip{from: longest}}, ""},
		{"asset_start_time=soon", wishes{}, "asset_start_time must be a number"},
		{"program_start_time=1700000000", wishes{}, "program_start_time works for recordings of live streams"},
		{"asset_start_time=1&program_end_time=1700000000", wishes{}, "program_end_time works for recordings"},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseWishes(query)
		switch {
		case c.refused == "" && (err != nil || got != c.want):
			t.Errorf("%s: %+v, %v, want %+v", c.query, got, err, c.want)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want %q", c.query, err, c.refused)
		}
		if err == nil {
			if again, err := parseClip(got.clip.query()); err != nil || again != got.clip {
				t.Errorf("%s: the clip %+v comes back as %+v, %v", c.query, got.clip, again, err)
			}
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	pictures := cutting{[]int64{400, 500, 400, 200}, 100} // cuts at 4, 9, 13, end 15
	sound := cutting{[]int64{401, 498, 402, 203}, 100}    // cut at packets: 4.01, 8.99, 13.01, end 15.04
	longer := cutting{[]int64{401, 498, 402, 203, 400}, 100}
	later := cutting{[]int64{900, 400, 200}, 100} // no packet at 4
	second := time.Second
	for _, c := range []struct {
		clip                 clip
		video, audio, longer [2]int
	}{
		{clip{}, [2]int{0, 4}, [2]int{0, 4}, [2]int{0, 5}},
		{clip{from: 0, to: 1}, [2]int{0, 1}, [2]int{0, 1}, [2]int{0, 1}},
		{clip{from: 0, to: 4 * second}, [2]int{0, 1}, [2]int{0, 1}, [2]int{0, 1}},
		{clip{from: 0, to: 4*second + 1}, [2]int{0, 2}, [2]int{0, 2}, [2]int{0, 2}},
		{clip{from: 4 * second}, [2]int{1, 4}, [2]int{1, 4}, [2]int{1, 5}},
		{clip{from: 8 * second, to: 10 * second}, [2]int{1, 3}, [2]int{1, 3}, [2]int{1, 3}},
		{clip{from: 14 * second, to: 14500 * time.Millisecond}, [2]int{3, 4}, [2]int{3, 4}, [2]int{3, 5}},
		{clip{from: 3 * second, to: 100 * second}, [2]int{0, 4}, [2]int{0, 4}, [2]int{0, 5}},
	} {
		for name, r := range map[string]struct {
			of   cutting
			want [2]int
		}{"pictures": {pictures, c.video}, "sound": {sound, c.audio}, "longer sound": {longer, c.longer}} {
			from, to, err := c.clip.pick(pictures, r.of)
			if got := [2]int{from, to}; err != nil || got != r.want {
				t.Errorf("%v of %s: %v, %v, want %v", c.clip, name, got, err, r.want)
			}
		}
	}
	if _, _, err := (clip{from: 15 * second}).pick(pictures, pictures); err == nil {
		t.Error("a clip behind the end was taken")
	}
	if from, to, err := (clip{from: 5 * second, to: 6 * second}).pick(pictures, later); err != nil || to <= from {
		t.Errorf("a clip of a rendition with fewer cuts: %d to %d, %v", from, to, err)
	}
	if got := (cutting{[]int64{1 << 60}, 90_000}).length(); got <= 0 {
		t.Errorf("a very long film lasts %v", got)
	}
	if !slices.Equal(pictures.ticks, []int64{400, 500, 400, 200}) {
		t.Error("the durations were changed")
	}
}
