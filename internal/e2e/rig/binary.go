package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

type build struct {
	once sync.Once
	path string
	err  error
	out  []byte
}

var (
	buildsMu sync.Mutex
	builds   = map[string]*build{}
)

// Binary builds the program with the given tags, once per test process, and returns its path.
func Binary(tb testing.TB, tags ...string) string {
	tb.Helper()
	name := strings.Join(tags, ",")
	buildsMu.Lock()
	b, ok := builds[name]
	if !ok {
		b = new(build)
		builds[name] = b
	}
	buildsMu.Unlock()
	b.once.Do(func() {
		var dir string
		// Not tb.TempDir: the program outlives the test that happened to be first.
		if dir, b.err = os.MkdirTemp("", "filmcan-rig-"); b.err != nil { //nolint:usetesting // shared by all tests of the process
			return
		}
		b.path = filepath.Join(dir, "filmcan")
		cmd := exec.Command("go", "build", "-tags", name, "-o", b.path, "filmcan/cmd/filmcan")
		b.out, b.err = cmd.CombinedOutput()
	})
	if b.err != nil {
		tb.Fatalf("build the program: %v\n%s", b.err, b.out)
	}
	return b.path
}

// CleanBinaries removes what Binary built; for TestMain, after the tests.
func CleanBinaries() {
	buildsMu.Lock()
	defer buildsMu.Unlock()
	for _, b := range builds {
		if b.path != "" {
			_ = os.RemoveAll(filepath.Dir(b.path))
		}
	}
}
