package fs

import (
	"syscall"

	"filmcan/internal/blob"
)

var _ blob.Starter = fileAppending{}

// syncRangeWrite is SYNC_FILE_RANGE_WRITE: begin to write what is dirty, wait for nothing.
const syncRangeWrite = 2

// StartWrite begins to write bytes to the disk (sync_file_range(2)). Whether that works is seen by the sync that follows.
func (a fileAppending) StartWrite(off, n int64) {
	conn, err := a.real.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), off, n, syncRangeWrite) })
}
