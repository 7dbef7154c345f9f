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

// TestStoredForm holds the JSON form in which assets and uploads are stored, version 1 of the snapshots: rows and events are read
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
	shots := map[string]Snapshot{
		"ready": {Asset: &granted}, "errored": {Asset: new(states()["errored"])}, "preparing": {Asset: new(states()["preparing"])},
		"upload": {Upload: new(uploads()["waiting"])}, "upload-errored": {Upload: new(uploads()["errored with its asset"])},
	}
	for name, shot := range shots {
		got, err := json.MarshalIndent(shot, "", "  ")
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
		if !reflect.DeepEqual(back, shot) {
			t.Errorf("%s is read back as\n%+v\nwant\n%+v", name, back, shot)
		}
	}
}
