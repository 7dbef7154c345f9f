package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is a running `filmcan dev` on a folder of its own.
type server struct {
	cmd    *exec.Cmd
	env    map[string]string
	output lockedBuffer
	ended  chan error
}

// startServer starts the program and waits until it has written mux.env, which it does when it is ready.
func startServer(ctx context.Context, program, dir, webhook string) (*server, error) {
	s := &server{ended: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, program, "dev", "--data", dir, "--listen", "127.0.0.1:0", "--webhook", webhook) //nolint:gosec // the program that the user named
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 10 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() { s.ended <- s.cmd.Wait() }() // stop waits for it
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(dir, "mux.env"))
		if err == nil {
			s.env = parseEnv(text)
			return s, nil
		}
		select {
		case err := <-s.ended:
			return nil, fmt.Errorf("%s ended at its start: %w\n%s", program, err, s.output.String())
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func parseEnv(text []byte) map[string]string {
	env := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
			env[name] = value
		}
	}
	return env
}

// stop asks the server to drain and waits for its end, which must be clean.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := <-s.ended; err != nil {
		return fmt.Errorf("the server did not end cleanly: %w\n%s", err, s.output.String())
	}
	return nil
}

func (s *server) log() string { return s.output.String() }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
