package ffmpeg

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Guards says which limits hold on this system besides wall time and output size, for the log.
const Guards = "memory, CPU time, open files"

// attributes let the child stop before its first instruction, until limit has set its limits and lets it go on. Both
// must be called on one thread.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Ptrace: true}
}

// limit sets the limits of a process that was started with attributes, and lets it run; what it starts later inherits
// them. A process that is gone already is fine.
func limit(pid int, l Limits) error {
	if err := awaitStop(pid); err != nil {
		return err
	}
	if err := setLimits(pid, l); err != nil {
		return err
	}
	if err := syscall.PtraceDetach(pid); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("let process %d go on: %w", pid, err)
	}
	return nil
}

// awaitStop waits until the process has stopped at its exec.
func awaitStop(pid int) error {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for process %d to stop: %w", pid, err)
		case status.Stopped():
			return nil
		default:
			return fmt.Errorf("process %d ended before its first instruction", pid)
		}
	}
}

func setLimits(pid int, l Limits) error {
	seconds := uint64(max(1, (l.CPU.Milliseconds()+999)/1000))
	for _, r := range [...]struct {
		resource  int
		soft, max uint64
	}{
		{unix.RLIMIT_AS, uint64(l.Memory), uint64(l.Memory)},
		// SIGXCPU first, so that the reason shows; SIGKILL for what will not hear it.
		{unix.RLIMIT_CPU, seconds, seconds + 2},
		{unix.RLIMIT_FSIZE, uint64(l.Output), uint64(l.Output)},
		{unix.RLIMIT_NOFILE, uint64(l.Files), uint64(l.Files)},
		{unix.RLIMIT_CORE, 0, 0},
	} {
		err := unix.Prlimit(pid, r.resource, &unix.Rlimit{Cur: r.soft, Max: r.max}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("limit resource %d of process %d: %w", r.resource, pid, err)
		}
	}
	return nil
}

// reapGroup waits until the process has ended, and kills what is left of its group while the process is not yet
// reaped: until then nobody else can be given its number.
func reapGroup(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		_ = killGroup(pid) // nobody left is the usual case
		return
	}
}
