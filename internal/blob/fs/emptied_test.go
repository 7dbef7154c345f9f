package fs_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filmcan/internal/blob/fs"
)

// TestEmptiedWhileWritten: a disposable store that is emptied while an object is on its way has the object all the same.
func TestEmptiedWhileWritten(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "derived")
	store, err := fs.OpenDisposable(root)
	if err != nil {
		t.Fatal(err)
	}
	empty := func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	}
	if err := store.Put(t.Context(), "a/put", &emptying{Reader: strings.NewReader("the bytes"), then: empty}); err != nil {
		t.Errorf("put: %v", err)
	}
	w, err := store.Create(t.Context(), "b/created")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("other bytes")); err != nil {
		t.Fatal(err)
	}
	empty()
	if err := w.Publish(t.Context()); err != nil {
		t.Errorf("publish: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	object, err := store.Open(t.Context(), "b/created")
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	b := make([]byte, object.Size())
	if _, err := object.ReadAt(b, 0); err != nil || string(b) != "other bytes" {
		t.Errorf("%q, %v", b, err)
	}
	left, err := os.ReadDir(filepath.Join(root, ".tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestParentsVanish: another process removes a folder that this one has made and counts on, for another object below it.
func TestParentsVanish(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(string) (*fs.Store, error){"kept": fs.Open, "disposable": fs.OpenDisposable} {
		root := filepath.Join(t.TempDir(), name)
		store, err := open(root)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), "ab/film1/source", strings.NewReader("one")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(root, "ab")); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), "ab/film2/source", strings.NewReader("two")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// emptying calls then at the end of the reader.
type emptying struct {
	io.Reader
	then func()
}

func (e *emptying) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		e.then()
	}
	return n, err
}
