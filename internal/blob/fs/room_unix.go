//go:build linux || darwin

package fs

import (
	"fmt"
	"syscall"
)

// Room asks the file system. One that has bytes, but no place for another file, has no room.
func (s *Store) Room() (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.root, &st); err != nil {
		return 0, 0, fmt.Errorf("ask for room: %w", err)
	}
	block := int64(st.Bsize) //nolint:unconvert // the field's type differs between systems
	free, total = int64(st.Bavail)*block, int64(st.Blocks)*block
	if st.Files > 0 && st.Ffree == 0 { // some file systems do not count files
		free = 0
	}
	return free, total, nil
}
