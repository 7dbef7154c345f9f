package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"filmcan/internal/blob"
)

// Put writes a whole object: temporary file, sync, rename, sync of the folder.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	name, err := s.name(key)
	if err != nil {
		return err
	}
	if err := s.put(ctx, name, r); err != nil {
		return fmt.Errorf("put %s: %w", key, explain(err))
	}
	return nil
}

func (s *Store) put(ctx context.Context, name string, r io.Reader) error {
	temp, f, err := s.createTemp()
	if err != nil {
		return err
	}
	// The lock is held until the name is final, so that no sweep takes the file away.
	err = s.fill(ctx, f, r)
	if err == nil {
		err = s.publish(temp, f, name)
	}
	if err != nil {
		// It may be at its name already; then there is nothing to remove. What stays is swept by the next Open.
		_ = s.os.Remove(temp)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (s *Store) fill(ctx context.Context, f File, r io.Reader) error {
	if _, err := io.Copy(io.NewOffsetWriter(f, 0), stopped{ctx, r}); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// publish gives the synced temporary file its name, durably. A disposable store may be emptied while a file is on its way:
// then the file is written again, from what is still open.
func (s *Store) publish(temp string, f File, name string) error {
	const attempts = 4
	err := s.rename(temp, name)
	for try := 1; missing(err) && s.disposable && try < attempts; try++ {
		err = s.rescue(f, name)
	}
	return err
}

// rescue writes what f holds to another temporary file, and gives that the name.
func (s *Store) rescue(f File, name string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	temp, other, err := s.createTemp()
	if err != nil {
		return err
	}
	defer other.Close()
	if _, err = io.Copy(io.NewOffsetWriter(other, 0), io.NewSectionReader(f, 0, info.Size())); err == nil {
		err = other.Sync()
	}
	if err == nil {
		err = s.rename(temp, name)
	}
	if err != nil {
		_ = s.os.Remove(temp)
	}
	return err
}

// rename gives a file its final name, durably.
func (s *Store) rename(temp, name string) error {
	dir := filepath.Dir(name)
	rel, err := filepath.Rel(s.root, dir)
	if err != nil {
		return err
	}
	if err := s.inDir(rel, func() error { return s.os.Rename(temp, name) }); err != nil {
		return err
	}
	if err := s.syncDir(dir); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// createTemp makes a temporary file and locks it. Between the two a sweep of another process may take it for a
// left-over; then another one is made.
func (s *Store) createTemp() (string, File, error) {
	const attempts = 16
	for range attempts {
		serial := strconv.FormatUint(s.temps.Add(1), 36)
		name := filepath.Join(s.root, tempDir, fmt.Sprintf("%d-%s-%s", os.Getpid(), strconv.FormatInt(time.Now().UnixNano(), 36), serial))
		f, err := s.os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
		if errors.Is(err, iofs.ErrExist) {
			continue
		}
		if missing(err) {
			s.forget(tempDir)
			if err := s.ensureDir(tempDir); err != nil {
				return "", nil, err
			}
			continue
		}
		if err != nil {
			return "", nil, err
		}
		err = s.hold(f, name)
		if err == nil {
			return name, f, nil
		}
		_ = f.Close()
		if !errors.Is(err, blob.ErrBusy) && !errors.Is(err, errReplaced) {
			_ = s.os.Remove(name)
			return "", nil, err
		}
	}
	return "", nil, errors.New("temporary files vanish as they are made")
}

// errReplaced: the name leads to another file than the one that was opened and locked, or nowhere.
var errReplaced = errors.New("file was replaced while it was opened")

// hold takes f's lock and makes sure that name still leads to f: before the lock was held another process may have
// put a new file in its place, or removed it. It returns blob.ErrBusy or errReplaced when that is so.
func (s *Store) hold(f File, name string) error {
	if err := f.TryLock(); err != nil {
		return err
	}
	linked, err := s.os.Linked(f, name)
	if err == nil && !linked {
		err = errReplaced
	}
	return err
}

// Sweep removes temporary files that no living writer holds.
func (s *Store) Sweep(context.Context) error {
	err := s.sweep()
	if missing(err) {
		return nil // the folder itself is gone
	}
	return explain(err)
}

// sweep removes temporary files that no living writer holds.
func (s *Store) sweep() error {
	dir := filepath.Join(s.root, tempDir)
	entries, err := s.os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		f, err := s.os.OpenFile(name, os.O_RDWR, 0)
		if missing(err) {
			continue
		}
		if err != nil {
			return err
		}
		err = s.hold(f, name)
		if err == nil {
			err = s.os.Remove(name)
		}
		_ = f.Close()
		if err != nil && !missing(err) && !errors.Is(err, blob.ErrBusy) && !errors.Is(err, errReplaced) {
			return err
		}
	}
	return nil
}

// stopped is a reader that ends with its context.
type stopped struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	r   io.Reader
}

func (s stopped) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
