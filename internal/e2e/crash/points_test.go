//go:build crashtest

package crash

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// conductor is whom the program announces its points to. It lets it go on, or kills it there.
type conductor struct {
	listener net.Listener
	path     string

	mu    sync.Mutex
	seen  map[string]int // how often each point was announced
	hits  map[string]int // how often the program was killed there
	armed string         // where to kill next; "" nowhere
	skip  int            // how many announcements of it to let pass first
	wg    sync.WaitGroup
}

func newConductor(t *testing.T) *conductor {
	t.Helper()
	c := &conductor{path: filepath.Join(t.TempDir(), "points"), seen: map[string]int{}, hits: map[string]int{}}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", c.path)
	if err != nil {
		t.Fatal(err)
	}
	c.listener = l
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.conduct(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); c.wg.Wait() })
	return c
}

// conduct hears one process out.
func (c *conductor) conduct(conn net.Conn) {
	defer conn.Close()
	pid := peer(conn)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if c.announced(lines.Text()) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // the process may be dead already: the same to us
			return
		}
		if _, err := fmt.Fprintln(conn, "go on"); err != nil {
			return
		}
	}
}

// announced reports whether the program is to die here.
func (c *conductor) announced(point string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[point]++
	if point != c.armed {
		return false
	}
	if c.skip > 0 {
		c.skip--
		return false
	}
	c.armed = ""
	c.hits[point]++
	return true
}

// arm lets the program die at the point, after skip announcements of it.
func (c *conductor) arm(point string, skip int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.skip = point, skip
}

func (c *conductor) points() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.seen))
}

// counts is how often each point has been announced so far.
func (c *conductor) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

func (c *conductor) hitsOf(point string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits[point]
}

// table lists every point with its kills, for the log.
func (c *conductor) table() string {
	var b strings.Builder
	for _, p := range c.points() {
		fmt.Fprintf(&b, "%4d kills at %s\n", c.hitsOf(p), p)
	}
	return b.String()
}

// peer is the id of the process at the other end of a Unix socket.
func peer(conn net.Conn) int {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return -1
	}
	pid := -1
	_ = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}
