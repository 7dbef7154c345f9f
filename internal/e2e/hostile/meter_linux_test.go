package hostile

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sampleEvery is how often memory is looked at. The kernel keeps the peak of each process while it lives: what it took
// in its last moments alone may be missed.
const sampleEvery = 4 * time.Millisecond

// meter samples the memory of a server and of the processes below it.
type meter struct {
	pid int

	mu      sync.Mutex
	windows map[*window]bool
	child   int64 // the largest of all
}

// window is what was seen from one moment to another.
type window struct {
	Sum, Child, Server int64
}

func newMeter(t *testing.T, pid int) *meter {
	t.Helper()
	m := &meter{pid: pid, windows: map[*window]bool{}}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				m.sample()
			}
		}
	})
	t.Cleanup(func() { close(stop); wait.Wait() })
	return m
}

func (m *meter) open() *window {
	w := &window{}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.windows[w] = true
	return w
}

func (m *meter) close(w *window) {
	m.sample()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.windows, w)
}

func (m *meter) sample() {
	server := memory(m.pid, "VmRSS:")
	var largest, sum int64
	self := command(m.pid)
	for _, c := range children(m.pid) {
		if command(c) == self {
			continue // just forked: it has the server's memory, not its own
		}
		n := memory(c, "VmHWM:")
		sum += n
		largest = max(largest, n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.child = max(m.child, largest)
	for w := range m.windows {
		w.Sum, w.Child, w.Server = max(w.Sum, server+sum), max(w.Child, largest), max(w.Server, server)
	}
}

// children are the processes that a process started, and theirs.
func children(pid int) (list []int) {
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for word := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(word); err == nil {
				list = append(append(list, n), children(n)...)
			}
		}
	}
	return list
}

// command is how a process was started.
func command(pid int) string {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return string(b)
}

func memory(pid int, key string) int64 {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, rest, ok := bytes.Cut(b, []byte(key))
	if !ok {
		return 0
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}
