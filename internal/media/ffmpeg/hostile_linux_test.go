package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"filmcan/internal/media/ffmpeg/sandbox"
)

// addAttacks has the attempts that other systems have no words for.
func addAttacks() {
	raw := func(number uintptr, args ...uintptr) error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
	socket := func(family, kind int) func([]string) error {
		return func([]string) error { return ignored(unix.Socket(family, kind, 0)) }
	}
	attacks["tcp6"] = socket(unix.AF_INET6, unix.SOCK_STREAM)
	attacks["netlink"] = socket(unix.AF_NETLINK, unix.SOCK_RAW)
	attacks["socketpair"] = func([]string) error { return ignored(unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)) }
	attacks["io_uring"] = func([]string) error {
		var params [120]byte
		return raw(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)))
	}
	attacks["ptrace"] = func(args []string) error { return raw(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(number(args[0]))) }
	attacks["pidfd"] = func(args []string) error { return ignored(unix.PidfdOpen(number(args[0]), 0)) }
	attacks["peek"] = func([]string) error {
		b := make([]byte, 8)
		local := []unix.Iovec{{Base: &b[0], Len: 8}}
		// The same program, and with no address chosen at random: its own data is at the same place in the parent.
		remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&secret)), Len: 8}}
		return ignored(unix.ProcessVMReadv(unix.Getppid(), local, remote, 0))
	}
	attacks["prlimit"] = func(args []string) error {
		return unix.Prlimit(number(args[0]), unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	}
	attacks["renice"] = func(args []string) error { return unix.Setpriority(unix.PRIO_PROCESS, number(args[0]), 19) }
	attacks["affinity"] = func(args []string) error {
		var set unix.CPUSet
		set.Set(0)
		return unix.SchedSetaffinity(number(args[0]), &set)
	}
	attacks["setown"] = func(args []string) error {
		return ignored(unix.FcntlInt(1, unix.F_SETOWN, number(args[0])))
	}
	attacks["group"] = func(args []string) error { return unix.Setpgid(0, number(args[0])) }
	attacks["pdeathsig"] = func([]string) error { return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0) }
	attacks["flock"] = func(args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	attacks["watch"] = func(args []string) error {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			return err
		}
		return ignored(unix.InotifyAddWatch(fd, args[0], unix.IN_ALL_EVENTS))
	}
	attacks["shm"] = func([]string) error { return ignored(unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600)) }
	attacks["memfd"] = func([]string) error { return ignored(unix.MemfdCreate("harm", 0)) }
	attacks["memory"] = func([]string) error {
		// In pieces, as a leak takes them.
		for range 64 {
			if _, err := unix.Mmap(-1, 0, 1<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE); err != nil {
				return err
			}
		}
		return nil
	}
	attacks["namespace"] = func([]string) error { return raw(unix.SYS_UNSHARE, unix.CLONE_NEWUTS) }
	attacks["rights"] = func([]string) error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var now [2]unix.CapUserData
		if err := unix.Capget(&header, &now[0]); err != nil {
			return err
		}
		if now[0].Permitted&^(1<<unix.CAP_DAC_OVERRIDE)|now[1].Permitted == 0 {
			return errors.New("no capabilities")
		}
		return nil
	}
	// server is a process that runs the program named first as ours do.
	attacks["server"] = func(args []string) error {
		var started atomic.Int64
		return New(Config{}).run(context.Background(), job{
			program: args[0], name: hostile, args: []string{hostile, "outlive", args[1]}, limits: narrow, output: args[1], started: &started,
		})
	}
}

var secret uint64 = 42

// escape tries to be nobody's child.
func escape() {
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	_, _ = unix.Setsid()
	_ = unix.Setpgid(0, 0)
}

// needSandbox skips where the system has none, unless there must be one.
func needSandbox(t *testing.T) sandbox.State {
	t.Helper()
	state, err := New(Config{}).Sandbox(t.Context())
	if err != nil && os.Getenv("FILMCAN_TEST_SANDBOX") == "required" {
		t.Fatalf("the sandbox is not active: %v", err)
	}
	if err != nil {
		t.Skipf("no sandbox here: %v", err)
	}
	return state
}

// TestSandboxIsActive is what continuous integration asks.
func TestSandboxIsActive(t *testing.T) {
	t.Parallel()
	state := needSandbox(t)
	if state.ABI < 1 || !strings.HasPrefix(state.String(), "active (Landlock ABI ") {
		t.Errorf("got %+v, %s", state, state)
	}
	t.Log(state)
	// It does look: without a sandbox it finds that nothing holds.
	if state, err := New(Config{NoSandbox: true}).Sandbox(t.Context()); err == nil {
		t.Errorf("without: got %+v", state)
	}
}

// TestHostileProgram puts a program that means harm in ffmpeg's place. Each attempt is made twice: in the sandbox, where
// it must be refused with the reason that is named here, also on a kernel with the first version of Landlock (Debian 12
// has the second); and without, or with limits that are wide, where it must get what it wants, which shows that the
// attempt is a real one.
func TestHostileProgram(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	root := os.Getuid() == 0
	for _, tt := range []struct {
		name   string
		attack string
		args   func(p *place) []string
		// want is the reason; empty: it is no attack, and works.
		want []error
		// limited: the sandbox has no part in it; the wide run has the wide limits alone.
		limited bool
		// root: only the superuser could.
		root bool
	}{
		{name: "read the input", attack: "read", args: (*place).in},
		{name: "write the output", attack: "write", args: (*place).out},
		{name: "write nowhere", attack: "write", args: at(os.DevNull)},

		{name: "read /etc/passwd", attack: "read", args: at("/etc/passwd"), want: denied},
		{name: "read a canary beside the input", attack: "read", args: in("canary"), want: denied},
		{name: "read a canary beside the output", attack: "read", args: out("canary"), want: denied},
		{name: "list the folder of the input", attack: "list", args: in(""), want: denied},
		{name: "list the root", attack: "list", args: at("/"), want: denied},
		{name: "reach the canary by a link", attack: "symlink", args: func(p *place) []string { return []string{p.canary, p.output + ".link"} }, want: denied},
		{name: "write to the temporary folder", attack: "write", args: elsewhere("harm"), want: denied},
		{name: "write beside the input", attack: "write", args: in("harm"), want: denied},
		{name: "write beside the output", attack: "write", args: out("harm"), want: denied},
		{name: "write to shared memory", attack: "write", args: func(p *place) []string { return []string{p.shm} }, want: denied},
		{name: "write the input", attack: "append", args: (*place).in, want: denied},
		{name: "overwrite the input", attack: "write", args: (*place).in, want: denied},
		{name: "truncate the input", attack: "truncate", args: (*place).in, want: denied},
		{name: "truncate the input by reading", attack: "truncate-read", args: (*place).in, want: denied},
		{name: "remove the input", attack: "remove", args: (*place).in, want: denied},
		{name: "rename the input", attack: "rename", args: func(p *place) []string { return []string{p.input, p.input + "2"} }, want: denied},
		{name: "link the canary", attack: "link", args: func(p *place) []string { return []string{p.canary, p.output + ".hard"} }, want: denied},
		{name: "change the mode of the input", attack: "chmod", args: (*place).in, want: denied},
		{name: "lock the input", attack: "flock", args: (*place).in, want: denied},
		{name: "make a folder", attack: "mkdir", args: out("folder"), want: denied},
		{name: "watch a folder", attack: "watch", args: in(""), want: denied},

		{name: "connect by TCP", attack: "tcp", args: func(p *place) []string { return []string{p.tcp} }, want: denied},
		{name: "connect by TCP on IPv6", attack: "tcp6", want: denied},
		{name: "send by UDP", attack: "udp", args: func(p *place) []string { return []string{p.udp} }, want: denied},
		{name: "connect to a unix socket", attack: "unix", args: func(p *place) []string { return []string{p.unix} }, want: denied},
		{name: "connect to an abstract socket", attack: "unix", args: func(p *place) []string { return []string{p.abstract} }, want: denied},
		{name: "listen", attack: "listen", want: denied},
		{name: "listen on a unix socket", attack: "listen-ux", args: out("s"), want: denied},
		{name: "ask the kernel's routing", attack: "netlink", want: denied},
		{name: "pair sockets", attack: "socketpair", want: denied},
		{name: "go around by io_uring", attack: "io_uring", want: denied},

		{name: "fork many", attack: "fork", want: denied},
		{name: "execute a shell", attack: "exec", want: denied},
		{name: "kill another process", attack: "kill", args: (*place).victim, want: denied},
		{name: "signal the parent", attack: "signal", want: denied},
		{name: "trace another process", attack: "ptrace", args: (*place).victim, want: denied},
		{name: "hold another process", attack: "pidfd", args: (*place).victim, want: denied},
		{name: "read the parent's memory", attack: "peek", want: denied},
		{name: "read the parent's environment", attack: "parent", want: denied},
		{name: "limit another process", attack: "prlimit", args: (*place).victim, want: denied},
		{name: "make another process nice", attack: "renice", args: (*place).victim, want: denied},
		{name: "tie another process down", attack: "affinity", args: (*place).victim, want: denied},
		{name: "have signals sent to another", attack: "setown", args: (*place).victim, want: denied},
		{name: "leave the group", attack: "group", args: (*place).victim, want: denied},
		{name: "outlive the parent", attack: "pdeathsig", want: denied},
		{name: "make a namespace", attack: "namespace", want: denied, root: true},

		{name: "share memory", attack: "shm", want: denied},
		{name: "a file in memory", attack: "memfd", want: []error{unix.ENOSYS}},
		{name: "allocate 64 GB", attack: "memory", want: []error{unix.ENOMEM}, limited: true},
		{name: "open 1000 files", attack: "files", want: []error{unix.EMFILE}, limited: true},
		{name: "keep the superuser's rights", attack: "rights", want: []error{errors.New("no capabilities")}, root: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.args == nil {
				tt.args = func(*place) []string { return nil }
			}
			if tt.want == nil {
				if got := attempt(t, newPlace(t), tt.attack, tt.args, Config{}, narrow); got != did {
					t.Fatalf("in the sandbox: %s", got)
				}
				return
			}
			// 0 is this kernel's own.
			for _, abi := range []int{0, 1} {
				p := newPlace(t)
				got := attempt(t, p, tt.attack, tt.args, Config{landlockABI: abi}, narrow)
				ok := false
				for _, want := range tt.want {
					ok = ok || strings.HasPrefix(got, refused) && strings.HasSuffix(got, want.Error())
				}
				if !ok {
					t.Errorf("in the sandbox, Landlock ABI %d: got %q, want it refused with one of %q", abi, got, tt.want)
				}
				p.unharmed(t)
			}
			if tt.root && !root {
				return
			}
			// The control.
			if got := attempt(t, newPlace(t), tt.attack, tt.args, Config{NoSandbox: !tt.limited}, wide); got != did {
				t.Errorf("without: got %q: the attempt shows nothing", got)
			}
		})
	}
}

var (
	denied = []error{unix.EACCES, unix.EPERM}

	narrow = Limits{Memory: 16 << 30, CPU: time.Minute, Wall: time.Minute, Output: 1 << 20, Files: 64}
	wide   = Limits{Memory: 1 << 40, CPU: time.Minute, Wall: time.Minute, Output: 1 << 20, Files: 4000}
)

// place is what stands around one run.
type place struct {
	input, output, canary, shm string
	tcp, udp, unix, abstract   string
	other                      *exec.Cmd
	elsewhere                  string
	met                        atomic.Int64
}

func (p *place) in() []string     { return []string{p.input} }
func (p *place) out() []string    { return []string{p.output} }
func (p *place) victim() []string { return []string{strconv.Itoa(p.other.Process.Pid)} }

func at(path string) func(*place) []string { return func(*place) []string { return []string{path} } }

func in(name string) func(*place) []string {
	return func(p *place) []string { return []string{filepath.Join(filepath.Dir(p.input), name)} }
}

func out(name string) func(*place) []string {
	return func(p *place) []string { return []string{filepath.Join(filepath.Dir(p.output), name)} }
}

func elsewhere(name string) func(*place) []string {
	return func(p *place) []string { return []string{filepath.Join(p.elsewhere, name)} }
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{elsewhere: t.TempDir(), shm: fmt.Sprintf("/dev/shm/filmcan-test-%d-%d", os.Getpid(), places.Add(1))}
	films, work := t.TempDir(), t.TempDir()
	p.input, p.canary, p.output = filepath.Join(films, "film"), filepath.Join(films, "canary"), filepath.Join(work, "out")
	for _, path := range []string{p.input, p.canary, filepath.Join(work, "canary")} {
		if err := os.WriteFile(path, []byte("a film"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Remove(p.shm) })

	short, err := os.MkdirTemp("", "fc") //nolint:usetesting // a unix socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	p.unix, p.abstract = filepath.Join(short, "s"), fmt.Sprintf("@filmcan-test-%d-%d", os.Getpid(), places.Add(1))
	p.tcp = p.listen(t, "tcp", "127.0.0.1:0")
	p.listen(t, "unix", p.unix)
	p.listen(t, "unix", p.abstract)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	p.udp = udp.LocalAddr().String()

	p.other = exec.Command("sleep", "1000")
	p.other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.other.Process.Kill()
		_ = p.other.Wait()
	})
	return p
}

var places atomic.Int64

// listen counts who comes.
func (p *place) listen(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.met.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// unharmed looks at the place from outside.
func (p *place) unharmed(t *testing.T) {
	t.Helper()
	for _, path := range []string{p.input, p.canary} {
		if b, err := os.ReadFile(path); err != nil || string(b) != "a film" {
			t.Errorf("%s: got %q, %v", path, b, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	for dir, want := range map[string]int{filepath.Dir(p.input): 2, filepath.Dir(p.output): 2, p.elsewhere: 0} {
		if list, err := os.ReadDir(dir); err != nil || len(list) != want {
			t.Errorf("in %s: got %v, %v", dir, list, err)
		}
	}
	if err := p.other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process: %v", err)
	}
	if n := p.met.Load(); n > 0 {
		t.Errorf("%d came to a listener", n)
	}
}

// attempt makes one and returns what the program said of it.
func attempt(t *testing.T, p *place, name string, args func(*place) []string, cfg Config, l Limits) string {
	t.Helper()
	var stdout bytes.Buffer
	var started atomic.Int64
	all := append([]string{hostile, name}, args(p)...)
	// As ffmpeg's arguments name the input.
	all = append(all, "-i", "file:"+p.input)
	err := New(cfg).run(t.Context(), job{
		program: self(t), name: hostile, args: all, limits: l, output: p.output, stdout: &stdout, started: &started,
	})
	said := strings.TrimSpace(stdout.String())
	if said == did && err == nil {
		return did
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Unstarted {
		t.Fatalf("%s was not tried: %v", name, err)
	}
	if !strings.HasPrefix(said, refused) {
		t.Fatalf("%s: %v, it said %q", name, err, said)
	}
	return said
}

// TestOutlive: a program that does all to live on ends with the process that started it.
func TestOutlive(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	out := filepath.Join(t.TempDir(), "out")
	server := exec.Command(self(t), hostile, "server", self(t), out)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	pid := readPID(t, out)
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	gone(t, pid)

	// The control: started in the ordinary way it does live on.
	out = filepath.Join(t.TempDir(), "out")
	plain := exec.Command("/bin/sh", "-c", `"$@" & wait`, "sh", self(t), hostile, "outlive", out)
	if err := plain.Start(); err != nil {
		t.Fatal(err)
	}
	pid = readPID(t, out)
	_ = plain.Process.Kill()
	_ = plain.Wait()
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("without: %v: the attempt shows nothing", err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
