package oracle_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/oracle"
)

// fault is something that may go wrong on a film's way, planted by ffmpeg.
type fault struct {
	name string
	// does is what ffmpeg does to the film, between input and output.
	does []string
	// finds are the oracles that must object, unharmed those that must not.
	finds    []string
	unharmed []string
}

// TestFaults plants faults: each is found by the oracle that is there for it, and a film without one by none.
func TestFaults(t *testing.T) {
	t.Parallel()
	spec := films.Spec{Card: true, Duration: 3 * time.Second}
	path := films.Get(t, spec)
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-c:a", "copy"}
	picture := func(filter string) []string {
		return append([]string{"-vf", filter, "-fps_mode", "passthrough", "-enc_time_base", "-1"}, x264...)
	}
	sound := func(filter string) []string { return []string{"-c:v", "copy", "-af", filter, "-c:a", "aac"} }
	for _, f := range []fault{
		{"none", picture("null"), nil, []string{"frames", "times", "colors", "beeps", "voices"}},
		{"half turn", picture("hflip,vflip"), []string{"frames", "colors"}, []string{"beeps"}},
		{"quarter turn", picture("transpose"), []string{"frames", "colors"}, nil},
		{"mirrored", picture("hflip"), []string{"frames", "colors"}, nil},
		{"swapped U and V", picture("shuffleplanes=0:2:1"), []string{"colors"}, []string{"frames"}},
		{"the other matrix", picture("scale=in_color_matrix=bt601:out_color_matrix=bt709"), []string{"colors"}, []string{"frames"}},
		{"washed out", picture("hue=s=0.8"), []string{"colors"}, []string{"frames"}},
		{"a lost frame", picture("select='not(eq(n,41))'"), []string{"frames"}, []string{"colors", "beeps"}},
		{"a lost last frame", picture("trim=end_frame=89"), []string{"frames"}, []string{"colors"}},
		{"a doubled frame", picture("loop=loop=1:size=1:start=30,setpts=N/30/TB"), []string{"frames"}, []string{"colors"}},
		{"a frame twice in another's place", picture("shuffleframes=0 1 2 4 4 5"), []string{"frames"}, []string{"times"}},
		{"two frames exchanged", picture("shuffleframes=0 2 1 3 4 5"), []string{"frames"}, []string{"times"}},
		{"one frame 1 ms late", picture("settb=1/90000,setpts='PTS+90*eq(N,17)'"), []string{"times"}, []string{"frames"}},
		{"pictures 100 ms late", picture("setpts=PTS+0.1/TB"), []string{"times"}, []string{"frames"}},
		{"sound 100 ms late", sound("adelay=100:all=1"), []string{"beeps"}, []string{"voices", "frames", "times"}},
		{"sound 22 ms late", sound("adelay=22:all=1"), []string{"beeps"}, []string{"voices"}},
		{"sound 30 ms early", sound("atrim=start=0.03,asetpts=PTS-STARTPTS"), []string{"beeps"}, nil},
		{"a hole in the sound", sound("volume=0:enable='between(t,0.9,1.1)'"), []string{"beeps"}, nil},
		{"6 dB lower", sound("volume=-6dB"), []string{"voices"}, []string{"beeps"}},
		{"left and right exchanged", sound("channelmap=1|0:stereo"), []string{"voices"}, []string{"beeps"}},
		{"one side lost", sound("pan=stereo|c0=c0|c1=0*c0"), []string{"voices"}, nil},
		{"mono", sound("pan=mono|c0=0.5*c0+0.5*c1"), []string{"voices"}, nil},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "faulty.mp4")
			args := append([]string{"-nostdin", "-v", "error", "-i", path}, f.does...)
			if said, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, out)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			found := judge(t, spec, out)
			for _, name := range f.finds {
				if found[name] == nil {
					t.Errorf("%s found nothing", name)
				}
			}
			for _, name := range f.unharmed {
				if found[name] != nil {
					t.Errorf("%s: %v", name, found[name])
				}
			}
		})
	}
}

// judge holds a plain file of the film against the oracles.
func judge(t *testing.T, spec films.Spec, path string) map[string]error {
	t.Helper()
	looks, err := oracle.Watch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := oracle.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := oracle.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]error{
		"frames": oracle.Frames(spec.Frames(), looks),
		"times":  oracle.Shown(spec.Frames(), info[0].Shown, 0, 0),
		"colors": oracle.Colors(oracle.FaithfulColor, looks),
		"beeps":  oracle.Beeping([]float64{0, 1, 2}, s, oracle.BeepTolerance),
		"voices": oracle.Voices(2, s, 1.2, 2.4),
	}
}

// TestFlatLight: pictures of a high range that are shown as if they had an ordinary one are found.
func TestFlatLight(t *testing.T) {
	t.Parallel()
	for _, light := range []films.Light{films.HDR10, films.HLG} {
		path := films.Get(t, films.Spec{Card: true, Video: films.HEVC, PixFmt: "yuv420p10le", Light: light})
		looks, err := oracle.Watch(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := oracle.Hues(looks); err == nil {
			t.Errorf("%s: found nothing in %v", light, looks[0].Corners)
		}
	}
}

// fragments are a rendition made by ffmpeg: an init and segments of one second.
func fragments(t *testing.T) (init []byte, segments [][]byte) {
	t.Helper()
	dir := t.TempDir()
	path := films.Get(t, films.Spec{Card: true, Duration: 3 * time.Second, BFrames: 2})
	out := filepath.Join(dir, "fragments.mp4")
	args := []string{"-nostdin", "-v", "error", "-i", path, "-map", "0:v", "-c", "copy", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", out}
	if said, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:bytes.LastIndex(b, []byte("mfra"))-4]
	for {
		next := bytes.Index(b[8:], []byte("moof")) + 8 - 4
		if next < 8 {
			return init, append(segments, b)
		}
		if init == nil {
			init = b[:next]
		} else {
			segments = append(segments, b[:next])
		}
		b = b[next:]
	}
}

// TestTracks breaks the boxes of a rendition.
func TestTracks(t *testing.T) {
	t.Parallel()
	init, segments := fragments(t)
	good, err := oracle.ReadTrack(init, segments)
	if err != nil {
		t.Fatal(err)
	}
	if len(good.Samples) != 90 || good.Segments != 3 || !good.Pictures {
		t.Fatalf("%d samples in %d segments", len(good.Samples), good.Segments)
	}
	// move changes the decode time of a segment.
	move := func(b []byte, by int64) []byte {
		b = slices.Clone(b)
		at := bytes.Index(b, []byte("tfdt")) + 8
		binary.BigEndian.PutUint64(b[at:], uint64(int64(binary.BigEndian.Uint64(b[at:]))+by))
		return b
	}
	for name, broken := range map[string][][]byte{
		"a segment is missing":      {segments[0], segments[2]},
		"a segment is there twice":  {segments[0], segments[1], segments[1], segments[2]},
		"two segments change place": {segments[1], segments[0], segments[2]},
		"a tick too late":           {segments[0], move(segments[1], 1), segments[2]},
		"a tick too early":          {segments[0], move(segments[1], -1), segments[2]},
		"cut short":                 {segments[0], segments[1][:len(segments[1])-7]},
		"an empty one":              {segments[0], nil, segments[2]},
	} {
		if _, err := oracle.ReadTrack(init, broken); err == nil {
			t.Errorf("%s: found nothing", name)
		}
	}
	moved := make([][]byte, len(segments))
	for i := range segments {
		moved[i] = move(segments[i], 1)
	}
	other, err := oracle.ReadTrack(init, moved)
	if err != nil {
		t.Fatal(err)
	}
	if err := oracle.Alike(good, other); err == nil {
		t.Error("all a tick later: found nothing")
	}
	if short, err := oracle.ReadTrack(init, segments[:2]); err != nil || oracle.Alike(good, short) == nil {
		t.Errorf("a segment less: found nothing (%v)", err)
	}
	if err := oracle.Extents([]float64{1, 1, 1}, good); err != nil {
		t.Error(err)
	}
	if err := oracle.Extents([]float64{1.002, 0.998, 1}, good); err == nil {
		t.Error("durations that are not true: found nothing")
	}
}
