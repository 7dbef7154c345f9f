// Package filmtest has what the tests of all rooms share. Below it are films that are made for tests, films that mean harm,
// and oracles that look at what became of them.
package filmtest

import (
	"bytes"
	"sync"
	"testing"
)

// Must ends the test where there is an error.
func Must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Log keeps what is written to it by many goroutines, for a test that reads it meanwhile.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
