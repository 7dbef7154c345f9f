//go:build linux && (amd64 || arm64)

package sandbox

import "golang.org/x/sys/unix"

// Offsets in the kernel's struct seccomp_data. Both machines are little endian: a low word comes first.
const (
	offsetNumber  = 0
	offsetMachine = 4
	offsetArgs    = 16
)

// newest is the last system call that was looked at for this list. Later ones do not exist in here.
const newest = unix.SYS_RSEQ_SLICE_YIELD

// verdicts
const (
	allow   = unix.SECCOMP_RET_ALLOW
	kill    = unix.SECCOMP_RET_KILL_PROCESS
	refuse  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// busy are the calls that a program makes all the time: they are asked for first.
func busy() []uint32 {
	return []uint32{
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_FUTEX, unix.SYS_LSEEK, unix.SYS_PREAD64, unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MADVISE,
		unix.SYS_MPROTECT, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOSE, unix.SYS_PPOLL, unix.SYS_SCHED_YIELD, unix.SYS_CLOCK_NANOSLEEP,
	}
}

// refused are calls that no decoder or encoder needs, and that reach beyond the files, the memory and the threads of
// its own.
func refused() []uint32 {
	return append([]uint32{
		// Network, unix sockets, and the door around them. Descriptors that are sockets cannot come in.
		unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		// Other processes; leaving the group by which this one is killed. tkill names threads of any process.
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
		unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_KCMP, unix.SYS_TKILL, unix.SYS_PERF_EVENT_OPEN,
		unix.SYS_BPF, unix.SYS_USERFAULTFD, unix.SYS_SETSID, unix.SYS_SETPGID, unix.SYS_IOPRIO_SET, unix.SYS_MIGRATE_PAGES,
		unix.SYS_MOVE_PAGES, unix.SYS_PERSONALITY,
		// What Landlock does not hold, or not before its third version: length, attributes, locks and news of files.
		unix.SYS_TRUNCATE, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
		unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR,
		unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR, unix.SYS_UTIMENSAT, unix.SYS_MKNODAT, unix.SYS_FLOCK,
		unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK,
		unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
		// Memory that no limit counts, and memory and messages shared with others.
		unix.SYS_MEMFD_SECRET, unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SHMDT, unix.SYS_SEMGET,
		unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
		unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
		// The machine.
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOVE_MOUNT,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE,
		unix.SYS_SETNS, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_ACCT, unix.SYS_LISTMOUNT,
		unix.SYS_STATMOUNT, unix.SYS_LISTNS, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_INIT_MODULE,
		unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT,
		unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME,
		unix.SYS_ADJTIMEX, unix.SYS_SYSLOG, unix.SYS_VHANGUP,
	}, refusedHere()...)
}

// absent are calls for whose absence libraries have another way.
func absent() []uint32 {
	return []uint32{
		// Their arguments are in memory, which a filter cannot read: clone and openat can be looked at.
		unix.SYS_CLONE3, unix.SYS_OPENAT2,
		// A file in memory, which no limit counts; executing what is none.
		unix.SYS_MEMFD_CREATE, unix.SYS_EXECVEAT,
	}
}

// test is a condition on one argument's low word: the word with mask over it equals value.
type test struct {
	arg         int
	mask, value uint32
}

const all = ^uint32(0)

// conditional is a call that is allowed or refused by its arguments.
type conditional struct {
	number uint32
	// allowed: where any of the tests holds it is allowed, else refused; or the other way round.
	allowed bool
	tests   []test
}

func conditionals(pid int) []conditional {
	own := []test{{arg: 0, mask: all, value: uint32(pid)}}
	return append([]conditional{
		// Threads, and no processes.
		{unix.SYS_CLONE, true, []test{{0, unix.CLONE_THREAD, unix.CLONE_THREAD}}},
		{unix.SYS_KILL, true, own},
		{unix.SYS_TGKILL, true, own},
		{unix.SYS_RT_SIGQUEUEINFO, true, own},
		{unix.SYS_RT_TGSIGQUEUEINFO, true, own},
		{unix.SYS_PRLIMIT64, true, append([]test{{0, all, 0}}, own...)},
		{unix.SYS_SCHED_SETAFFINITY, true, append([]test{{0, all, 0}}, own...)},
		{unix.SYS_SCHED_SETSCHEDULER, true, []test{{0, all, 0}}},
		{unix.SYS_SCHED_SETPARAM, true, []test{{0, all, 0}}},
		{unix.SYS_SCHED_SETATTR, true, []test{{0, all, 0}}},
		{unix.SYS_SETPRIORITY, true, []test{{1, all, 0}}},
		// The death of the parent is this process's own.
		{unix.SYS_PRCTL, false, []test{{0, all, unix.PR_SET_PDEATHSIG}}},
		// Signals by way of descriptors, and hindering others by leases on a file.
		{unix.SYS_FCNTL, false, []test{
			{1, all, unix.F_SETOWN}, {1, all, unix.F_SETOWN_EX}, {1, all, unix.F_SETSIG}, {1, all, unix.F_SETLEASE}, {1, all, unix.F_NOTIFY},
		}},
		// Linux truncates a file that is opened to be read, if asked to; Landlock before its third version lets it.
		{unix.SYS_OPENAT, false, []test{{2, unix.O_ACCMODE | unix.O_TRUNC, unix.O_TRUNC}}},
	}, conditionalsHere()...)
}

// program writes the filter for the process with number pid, which keeps its number when it executes.
func program(pid int) []unix.SockFilter {
	var p []unix.SockFilter
	load := func(offset int) {
		p = append(p, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: uint32(offset)})
	}
	skip := func(op uint16, k uint32, yes, no uint8) {
		p = append(p, unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k})
	}
	verdict := func(v uint32) { p = append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v}) }

	load(offsetMachine)
	skip(unix.BPF_JEQ, machine, 1, 0)
	verdict(kill) // a call in the way of another machine: its numbers mean others
	load(offsetNumber)
	for _, n := range busy() {
		skip(unix.BPF_JEQ, n, 0, 1)
		verdict(allow)
	}
	skip(unix.BPF_JGT, newest, 0, 1)
	verdict(unknown) // also what x86-64's second numbering has
	for _, n := range refused() {
		skip(unix.BPF_JEQ, n, 0, 1)
		verdict(refuse)
	}
	for _, n := range absent() {
		skip(unix.BPF_JEQ, n, 0, 1)
		verdict(unknown)
	}
	for _, c := range conditionals(pid) {
		match, other := uint32(refuse), uint32(allow)
		if c.allowed {
			match, other = other, match
		}
		skip(unix.BPF_JEQ, c.number, 0, uint8(4*len(c.tests)+1))
		for _, t := range c.tests {
			load(offsetArgs + 8*t.arg)
			p = append(p, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: t.mask})
			skip(unix.BPF_JEQ, t.value, 0, 1)
			verdict(match)
		}
		verdict(other)
	}
	verdict(allow)
	return p
}
