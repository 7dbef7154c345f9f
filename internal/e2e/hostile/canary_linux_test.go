package hostile

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	files "filmcan/internal/filmtest/hostile"
)

// secret is what the canary says. It stands in no hostile file: wherever it is found, the canary was read.
const secret = "SONGBIRD-7f3a9c51-nobody-may-read-this"

// bait is a file and a host of which the hostile files speak. It knows whether anybody looked.
type bait struct {
	files.Places

	opened, called atomic.Int64
}

func newBait(t *testing.T) *bait {
	t.Helper()
	b := &bait{}
	b.Canary = filepath.Join(t.TempDir(), "canary.txt")
	if err := os.WriteFile(b.Canary, []byte(secret+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify") // waits by way of the poller, so that Close ends it
	if _, err := unix.InotifyAddWatch(fd, b.Canary, unix.IN_OPEN|unix.IN_ACCESS|unix.IN_MODIFY); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Host = listener.Addr().String()
	datagrams, err := net.ListenPacket("udp", b.Host)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := events.Read(buf)
			if err != nil {
				return
			}
			b.opened.Add(int64(n / unix.SizeofInotifyEvent))
		}
	})
	wait.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			b.called.Add(1)
			_ = c.Close()
		}
	})
	wait.Go(func() {
		for {
			if _, _, err := datagrams.ReadFrom(make([]byte, 16)); errors.Is(err, net.ErrClosed) {
				return
			}
			b.called.Add(1)
		}
	})
	t.Cleanup(func() {
		for _, c := range []io.Closer{events, listener, datagrams} {
			_ = c.Close()
		}
		wait.Wait()
	})
	return b
}
