package fs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filmcan/internal/blob/fs"
)

// TestRootGone removes a store's folder under it: what is disposable is made again, anything else is not written to,
// since the folder may be a disk that is not mounted.
func TestRootGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open func(string) (*fs.Store, error)
		want bool
	}{"disposable": {fs.OpenDisposable, true}, "kept": {fs.Open, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(t.TempDir(), "store")
			s, err := c.open(root)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
					t.Fatal(err)
				}
				if err := os.RemoveAll(root); err != nil {
					t.Fatal(err)
				}
				err := s.Put(t.Context(), "a/b", strings.NewReader("y"))
				if (err == nil) != c.want {
					t.Fatalf("put into a store whose folder is gone: %v", err)
				}
				if !c.want {
					return
				}
			}
		})
	}
}
