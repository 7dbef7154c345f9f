// Package fs is the [blob.Store] in a folder. An object is a file; the slashes of its key are folders.
//
// Its one concern is the order of writes. A whole object is written to a temporary file, synced, renamed to its name,
// and the folder of the name is synced; folders on the way that may be new are synced into their parents first. An
// object that grows is appended to and synced by its writer. Every name that a call acknowledges is durable when the
// call returns, also one that was made by a process that died before it could sync it.
//
// Temporary files lie in `.tmp` below the root, each locked by its writer. Those that nobody holds are left over from
// a crash and removed by Open.
package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"filmcan/internal/blob"
)

const (
	tempDir  = ".tmp"
	dirPerm  = 0o700
	filePerm = 0o600
)

// Store keeps objects as files below a folder. Several processes may have the same folder open.
type Store struct {
	root string
	os   OS
	// disposable: the root is made again when it is gone, and names need not survive a power cut.
	disposable bool

	mu      sync.Mutex
	durable map[string]struct{} // folders, relative to root, known to survive a power cut
	temps   atomic.Uint64       // to name temporary files
}

var (
	_ blob.Store    = (*Store)(nil)
	_ blob.Appender = (*Store)(nil)
	_ blob.Pruner   = (*Store)(nil)
	_ blob.Roomer   = (*Store)(nil)
	_ blob.Creator  = (*Store)(nil)
	_ blob.Toucher  = (*Store)(nil)
	_ blob.Sweeper  = (*Store)(nil)
)

// Open opens the store in the folder root, which it creates when it is missing, and removes what crashed writers left.
func Open(root string) (*Store, error) { return OpenOn(disk{}, root) }

// OpenDisposable is [Open] for what may be deleted at any time, the folder itself included: it is made again by the next
// write. Any other store whose folder is gone refuses to write, since it may be a disk that is not mounted. A power cut may
// take back that an object was put, replaced or deleted; one that is there is whole.
func OpenDisposable(root string) (*Store, error) {
	s, err := Open(root)
	if err == nil {
		s.disposable = true
	}
	return s, err
}

// OpenOn is [Open] on another operating system than the real one.
func OpenOn(system OS, root string) (*Store, error) {
	s := &Store{root: filepath.Clean(root), os: system, durable: make(map[string]struct{})}
	if err := s.makeRoot(s.root); err != nil {
		return nil, fmt.Errorf("open store %s: %w", root, explain(err))
	}
	if err := s.ensureDir(tempDir); err != nil {
		return nil, fmt.Errorf("open store %s: %w", root, explain(err))
	}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("open store %s: sweep: %w", root, explain(err))
	}
	return s, nil
}

// Root is the store's folder.
func (s *Store) Root() string { return s.root }

// Open gives an object to be read.
func (s *Store) Open(_ context.Context, key string) (blob.Reader, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	f, err := s.os.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, explain(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = iofs.ErrNotExist
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open %s: %w", key, explain(err))
	}
	r := reader{file: f, size: info.Size()}
	if real, ok := f.(diskFile); ok {
		return fileReader{r, real.File}, nil
	}
	return r, nil
}

type reader struct {
	file File
	size int64
}

func (r reader) Size() int64  { return r.size }
func (r reader) Close() error { return r.file.Close() }

func (r reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.file.ReadAt(p, off)
	return n, explain(err)
}

type fileReader struct {
	reader
	real *os.File
}

func (r fileReader) File() *os.File { return r.real }

// Stat tells an object's size.
func (s *Store) Stat(_ context.Context, key string) (blob.Info, error) {
	name, err := s.name(key)
	if err != nil {
		return blob.Info{}, err
	}
	info, err := s.os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = iofs.ErrNotExist
	}
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat %s: %w", key, explain(err))
	}
	return blob.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Delete removes an object. The folder is synced also when there is nothing to remove: the one who removed it may have
// died before it could.
func (s *Store) Delete(_ context.Context, key string) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	if err := s.os.Remove(name); err != nil && !missing(err) {
		return fmt.Errorf("delete %s: %w", key, explain(err))
	}
	if err := s.syncDir(filepath.Dir(name)); err != nil && !missing(err) {
		return fmt.Errorf("delete %s: sync folder: %w", key, explain(err))
	}
	return nil
}

// Prune removes an empty folder.
func (s *Store) Prune(_ context.Context, prefix string) error {
	dir, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("prune: %w: %q", blob.ErrKey, prefix)
	}
	name, err := s.name(dir)
	if err != nil {
		return err
	}
	s.forget(filepath.FromSlash(dir))
	err = s.os.Remove(name)
	if missing(err) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, iofs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("prune %s: %w", prefix, explain(err))
	}
	if err := s.syncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("prune %s: sync folder: %w", prefix, explain(err))
	}
	return nil
}

// Touch sets an object's time.
func (s *Store) Touch(_ context.Context, key string, modified time.Time) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	if err := s.os.Chtimes(name, modified); err != nil {
		return fmt.Errorf("touch %s: %w", key, explain(err))
	}
	return nil
}

// List yields the objects below prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		// Only the folder that the prefix names in full needs to be walked.
		start := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if start != "" {
			if err := blob.CheckKey(strings.TrimSuffix(start, "/")); err != nil {
				yield(blob.Info{}, err)
				return
			}
		}
		if _, err := s.list(ctx, start, prefix, yield); err != nil {
			yield(blob.Info{}, fmt.Errorf("list %q: %w", prefix, explain(err)))
		}
	}
}

// list walks the folder of keys that begin with dir, which is empty or ends in a slash, and reports whether to go on.
func (s *Store) list(ctx context.Context, dir, prefix string, yield func(blob.Info, error) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entries, err := s.os.ReadDir(filepath.Join(s.root, filepath.FromSlash(dir)))
	if missing(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	sortAsKeys(entries)
	for _, entry := range entries {
		key := dir + entry.Name()
		if entry.IsDir() {
			key += "/"
		}
		if entry.Name()[0] == '.' || !strings.HasPrefix(key, prefix) && !strings.HasPrefix(prefix, key) {
			continue
		}
		if entry.IsDir() {
			if more, err := s.list(ctx, key, prefix, yield); err != nil || !more {
				return false, err
			}
			continue
		}
		info, err := entry.Info()
		if missing(err) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return false, err
		}
		if strings.HasPrefix(key, prefix) && !yield(blob.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (s *Store) name(key string) (string, error) {
	if err := blob.CheckKey(key); err != nil {
		return "", err
	}
	return filepath.Join(s.root, filepath.FromSlash(key)), nil
}

// missing reports that a name leads nowhere; ENOTDIR is a file where the way to the name wants a folder.
func missing(err error) bool {
	return errors.Is(err, iofs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// explain gives an error of the operating system its meaning in the words of blob.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case missing(err):
		return fmt.Errorf("%w: %w", blob.ErrNotFound, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", blob.ErrNoSpace, err)
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: %w", blob.ErrUnreadable, err)
	}
	return err
}
