package upload_test

import (
	"io"
	"runtime"
	"sync"
	"testing"
)

// stretch is a body of that many bytes that takes no memory.
type stretch struct{ left int }

func (s *stretch) Read(p []byte) (int, error) {
	n := min(len(p), s.left)
	if s.left -= n; n == 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = byte(s.left + i)
	}
	return n, nil
}

// TestMemory sends many films at once, and compares each with itself: what they take is bounded by their number, not
// by their bytes.
func TestMemory(t *testing.T) { //nolint:paralleltest // it measures
	const films, size, each = 50, 6 << 20, 1 << 20
	w := newWorld(t, plan{})
	uploads := make([]*one, films)
	for i := range uploads {
		uploads[i] = w.create(t)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var clients sync.WaitGroup
	for _, o := range uploads {
		clients.Go(func() {
			for range 2 {
				if r, err := o.try(t.Context(), "", unsized{&stretch{size}}); err != nil || r.text != "200" {
					t.Errorf("%s, %v", r.text, err)
				}
			}
		})
	}
	clients.Wait()
	runtime.ReadMemStats(&after)
	if grown := after.HeapSys - before.HeapSys; int64(grown) > films*each+32<<20 {
		t.Errorf("%d MB of memory for %d films", grown>>20, films)
	} else {
		t.Logf("%d MB for %d films of %d MB", grown>>20, films, size>>20)
	}
}
