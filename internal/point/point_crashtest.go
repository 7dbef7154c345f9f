//go:build crashtest

package point

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sync"
)

var connect = sync.OnceValue(func() *announcer {
	path := os.Getenv("FILMCAN_POINTS")
	if path == "" {
		return nil
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash points:", err)
		os.Exit(3)
	}
	return &announcer{conn: conn, answers: bufio.NewReader(conn)}
})

type announcer struct {
	mu      sync.Mutex
	conn    net.Conn
	answers *bufio.Reader
}

// Hit announces that the program is at the named point and waits for leave to go on.
func Hit(name string) {
	a := connect()
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := fmt.Fprintln(a.conn, name); err != nil {
		return
	}
	// The test has gone away when this fails: then there is nobody to wait for.
	_, _ = a.answers.ReadString('\n')
}

// Broken reports whether the named rule is to be broken on purpose in this run.
func Broken(rule string) bool { return os.Getenv("FILMCAN_BREAK") == rule }
