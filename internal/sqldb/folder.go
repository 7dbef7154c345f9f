//go:build unix

package sqldb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrLocked says that another process has exclusive use of the folder. The text around it names that process.
var ErrLocked = errors.New("the folder is in use")

// lockName is the file whose lock stands for the folder. It stays behind: removing it would let two processes hold
// locks on two files of the same name.
const lockName = "filmcan.lock"

// folderLock is held as long as the process lives and has not released it, however it ends.
type folderLock struct{ file *os.File }

func lockFolder(folder string) (*folderLock, error) {
	f, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock folder %s: %w", folder, err)
		}
		return nil, fmt.Errorf("%w: %s belongs to the running process %s; stop that process or use another folder",
			ErrLocked, folder, holder(f))
	}
	// The number is for people only; the lock is what counts.
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("lock folder %s: %w", folder, err), f.Close())
	}
	return &folderLock{f}, nil
}

func (l *folderLock) release() error { return l.file.Close() }

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// holder returns the number of the process that holds the lock, or a question mark in the moment before it is written.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return pid
	}
	return "?"
}
