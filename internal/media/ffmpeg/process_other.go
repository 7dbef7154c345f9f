//go:build !linux || !(amd64 || arm64)

package ffmpeg

import (
	"context"
	"os/exec"
	"syscall"
)

// Guards says which limits hold on this system besides wall time and output size, for the log.
const Guards = "none: limits of memory, CPU time and open files need Linux"

type command struct{ *exec.Cmd }

func (r *Runner) command(ctx context.Context, j job) (*command, error) {
	program, err := find(j.program)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, j.args...) // #nosec G204 -- arguments are ours; see args.go
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &command{cmd}, nil
}

func (c *command) unstarted(error) error { return nil }

func (c *command) close() {}

func reapGroup(int) {}
