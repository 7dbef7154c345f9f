package hls_test

import (
	"flag"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"filmcan/internal/derive/hls"
	"filmcan/internal/derive/hls/hlstest"
	"filmcan/internal/film"
)

var update = flag.Bool("update", false, "write the golden files")

func pictures() hls.Variant {
	return hls.Variant{
		URI: "https://stream.example.com/pb/p1/video/rendition.m3u8", Bandwidth: 6_812_345, Average: 5_100_001,
		Codecs: []string{"avc1.640028", "mp4a.40.2"}, Width: 1920, Height: 1080,
		Rate: film.Rate{Num: 24000, Den: 1001},
	}
}

func multivariants() map[string]hls.Multivariant {
	sound := hls.Audio{
		Name: "Default", Channels: 2, Default: true, URI: "https://stream.example.com/pb/p1/audio/rendition.m3u8",
	}
	silent := pictures()
	silent.Codecs = silent.Codecs[:1]
	hevc := pictures()
	hevc.Codecs, hevc.Range, hevc.Rate = []string{"hvc1.2.4.L120.90", "mp4a.40.2"}, "PQ", film.Rate{Num: 30, Den: 1}
	named := sound
	named.Name, named.Language = "Say \"hello\"\nworld", "en"
	return map[string]hls.Multivariant{
		"video-audio": {Variants: []hls.Variant{pictures()}, Audio: []hls.Audio{sound}},
		"video-only":  {Variants: []hls.Variant{silent}},
		"audio-only": {Variants: []hls.Variant{{
			URI: sound.URI, Bandwidth: 130_000, Average: 128_000, Codecs: []string{"mp4a.40.2"},
		}}},
		"hdr": {Variants: []hls.Variant{hevc}, Audio: []hls.Audio{sound}},
		"titled": {
			Session:  []hls.SessionData{{ID: "com.apple.hls.chapters", URI: "https://stream.example.com/pb/metadata.json"}},
			Variants: []hls.Variant{pictures()}, Audio: []hls.Audio{named},
		},
	}
}

func media() map[string]hls.Media {
	return map[string]hls.Media{
		"media-90k": {Target: 5, Init: "init.mp4", Timescale: 90_000, Segments: []hls.Segment{
			{Duration: 375_375, URI: "0.m4s"}, {Duration: 450_450, URI: "1.m4s"}, {Duration: 1, URI: "2.m4s"},
		}},
		"media-44k": {Target: 5, Init: "init.mp4", Timescale: 44_100, Segments: []hls.Segment{
			{Duration: 1024 * 173, URI: "0.m4s"}, {Duration: 1024 * 172, URI: "1.m4s"},
		}},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".m3u8")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestMultivariantGolden(t *testing.T) {
	t.Parallel()
	for name, m := range multivariants() {
		got := m.Bytes()
		golden(t, name, got)
		var parsed playlist.Multivariant
		if err := parsed.Unmarshal(got); err != nil {
			t.Errorf("%s: gohlslib: %v", name, err)
			continue
		}
		if len(parsed.Variants) != len(m.Variants) || len(parsed.Renditions) != len(m.Audio) {
			t.Errorf("%s: gohlslib reads %d variants and %d renditions", name, len(parsed.Variants), len(parsed.Renditions))
			continue
		}
		if v, w := parsed.Variants[0], m.Variants[0]; v.URI != w.URI || int64(v.Bandwidth) != w.Bandwidth ||
			int64(*v.AverageBandwidth) != w.Average || strings.Join(v.Codecs, ",") != strings.Join(w.Codecs, ",") {
			t.Errorf("%s: gohlslib reads %+v", name, v)
		}
	}
}

func TestMediaGolden(t *testing.T) {
	t.Parallel()
	for name, m := range media() {
		got := m.Bytes()
		golden(t, name, got)
		var parsed playlist.Media
		if err := parsed.Unmarshal(got); err != nil {
			t.Errorf("%s: gohlslib: %v", name, err)
			continue
		}
		if len(parsed.Segments) != len(m.Segments) || parsed.TargetDuration != m.Target || !parsed.Endlist ||
			parsed.Map == nil || parsed.Map.URI != m.Init {
			t.Errorf("%s: gohlslib reads %+v", name, parsed)
		}
		for i, s := range parsed.Segments {
			want := time.Duration(m.Segments[i].Duration) * time.Second / time.Duration(m.Timescale)
			if d := (s.Duration - want).Abs(); s.URI != m.Segments[i].URI || d > time.Microsecond {
				t.Errorf("%s: segment %d: %s %v, want %v", name, i, s.URI, s.Duration, want)
			}
		}
	}
}

// TestDurationsDoNotDrift holds the property of [hls.Media.Bytes]: the sum of any first segments is right to half a
// microsecond, however odd the time scale.
func TestDurationsDoNotDrift(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, timescale := range []uint32{1, 600, 1000, 11_025, 24_000, 30_000, 44_100, 48_000, 90_000, 12_800, 10_000_000, 1<<32 - 1} {
		m := hls.Media{Target: 20, Init: "i", Timescale: timescale}
		for range 2000 {
			m.Segments = append(m.Segments, hls.Segment{Duration: 1 + random.Int64N(int64(timescale)*10), URI: "s"})
		}
		written := new(big.Rat)
		ticks, i := int64(0), 0
		for line := range strings.SplitSeq(string(m.Bytes()), "\n") {
			value, ok := strings.CutPrefix(line, "#EXTINF:")
			if !ok {
				continue
			}
			d, ok := new(big.Rat).SetString(strings.TrimSuffix(value, ","))
			if !ok {
				t.Fatalf("EXTINF %q", line)
			}
			written.Add(written, d)
			ticks += m.Segments[i].Duration
			i++
			off := new(big.Rat).Sub(written, big.NewRat(ticks, int64(timescale)))
			if off.Abs(off).Cmp(big.NewRat(1, 2_000_000)) > 0 {
				t.Fatalf("time scale %d: after %d segments the sum is off by %s s", timescale, i, off.FloatString(9))
			}
		}
		if i != len(m.Segments) {
			t.Fatalf("time scale %d: %d of %d durations written", timescale, i, len(m.Segments))
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		timescale uint32
		durations []int64
		want      int
	}{
		{1000, nil, 1},
		{1000, []int64{1}, 1},
		{1000, []int64{4000, 5499, 100}, 5},
		{1000, []int64{4000, 5500}, 6},
		{30_000, []int64{120_120}, 4},
		{90_000, []int64{900_000}, 10},
	} {
		if got := hls.Target(c.timescale, c.durations); got != c.want {
			t.Errorf("Target(%d, %v) = %d, want %d", c.timescale, c.durations, got, c.want)
		}
	}
}

// presentation is one that keeps every rule.
func presentation(name string) hlstest.Presentation {
	m := multivariants()[name]
	p := hlstest.Presentation{Multivariant: hlstest.Parse(string(m.Bytes())), Media: map[string]hlstest.Playlist{}}
	one := media()["media-90k"]
	for _, uri := range p.Multivariant.Renditions() {
		p.Media[uri] = hlstest.Parse(string(one.Bytes()))
	}
	bits := m.Variants[0].Bandwidth
	if len(m.Audio) > 0 {
		bits /= 2
	}
	p.Size = func(_, segment string) int64 {
		if segment == "2.m4s" {
			return 10
		}
		return bits * 4 / 8
	}
	return p
}

func TestRulesAreKept(t *testing.T) {
	t.Parallel()
	for name := range multivariants() {
		for _, wrong := range hlstest.Check(presentation(name)) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// TestRulesNotice breaks a good presentation in one place at a time.
func TestRulesNotice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, in, old, new string
	}{
		{"4.1", "media", "#EXT-X-ENDLIST", "\x01"},
		{"4.1", "multivariant", "#EXTM3U", "\ufeff#EXTM3U"},
		{"4.2", "multivariant", "FRAME-RATE=", "BANDWIDTH="},
		{"4.2", "multivariant", `"audio",NAME`, `"audio,NAME`},
		{"4.3.1.1", "media", "#EXTM3U\n", ""},
		{"4.3.1.2", "media", "#EXT-X-VERSION:7", "#EXT-X-VERSION:5"},
		{"4.3.1.2", "multivariant", "#EXT-X-VERSION:7\n", ""},
		{"4.3.2.1", "media", "#EXTINF:4.170833,\n", ""},
		{"4.3.2.1", "media", "#EXTINF:4.170833,", "#EXTINF:4.170833"},
		{"4.3.2.5", "media", "#EXT-X-MAP:URI=\"init.mp4\"\n", ""},
		{"4.3.3", "media", "#EXT-X-ENDLIST", "#EXT-X-ENDLIST\n#EXT-X-SESSION-DATA:DATA-ID=\"a\""},
		{"4.3.3.1", "media", "TARGETDURATION:5", "TARGETDURATION:4"},
		{"4.3.3.2", "media", "#EXT-X-MEDIA-SEQUENCE:0\n", ""},
		{"4.3.3.5", "media", "#EXT-X-ENDLIST\n", ""},
		{"4.3.4", "multivariant", "#EXT-X-INDEP", "#EXT-X-ENDLIST\n#EXT-X-INDEP"},
		{"4.3.4.1", "multivariant", "NAME=\"Default\",", ""},
		{"4.3.4.1", "multivariant", "AUTOSELECT=YES", "AUTOSELECT=NO"},
		{"4.3.4.2", "multivariant", "BANDWIDTH=6812345", "BANDWIDTH=0"},
		{"4.3.4.2", "multivariant", "AVERAGE-BANDWIDTH=5100001", "AVERAGE-BANDWIDTH=7100001"},
		{"4.3.4.2", "multivariant", "RESOLUTION=1920x1080,", ""},
		{"4.3.4.2", "multivariant", "CLOSED-CAPTIONS=NONE\n", "CLOSED-CAPTIONS=NONE\n#EXT-X-SESSION-DATA:DATA-ID=\"a\"\n"},
		{"4.3.4.2", "multivariant", ",AUDIO=\"audio\"", ",AUDIO=\"other\""},
		{"4.3.4.2", "multivariant", "BANDWIDTH=6812345,AVERAGE-BANDWIDTH=5100001", "BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4100001"},
		{"4.3.5.1", "multivariant", "#EXT-X-INDEPENDENT-SEGMENTS\n", ""},
		{"6.2.4", "media", "TARGETDURATION:5", "TARGETDURATION:6"},
		{"6.2.4", "media", "#EXTINF:5.005000,\n1.m4s\n", "#EXTINF:5.005000,\n1.m4s\n#EXTINF:5.005000,\n3.m4s\n#EXTINF:5.005000,\n4.m4s\n"},
	} {
		p := presentation("video-audio")
		if found := hlstest.Check(p); len(found) > 0 {
			t.Fatalf("the good one: %q", found)
		}
		uri := p.Multivariant.Renditions()[0]
		was := p.Media[uri].Text
		if c.in == "multivariant" {
			was = p.Multivariant.Text
		}
		broken := strings.Replace(was, c.old, c.new, 1)
		if broken == was {
			t.Errorf("%s: %q is not in\n%s", c.rule, c.old, was)
			continue
		}
		if c.in == "multivariant" {
			p.Multivariant = hlstest.Parse(broken)
		} else {
			p.Media[uri] = hlstest.Parse(broken)
		}
		section := "RFC 8216, " + c.rule + " ("
		if found := strings.Join(hlstest.Check(p), "\n"); !strings.Contains(found, section) {
			t.Errorf("%s: %q for %q is not noticed: found %q", c.rule, c.new, c.old, found)
		}
	}
}
