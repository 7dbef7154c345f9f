package films_test

import (
	"os"
	"syscall"
)

// blocks returns how many blocks of 512 bytes the file takes on disk.
func blocks(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks }
