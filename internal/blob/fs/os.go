package fs

import (
	"io"
	iofs "io/fs"
	"os"
	"syscall"
	"time"

	"filmcan/internal/blob"
)

// OS is what the store asks of the operating system, so that tests can stand a failing one, or one whose power is
// cut, in its place (faultfs). Errors are those of package os.
type OS interface {
	OpenFile(name string, flag int, perm iofs.FileMode) (File, error)
	Mkdir(name string, perm iofs.FileMode) error
	// Rename replaces what is at to.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	Stat(name string) (iofs.FileInfo, error)
	// Chtimes sets when a file was last modified.
	Chtimes(name string, modified time.Time) error
	// ReadDir lists a folder in the order of the names.
	ReadDir(name string) ([]iofs.DirEntry, error)
	// SyncDir returns when the names in the folder survive a power cut.
	SyncDir(name string) error
	// Linked reports whether name still leads to the open file f.
	Linked(f File, name string) (bool, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Stat() (iofs.FileInfo, error)
	// TryLock takes the file's exclusive lock, which ends with Close or with the process; blob.ErrBusy when another
	// open file has it.
	TryLock() error
}

// disk is the operating system itself.
type disk struct{}

func (disk) OpenFile(name string, flag int, perm iofs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) Mkdir(name string, perm iofs.FileMode) error { return os.Mkdir(name, perm) }
func (disk) Rename(from, to string) error                { return os.Rename(from, to) }
func (disk) Remove(name string) error                    { return os.Remove(name) }
func (disk) Chtimes(name string, modified time.Time) error {
	return os.Chtimes(name, time.Time{}, modified)
}
func (disk) Stat(name string) (iofs.FileInfo, error)      { return os.Stat(name) }
func (disk) ReadDir(name string) ([]iofs.DirEntry, error) { return os.ReadDir(name) }

func (disk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (disk) Linked(f File, name string) (bool, error) {
	open, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(name)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(open, named), nil
}

type diskFile struct{ *os.File }

// TryLock uses flock(2): the lock belongs to the open file, so it also stands between two writers in one process, and
// the kernel takes it back when the process dies.
func (f diskFile) TryLock() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	err = conn.Control(func(fd uintptr) {
		for {
			lockErr = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
			if lockErr != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if lockErr == syscall.EWOULDBLOCK {
		return blob.ErrBusy
	}
	return lockErr
}
