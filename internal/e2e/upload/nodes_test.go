package upload

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func bigFilm(t *testing.T) (string, int64) {
	t.Helper()
	const size = 1 << 30
	return films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: size}), size
}

// pair is two servers on one PostgreSQL and one folder, behind one public name.
func pair(t *testing.T) (nodes [2]*rig.Process, c *rig.Client) {
	t.Helper()
	cluster := rig.NewCluster(t)
	for i := range nodes {
		var client *rig.Client
		if nodes[i], client = cluster.Start(t); c == nil {
			c = client
		}
	}
	return nodes, c
}

// arrived is became for a server behind a public name.
func arrived(t *testing.T, nodes [2]*rig.Process, c *rig.Client, u rig.Upload, f sample) {
	t.Helper()
	a := c.Ready(t, c.GetUpload(t, u.ID).AssetID)
	if a.Master == nil || a.Master.SHA256 != f.sum {
		t.Fatalf("the master is %+v, want %s", a.Master, f.sum)
	}
	for _, p := range nodes {
		link := p.Base() + a.Master.URL[strings.Index(a.Master.URL, "/master/"):]
		if status, sum, _, err := rig.Download(t.Context(), link); err != nil || status != 200 || sum != f.sum {
			t.Errorf("download: %d %s %v", status, sum, err)
		}
	}
}

// TestTwoNodes: chunks land on either of two processes, in turn, twice, and at the same time.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	nodes, c := pair(t)
	f := filmA(t)
	t.Run("in turn", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		for i, from := 0, int64(0); from < f.size(); i, from = i+1, from+mib {
			link := at(nodes[i%2], u.URL)
			if end := from + mib; end < f.size() {
				chunk(t, link, f, from, end, 308, end)
				chunk(t, at(nodes[1-i%2], u.URL), f, from, end, 308, end)
			} else {
				chunk(t, link, f, from, f.size(), 200, 0)
				chunk(t, at(nodes[1-i%2], u.URL), f, from, f.size(), 200, 0)
			}
		}
		arrived(t, nodes, c, u, f)
	})
	t.Run("at the same time", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		var wg sync.WaitGroup
		for _, p := range nodes {
			wg.Go(func() { persist(t, at(p, u.URL), f, mib) })
		}
		wg.Wait()
		arrived(t, nodes, c, u, f)
	})
	t.Run("cancelled on the other", func(t *testing.T) {
		t.Parallel()
		u := c.CreateUpload(t, nil)
		chunk(t, at(nodes[1], u.URL), f, 0, mib, 308, mib)
		c.Must(t, 200, http.MethodPut, "/video/v1/uploads/"+u.ID+"/cancel", nil, nil)
		got, err := rig.Chunk(t.Context(), at(nodes[1], u.URL), f, mib, 2*mib, f.size())
		check(t, "after the end", got, err, 410, 0)
	})
}

// TestNodeKilled: the node that takes a film dies in the middle of a chunk; the other one goes on at once.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	nodes, c := pair(t)
	c.Base = nodes[1].Base()
	f := filmA(t)
	u := c.CreateUpload(t, nil)
	chunk(t, at(nodes[0], u.URL), f, 0, 3*mib, 308, 3*mib)
	raw(t, at(nodes[0], u.URL), "Transfer-Encoding: chunked\r\nContent-Range: bytes 3145728-10485759/10485760\r\n", append([]byte("700000\r\n"), f.bytes[3*mib:5*mib]...))
	nodes[0].Kill()
	began := time.Now()
	link := at(nodes[1], u.URL)
	if got := asked(t, link, f); got < 3*mib {
		t.Fatalf("%d bytes are stored, promised were %d", got, 3*mib)
	}
	rest(t, link, f, 2*mib)
	t.Logf("the other node had the film %s after the first one died", time.Since(began).Round(time.Millisecond))
	nodes[0] = nodes[1]
	arrived(t, nodes, c, u, f)
}
