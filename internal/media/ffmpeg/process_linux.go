//go:build linux && (amd64 || arm64)

package ffmpeg

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"filmcan/internal/media/ffmpeg/sandbox"
)

// Guards says which limits hold on this system besides wall time and output size, for the log.
const Guards = "memory, CPU time, open files"

// command is a process to be started, by way of this program itself: see [sandbox].
type command struct {
	*exec.Cmd

	reports, theirs *os.File
}

func (r *Runner) command(ctx context.Context, j job) (*command, error) {
	spec := sandbox.Spec{
		Args: j.args, Open: r.cfg.NoSandbox, ABI: r.cfg.landlockABI, Read: inputs(j.args), Write: j.output,
		Limits: sandbox.Limits{
			Memory: j.limits.Memory, Seconds: (j.limits.CPU.Milliseconds() + 999) / 1000, Output: j.limits.Output,
			Files: j.limits.Files, Nice: j.limits.Nice,
		},
	}
	if j.program != "" { // else it looks at its own sandbox
		var err error
		if spec.Program, err = find(j.program); err != nil {
			return nil, err
		}
		if spec.Execute, err = loaders(spec.Program); err != nil {
			return nil, err
		}
		spec.Libraries = libraries(spec.Program)
	}
	args, err := spec.Command()
	if err != nil {
		return nil, err
	}
	reports, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, sandbox.Self) // #nosec G204 -- this program
	cmd.Args = args
	cmd.ExtraFiles = []*os.File{theirs} // sandbox.Reports
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return &command{Cmd: cmd, reports: reports, theirs: theirs}, nil
}

// unstarted tells, after the process has ended, why it did not become the program; nil where it has. ended is how it
// ended.
func (c *command) unstarted(ended error) error {
	if err := c.theirs.Close(); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(c.reports, 4<<10))
	if err != nil {
		return err
	}
	why, ready := strings.CutPrefix(string(text), sandbox.Ready)
	switch {
	case strings.Contains(why, syscall.ENOSPC.Error()):
		return fmt.Errorf("sandbox: %s: %w", why, syscall.ENOSPC)
	case why != "":
		return errors.New("sandbox: " + why)
	case !ready:
		return fmt.Errorf("sandbox: it ended while it was set up: %w", ended)
	default:
		return nil
	}
}

func (c *command) close() {
	_ = c.theirs.Close() // closed already, unless it was not started
	_ = c.reports.Close()
}

// loaders are the files that the kernel executes in order to execute the program: its dynamic loader. The interpreter
// of a script may execute what is installed, since a script is there to do so.
func loaders(program string) ([]string, error) {
	f, err := os.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	first, err := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if interpreter, script := strings.CutPrefix(first, "#!"); script {
		words := strings.Fields(interpreter)
		if len(words) == 0 {
			return nil, fmt.Errorf("%s names no interpreter", program)
		}
		return []string{words[0], "/bin", "/usr/bin", "/usr/local/bin", "/lib", "/lib64", "/usr/lib"}, nil
	}
	image, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s is no program: %w", program, err)
	}
	for _, p := range image.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4<<10 {
			path, err := io.ReadAll(p.Open())
			if err != nil {
				return nil, err
			}
			return []string{strings.TrimRight(string(path), "\x00")}, nil
		}
	}
	return nil, nil
}

// libraries are the folders of a program that was installed with its own: /opt/ffmpeg/lib for /opt/ffmpeg/bin/ffmpeg.
func libraries(program string) []string {
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		program = resolved
	}
	dir := filepath.Dir(program)
	if filepath.Base(dir) != "bin" {
		return nil
	}
	return []string{filepath.Join(filepath.Dir(dir), "lib"), filepath.Join(filepath.Dir(dir), "lib64")}
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
