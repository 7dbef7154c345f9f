package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// slack is what a process may write beside a film in the moments of a measurement: log lines, rows, other answers.
const slack = 256 << 10

// TestRevocationCutsASlowReader: after the answer to the PUT no byte of the master is handed to the kernel later than
// one second, and the connection ends. What a process hands to the kernel is counted by the kernel itself.
func TestRevocationCutsASlowReader(t *testing.T) {
	t.Parallel()
	film := bigFilm(t)
	w := rig.NewWorld(t, film)
	p := start(t)
	c := p.Client(t)
	a := c.Ready(t, c.Create(t, w.FilmURL(film), nil).ID)
	for _, how := range []string{"revoked", "deleted"} { //nolint:paralleltest // the second needs what the first leaves
		t.Run(how, func(t *testing.T) {
			open := c.SetMaster(t, a.ID, "temporary")
			cutBy(t, p, open.Master.URL, func() {
				if how == "revoked" {
					c.SetMaster(t, a.ID, "none")
				} else {
					c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, nil)
				}
			})
		})
	}
}

// bigFilm is longer than all the buffers between a process and a reader that does not read.
func bigFilm(t *testing.T) string {
	t.Helper()
	return films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 96 << 20})
}

// cutBy reads slowly from a link that p serves, takes access away in the middle, and checks that p hands over nothing
// later than a second after that, though the reader reads on as fast as it can.
func cutBy(t *testing.T, p *rig.Process, link string, takeAway func()) {
	t.Helper()
	conn, body := slowly(t, link)
	defer conn.Close()
	buffer := make([]byte, 64<<10)
	var got int64
	read := func(d time.Duration, pause time.Duration) error {
		for end := time.Now().Add(d); time.Now().Before(end); {
			_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			n, err := body.Read(buffer)
			got += int64(n)
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			if pause > 0 {
				<-time.After(pause)
			}
		}
		return nil
	}
	if err := read(1500*time.Millisecond, 20*time.Millisecond); err != nil {
		t.Fatalf("before it was taken away: %v after %d bytes", err, got)
	}
	if got > 64<<20 {
		t.Fatalf("the reader is not slow: %d bytes already", got)
	}
	takeAway()
	answered := time.Now()
	// Reading on keeps the kernel's buffers moving, so that a transfer that is not cut would write.
	ended := read(time.Until(answered.Add(time.Second)), 20*time.Millisecond)
	atLimit := written(t, p.PID())
	if ended == nil {
		ended = read(2*time.Second, 0)
	}
	if later := written(t, p.PID()) - atLimit; later > slack {
		t.Errorf("%d bytes were handed over later than a second after the answer", later)
	}
	if ended == nil {
		t.Errorf("the connection does not end; %d bytes so far", got)
	} else if errors.Is(ended, io.EOF) && got >= 96<<20 {
		t.Error("the download came to its end")
	}
	t.Logf("%d bytes of %d arrived, then: %v", got, 96<<20, ended)
}

// slowly requests a link on a connection with a small receive buffer.
func slowly(t *testing.T, link string) (net.Conn, io.Reader) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host)
	r := bufio.NewReaderSize(conn, 4<<10)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET the link: %v %v", res, err)
	}
	return conn, res.Body
}

// written is how many bytes the process has handed to the kernel by write and sendfile so far.
func written(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the kernel does not count")
	return 0
}
