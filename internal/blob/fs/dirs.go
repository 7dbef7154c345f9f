package fs

import (
	"cmp"
	"errors"
	iofs "io/fs"
	"path/filepath"
	"slices"
)

// maxDurable bounds the folders remembered as durable; when it is reached they are all forgotten and learned again.
const maxDurable = 4096

// makeRoot makes the root and what is missing above it. The root and the folders above may be there but made by a process
// that died before it could sync them, so their names are synced always; an operator's folder above that we may not open
// was there before.
func (s *Store) makeRoot(dir string) error {
	err := s.os.Mkdir(dir, dirPerm)
	above := false // the names of the folders above are synced
	if missing(err) && filepath.Dir(dir) != dir {
		if err := s.makeRoot(filepath.Dir(dir)); err != nil {
			return err
		}
		above = true
		err = s.os.Mkdir(dir, dirPerm)
	}
	if err != nil && !errors.Is(err, iofs.ErrExist) {
		return err
	}
	if made := err == nil; made {
		dir = filepath.Dir(dir)
		if err := s.os.SyncDir(dir); err != nil || above {
			return err
		}
	}
	for filepath.Dir(dir) != dir {
		dir = filepath.Dir(dir)
		if err := s.os.SyncDir(dir); errors.Is(err, iofs.ErrPermission) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// inDir runs do, which makes a name in the folder rel, once the folder exists and survives a power cut. When the
// folder turns out to be gone, because another process pruned it, it is made again.
func (s *Store) inDir(rel string, do func() error) error {
	const attempts = 4
	var err error
	for range attempts {
		if err = s.ensureDir(rel); err == nil {
			err = do()
		}
		if !missing(err) {
			return err
		}
		s.forget(rel) // and those above, which may be gone as well
	}
	return err
}

// ensureDir makes the folder rel and its parents below the root. Each is synced into its parent before it is counted
// on, whoever made it: that one may have died before its sync.
func (s *Store) ensureDir(rel string) error {
	if rel == "." || s.isDurable(rel) {
		return nil
	}
	if err := s.ensureDir(filepath.Dir(rel)); err != nil {
		return err
	}
	name := filepath.Join(s.root, rel)
	err := s.os.Mkdir(name, dirPerm)
	if missing(err) && s.disposable && filepath.Dir(rel) == "." {
		if err := s.makeRoot(s.root); err != nil {
			return err
		}
		err = s.os.Mkdir(name, dirPerm)
	}
	if err != nil && !errors.Is(err, iofs.ErrExist) {
		return err
	}
	if err := s.syncDir(filepath.Dir(name)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.durable) >= maxDurable {
		clear(s.durable)
	}
	s.durable[rel] = struct{}{}
	return nil
}

// syncDir makes a folder's names durable, where that matters.
func (s *Store) syncDir(name string) error {
	if s.disposable {
		return nil
	}
	return s.os.SyncDir(name)
}

func (s *Store) isDurable(rel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.durable[rel]
	return ok
}

func (s *Store) forget(rel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; rel != "."; rel = filepath.Dir(rel) {
		delete(s.durable, rel)
	}
}

// sortAsKeys puts a folder's entries in the order of the keys they stand for: a folder's name ends in a slash there.
func sortAsKeys(entries []iofs.DirEntry) {
	key := func(e iofs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b iofs.DirEntry) int { return cmp.Compare(key(a), key(b)) })
}
