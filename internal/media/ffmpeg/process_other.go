//go:build !linux

package ffmpeg

import "syscall"

// Guards says which limits hold on this system besides wall time and output size, for the log.
const Guards = "none: limits of memory, CPU time and open files need Linux"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func limit(int, Limits) error { return nil }

func reapGroup(int) {}
