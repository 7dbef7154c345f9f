package cmaf_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // ffprobe's hash of packets, not a secret
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// film makes a film with ffmpeg in the test's folder and returns its path.
func film(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	run(t, "ffmpeg", append(append([]string{"-nostdin", "-hide_banner", "-v", "error", "-y"}, args...), path)...)
	return path
}

// run starts a program and returns its standard output.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes()
}

// index parses a film and returns its index and the open file.
func index(t *testing.T, path string) (*mp4.Index, *os.File) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	x, err := mp4.Parse(t.Context(), f, info.Size(), mp4.Limits{})
	if err != nil {
		t.Fatalf("parse %s: %v", filepath.Base(path), err)
	}
	return x, f
}

// standard fails the test if the film is not a standard input.
func standard(t *testing.T, x *mp4.Index, f *os.File) {
	t.Helper()
	v, err := mp4.Check(t.Context(), x, f, "")
	if err != nil {
		t.Fatal(err)
	}
	if !v.Standard() {
		t.Fatalf("not standard: %v %v", v.Reasons, v.Details)
	}
}

// packaged is a rendition written to disk: all segments behind the init in one file, and as a playlist.
type packaged struct {
	r              *cmaf.Rendition
	file, playlist string
}

func write(t *testing.T, r *cmaf.Rendition, src *os.File, target int) packaged {
	t.Helper()
	dir := t.TempDir()
	p := packaged{r: r, file: filepath.Join(dir, "all.mp4"), playlist: filepath.Join(dir, "list.m3u8")}
	list := fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"init.mp4\"\n", target)
	all := slices.Clone(r.Init())
	put(t, filepath.Join(dir, "init.mp4"), all)
	for i, s := range r.Segments {
		head, ranges, size, err := r.Segment(i)
		if err != nil {
			t.Fatal(err)
		}
		seg := slices.Clone(head)
		for _, rg := range ranges {
			b := make([]byte, rg.Length)
			if _, err := src.ReadAt(b, rg.Offset); err != nil {
				t.Fatal(err)
			}
			seg = append(seg, b...)
		}
		if int64(len(seg)) != size || size != s.Size {
			t.Fatalf("segment %d has %d bytes, announced %d and %d", i, len(seg), size, s.Size)
		}
		name := strconv.Itoa(i) + ".m4s"
		put(t, filepath.Join(dir, name), seg)
		list += fmt.Sprintf("#EXTINF:%.6f,\n%s\n", r.Time(s.Duration).Seconds(), name)
		all = append(all, seg...)
	}
	put(t, p.file, all)
	put(t, p.playlist, []byte(list+"#EXT-X-ENDLIST\n"))
	return p
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// packet is one packet as ffprobe sees it.
type packet struct {
	pts  int64
	hash string
}

// packets lists the packets of one stream ("v:0", "a:0") in the order of presentation.
func packets(t *testing.T, path, stream string, args ...string) []packet {
	t.Helper()
	out := run(t, "ffprobe", append(args, "-v", "error", "-select_streams", stream, "-show_data_hash", "md5",
		"-show_entries", "packet=pts,data_hash", "-of", "compact=p=0:nk=0", path)...)
	var list []packet
	var p packet // side data splits a packet over two lines: the hash comes last
	for line := range strings.Lines(string(out)) {
		var err error
		for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "pts":
				p.pts, err = strconv.ParseInt(value, 10, 64)
			case "data_hash":
				p.hash = strings.ToLower(strings.TrimPrefix(value, "MD5:"))
			}
			if err != nil {
				t.Fatalf("%s: %q: %v", path, line, err)
			}
		}
		if p.hash != "" {
			list = append(list, p)
			p = packet{}
		}
	}
	slices.SortStableFunc(list, func(a, b packet) int { return int(a.pts - b.pts) })
	return list
}

// frames are the hashes of the decoded pictures, in order.
func frames(t *testing.T, path string) []string {
	t.Helper()
	out := run(t, "ffmpeg", "-nostdin", "-v", "error", "-noautorotate", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var list []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSpace(line[strings.LastIndex(line, ",")+1:]))
		}
	}
	return list
}

// comparePackets wants the same packets, byte for byte, each shifted by exactly the base, less what ffprobe is known to
// be late by.
func comparePackets(t *testing.T, what string, r *cmaf.Rendition, late int64, got, want []packet) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d packets, want %d", what, len(got), len(want))
	}
	base := int64(r.Track.Timescale) - late
	for i := range want {
		if got[i].hash != want[i].hash || got[i].pts != want[i].pts+base {
			t.Fatalf("%s: packet %d is %s at %d, want %s at %d", what, i, got[i].hash, got[i].pts, want[i].hash, want[i].pts+base)
		}
	}
}

// sourceHashes are the hashes of a track's samples by its index: what the packets must be.
func sourceHashes(t *testing.T, tr *mp4.Track, f *os.File) []string {
	t.Helper()
	var list []string
	for i := range tr.Len() {
		b := make([]byte, tr.Size(i))
		if _, err := f.ReadAt(b, tr.Offset(i)); err != nil {
			t.Fatal(err)
		}
		sum := md5.Sum(b) //nolint:gosec // as above
		list = append(list, hex.EncodeToString(sum[:]))
	}
	return list
}
