// Package backup copies the keep, rows and bytes, while a server works on it, and makes a keep from such a copy.
//
// The order makes the copy whole without stopping anybody. Purges are held off first; then the rows are copied as of
// one moment; then the bytes, so that all that the rows speak of is there; and of each film its manifests before its
// bytes, so that a film that is still growing is copied as of a sync or later, which is what taking it up again
// expects after any crash (docs/storage.md).
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/sqldb"
)

const (
	// rowsName is the name of the copy of the rows in the folder of a backup, and filmsName of the folder of films.
	rowsName  = "catalog.db"
	filmsName = "keep"
	// hold is for how long purges are held off at a time; it is renewed while the copying goes on.
	hold = 10 * time.Minute
	// manifestSuffix ends the keys of manifests.
	manifestSuffix = ".manifest"
)

// Progress is called after each object with what has been copied so far; may be nil.
type Progress func(objects int, bytes int64)

// Rows copies the rows into dir, in place of an earlier copy. PostgreSQL has its own tools for that:
// [errors.ErrUnsupported].
func Rows(ctx context.Context, db *sqldb.DB, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the backup: %w", err)
	}
	fresh := filepath.Join(dir, rowsName+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove what an interrupted backup left: %w", err)
	}
	if err := db.Snapshot(ctx, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(dir, rowsName))
}

// Films copies every film into dir. Objects that are there already with the same length are kept, when they are
// sealed: a backup into the folder of the last one copies what is new. Call it with purges held off, by [Hold], since
// before the rows were copied.
func Films(ctx context.Context, from blob.Store, dir string, progress Progress) error {
	to, err := fs.Open(filepath.Join(dir, filmsName))
	if err != nil {
		return err
	}
	return copyAll(ctx, from, to, progress)
}

// Hold holds purges off until stop is called or the context ends. It returns when the hold is in the rows.
func Hold(ctx context.Context, rows *catalog.Catalog) (stop func() error, err error) {
	if err := rows.HoldPurges(ctx, time.Now().Add(hold)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { // stop waits for it
		tick := time.NewTicker(hold / 5)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				ended <- nil
				return
			case <-tick.C:
				if err := rows.HoldPurges(ctx, time.Now().Add(hold)); err != nil && ctx.Err() == nil {
					ended <- fmt.Errorf("renew the hold of purges: %w", err)
					return
				}
			}
		}
	}()
	return func() error { cancel(); return <-ended }, nil
}

// Restore makes a data folder from a backup: films first, rows last, so that a folder with rows is a whole one. It
// refuses a folder that has rows.
func Restore(ctx context.Context, dir, data string, progress Progress) error {
	if _, err := os.Lstat(filepath.Join(data, rowsName)); err == nil {
		return fmt.Errorf("%s holds a catalog already: name a folder that is empty or new", data)
	}
	from, err := existing(filepath.Join(dir, filmsName))
	if err != nil {
		return err
	}
	to, err := fs.Open(filepath.Join(data, filmsName))
	if err != nil {
		return err
	}
	if err := copyAll(ctx, from, to, progress); err != nil {
		return err
	}
	rows, err := os.Open(filepath.Join(dir, rowsName))
	if errors.Is(err, os.ErrNotExist) {
		return nil // a backup of films alone: the rows are in PostgreSQL
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	root, err := fs.Open(data)
	if err != nil {
		return err
	}
	return root.Put(ctx, rowsName, rows)
}

func existing(dir string) (blob.Store, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s is no backup: %w", filepath.Dir(dir), err)
	}
	return fs.Open(dir)
}

// copyAll copies the objects of a store, folder by folder.
func copyAll(ctx context.Context, from, to blob.Store, progress Progress) error {
	var (
		folder  string
		group   []blob.Info
		objects int
		bytes   int64
	)
	flush := func() error {
		for _, manifests := range []bool{true, false} {
			for _, info := range group {
				if strings.HasSuffix(info.Key, manifestSuffix) != manifests {
					continue
				}
				n, err := copyOne(ctx, from, to, info)
				if err != nil {
					return fmt.Errorf("copy %s: %w", info.Key, err)
				}
				objects, bytes = objects+1, bytes+n
				if progress != nil {
					progress(objects, bytes)
				}
			}
		}
		group = group[:0]
		return nil
	}
	// The listing is in the order of keys, so the objects of a folder come one after the other.
	for info, err := range from.List(ctx, "") {
		if err != nil {
			return err
		}
		if parent := info.Key[:strings.LastIndexByte(info.Key, '/')+1]; parent != folder {
			if err := flush(); err != nil {
				return err
			}
			folder = parent
		}
		group = append(group, info)
	}
	return flush()
}

// copyOne copies an object as it is now. One that is gone meanwhile was deleted: purges are held off, so no row of the
// copy speaks of it.
func copyOne(ctx context.Context, from, to blob.Store, info blob.Info) (int64, error) {
	object, err := from.Open(ctx, info.Key)
	if errors.Is(err, blob.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer object.Close()
	if there, err := to.Stat(ctx, info.Key); err == nil && there.Size == object.Size() && !there.Modified.Before(info.Modified) {
		return 0, nil
	}
	return object.Size(), to.Put(ctx, info.Key, io.NewSectionReader(object, 0, object.Size()))
}
