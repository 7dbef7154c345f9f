package play_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"filmcan/internal/derive/hls/hlstest"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// TestWhatIsPlayedIsTheFilm lets ffmpeg read whole playlists over HTTP: the decoded frames equal those of the film
// frame for frame, the packets of sound packet for packet, and every time is the film's plus the base of a second.
func TestWhatIsPlayedIsTheFilm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		spec films.Spec
	}{
		{"B-frames and priming", films.Spec{Duration: 13 * time.Second, BFrames: 3}},
		{"without edit lists", films.Spec{Duration: 9 * time.Second, BFrames: 3, NoEditList: true}},
		{"23.976", films.Spec{Duration: 13 * time.Second, BFrames: 2, Rate: films.NTSC}},
		{"variable rate", films.Spec{Duration: 13 * time.Second, BFrames: 2, VariableRate: true}},
		{"fragmented", films.Spec{Duration: 13 * time.Second, BFrames: 2, Container: films.Fragmented}},
		{"MOV", films.Spec{Duration: 13 * time.Second, BFrames: 2, Container: films.MOV}},
		{"phone", long(films.Phone(films.MOV, films.H264))},
		{"HEVC", films.Spec{Duration: 9 * time.Second, BFrames: 2, Video: films.HEVC}},
		{"video only", films.Spec{Duration: 9 * time.Second, BFrames: 2, Audio: films.None}},
		{"audio only", films.Spec{Duration: 13 * time.Second, Video: films.None, AudioRate: 44100}},
		{"late sound", films.Spec{Duration: 13 * time.Second, BFrames: 2, AudioOffset: 700 * time.Millisecond}},
		{"long groups", films.Spec{Duration: 20 * time.Second, BFrames: 2, GOP: 7 * time.Second}},
		{"shorter than a segment", films.Spec{Duration: time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			path := films.Get(t, c.spec)
			_, pb := w.add(t, path, film.AssetSettings{})
			url := w.url + "/" + string(pb) + ".m3u8"

			w.checkPlaylists(t, pb)
			if c.spec.Video != films.None {
				if got, want := frames(t, url), frames(t, path); !slices.Equal(got, want) || len(got) == 0 {
					t.Errorf("%d frames, the film has %d: %s", len(got), len(want), firstDifference(got, want))
				}
				comparePackets(t, "v:0", path, url)
			}
			if c.spec.Audio != films.None {
				comparePackets(t, "a:0", path, url)
			}
			w.quiet(t)
		})
	}
}

func long(s films.Spec) films.Spec {
	s.Duration = 13 * time.Second
	return s
}

// checkPlaylists holds the playlists against the table of rules, sizes of segments included, and against gohlslib.
func (w *world) checkPlaylists(t *testing.T, pb film.PlaybackID) {
	t.Helper()
	p := hlstest.Presentation{Media: map[string]hlstest.Playlist{}}
	text := w.ok(t, "/"+string(pb)+".m3u8")
	p.Multivariant = hlstest.Parse(string(text))
	must(t, new(playlist.Multivariant).Unmarshal(text))
	sizes := map[string]int64{}
	for _, uri := range p.Multivariant.Renditions() {
		text := w.ok(t, uri)
		must(t, new(playlist.Media).Unmarshal(text))
		p.Media[uri] = hlstest.Parse(string(text))
		base := strings.TrimSuffix(uri, "rendition.m3u8")
		w.ok(t, base+p.Media[uri].Init())
		for _, segment := range p.Media[uri].URIs() {
			sizes[uri+segment] = int64(len(w.ok(t, base+segment)))
		}
	}
	p.Size = func(media, segment string) int64 { return sizes[media+segment] }
	for _, wrong := range hlstest.Check(p) {
		t.Error(wrong)
	}
}

// frames returns the digests of all decoded frames in order of display.
func frames(t *testing.T, input string) []string {
	t.Helper()
	out := run(t, "ffmpeg", "-nostdin", "-v", "error", "-i", input, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var list []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(line, ",")
			list = append(list, strings.TrimSpace(fields[len(fields)-1]))
		}
	}
	return list
}

// packet is a coded frame with the time at which it is shown.
type packet struct {
	PTS  string `json:"pts_time"`
	Hash string `json:"data_hash"`
}

func packets(t *testing.T, stream, input string, options ...string) []packet {
	t.Helper()
	args := append([]string{"-v", "error"}, options...)
	args = append(args, "-select_streams", stream, "-show_entries", "packet=pts_time,data_hash", "-show_data_hash", "md5", "-of", "json", input)
	var all struct{ Packets []packet }
	must(t, json.Unmarshal(run(t, "ffprobe", args...), &all))
	return all.Packets
}

// comparePackets holds packets and times of a stream of the playlist against the film's. Sound that an edit list hides
// is played all the same, before the film's beginning: it is what decoders begin with.
func comparePackets(t *testing.T, stream, path, url string) {
	t.Helper()
	got, want := packets(t, stream, url), packets(t, stream, path, "-ignore_editlist", "1")
	hashes := func(list []packet) []string {
		var all []string
		for _, p := range list {
			all = append(all, p.Hash)
		}
		return all
	}
	if !slices.Equal(hashes(got), hashes(want)) {
		t.Errorf("%s: %d packets, the film has %d: %s", stream, len(got), len(want), firstDifference(hashes(got), hashes(want)))
		return
	}
	// Times are those of the film as shown, edit lists and all: match packets from the end, where nothing is hidden.
	shown := packets(t, stream, path)
	worst := 0.0
	for i := range shown {
		p := got[len(got)-len(shown)+i]
		worst = max(worst, math.Abs(seconds(t, p.PTS)-1-seconds(t, shown[i].PTS)))
	}
	t.Logf("%s: %d packets of %d shown, at most %.6f s off", stream, len(shown), len(want), worst)
	if len(shown) == 0 || worst > 0.001 {
		t.Errorf("%s: %d packets are shown, up to %.6f s off", stream, len(shown), worst)
	}
}

func seconds(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	must(t, err)
	return v
}

func firstDifference(got, want []string) string {
	for i := range got {
		if i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("they differ from number %d on", i)
		}
	}
	return fmt.Sprintf("the first %d are equal", len(got))
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, said.String())
	}
	if said.Len() > 0 {
		t.Logf("%s says: %s", name, said.String())
	}
	return out
}
