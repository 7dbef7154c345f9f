package film

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestStoredForm holds the JSON form in which assets are stored, version 1 of the snapshots: rows and events are read
// back years later. A field may be added; a change of an existing line needs a migration and a new SnapshotVersion.
func TestStoredForm(t *testing.T) {
	t.Parallel()
	if SnapshotVersion != 1 {
		t.Fatalf("version %d needs a golden of its own; the one of version 1 stays readable", SnapshotVersion)
	}
	granted := states()["ready, access"]
	granted.Upload, granted.LiveStream = "upload1", "live1"
	granted.NonStandard = Reasons{ReasonVideoGOPSize: "11.2"}
	granted.Media.Audio.SampleSize = 16
	granted.Settings.Meta = Meta{Title: "Title", CreatorID: "creator", ExternalID: "external"}
	for name, a := range map[string]Asset{"ready": granted, "errored": states()["errored"], "preparing": states()["preparing"]} {
		got, err := json.MarshalIndent(Snapshot{Asset: &a}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		file := filepath.Join("testdata", "snapshot1-"+name+".json")
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stored as\n%s\nwant\n%s", name, got, want)
		}
		var back Snapshot
		if err := json.Unmarshal(want, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*back.Asset, a) {
			t.Errorf("%s is read back as\n%+v\nwant\n%+v", name, *back.Asset, a)
		}
	}
}
