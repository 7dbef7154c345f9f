package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"filmcan/internal/blob"
)

// OpenAppend opens an object for its one writer.
func (s *Store) OpenAppend(_ context.Context, key string) (blob.Appending, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	rel := filepath.Dir(filepath.FromSlash(key))
	const attempts = 16
	for range attempts {
		var f File
		err := s.inDir(rel, func() error {
			f, err = s.os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePerm)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("open %s for appending: %w", key, explain(err))
		}
		err = s.hold(f, name)
		if errors.Is(err, errReplaced) {
			_ = f.Close()
			continue
		}
		var info os.FileInfo
		if err == nil {
			info, err = f.Stat()
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("open %s for appending: %w", key, explain(err))
		}
		return s.appendTo(f, filepath.Dir(name), info.Size()), nil
	}
	return nil, fmt.Errorf("open %s for appending: %w", key, blob.ErrBusy)
}

// ReplaceAppend writes a temporary file, whose lock it has, and gives it the name.
func (s *Store) ReplaceAppend(_ context.Context, key string, content []byte) (blob.Appending, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	temp, f, err := s.createTemp()
	if err != nil {
		return nil, fmt.Errorf("replace %s: %w", key, explain(err))
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.os.Rename(temp, name)
	}
	if err != nil {
		_ = s.os.Remove(temp)
		_ = f.Close()
		return nil, fmt.Errorf("replace %s: %w", key, explain(err))
	}
	a := s.appendTo(f, filepath.Dir(name), int64(len(content)))
	if err := a.SyncName(); err != nil {
		return a, fmt.Errorf("replace %s: %w", key, err)
	}
	return a, nil
}

func (s *Store) appendTo(f File, dir string, size int64) blob.Appending {
	a := &appending{file: f, syncName: func() error { return s.syncDir(dir) }}
	a.size.Store(size)
	if real, ok := f.(diskFile); ok {
		return fileAppending{a, real.File}
	}
	return a
}

// appending is a file that grows.
type appending struct {
	file  File
	size  atomic.Int64
	dirty bool // the file ends in bytes that are not counted in size; writer's goroutine only

	syncName func() error
}

type fileAppending struct {
	*appending
	real *os.File
}

func (a fileAppending) File() *os.File { return a.real }

func (a *appending) Size() int64  { return a.size.Load() }
func (a *appending) Close() error { return a.file.Close() }
func (a *appending) Sync() error  { return explain(a.file.Sync()) }

// SyncName syncs the folder.
func (a *appending) SyncName() error { return explain(a.syncName()) }

func (a *appending) Write(p []byte) (int, error) {
	size := a.size.Load()
	if a.dirty {
		if err := a.Truncate(size); err != nil {
			return 0, fmt.Errorf("cut back a partial write: %w", err)
		}
	}
	n, err := a.file.WriteAt(p, size)
	if err != nil {
		a.dirty = n > 0
		if a.dirty {
			_ = a.Truncate(size) // when it fails it stays dirty, and the next Write tries again
		}
		return 0, explain(err)
	}
	a.size.Store(size + int64(n))
	return n, nil
}

func (a *appending) ReadAt(p []byte, off int64) (int, error) {
	n, err := a.file.ReadAt(p, off)
	return n, explain(err)
}

func (a *appending) Truncate(size int64) error {
	if size < 0 || size > a.size.Load() {
		return fmt.Errorf("truncate to %d: object has %d bytes", size, a.size.Load())
	}
	if err := a.file.Truncate(size); err != nil {
		return explain(err)
	}
	a.size.Store(size)
	a.dirty = false
	return nil
}
