// Package mediatest lets the real ffmpeg make films for tests and say what is in a film: the oracle of the packages that
// read and write films. For tests only.
package mediatest

import (
	"bytes"
	"cmp"
	"os"
	"os/exec" //nolint:depguard // the films of tests come from the real ffmpeg
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Small sources: ten seconds of a test card and a tone.
const (
	Card = "testsrc2=s=192x108:r=30:d=10"
	Tone = "sine=f=440:r=48000:d=10"
)

// AV are ffmpeg's arguments for a film of that picture and that sound, as AAC.
func AV(picture, sound string, more ...string) []string {
	return append([]string{"-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-c:a", "aac", "-b:a", "64k"}, more...)
}

// X264 are the arguments of a quick encode with a key frame every gop frames and three B-frames.
func X264(gop string, more ...string) []string {
	return append([]string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "3", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-threads", "1"}, more...)
}

// X265 are the arguments of a quick HEVC encode; params are added to libx265's own.
func X265(params string, more ...string) []string {
	return append([]string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:" + params}, more...)
}

// Film makes a film with ffmpeg in the test's folder and returns its path.
func Film(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	Run(tb, "ffmpeg", slices.Concat([]string{"-nostdin", "-hide_banner", "-v", "error", "-y"}, args, []string{path})...)
	return path
}

// Open opens a file until the test ends and returns it with its size.
func Open(tb testing.TB, path string) (*os.File, int64) {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return f, info.Size()
}

// Write writes a file into the test's folder and returns its path.
func Write(tb testing.TB, name string, b []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Run starts a program and returns its standard output; the test fails if the program does.
func Run(tb testing.TB, name string, args ...string) []byte {
	tb.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(tb.Context(), name, args...) //nolint:gosec // ffmpeg or ffprobe, with arguments of tests
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes()
}

// Packet is one packet as ffprobe sees it: PTS in ticks of its stream, Hash the MD5 of its bytes.
type Packet struct {
	PTS  int64
	Hash string
}

// Packets lists the packets of one stream ("v:0", "a:0") in the order of presentation. more are further arguments of ffprobe.
func Packets(tb testing.TB, path, stream string, more ...string) []Packet {
	tb.Helper()
	out := Run(tb, "ffprobe", append(more, "-v", "error", "-select_streams", stream, "-show_data_hash", "md5",
		"-show_entries", "packet=pts,data_hash", "-of", "compact=p=0:nk=0", path)...)
	var list []Packet
	var p Packet // side data splits a packet over two lines: the hash comes last
	for line := range strings.Lines(string(out)) {
		for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "pts":
				n, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					tb.Fatalf("%s: %q: %v", path, line, err)
				}
				p.PTS = n
			case "data_hash":
				p.Hash = strings.ToLower(strings.TrimPrefix(value, "MD5:"))
			}
		}
		if p.Hash != "" {
			list = append(list, p)
			p = Packet{}
		}
	}
	slices.SortStableFunc(list, func(a, b Packet) int { return cmp.Compare(a.PTS, b.PTS) })
	return list
}

// Frames are the hashes of the decoded pictures of a film, in order, not turned upright.
func Frames(tb testing.TB, path string) []string {
	tb.Helper()
	out := Run(tb, "ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-noautorotate", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var list []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSpace(line[strings.LastIndex(line, ",")+1:]))
		}
	}
	return list
}

// Probe returns values of a stream as ffprobe prints them, in the order in which ffprobe knows them.
func Probe(tb testing.TB, path, stream, entries string) []string {
	tb.Helper()
	out := Run(tb, "ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "default=nw=1:nk=1", path)
	return strings.Fields(string(out))
}
