package media

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/oracle"
)

// step is a row of the table of docs/quality.md, as it stands there.
type step struct {
	lines  int
	rate   map[string]int64 // kbit/s by video_quality; none where it is not offered
	codecs string
}

// steps are those of a film of 720 lines, at up to 33 frames per second.
var steps = []step{
	{480, map[string]int64{"basic": 1160, "plus": 1440, "premium": 2020}, "avc1.64001F"},
	{360, map[string]int64{"plus": 860, "premium": 1200}, "avc1.64001E"},
	{270, map[string]int64{"basic": 380, "plus": 480, "premium": 680}, "avc1.640015"},
}

// promised wants the encoded renditions to be those that the table promises for a quality: which there are, their codec words, what
// their playlists say of their bit rates, and that no more is sent.
func promised(s *oracle.Stream, quality string) error {
	var all []error
	pictures := slices.DeleteFunc(slices.Clone(s.Renditions), func(r *oracle.Rendition) bool { return r.Width == 0 || strings.HasSuffix(r.URI, "/video.m3u8") })
	for _, want := range steps {
		rate := 1000 * want.rate[quality]
		i := slices.IndexFunc(pictures, func(r *oracle.Rendition) bool { return min(r.Width, r.Height) == want.lines })
		if (i >= 0) != (rate > 0) {
			all = append(all, fmt.Errorf("a rendition of %d lines: %t", want.lines, i >= 0))
		}
		if i >= 0 && rate > 0 {
			all = append(all, keeps(pictures[i], want.codecs, rate))
		}
		if i >= 0 {
			pictures = slices.Delete(pictures, i, i+1)
		}
	}
	for _, r := range pictures {
		if r.Height != 720 {
			all = append(all, fmt.Errorf("a rendition of %dx%d", r.Width, r.Height))
		}
	}
	return errors.Join(all...)
}

// keeps wants a rendition of a film that is shorter than one and a half target durations to keep to a peak rate: the playlist says
// that, and a second of it for each segment, and sound; each segment is within the rate over its length and that second.
func keeps(r *oracle.Rendition, codecs string, rate int64) error {
	durations := r.Playlist.Durations()
	length := 0.0
	for _, d := range durations {
		length += d
	}
	const boxes, sound = 16_000, 180_000
	told := rate + int64(float64(rate)*float64(len(durations))/length)
	if r.Bandwidth < told || r.Bandwidth > told+boxes+sound {
		return fmt.Errorf("%dx%d: BANDWIDTH=%d, want %d to %d", r.Width, r.Height, r.Bandwidth, told, told+boxes+sound)
	}
	if word, _, _ := strings.Cut(r.Codecs, ","); word != codecs {
		return fmt.Errorf("%dx%d: CODECS %s, want %s", r.Width, r.Height, r.Codecs, codecs)
	}
	for i, b := range r.Segments {
		if bits, most := float64(8*len(b)), float64(rate)*(durations[i]+1)+boxes*durations[i]; bits > most {
			return fmt.Errorf("%dx%d: segment %d has %.0f bits in %.3f s, at most %.0f are promised", r.Width, r.Height, i, bits, durations[i], most)
		}
	}
	return nil
}

// TestQualities sends a grainy film through the program in each video_quality: the ladder, its rates and levels are those of
// docs/quality.md, more quality has more bits, and so it is for the masters that are made.
func TestQualities(t *testing.T) {
	t.Parallel()
	if !*every {
		t.Skip("encodes one film three times: with -every")
	}
	h := newHouse(t)
	path := films.Get(t, films.Spec{
		Card: true, Grain: true, Container: films.MKV, Video: films.MPEG4, Audio: films.Opus, Width: 1280, Height: 720, Duration: 5 * time.Second,
	})
	qualities := []string{"basic", "plus", "premium"}
	streams := map[string]*oracle.Stream{}
	bits := map[string]map[int]int{}
	for _, q := range qualities {
		s := h.fetch(t, h.ingest(t, path, "video_quality", q))
		streams[q], bits[q] = s, map[int]int{}
		if err := promised(s, q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
		for _, r := range s.Renditions {
			for _, b := range r.Segments {
				bits[q][r.Height] += 8 * len(b)
			}
		}
		t.Logf("%s: bits by lines %v", q, bits[q])
		// The master at 720 lines: 3.0 of 5.6 parts of 12 Mbit/s, and two seconds of that as buffer.
		const rate = 6_430_000
		if got, most := bits[q][720], rate*(5+2); got > most {
			t.Errorf("%s: the master has %d bits, at most %d", q, got, most)
		}
	}
	for _, lines := range []int{720, 480, 360, 270} {
		for i := 1; i < len(qualities); i++ {
			low, high := bits[qualities[i-1]][lines], bits[qualities[i]][lines]
			if cmp.Compare(high, low) <= 0 {
				t.Errorf("%d lines: %d bits in %s, %d in %s", lines, high, qualities[i], low, qualities[i-1])
			}
		}
	}
	// What one quality promises another does not keep: else nothing was looked at.
	for _, q := range qualities {
		for _, other := range qualities {
			if q != other && promised(streams[q], other) == nil {
				t.Errorf("%s keeps what is promised of %s", q, other)
			}
		}
	}
}
