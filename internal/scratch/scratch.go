// Package scratch gives jobs folders for files that last as long as the job. What a crash leaves behind is removed at
// the next start, what a living process has is not, whoever shares the parent folder.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Folders are the work folders of jobs. Each is locked by the process that made it, so that processes which share the
// parent can tell a living folder from one that a crash left behind.
type Folders struct{ root string }

// Folder is one job's own.
type Folder struct {
	Path string
	lock *os.File
}

// Open makes the parent and removes the folders that nobody holds.
func Open(root string) (*Folders, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of jobs: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(root, "job-*"))
	if err != nil {
		return nil, err
	}
	for _, path := range left {
		dir, err := hold(path)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("clean the folder of jobs: %w", err)
		}
		if err := dir.Remove(); err != nil {
			return nil, fmt.Errorf("clean the folder of jobs: %w", err)
		}
	}
	return &Folders{root: root}, nil
}

// Make returns a new folder, which is the caller's to remove.
func (f *Folders) Make() (*Folder, error) {
	// Between its making and its lock another process may take it for a crashed one's: then there is none any more.
	for {
		path, err := os.MkdirTemp(f.root, "job-")
		if err != nil {
			return nil, err
		}
		dir, err := hold(path)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err == nil {
			return dir, nil
		}
		_ = dir.lock.Close() // it was removed in between
	}
}

// hold locks a folder.
func hold(path string) (*Folder, error) {
	lock, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Folder{Path: path, lock: lock}, nil
}

// Remove deletes the folder with all that is in it. Once is enough, twice does no harm.
func (d *Folder) Remove() error {
	err := os.RemoveAll(d.Path)
	if closeErr := d.lock.Close(); closeErr != nil && !errors.Is(closeErr, os.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	return err
}
