package intake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// folders are the work folders of jobs. Each is locked by the process that made it, so that processes which share the
// parent can tell a living folder from one that a crash left behind.
type folders struct{ root string }

// folder is one job's own.
type folder struct {
	path string
	lock *os.File
}

// openFolders makes the parent and removes the folders that nobody holds.
func openFolders(root string) (*folders, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of ingests: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(root, "ingest-*"))
	if err != nil {
		return nil, err
	}
	for _, path := range left {
		dir, err := hold(path)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("clean the folder of ingests: %w", err)
		}
		if err := dir.remove(); err != nil {
			return nil, fmt.Errorf("clean the folder of ingests: %w", err)
		}
	}
	return &folders{root: root}, nil
}

// make returns a new folder, which is the caller's to remove.
func (f *folders) make() (*folder, error) {
	// Between its making and its lock another process may take it for a crashed one's: then there is none any more.
	for {
		path, err := os.MkdirTemp(f.root, "ingest-")
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
func hold(path string) (*folder, error) {
	lock, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &folder{path: path, lock: lock}, nil
}

// remove deletes the folder with all that is in it. Once is enough, twice does no harm.
func (d *folder) remove() error {
	err := os.RemoveAll(d.path)
	if closeErr := d.lock.Close(); closeErr != nil && !errors.Is(closeErr, os.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	return err
}
