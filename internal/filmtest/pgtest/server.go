package pgtest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const superuser = "filmcan"

// running is a server that this process started.
type running struct {
	address string
	alive   io.Closer // the server stops when this is closed, at the latest by the end of the process
}

// script makes and starts a server in folder $2 from the programs in $1, says so, waits until nobody holds the other
// end of its input any more, and then removes everything: so no server outlives its tests, however they end.
// Nothing is synced: the data needs to survive nothing.
const script = `
bin=$1 folder=$2
trap 'cd /; rm -rf "$folder"' EXIT
fail() { echo "$1 failed:"; cat "$folder/log"; exit 1; }
"$bin/initdb" --no-sync -D "$folder/data" -U ` + superuser + ` -A trust -E UTF8 --locale=C >"$folder/log" 2>&1 || fail initdb
"$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o "-k '$folder' -c listen_addresses= -c fsync=off \
	-c full_page_writes=off -c max_connections=300 -c shared_buffers=32MB -c deadlock_timeout=20ms -c wal_level=minimal -c max_wal_senders=0" \
	start >>"$folder/log" 2>&1 </dev/null || fail pg_ctl
echo ready
exec >&-
cat >/dev/null
"$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1
`

// start makes a server. It runs as another user where this process is root, for PostgreSQL refuses to be root.
func start() (*running, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("/tmp", "filmcan-pg") // a socket's path must be shorter than 107 bytes: not TMPDIR
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", script, "sh", bin, folder)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + folder}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests; the end of the pipe is for the server
	if os.Geteuid() == 0 {
		if cmd.SysProcAttr.Credential, err = nobody(folder); err != nil {
			return nil, err
		}
	}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	out := bufio.NewReader(stdout)
	if line, _ := out.ReadString('\n'); line != "ready\n" {
		rest, _ := io.ReadAll(out)
		return nil, errors.Join(fmt.Errorf("%s%s", line, rest), cmd.Wait())
	}
	return &running{address: address(folder), alive: alive}, nil
}

// programs returns the folder of the newest server's programs, as Debian installs them.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if err != nil || len(found) == 0 {
		return "", errors.New("no /usr/lib/postgresql/*/bin/pg_ctl: apt-get install postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })), nil
}

// nobody returns a user without rights and makes the folder that user's.
func nobody(folder string) (*syscall.Credential, error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
}
