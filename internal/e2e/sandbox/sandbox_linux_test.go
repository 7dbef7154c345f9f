//go:build amd64 || arm64

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// asOld names the program that the test binary becomes, on a kernel that seems to have no Landlock.
const asOld = "FILMCAN_TEST_WITHOUT_LANDLOCK"

func TestMain(m *testing.M) {
	if program := os.Getenv(asOld); program != "" {
		_ = os.Unsetenv(asOld)
		fmt.Fprintln(os.Stderr, becomeWithoutLandlock(program))
		os.Exit(1)
	}
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

// becomeWithoutLandlock answers Landlock's first system call as old kernels do, and some containers, and becomes the
// program.
func becomeWithoutLandlock(program string) error {
	runtime.LockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_LANDLOCK_CREATE_RULESET, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(program, append([]string{program}, os.Args[1:]...), os.Environ())
}

// state is what /readyz says of the sandbox.
func state(t *testing.T, p *rig.Process) string {
	t.Helper()
	client := &rig.Client{Base: p.Base(), HTTP: &http.Client{Timeout: 10 * time.Second}}
	status, text, err := client.Call(t.Context(), http.MethodGet, "/readyz", nil, nil)
	var answer struct{ Facts map[string]string }
	// The queue may not have begun yet.
	if err != nil || status != http.StatusOK && status != http.StatusServiceUnavailable || json.Unmarshal(text, &answer) != nil {
		t.Fatalf("/readyz: %d %s, %v", status, text, err)
	}
	return answer.Facts["sandbox"]
}

func required() bool { return os.Getenv("FILMCAN_TEST_SANDBOX") == "required" }

// TestActive: both lives run ffmpeg in the sandbox and say so.
func TestActive(t *testing.T) {
	t.Parallel()
	for _, serve := range []bool{true, false} {
		p, err := rig.TryStart(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Serve: serve})
		if err != nil && !required() && strings.Contains(err.Error(), "Landlock") {
			t.Skip("no sandbox here")
		}
		if err != nil {
			t.Fatal(err)
		}
		got := state(t, p)
		if got == "not available" && !required() {
			t.Skip("no sandbox here")
		}
		if !strings.HasPrefix(got, "active (Landlock ABI ") || !strings.Contains(got, "files, network") {
			t.Errorf("got %q", got)
		}
		if err := p.Stop(); err != nil { // then the log is whole
			t.Error(err)
		}
		if !strings.Contains(p.Log(), `sandbox="active (Landlock`) {
			t.Errorf("the log says nothing of it:\n%s", p.Log())
		}
		if strings.Contains(p.Log(), "note: ffmpeg runs without") {
			t.Errorf("it says that there is none:\n%s", p.Log())
		}
	}
}

// TestWithoutLandlock: a production server does not start, unless it is told to; the developer's does, and says what is
// missing.
func TestWithoutLandlock(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options := func(o rig.Options) rig.Options {
		o.Binary, o.Data, o.Env = self, t.TempDir(), []string{asOld + "=" + rig.Binary(t)}
		return o
	}
	p, err := rig.TryStart(t, options(rig.Options{Serve: true}))
	if err == nil {
		t.Fatalf("serve started:\n%s", p.Log())
	}
	for _, want := range []string{"sandbox", "Landlock", "Linux 5.13", "--no-sandbox"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("serve says %v, without %q", err, want)
		}
	}

	p = rig.Start(t, options(rig.Options{Serve: true, Args: []string{"--no-sandbox"}}))
	if got := state(t, p); got != "off by --no-sandbox" {
		t.Errorf("serve --no-sandbox: got %q", got)
	}

	p = rig.Start(t, options(rig.Options{}))
	if got := state(t, p); got != "not available" {
		t.Errorf("dev: got %q", got)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(p.Log(), "note: ffmpeg runs without its sandbox") {
		if time.Now().After(deadline) {
			t.Fatalf("dev does not say what is missing:\n%s", p.Log())
		}
		runtime.Gosched()
	}
}

// TestHiddenCommand: no argument makes the program become another.
func TestHiddenCommand(t *testing.T) {
	t.Parallel()
	spec := `{"Program":"L2Jpbi9lY2hv","Args":["aGFybQ=="],"Open":true,"Limits":{"Memory":1000000000,"Seconds":9,"Output":1,"Files":9}}`
	for _, args := range [][]string{{"filmcan-sandbox", spec}, {"sandbox", spec}, {spec}, {"--", "filmcan-sandbox", spec}} {
		if out, _, code := rig.Run(t, rig.Binary(t), nil, args...); code != 2 || strings.Contains(out, "harm") {
			t.Errorf("%.30q: exit %d, %s", args, code, out)
		}
	}
	// And where it is meant, but not by a running server, it ends.
	cmd := exec.Command(rig.Binary(t))
	cmd.Args = []string{"filmcan-sandbox", spec}
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 126 || strings.Contains(string(out), "harm") {
		t.Errorf("got %v, %s", err, out)
	}
}

// TestKilledServer: an ffmpeg that works ends with its server.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Container: films.MKV, BFrames: 2})
	w := rig.NewWorld(t, film)
	// It has a version and an encoder, and never comes to an end of anything else.
	script := filepath.Join(t.TempDir(), "ffmpeg")
	text := "#!/bin/sh\ncase $* in *-version*) echo 'ffmpeg version 5.1';; *rawvideo*) echo 'x264 - core 1';; *) while :; do :; done;; esac\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"--no-sandbox"}} {
		p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: append([]string{"--ffmpeg", script}, more...)})
		p.Client(t).Create(t, w.FilmURL(film), nil)
		pid := child(t, p.PID(), script)
		p.Kill()
		gone(t, pid)
	}
}

// child waits for a process of the server that runs the script.
func child(t *testing.T, parent int, script string) int {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		list, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range list {
			line, err := os.ReadFile(path)
			stat, statErr := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
			if err != nil || statErr != nil || !slices.Contains(strings.Split(string(line), "\x00"), script) {
				continue
			}
			_, fields, _ := strings.Cut(string(stat), ") ")
			if words := strings.Fields(fields); len(words) > 1 && words[1] == strconv.Itoa(parent) && strings.HasPrefix(string(line), "/bin/sh\x00") {
				pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				if err != nil {
					t.Fatal(err)
				}
				return pid
			}
		}
	}
	t.Fatal("the server started no ffmpeg")
	return 0
}

func gone(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Fatalf("process %d lives on", pid)
}
