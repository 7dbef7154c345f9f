package master_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"filmcan/internal/front/master"
)

// BenchmarkDownload holds the door against the standard library's file server, in turn: same file, same client, page
// cache. The figure to look at is the ratio of the MB/s.
func BenchmarkDownload(b *testing.B) {
	const size = 256 << 20
	stand := newBench(b, size, master.Config{})
	door := stand.start(b)
	plain := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(stand.path))))
	b.Cleanup(plain.Close)
	buf := make([]byte, 1<<20)
	for _, c := range []struct{ name, url, ranges string }{
		{"door", stand.url(door.URL), ""},
		{"fileserver", plain.URL + "/film", ""},
		{"door-range", stand.url(door.URL), "bytes=1000-"},
		{"fileserver-range", plain.URL + "/film", "bytes=1000-"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, c.url, nil)
				if err != nil {
					b.Fatal(err)
				}
				if c.ranges != "" {
					req.Header.Set("Range", c.ranges)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, buf)
				if err != nil || n < size-1000 {
					b.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
