//go:build linux && (amd64 || arm64)

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Here the hidden command is told from all others: before main, so that it costs nothing of what main's other packages
// set up, and in test binaries as in the program. Initialization runs on the process's first thread, which is the one
// whose death signal and niceness count.
func init() { //nolint:gochecknoinits // see above
	if len(os.Args) == 0 || os.Args[0] != mark {
		return
	}
	runtime.LockOSThread()
	// Also what this process got from whoever started the server.
	if unix.CloseRange(Reports, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) != nil {
		unix.CloseOnExec(Reports) // a kernel without that has no sandbox either
	}
	_, _ = unix.Write(Reports, []byte(become(os.Args).Error())) // where nobody reads, the exit code says it
	os.Exit(unstarted)
}

// unstarted is the exit code of a process that did not become its program, as shells have it.
const unstarted = 126

// become does not return unless something failed, or there was no program to become.
func become(args []string) error {
	spec, parent, err := decode(args)
	if err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	// The kernel's own memory of this wish belongs to the thread that had it, before this program was executed.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("die with the parent: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("the parent is gone")
	}
	if err := holdSignals(); err != nil {
		return fmt.Errorf("hold signals: %w", err)
	}
	// The last two change what this process can do at all; everything that they need is made before.
	image, err := newImage(spec)
	if err != nil {
		return err
	}
	if err := spec.Limits.set(); err != nil {
		return err
	}
	var state State
	var filter []unix.SockFilter
	if !spec.Open {
		filter = program(os.Getpid())
		if state, err = spec.landlock(); err != nil {
			return err
		}
		if err := dropRights(); err != nil {
			return err
		}
		if err := install(filter); err != nil {
			return fmt.Errorf("set the seccomp filter: %w", err)
		}
	}
	if _, err := unix.Write(Reports, []byte(Ready)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if spec.Program == "" {
		return report(state, spec.Open)
	}
	return image.execute(spec.Limits.Memory)
}

// holdSignals keeps from the program what a service manager sends to all processes of a service that is to stop: when this
// one ends is the server's affair, which kills it.
func holdSignals() error {
	var set unix.Sigset_t
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
		set.Val[0] |= 1 << (s - 1)
	}
	return unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
}

// set sets all limits but that of memory. What it starts later inherits them.
func (l Limits) set() error {
	seconds := uint64(max(1, l.Seconds))
	var threads unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &threads); err != nil {
		return fmt.Errorf("read the limit of threads: %w", err)
	}
	threads.Max = min(threads.Max, maxThreads)
	threads.Cur = min(threads.Cur, threads.Max)
	for _, r := range [...]struct {
		name     string
		resource int
		limit    unix.Rlimit
	}{
		// SIGXCPU first, so that the reason shows; SIGKILL for what will not hear it.
		{"processor time", unix.RLIMIT_CPU, unix.Rlimit{Cur: seconds, Max: seconds + 2}},
		{"output", unix.RLIMIT_FSIZE, unix.Rlimit{Cur: uint64(l.Output), Max: uint64(l.Output)}},
		{"files", unix.RLIMIT_NOFILE, unix.Rlimit{Cur: uint64(l.Files), Max: uint64(l.Files)}},
		{"threads", unix.RLIMIT_NPROC, threads},
		{"core", unix.RLIMIT_CORE, unix.Rlimit{}},
	} {
		if err := unix.Setrlimit(r.resource, &r.limit); err != nil {
			return fmt.Errorf("limit %s: %w", r.name, err)
		}
	}
	if l.Nice == 0 {
		return nil
	}
	// The system call answers 20 - niceness.
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("read the niceness: %w", err)
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, min(20-now+l.Nice, 19)); err != nil {
		return fmt.Errorf("set the niceness: %w", err)
	}
	return nil
}

// maxThreads bounds the threads of the user as a whole, the server's included: far above what a busy server has, and
// below what a kernel holds. It does not bind the superuser.
const maxThreads = 16 << 10

// Rights of Landlock.
const (
	readFile   landlock.AccessFSSet = llsys.AccessFSReadFile
	readFolder landlock.AccessFSSet = llsys.AccessFSReadFile | llsys.AccessFSReadDir
	executed   landlock.AccessFSSet = llsys.AccessFSReadFile | llsys.AccessFSExecute
)

// landlock takes away all files but those of the spec and of the system's libraries, and TCP, signals and abstract
// sockets where the kernel can.
func (s Spec) landlock() (State, error) {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return State{}, fmt.Errorf("this kernel does not offer Landlock (Linux 5.13 or newer has it; it must be in the list of lsm= where that is given, "+
			"and the seccomp profile of a container must let it through): %w", err)
	}
	configs := [...]landlock.Config{
		landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6, landlock.V7, landlock.V8, landlock.V9,
		landlock.V10, landlock.V11,
	}
	abi = min(abi, len(configs))
	if s.ABI > 0 {
		abi = min(abi, s.ABI)
	}
	write := landlock.AccessFSSet(llsys.AccessFSWriteFile | llsys.AccessFSTruncate)
	if abi < 3 {
		write = llsys.AccessFSWriteFile
	}
	rules := []landlock.Rule{
		landlock.PathAccess(readFolder, "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib", "/usr/local/lib64",
			"/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
			// How many processors there are, and on which nodes.
			"/sys/devices/system/cpu", "/sys/devices/system/node").IgnoreIfMissing(),
		landlock.PathAccess(readFile, "/etc/ld.so.cache", "/dev/urandom").IgnoreIfMissing(),
		landlock.PathAccess(readFolder, s.Libraries...).IgnoreIfMissing(),
		landlock.PathAccess(executed, s.Execute...).IgnoreIfMissing(),
		landlock.PathAccess(readFile, s.Read...),
		landlock.PathAccess(readFile|write, "/dev/null"),
	}
	if s.Program != "" {
		rules = append(rules, landlock.PathAccess(executed, s.Program))
	}
	if s.Write != "" {
		// Made here, so that nothing else can be made beside it.
		fd, err := unix.Open(s.Write, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o666)
		if err != nil {
			return State{}, fmt.Errorf("make the output: %w", err)
		}
		_ = unix.Close(fd)
		rules = append(rules, landlock.PathAccess(readFile|write, s.Write))
	}
	if err := configs[abi-1].Restrict(rules...); err != nil {
		return State{}, fmt.Errorf("restrict by Landlock ABI %d: %w", abi, err)
	}
	state := State{ABI: abi}
	for _, later := range [...]struct {
		abi  int
		name string
	}{{3, "truncation"}, {4, "TCP"}, {6, "signals"}, {9, "unix sockets"}, {10, "UDP"}} {
		if abi < later.abi {
			state.Missing = append(state.Missing, later.name)
		}
	}
	return state, nil
}

// dropRights takes the superuser's rights away, for good: a process that may gain nothing by executing a program
// (Landlock's setup saw to that, this asks again) keeps no more than it has. Opening files whatever their mode is
// kept, because the films of a server that runs as the superuser may be another user's; Landlock bounds it.
func dropRights() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("gain nothing by executing: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var now [2]unix.CapUserData
	if err := unix.Capget(&header, &now[0]); err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	}
	kept := now[0].Effective & (1 << unix.CAP_DAC_OVERRIDE)
	next := [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	if err := unix.Capset(&header, &next[0]); err != nil {
		return fmt.Errorf("drop the capabilities: %w", err)
	}
	return nil
}

// install puts the filter over this thread, which is the one that executes the program.
func install(filter []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))) // #nosec G103 -- as the kernel takes it
	runtime.KeepAlive(filter)
	if errno != 0 {
		return errno
	}
	return nil
}

// report looks whether the sandbox holds, from within, and prints what it is made of. It ends the process.
func report(state State, open bool) error {
	if open {
		return errors.New("there is no sandbox to look at")
	}
	for _, probe := range [...]struct {
		what string
		try  func() error
	}{
		{"the root folder can be read", func() error { return try(unix.Open("/", unix.O_RDONLY|unix.O_CLOEXEC, 0)) }},
		{"sockets can be made", func() error { return try(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)) }},
		{"other processes can be asked for", func() error { return unix.Kill(os.Getppid(), 0) }},
	} {
		if err := probe.try(); !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("it is up, and does not hold: %s (%w)", probe.what, err)
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if _, err := unix.Write(1, text); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

func try(_ int, err error) error { return err }

// image is a program with its arguments and environment, as the kernel takes them.
type image struct {
	path    *byte
	args    []*byte
	environ []*byte
}

func newImage(s Spec) (image, error) {
	var i image
	var err error
	if i.path, err = unix.BytePtrFromString(s.Program); err != nil {
		return image{}, err
	}
	if i.args, err = pointers(append([]string{s.Program}, s.Args...)); err != nil {
		return image{}, err
	}
	i.environ, err = pointers(os.Environ())
	return i, err
}

func pointers(list []string) ([]*byte, error) {
	out := make([]*byte, len(list)+1)
	for i, s := range list {
		var err error
		if out[i], err = unix.BytePtrFromString(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// execute sets the limit of memory, which this program's own runtime may be above of already, and becomes the program
// at once.
func (i image) execute(memory int64) error {
	limit := unix.Rlimit{Cur: uint64(memory), Max: uint64(memory)}
	// From here on this program's own runtime may be unable to allocate: no more than two bare system calls.
	_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_AS, uintptr(unsafe.Pointer(&limit)), 0, 0, 0) // #nosec G103 -- as the kernel takes it
	if errno != 0 {
		return fmt.Errorf("limit memory: %w", errno)
	}
	path, args, environ := unsafe.Pointer(i.path), unsafe.Pointer(&i.args[0]), unsafe.Pointer(&i.environ[0]) // #nosec G103 -- as the kernel takes it
	_, _, errno = unix.RawSyscall(unix.SYS_EXECVE, uintptr(path), uintptr(args), uintptr(environ))
	return fmt.Errorf("execute: %w", errno)
}
