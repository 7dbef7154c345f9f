package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// job is one process to run.
type job struct {
	program, name string
	args          []string
	limits        Limits
	// output is the file that it writes, watched for its size; empty where there is none. In the sandbox it can open this
	// one and those that args name as inputs, by absolute paths, and no others.
	output  string
	stdin   io.Reader // nil: nothing
	stdout  io.Writer // nil: nowhere
	started *atomic.Int64
	// made, if it is not nil, is how many bytes it has made so far: one that makes nothing of its input may not complain for
	// ever.
	made func() int64
}

// noRoom is what ffmpeg prints of ENOSPC in the locale that it is given.
const noRoom = "No space left on device"

var (
	errTooMuch = errors.New("it printed more than anyone wants to read")
	errWall    = errors.New("it took too long")
	errOutput  = errors.New("it wrote too much")
	errMemory  = errors.New("it needs more memory than it may have")

	errComplaints = errors.New("it made nothing of its input")
)

// watchEvery is how often the output's size is looked at. On Linux the kernel holds the limit too, at once.
const watchEvery = 500 * time.Millisecond

// run starts the process, waits for its end and leaves nothing of it behind: when the context ends, or a limit is
// reached, its whole group is killed. The error is an [*Error], or the cause of the context's end.
func (r *Runner) run(ctx context.Context, j job) error {
	limited, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	wall := time.AfterFunc(j.limits.Wall, func() { stop(errWall) })
	defer wall.Stop()

	cmd, err := r.command(limited, j)
	if err != nil {
		return &Error{Program: j.name, Unstarted: true, Cause: err}
	}
	stderr := complaints{made: j.made, stop: stop}
	cmd.Dir = "/"
	if j.output != "" {
		cmd.Dir = filepath.Dir(j.output)
	}
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin", "AV_LOG_FORCE_NOCOLOR=1"}
	var fault inputFault
	cmd.Stdin, cmd.Stdout, cmd.Stderr = fault.of(j.stdin), j.stdout, &stderr
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	// What still holds the pipes after the end gets this long.
	cmd.WaitDelay = 5 * time.Second

	var watch sync.WaitGroup
	var unstarted error
	err = lockedToThread(func() error {
		if unstarted = cmd.Start(); unstarted != nil {
			return unstarted
		}
		j.started.Add(1)
		if j.output != "" {
			watch.Go(func() { watchOutput(limited, j.output, j.limits.Output, func() { stop(errOutput) }) })
		}
		reapGroup(cmd.Process.Pid)
		err := cmd.Wait()
		if unstarted = cmd.unstarted(err); unstarted != nil {
			return unstarted
		}
		return err
	})
	cmd.close()
	cause := context.Cause(limited)
	stop(nil)
	watch.Wait()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if unread := fault.get(); unread != nil {
		return fmt.Errorf("read the input of %s: %w", j.name, unread) // to the process it looked as if that ended there
	}
	e := &Error{Program: j.name, Unstarted: unstarted != nil, Lines: stderr.lines(), Cause: err}
	e.NoRoom = errors.Is(unstarted, syscall.ENOSPC) ||
		slices.ContainsFunc(e.Lines, func(line string) bool { return strings.Contains(line, noRoom) })
	switch {
	case errors.Is(cause, errWall):
		e.Limit = LimitWall
	case errors.Is(cause, errOutput):
		e.Limit = LimitOutput
	case errors.Is(cause, errMemory):
		e.Limit = LimitMemory
	case errors.Is(cause, errComplaints):
		e.Limit = LimitErrors
	default:
		e.Limit, e.Killed = endOf(err, j.limits)
		if e.Limit == "" && !e.Ours() && unserved([]byte(strings.Join(e.Lines, "\n"))) > 0 {
			e.Limit = LimitMemory
		}
	}
	return e
}

// inputFault remembers why an input could not be read.
type inputFault struct {
	mu  sync.Mutex
	err error
}

// of returns the input to be read by a process. Files are read by the process itself.
func (f *inputFault) of(r io.Reader) io.Reader {
	if _, file := r.(*os.File); file || r == nil {
		return r
	}
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.err = err
		}
		return n, err
	})
}

func (f *inputFault) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// lockedToThread keeps f's goroutine on its thread, which outlives f: the kernel takes the end of the thread that
// started a child for the parent's death (PR_SET_PDEATHSIG).
func lockedToThread(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return f()
}

// endOf tells by which signal the kernel enforced a limit, or whether somebody killed the process who is none of ours.
func endOf(err error, limits Limits) (limit Limit, killed bool) {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return "", false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return "", false
	}
	switch status.Signal() {
	case syscall.SIGXCPU:
		return LimitCPU, false
	case syscall.SIGXFSZ:
		return LimitOutput, false
	case syscall.SIGKILL:
		if exit.UserTime()+exit.SystemTime() >= limits.CPU { // it did not hear the first signal
			return LimitCPU, false
		}
		return "", true
	default:
		return "", false
	}
}

// watchOutput calls stop when the file has grown beyond its limit. It returns when the context ends.
func watchOutput(ctx context.Context, path string, limit int64, stop func()) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if sizeOf(path) > limit {
				stop()
				return
			}
		}
	}
}

func sizeOf(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// killGroup ends the process and all that it started. A group that is gone already is fine.
func killGroup(pid int) error {
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
