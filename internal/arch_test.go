package internal_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// rooms says which rooms each room may import. A name allows that room alone, a final slash everything below it, `*`
// everything; a package belongs to the longest room that is its path or a parent of it. The rooms are drawn in
// ARCHITECTURE.md.
var rooms = map[string]string{
	"point": "",

	"film":     "",
	"muxapi":   "film",
	"media":    "media media/ point",
	"blob":     "film point blob/",
	"sqldb":    "point",
	"scratch":  "",
	"outbound": "",
	"queue":    "film point",
	"token":    "film",
	"uploader": "film muxapi",

	"keep/vault":   "film blob point",
	"keep/catalog": "film sqldb point",
	"keep/check":   "film keep/vault keep/catalog",
	"keep/backup":  "blob blob/fs keep/catalog sqldb",

	"intake": "film keep/ media media/ derive/export scratch outbound point",

	"derive":             "film blob point",
	"derive/export":      "film blob derive keep/vault media/ scratch point",
	"derive/hls":         "film media/",
	"derive/passthrough": "film derive/reel media/",
	"derive/reel":        "film keep/vault media/",
	"derive/rendition":   "film blob derive derive/reel media/",
	"derive/still":       "film derive derive/reel media/",

	"front/door":    "film",
	"front/ops":     "film front/door",
	"front/api":     "film muxapi keep/catalog front/door",
	"front/play":    "film keep/ derive derive/hls derive/rendition derive/still derive/passthrough derive/reel token front/door",
	"front/master":  "film keep/ token front/door point",
	"front/upload":  "film keep/ token front/door point",
	"front/webhook": "film muxapi keep/catalog outbound point",

	"app":      "*",
	"filmtest": "*",
	"e2e":      "*",
	"cli":      "app muxapi film sqldb keep/ derive token uploader",
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// TestArchitecture holds the import directions of the house.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "filmcan/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	used := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		path, inside := strings.CutPrefix(p.ImportPath, "filmcan/internal/")
		if !inside {
			continue // cmd and tools stand outside of the house and may enter by any door
		}
		from := roomOf(path)
		if from == "" {
			t.Errorf("%s belongs to no room: give it one in arch_test.go and ARCHITECTURE.md", path)
			continue
		}
		used[from] = true
		for _, imported := range p.Imports {
			to, inside := strings.CutPrefix(imported, "filmcan/internal/")
			if inside && roomOf(to) != from && !allowed(rooms[from], to) {
				t.Errorf("%s imports %s: room %q may import only %q", path, to, from, rooms[from])
			}
		}
	}
	for room := range rooms {
		if !used[room] {
			t.Errorf("room %q has no package: take it out", room)
		}
	}
}

func roomOf(path string) string {
	best := ""
	for room := range rooms {
		if (path == room || strings.HasPrefix(path, room+"/")) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func allowed(list, path string) bool {
	for room := range strings.FieldsSeq(list) {
		if room == "*" || room == path || strings.HasSuffix(room, "/") && strings.HasPrefix(path, room) {
			return true
		}
	}
	return false
}

// TestArchitectureChecker shows that the checker would notice.
func TestArchitectureChecker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"film", "queue", false},
		{"front/api", "front/play", false},
		{"front/api", "keep/catalog", true},
		{"front/play", "media/ffmpeg", false},
		{"keep/catalog", "keep/vault", false},
		{"intake", "keep/vault", true},
		{"cli", "queue", false},
	} {
		if got := allowed(rooms[c.from], c.to); got != c.want {
			t.Errorf("allowed(%s → %s) = %v, want %v", c.from, c.to, got, c.want)
		}
	}
	if got := roomOf("front/api/openapi"); got != "front/api" {
		t.Errorf("roomOf(front/api/openapi) = %q", got)
	}
}
