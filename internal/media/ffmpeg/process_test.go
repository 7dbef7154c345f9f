package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"filmcan/internal/media/ffmpeg/sandbox"
)

// nothing is an input for scripts that do not look at it.
var nothing = Input{Path: os.DevNull, Demuxer: "matroska"}

var manyLimits = Limits{Memory: 1 << 40, CPU: time.Minute, Wall: time.Minute, Output: 1 << 20, Files: 64}

// script returns a runner that has the named script in ffmpeg's and ffprobe's place.
func script(name string, change func(*Limits)) *Runner {
	cfg := Default()
	cfg.FFmpeg = filepath.Join("testdata", name)
	cfg.FFprobe = cfg.FFmpeg
	if change != nil {
		change(&cfg.Probe)
		change(&cfg.Remux)
	}
	return New(cfg)
}

func wantError(t *testing.T, err error, want Limit) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Limit != want {
		t.Fatalf("got %v, want the limit %q", err, want)
	}
	return e
}

// harm runs the hostile program with limits alone.
func harm(ctx context.Context, t *testing.T, out string, l Limits, args ...string) error {
	t.Helper()
	var started atomic.Int64
	return New(Config{NoSandbox: true}).run(ctx, job{
		program: self(t), name: hostile, args: append([]string{hostile}, args...), limits: l, output: out, started: &started,
	})
}

func TestFence(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("these limits need Linux")
	}
	// One that is inherited, as a server's may be.
	leak, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(leak) }()
	before, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	l := Limits{Memory: 9 << 30, CPU: 7 * time.Second, Wall: time.Minute, Output: 1 << 20, Files: 64, Nice: 3}
	e := wantError(t, harm(t.Context(), t, out, l, "limits"), "")
	got := strings.Join(e.Lines, "\n")
	for _, want := range []string{
		fmt.Sprint("memory ", 9<<30, " cpu 9 output ", 1<<20, " files 64 core 0 nice ", min(20-before+3, 19)),
		"env AV_LOG_FORCE_NOCOLOR=1 LC_ALL=C PATH=/usr/bin:/bin",
		"group 0 dir " + filepath.Dir(out),
		"inherited:",
	} {
		if !slices.Contains(e.Lines, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

// gone waits until there is no such process any more.
func gone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		if state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(state), ") Z ") {
			return // dead; whoever adopted it has not looked yet
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
		runtime.Gosched()
	}
}

// readPID waits until the script has written a process number.
func readPID(t *testing.T, path string) int {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		b, err := os.ReadFile(path)
		if pid, convErr := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && convErr == nil && strings.HasSuffix(string(b), "\n") {
			return pid
		}
		runtime.Gosched()
	}
	t.Fatal("the script wrote no process number")
	return 0
}

func TestCancelKillsTheGroup(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	why := errors.New("asset deleted")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- harm(ctx, t, out, manyLimits, "family", out, "wait") }()
	pid := readPID(t, out)
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("got %v, want the cause", err)
	}
	gone(t, pid)
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	if err := harm(t.Context(), t, out, manyLimits, "family", out); err != nil {
		t.Fatal(err)
	}
	gone(t, readPID(t, out))
}

// TestNotStarted: what fails before the program runs is told from what the program does.
func TestNotStarted(t *testing.T) {
	t.Parallel()
	if !sandbox.Supported {
		t.Skip("it runs without a process between")
	}
	for name, tt := range map[string]struct {
		in, out string
	}{
		"no input":  {in: filepath.Join(t.TempDir(), "none"), out: filepath.Join(t.TempDir(), "out")},
		"no folder": {in: os.DevNull, out: filepath.Join(t.TempDir(), "none", "out")},
	} {
		err := script("spin.sh", nil).Remux(t.Context(), Input{Path: tt.in, Demuxer: "matroska"}, tt.out, nil, 1<<20)
		if e := wantError(t, err, ""); !e.Unstarted {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWallTime(t *testing.T) {
	t.Parallel()
	_, err := script("spin.sh", func(l *Limits) { l.Wall = 50 * time.Millisecond }).Probe(t.Context(), nothing)
	wantError(t, err, LimitWall)
}

func TestCPUTime(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this limit needs Linux")
	}
	_, err := script("spin.sh", func(l *Limits) { l.CPU = time.Second }).Probe(t.Context(), nothing)
	wantError(t, err, LimitCPU)
}

func TestOutputSize(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	err := script("flood.sh", nil).Remux(t.Context(), nothing, out, nil, 1<<20)
	wantError(t, err, LimitOutput)
	if runtime.GOOS == "linux" {
		if info, err := os.Stat(out); err != nil || info.Size() > 1<<20 {
			t.Errorf("got %v, %v, want at most 1 MiB", info.Size(), err)
		}
	}
}

// TestWatchedOutputSize is the watch that other systems have alone.
func TestWatchedOutputSize(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := false
	watchOutput(t.Context(), path, 99, func() { stopped = true })
	if !stopped {
		t.Error("not stopped")
	}
}

func TestChatter(t *testing.T) {
	t.Parallel()
	_, err := script("chatter.sh", nil).Probe(t.Context(), nothing)
	e := wantError(t, err, "")
	if got := strings.Join(e.Lines, "|"); got != "first|second  [31mline" {
		t.Errorf("last lines: got %q", got)
	}
}

func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	var tl tail
	for range 1000 {
		if n, err := tl.Write([]byte(strings.Repeat("x", 5000) + "\nlast \xff\n")); n != 5008 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(tl.buf) > tailBytes {
		t.Errorf("kept %d bytes", len(tl.buf))
	}
	if lines := tl.lines(); len(lines) == 0 || lines[len(lines)-1] != "last ?" {
		t.Errorf("got %q", lines)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	v, err := New(Config{}).Version(t.Context())
	if err != nil || v.Major < 5 || v.Text == "" {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := script("old.sh", nil).Version(t.Context()); err == nil || !strings.Contains(err.Error(), "5.1 or newer") {
		t.Errorf("an old one: got %v", err)
	}
	if _, err := New(Config{FFprobe: "no-such-program"}).Version(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install ffmpeg") {
		t.Errorf("a missing one: got %v", err)
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]Version{
		"ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2025":   {5, 1, "5.1.9-0+deb12u1"},
		"ffmpeg version n7.1 Copyright":                            {7, 1, "n7.1"},
		"ffprobe version 8 Copyright":                              {8, 0, "8"},
		"ffmpeg version N-109542-g1bf1ec8 Copyright":               {1 << 20, 0, "N-109542-g1bf1ec8"},
		"ffmpeg version 6.0-full_build-www.gyan.dev Copyright (c)": {6, 0, "6.0-full_build-www.gyan.dev"},
	} {
		if got, err := parseVersion(line + "\nbuilt with gcc"); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{"", "ffmpeg", "bash: ffmpeg: not found", "ffmpeg version unknown x"} {
		if _, err := parseVersion(line); err == nil {
			t.Errorf("%q: taken", line)
		}
	}
}

// TestOthersSignals: a process ends when the server wants it to. A service manager that stops a service tells all of its
// processes at once, and the film that one of them works on is not to blame for that.
func TestOthersSignals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("signals are kept off on Linux")
	}
	p, err := script("signals.sh", nil).Probe(t.Context(), nothing)
	if err != nil || p.Format != "unmoved" {
		t.Errorf("got %+v, %v", p, err)
	}
}

// TestKilled: what nothing can be done about is told from what the film did.
func TestKilled(t *testing.T) {
	t.Parallel()
	_, err := script("killed.sh", nil).Probe(t.Context(), nothing)
	if e := wantError(t, err, ""); !e.Killed || !e.Ours() {
		t.Errorf("got %+v", e)
	}
}

// TestUnreadable: that a film could not be read is no fault of the process, nor of the film.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	in := Input{Reader: io.MultiReader(strings.NewReader("\x1aE\xdf\xa3"), iotest.ErrReader(broken)), Demuxer: "matroska"}
	_, err := New(Config{}).Probe(t.Context(), in)
	if _, blamed := errors.AsType[*Error](err); blamed || !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestNice: what nobody watches stands back behind what somebody does.
func TestNice(t *testing.T) {
	t.Parallel()
	c := New(Config{}).cfg
	if c.Remux.Nice != 15 || c.Transcode.Nice != 15 || c.Encode.Nice != 5 || c.Probe.Nice != 0 {
		t.Errorf("remux %d, whole films %d, runs %d, probes %d", c.Remux.Nice, c.Transcode.Nice, c.Encode.Nice, c.Probe.Nice)
	}
}
