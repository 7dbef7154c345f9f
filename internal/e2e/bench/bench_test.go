//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

func TestMain(m *testing.M) {
	if os.Getenv(plainEnv) != "" {
		fmt.Println(servePlain())
		return
	}
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

var out report

func server(t *testing.T) (*rig.Process, *rig.Client) {
	t.Helper()
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Quiet: true})
	c := p.Client(t)
	c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return p, c
}

// source serves a film and tells when the last byte of it was handed over.
type source struct {
	*httptest.Server
	last atomic.Int64 // unix nanoseconds
	rate atomic.Int64 // bytes per second; 0 as fast as it goes
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rate := s.rate.Load(); rate > 0 {
			w = &slowly{ResponseWriter: w, rate: rate, began: time.Now()}
		}
		http.ServeFile(w, r, r.URL.Query().Get("path"))
		s.last.Store(time.Now().UnixNano())
	}))
	t.Cleanup(s.Close)
	return s
}

// slowly is a line of a certain rate.
type slowly struct {
	http.ResponseWriter
	rate, sent int64
	began      time.Time
}

func (s *slowly) Write(p []byte) (int, error) {
	s.sent += int64(len(p))
	if ahead := time.Duration(s.sent*int64(time.Second)/s.rate) - time.Since(s.began); ahead > 0 {
		<-time.After(ahead)
	}
	return s.ResponseWriter.Write(p)
}

func (s *source) url(path string) string { return s.URL + "/film.mp4?path=" + path }

// TestReady: from the last byte of the input to ready, for films of every length.
func TestReady(t *testing.T) {
	out.head("From the last byte to ready (standard films)")
	_, c := server(t)
	s := newSource(t)
	lengths := []struct {
		name string
		spec films.Spec
	}{{"10 s", films.Spec{Duration: 10 * time.Second}}, {"10 min", films.Minutes(10)}, {"60 min", films.Minutes(60)}}
	measured := map[string][]time.Duration{}
	for range 7 { // the lengths take turns
		for _, l := range lengths {
			a := c.Create(t, s.url(films.Get(t, l.spec)), nil)
			for {
				if got := c.Get(t, a.ID); got.Status == "ready" {
					break
				} else if got.Status != "preparing" {
					t.Fatalf("%+v", got)
				}
			}
			measured[l.name] = append(measured[l.name], time.Duration(time.Now().UnixNano()-s.last.Load()))
			c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, nil)
		}
	}
	for _, l := range lengths {
		d := median(measured[l.name])
		out.line("film of "+l.name, fmt.Sprintf("%s (max %s)", d.Round(time.Millisecond), percentile(measured[l.name], 1).Round(time.Millisecond)), "< 1 s", d < time.Second)
	}
	slope := median(measured["60 min"]) - median(measured["10 s"])
	out.line("60 min − 10 s", slope.Round(time.Millisecond).String(), "nil (< 100 ms)", slope < 100*time.Millisecond)
}

// TestMasterAccess: the PUT that enables, until its answer says ready.
func TestMasterAccess(t *testing.T) {
	out.head("PUT master-access until ready")
	_, c := server(t)
	s := newSource(t)
	ids := map[string]string{}
	for name, spec := range map[string]films.Spec{"10 s": {Duration: 10 * time.Second}, "60 min": films.Minutes(60)} {
		ids[name] = c.Ready(t, c.Create(t, s.url(films.Get(t, spec)), nil).ID).ID
	}
	took := map[string][]time.Duration{}
	for range 200 {
		for name, id := range ids {
			began := time.Now()
			if a := c.SetMaster(t, id, "temporary"); a.Master.Status != "ready" {
				t.Fatalf("%+v", a.Master)
			}
			took[name] = append(took[name], time.Since(began))
			c.SetMaster(t, id, "none")
		}
	}
	for _, name := range []string{"10 s", "60 min"} {
		p50, p99 := percentile(took[name], 0.5), percentile(took[name], 0.99)
		out.line("film of "+name, fmt.Sprintf("p50 %s  p99 %s", p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond)), "p99 < 50 ms", p99 < 50*time.Millisecond)
	}
	ratio := float64(median(took["60 min"])) / float64(median(took["10 s"]))
	out.line("60 min ÷ 10 s", fmt.Sprintf("%.2f ×", ratio), "1 × (≤ 1.2)", ratio <= 1.2)
}

// TestDownloads: masters and segments against http.FileServer with the same bytes.
func TestDownloads(t *testing.T) {
	out.head("Throughput against http.FileServer, the same bytes, in turn")
	p, c := server(t)
	s := newSource(t)
	plain := plainServer(t)

	big := films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: 1 << 30})
	a := c.Ready(t, c.Create(t, s.url(big), nil).ID)
	master := c.SetMaster(t, a.ID, "temporary").Master.URL
	ratio, ours, theirs := pairs(9,
		func() time.Duration { return fetch(t, master) },
		func() time.Duration { return fetch(t, plain+big) })
	out.line("master of 1 GiB", fmt.Sprintf("%.2f × (%.2f and %.2f GB/s)", 1/ratio, gbps(1<<30, ours), gbps(1<<30, theirs)), "≥ 0.9 ×", 1/ratio >= 0.9)

	film := films.Get(t, richFilm())
	b := c.Ready(t, c.Create(t, s.url(film), nil).ID)
	urls, files, size := segments(t, p.Base()+"/"+b.PlaybackIDs[0].ID+".m3u8", plain, "/p2/")
	ratio, ours, theirs = pairs(9,
		func() time.Duration { return fetchAll(t, urls) },
		func() time.Duration { return fetchAll(t, files) })
	out.line(fmt.Sprintf("%d passthrough segments, %.1f MB each", len(urls), float64(size)/float64(len(urls))/1e6),
		fmt.Sprintf("%.2f × (%.2f and %.2f GB/s)", 1/ratio, gbps(size, ours), gbps(size, theirs)), "≥ 0.9 ×", 1/ratio >= 0.9)
}

// richFilm has the bit rate of a camera's film, so that segments are as large as real ones.
func richFilm() films.Spec {
	return films.Spec{Duration: time.Minute, Width: 1280, Height: 720, Grain: true}
}

func plainServer(t *testing.T) (url string) {
	t.Helper()
	// A process of its own, as the measured one is: what a client and a server in one process save would be counted.
	cmd := exec.CommandContext(t.Context(), os.Args[0]) // #nosec G204 G702 -- this test
	cmd.Env = append(os.Environ(), plainEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

// plainEnv makes this test the plain server's process.
const plainEnv = "FILMCAN_BENCH_FILES"

// servePlain is that process: a server of all files, until nobody holds its standard input any more.
func servePlain() error {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // for as long as the process
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
	}()
	return http.Serve(l, http.FileServer(http.Dir("/"))) //nolint:gosec // for this test alone
}

// segments reads the playlists whose URLs have part in them, and writes every segment into a file for the plain server.
func segments(t *testing.T, playlist string, plain, part string) (urls, files []string, size int64) {
	t.Helper()
	dir := t.TempDir()
	base := playlist[:strings.LastIndex(playlist, "/")]
	for _, line := range lines(t, playlist) {
		if strings.HasPrefix(line, "#") || !strings.Contains(line, part) {
			continue
		}
		media := resolve(base, line)
		for _, segment := range lines(t, media) {
			if strings.HasPrefix(segment, "#") || segment == "" {
				continue
			}
			u := resolve(media[:strings.LastIndex(media, "/")], segment)
			body := get(t, u)
			name := filepath.Join(dir, strconv.Itoa(len(files))+".m4s")
			if err := os.WriteFile(name, body, 0o600); err != nil {
				t.Fatal(err)
			}
			urls, files, size = append(urls, u), append(files, plain+name), size+int64(len(body))
		}
	}
	return urls, files, size
}

func resolve(base, ref string) string {
	if strings.HasPrefix(ref, "http") {
		return ref
	}
	if strings.HasPrefix(ref, "/") {
		return base[:strings.Index(base[8:], "/")+8] + ref
	}
	return base + "/" + ref
}

func lines(t *testing.T, url string) []string {
	t.Helper()
	var list []string
	for s := bufio.NewScanner(bytes.NewReader(get(t, url))); s.Scan(); {
		list = append(list, s.Text())
	}
	return list
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url) //nolint:gosec // our own server
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v", url, res.StatusCode, err)
	}
	return body
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func fetch(t *testing.T, url string) time.Duration {
	t.Helper()
	began := time.Now()
	res, err := http.Get(url) //nolint:gosec // our own server
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, buffer[:]); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v", url, res.StatusCode, err)
	}
	return time.Since(began)
}

func fetchAll(t *testing.T, urls []string) time.Duration {
	t.Helper()
	var sum time.Duration
	for range 4 {
		for _, u := range urls {
			sum += fetch(t, u)
		}
	}
	return sum / 4
}

func gbps(bytes int64, d time.Duration) float64 { return float64(bytes) / 1e9 / d.Seconds() }

// TestReads: GETs of assets from SQLite while a film is ingested, with the client on the same processors.
func TestReads(t *testing.T) {
	out.head("API reads from SQLite while a film is ingested")
	_, c := server(t)
	s := newSource(t)
	a := c.Ready(t, c.Create(t, s.url(films.Get(t, films.Spec{Duration: 10 * time.Second})), nil).ID)
	big := films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: 4 << 30})
	rate := func(while func() bool) float64 {
		var n atomic.Int64
		began := time.Now()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { n.Add(ask(t, c, "/video/v1/assets/"+a.ID, while)) })
		}
		wg.Wait()
		return float64(n.Load()) / time.Since(began).Seconds()
	}
	for5 := func() func() bool {
		end := time.Now().Add(5 * time.Second)
		return func() bool { return time.Now().Before(end) }
	}
	rate(for5())
	idle := rate(for5())
	out.line("reads beside nothing", fmt.Sprintf("%.0f per second", idle), "≥ 5000", idle >= 5000)
	for _, line := range []struct {
		name string
		rate int64
	}{{"1 Gbit/s", 125_000_000}, {"the speed of the loopback", 0}} {
		s.rate.Store(line.rate)
		ingest := c.Create(t, s.url(big), nil)
		busy := rate(for5())
		still := c.Get(t, ingest.ID).Status
		out.line("reads beside an ingest of 4 GiB at "+line.name, fmt.Sprintf("%.0f per second (ingest %s after 5 s)", busy, still), "≥ 5000", busy >= 5000)
		c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+ingest.ID, nil, nil)
	}
}

// ask sends the same request over one connection while it may, and returns how many times it was answered well. It
// does as little as a client can, since it runs on the processors of the server.
func ask(t *testing.T, c *rig.Client, path string, while func() bool) (n int64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+path, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	req.SetBasicAuth(c.ID, c.Secret)
	var raw bytes.Buffer
	_ = req.Write(&raw)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", req.URL.Host)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for while() {
		if _, err := conn.Write(raw.Bytes()); err != nil {
			t.Error(err)
			return n
		}
		line, err := r.ReadSlice('\n')
		if err != nil || !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			t.Errorf("answer %q %v", line, err)
			return n
		}
		length := 0
		for len(line) > 2 {
			if line, err = r.ReadSlice('\n'); err != nil {
				t.Error(err)
				return n
			}
			if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
			}
		}
		if got, err := r.Discard(length); err != nil || length == 0 {
			t.Errorf("body of %d bytes: %d %v", length, got, err)
			return n
		}
		n++
	}
	return n
}

// TestMemory: a film of 10 GB goes in and comes back.
func TestMemory(t *testing.T) {
	out.head("Resident memory while a film of 10 GB is ingested and downloaded")
	p, c := server(t)
	s := newSource(t)
	began := time.Now()
	big := films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: 10_000_000_000})
	a := c.Ready(t, c.Create(t, s.url(big), nil).ID)
	in := time.Since(began)
	link := c.SetMaster(t, a.ID, "temporary").Master.URL
	back := fetch(t, link)
	peak := peakMemory(t, p.PID())
	out.line("peak of the process", fmt.Sprintf("%d MB (in %s, back %s)", peak>>20, in.Round(time.Second), back.Round(time.Second)), "< 200 MB", peak < 200<<20)
}

func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
