package fs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
)

// TestCreatePowerCut cuts the power at every operation: what was published is there, whole, and what was not is not.
func TestCreatePowerCut(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("film", 1000)
	for _, how := range faultfs.Survivals() {
		for stop := 1; ; stop++ {
			disk := faultfs.New()
			view := disk.Boot(faultfs.Plan{StopAfter: stop})
			err := createOn(t, view, content)
			disk.Crash(how, rand.New(rand.NewPCG(uint64(stop), 1)))
			s, openErr := fs.OpenOn(disk.Boot(faultfs.Plan{}), "/data")
			if openErr != nil {
				t.Fatal(openErr)
			}
			name := fmt.Sprintf("%s after %d operations", how, stop)
			r, readErr := s.Open(t.Context(), "a/b/k")
			switch {
			case err == nil && readErr != nil:
				t.Errorf("%s: published and not there: %v", name, readErr)
			case readErr == nil && r.Size() != int64(len(content)):
				t.Errorf("%s: %d bytes of %d", name, r.Size(), len(content))
			case readErr != nil && !errors.Is(readErr, blob.ErrNotFound):
				t.Errorf("%s: %v", name, readErr)
			}
			for file := range disk.Tree() {
				if strings.Contains(file, ".tmp/") {
					t.Errorf("%s: %s is left", name, file)
				}
			}
			if err == nil {
				break
			}
		}
	}
}

func createOn(t *testing.T, system fs.OS, content string) error {
	t.Helper()
	s, err := fs.OpenOn(system, "/data")
	if err != nil {
		return err
	}
	w, err := s.Create(t.Context(), "a/b/k")
	if err != nil {
		return err
	}
	defer w.Close()
	for part := range strings.SplitAfterSeq(content, "m") {
		if len(part) == 0 {
			continue
		}
		if _, err := w.Write([]byte(part)); err != nil {
			return err
		}
		content = content[len(part):]
		if len(content) < 3900 {
			break
		}
	}
	if _, err := w.Write([]byte(content)); err != nil {
		return err
	}
	return w.Publish(t.Context())
}

// TestCreateWithoutRoom: a write for which there was no room may be tried again, and so may the publishing.
func TestCreateWithoutRoom(t *testing.T) {
	t.Parallel()
	full := true
	view := faultfs.New().Boot(faultfs.Plan{Fail: func(op faultfs.Op) error {
		if full && (op.Kind == faultfs.Write || op.Kind == faultfs.Rename || op.Kind == faultfs.Sync) {
			return syscall.ENOSPC
		}
		return nil
	}})
	s, err := fs.OpenOn(view, "/data")
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(t.Context(), "a/k")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		full = true
		if n, err := w.Write([]byte("hello ")); n != 0 || !errors.Is(err, blob.ErrNoSpace) || w.Size()%6 != 0 {
			t.Errorf("Write = %d, %v; size %d", n, err, w.Size())
		}
		full = false
		if _, err := w.Write([]byte("hello ")); err != nil {
			t.Fatal(err)
		}
	}
	full = true
	if err := w.Publish(t.Context()); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Publish = %v, want ErrNoSpace", err)
	}
	full = false
	if err := w.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if info, err := s.Stat(t.Context(), "a/k"); err != nil || info.Size != 12 || view.Open() != 0 {
		t.Errorf("Stat = %+v, %v; %d files open", info, err, view.Open())
	}
}
