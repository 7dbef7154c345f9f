package rig

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filmcan/internal/filmtest"
)

// startTimeout is how long the program may take until it says where it listens.
const startTimeout = 60 * time.Second

// Options says how a process is started.
type Options struct {
	Binary string
	// Data is its data folder.
	Data string
	// Serve starts `filmcan serve` in place of `filmcan dev`.
	Serve bool
	Args  []string
	Env   []string
	// Quiet drops what the program logs: for measurements.
	Quiet bool
}

// Process is a running server.
type Process struct {
	cmd   *exec.Cmd
	base  string
	tls   string
	log   *filmtest.Log
	ended chan struct{}
	err   error
	data  string
}

// Start starts the program and waits until it says where it listens. It is killed at the end of the test at the
// latest.
func Start(tb testing.TB, o Options) *Process {
	tb.Helper()
	p, err := TryStart(tb, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TryStart is Start for programs that may refuse to.
func TryStart(tb testing.TB, o Options) (*Process, error) {
	tb.Helper()
	command := "dev"
	if o.Serve {
		command = "serve"
	}
	args := append([]string{command, "--data", o.Data, "--listen", "127.0.0.1:0"}, o.Args...)
	p := &Process{cmd: exec.Command(o.Binary, args...), log: &filmtest.Log{}, ended: make(chan struct{}), data: o.Data}
	p.cmd.Env = append(os.Environ(), o.Env...)
	if !o.Quiet {
		p.cmd.Stderr = p.log
	}
	out, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = w
	err = p.cmd.Start()
	_ = w.Close()
	if err != nil {
		return nil, err
	}
	said := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { p.listen(out, said) })
	go func() {
		p.err = p.cmd.Wait()
		reader.Wait()
		close(p.ended)
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("the end of the log of %s, process %d:\n%s", command, p.PID(), tail(p.Log(), 60))
		}
	})
	select {
	case <-said:
		return p, nil
	case <-p.ended:
		return nil, errors.New("the program ended at its start:\n" + p.Log())
	case <-time.After(startTimeout):
		p.Kill()
		return nil, errors.New("the program did not say where it listens:\n" + p.Log())
	}
}

// listen reads what the program says and keeps it; said is closed when the addresses are known.
func (p *Process) listen(out io.ReadCloser, said chan struct{}) {
	defer out.Close()
	var once sync.Once
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		_, _ = p.log.Write([]byte(line + "\n"))
		words := strings.FieldsSeq(line)
		for w := range words {
			switch {
			case strings.HasPrefix(w, "https://") && strings.Contains(line, "TLS"):
				p.tls = w
			case strings.HasPrefix(w, "http://") && p.base == "":
				p.base = w
			}
		}
		// The last line of dev's greeting, and the only one of serve's.
		if strings.Contains(line, "credentials") || strings.HasPrefix(line, "filmcan serve:") {
			once.Do(func() { close(said) })
		}
	}
}

// Base is the URL under which the process answers.
func (p *Process) Base() string { return p.base }

// TLS is the https URL of `dev --tls`.
func (p *Process) TLS() string { return p.tls }

// Data is the data folder.
func (p *Process) Data() string { return p.data }

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is what the process has said so far, on both streams.
func (p *Process) Log() string { return p.log.String() }

// Kill ends the process with SIGKILL and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the process's end and returns how it ended.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// Stop asks the process to drain and returns how it ended.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.ended
	return p.err
}

// Env reads mux.env of `filmcan dev`.
func (p *Process) Env(tb testing.TB) map[string]string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(p.data, "mux.env"))
	if err != nil {
		tb.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "="); ok {
			env[name] = value
		}
	}
	return env
}

// tail returns the last n lines.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// Run runs another command of the program to its end and returns what it printed and its exit code.
func Run(tb testing.TB, binary string, env []string, args ...string) (stdout, stderr string, code int) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), binary, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), errOut.String(), exit.ExitCode()
	}
	if err != nil {
		tb.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errOut.String(), 0
}
