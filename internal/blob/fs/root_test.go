package fs_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
)

// TestFoldersAboveSurvive: a process that died between the making of the folders above its root and their sync leaves
// them to the next one to sync. What that one promises survives a power cut.
func TestFoldersAboveSurvive(t *testing.T) {
	t.Parallel()
	lost := 0
	for stop := 1; stop < 30; stop++ {
		disk := faultfs.New()
		if _, err := fs.OpenOn(disk.Boot(faultfs.Plan{StopAfter: stop}), "/srv/data/keep"); err == nil && stop > 25 {
			break // it was never stopped
		}
		disk.Crash(faultfs.Kill, nil) // the process is gone, the machine is not: what was not synced is there
		store, err := fs.OpenOn(disk.Boot(faultfs.Plan{}), "/srv/data/keep")
		if err != nil {
			t.Fatalf("stopped after %d: %v", stop, err)
		}
		if err := store.Put(t.Context(), "film", strings.NewReader("bytes")); err != nil {
			t.Fatal(err)
		}
		disk.Crash(faultfs.Lose, rand.New(rand.NewPCG(1, uint64(stop))))
		if store, err = fs.OpenOn(disk.Boot(faultfs.Plan{}), "/srv/data/keep"); err != nil {
			t.Fatal(err)
		}
		object, err := store.Open(t.Context(), "film")
		if err != nil {
			lost++
			t.Errorf("stopped after %d: a film that was stored is gone: %v", stop, err)
			continue
		}
		_ = object.Close()
	}
	if lost > 0 {
		t.Errorf("%d of them", lost)
	}
}
