package scratch

import (
	"os"
	"path/filepath"
	"testing"

	"filmcan/internal/filmtest"
)

func TestWorkFolders(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "work")
	first, err := Open(root)
	must(t, err)
	living, err := first.Make()
	must(t, err)
	dead, err := first.Make()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dead.Path, "master.mp4"), []byte("x"), 0o600))
	must(t, dead.lock.Close()) // its process was killed
	must(t, os.WriteFile(filepath.Join(root, "other"), nil, 0o600))

	_, err = Open(root)
	must(t, err)
	left, err := filepath.Glob(filepath.Join(root, "*"))
	must(t, err)
	if len(left) != 2 || left[0] != living.Path {
		t.Errorf("left: %v, want %s and what is not ours", left, living.Path)
	}
	must(t, living.Remove())
	must(t, living.Remove())
}

var must = filmtest.Must
