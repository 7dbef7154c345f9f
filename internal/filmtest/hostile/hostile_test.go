package hostile_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"filmcan/internal/filmtest/hostile"
)

// TestCorpus holds what the package promises: enough of each class, the same bytes each time, next to nothing on disk.
func TestCorpus(t *testing.T) {
	t.Parallel()
	places := hostile.Places{Canary: "/nowhere/canary.txt", Host: "127.0.0.1:9"}
	count := map[hostile.Class]int{}
	var disk int64
	path := filepath.Join(t.TempDir(), "file")
	again := hostile.Corpus(t, places)
	for i, f := range hostile.Corpus(t, places) {
		count[f.Class]++
		if err := f.Write(path); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		disk += info.Sys().(*syscall.Stat_t).Blocks * 512
		if f.Why == "" || f.Class == "" {
			t.Errorf("%s: class %q, why %q", f.Name, f.Class, f.Why)
		}
		if got, want := sha256.Sum256(f.Head(1<<20)), sha256.Sum256(again[i].Head(1<<20)); got != want {
			t.Errorf("%s is not the same twice", f.Name)
		}
		if n := info.Size(); n < 1<<22 {
			var b bytes.Buffer
			if m, err := f.WriteTo(&b); err != nil || m != n {
				t.Errorf("%s: %d bytes, %v; the file has %d", f.Name, m, err, n)
			}
		}
	}
	for _, c := range hostile.Classes() {
		if count[c] < 8 {
			t.Errorf("%s: %d files", c, count[c])
		}
	}
	t.Logf("%v, %d MB on disk", count, disk>>20)
}
