package fault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// disk is a small file system of its own, with a data folder on it.
type disk struct {
	t    *testing.T
	root string
	kind string
}

// newDisk mounts a file system of so many bytes; it goes with the test. Inodes bounds the number of its files, 0 leaves
// that to the file system. Where nothing can be mounted the test is skipped; in CI, a root that cannot is a failure.
func newDisk(t *testing.T, size int64, inodes int) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a full disk needs a small file system, and only root may mount one")
	}
	d := &disk{t: t, root: filepath.Join(t.TempDir(), "disk")}
	if err := os.Mkdir(d.root, 0o700); err != nil {
		t.Fatal(err)
	}
	err := d.mountExt4(size, inodes)
	if err != nil {
		err = errors.Join(err, d.mountTmpfs(size, inodes))
	}
	if d.kind == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no small file system can be mounted: %v", err)
		}
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.root, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	t.Logf("a disk of %d MiB: %s", size/mib, d.kind)
	return d
}

// mountExt4 mounts an image through a loop device: it syncs, journals and runs full as the disks of servers do.
func (d *disk) mountExt4(size int64, inodes int) error {
	image := filepath.Join(d.t.TempDir(), "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, size)); err != nil {
		return err
	}
	options := []string{"-q", "-F", "-m", "0"} // nothing is held back for root, whom the program is here
	if inodes > 0 {
		options = append(options, "-N", fmt.Sprint(inodes))
	}
	if err := d.command("mkfs.ext4", append(options, image)...); err != nil {
		return err
	}
	if err := d.command("mount", "-o", "loop", image, d.root); err != nil {
		return err
	}
	d.kind = "ext4"
	return nil
}

func (d *disk) mountTmpfs(size int64, inodes int) error {
	options := fmt.Sprintf("size=%d", size)
	if inodes > 0 {
		options += fmt.Sprintf(",nr_inodes=%d", inodes)
	}
	if err := d.command("mount", "-t", "tmpfs", "-o", options, "tmpfs", d.root); err != nil {
		return err
	}
	d.kind = "tmpfs"
	return nil
}

func (d *disk) command(name string, args ...string) error {
	if out, err := exec.CommandContext(d.t.Context(), name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// data is the data folder on it.
func (d *disk) data() string { return filepath.Join(d.root, "data") }

func (d *disk) ballast() string { return filepath.Join(d.root, "ballast") }

// free is how many bytes there is room for.
func (d *disk) free() int64 {
	d.t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.root, &s); err != nil {
		d.t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// leave fills the disk until so many bytes are free; leave(0) fills it to the last.
func (d *disk) leave(bytes int64) {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, mib)
	for size := int64(mib); size >= 512; {
		if bytes > 0 && d.free()-size < bytes {
			size /= 2
			continue
		}
		_, err := f.Write(block[:size])
		if err == nil {
			err = f.Sync() // what is delayed does not count
		}
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			d.t.Fatal(err)
		}
	}
}

// takeInodes makes empty files until no other file can be made.
func (d *disk) takeInodes() {
	d.t.Helper()
	if err := os.MkdirAll(d.ballast(), 0o700); err != nil {
		d.t.Fatal(err)
	}
	for n := 0; ; n++ {
		f, err := os.OpenFile(filepath.Join(d.ballast(), fmt.Sprint(n)), os.O_CREATE|os.O_WRONLY, 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			return
		}
		if err != nil {
			d.t.Fatal(err)
		}
		f.Close()
	}
}

// relieve gives back what leave and takeInodes took.
func (d *disk) relieve() {
	d.t.Helper()
	if err := os.RemoveAll(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}
