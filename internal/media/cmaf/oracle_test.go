package cmaf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mediatest"
	"filmcan/internal/media/mp4"
)

// index parses a film and returns its index and the open file.
func index(t *testing.T, path string) (*mp4.Index, *os.File) {
	t.Helper()
	f, size := mediatest.Open(t, path)
	x, err := mp4.Parse(t.Context(), f, size, mp4.Limits{})
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
type packaged struct{ file, playlist string }

func write(t *testing.T, r *cmaf.Rendition, src *os.File, target int) packaged {
	t.Helper()
	dir := t.TempDir()
	p := packaged{file: filepath.Join(dir, "all.mp4"), playlist: filepath.Join(dir, "list.m3u8")}
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

// comparePackets wants the same packets, byte for byte, each shifted by exactly the base, less what ffprobe is known to
// be late by.
func comparePackets(t *testing.T, what string, r *cmaf.Rendition, late int64, got, want []mediatest.Packet) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d packets, want %d", what, len(got), len(want))
	}
	base := int64(r.Track.Timescale) - late
	for i := range want {
		if got[i].Hash != want[i].Hash || got[i].PTS != want[i].PTS+base {
			t.Fatalf("%s: packet %d is %s at %d, want %s at %d", what, i, got[i].Hash, got[i].PTS, want[i].Hash, want[i].PTS+base)
		}
	}
}
