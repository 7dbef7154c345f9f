package ffmpeg

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary stand in ffmpeg's place as a program that means harm.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == hostile {
		addAttacks()
		os.Exit(attack(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

const hostile = "hostile"

// What it says of its attempt.
const (
	did     = "did it"
	refused = "refused: "
)

// attacks are what it tries, by name. Each returns nil where it got what it wanted.
var attacks = map[string]func(args []string) error{
	"read":   func(args []string) error { return ignored(os.ReadFile(args[0])) },
	"list":   func(args []string) error { return ignored(os.ReadDir(args[0])) },
	"write":  func(args []string) error { return os.WriteFile(args[0], []byte("harm"), 0o600) },
	"append": func(args []string) error { return ignored(os.OpenFile(args[0], os.O_APPEND|os.O_WRONLY, 0)) },
	"mkdir":  func(args []string) error { return os.Mkdir(args[0], 0o700) },
	"remove": func(args []string) error { return os.Remove(args[0]) },
	"rename": func(args []string) error { return os.Rename(args[0], args[1]) },
	"link":   func(args []string) error { return os.Link(args[0], args[1]) },
	"symlink": func(args []string) error {
		if err := os.Symlink(args[0], args[1]); err != nil {
			return err
		}
		return ignored(os.ReadFile(args[1]))
	},
	"truncate": func(args []string) error { return os.Truncate(args[0], 0) },
	"truncate-read": func(args []string) error {
		return ignored(syscall.Open(args[0], syscall.O_RDONLY|syscall.O_TRUNC|syscall.O_CLOEXEC, 0))
	},
	"chmod": func(args []string) error { return os.Chmod(args[0], 0o777) },

	"tcp":       func(args []string) error { return dial("tcp", args[0]) },
	"udp":       func(args []string) error { return dial("udp", args[0]) },
	"unix":      func(args []string) error { return dial("unix", args[0]) },
	"listen":    func([]string) error { return ignored(net.Listen("tcp", "127.0.0.1:0")) },
	"listen-ux": func(args []string) error { return ignored(net.Listen("unix", args[0])) },

	"fork": func([]string) error {
		for range 50 {
			if _, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", ":"}, nil); err != nil {
				return err
			}
		}
		return nil
	},
	"exec":   func([]string) error { return syscall.Exec("/bin/sh", []string{"sh", "-c", "echo " + did}, nil) },
	"kill":   func(args []string) error { return syscall.Kill(number(args[0]), syscall.SIGKILL) },
	"signal": func([]string) error { return syscall.Kill(syscall.Getppid(), 0) },
	"parent": func([]string) error { return ignored(os.ReadFile(fmt.Sprintf("/proc/%d/environ", syscall.Getppid()))) },

	"files": func([]string) error {
		var list []*os.File
		for range 1000 {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return err
			}
			list = append(list, f)
		}
		_ = list
		return nil
	},
	"outlive": func(args []string) error {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		escape()
		if err := os.WriteFile(args[0], []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
			return err
		}
		<-time.After(time.Hour)
		return nil
	},
	"family": func(args []string) error {
		child, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{})
		if err != nil {
			return err
		}
		if err := os.WriteFile(args[0], []byte(strconv.Itoa(child.Pid)+"\n"), 0o600); err != nil || len(args) == 1 {
			return err
		}
		_, err = child.Wait()
		return err
	},
	"limits": func([]string) error { return describe() },
}

func attack(name string, args []string) int {
	try, ok := attacks[name]
	if !ok {
		fmt.Println("no such attempt")
		return 2
	}
	if err := try(args); err != nil {
		fmt.Println(refused + err.Error())
		return 1
	}
	fmt.Println(did)
	return 0
}

func ignored[T any](_ T, err error) error { return err }

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func dial(network, address string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	if network == "udp" {
		return ignored(c.Write([]byte("harm"))) // nothing was sent so far
	}
	return nil
}

// describe says what it finds itself in, on standard error.
func describe() error {
	var list []string
	for _, r := range []struct {
		name     string
		resource int
	}{{"memory", syscall.RLIMIT_AS}, {"cpu", syscall.RLIMIT_CPU}, {"output", syscall.RLIMIT_FSIZE}, {"files", syscall.RLIMIT_NOFILE}, {"core", syscall.RLIMIT_CORE}} {
		var l syscall.Rlimit
		if err := syscall.Getrlimit(r.resource, &l); err != nil {
			return err
		}
		list = append(list, fmt.Sprint(r.name, " ", l.Max))
	}
	nice, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	environ := os.Environ()
	slices.Sort(environ)
	open := ""
	for fd := 3; fd < 64; fd++ {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) != nil {
			continue
		}
		// Go's runtime has some of its own.
		link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err != nil || !strings.HasPrefix(link, "anon_inode:") && !strings.HasPrefix(link, "/sys/fs/cgroup/") {
			open += fmt.Sprint(" ", fd, "=", link)
		}
	}
	fmt.Fprintln(os.Stderr, strings.Join(list, " "), "nice", 20-nice)
	fmt.Fprintln(os.Stderr, "env", strings.Join(environ, " "))
	fmt.Fprintln(os.Stderr, "group", syscall.Getpgrp()-os.Getpid(), "dir", dir)
	fmt.Fprintln(os.Stderr, "inherited:"+open)
	return errors.New("that was all")
}

// self is the test binary as a program to run.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
