package passthrough

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"filmcan/internal/media/mp4"
)

// counting notes the reads that reach it.
type counting struct {
	io.ReaderAt

	reads int
	bytes int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.bytes += int64(len(p))
	return c.ReaderAt.ReadAt(p, off)
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestGather holds gather against the obvious way to do it, for ranges of every kind: tiny and large, joined and far
// apart, empty, backwards, twice the same.
func TestGather(t *testing.T) {
	t.Parallel()
	src := noise(3 << 20)
	random := rand.New(rand.NewPCG(3, 4))
	var b buffers
	for round := range 100 {
		var ranges []mp4.Range
		var want []byte
		at := random.Int64N(1000)
		for range random.IntN(40) {
			length := random.Int64N([]int64{1, 10, 2000, 300_000}[random.IntN(4)] + 1)
			if random.IntN(20) == 0 {
				at = random.Int64N(int64(len(src)))
			}
			at = min(at, int64(len(src)))
			length = min(length, int64(len(src))-at)
			ranges = append(ranges, mp4.Range{Offset: at, Length: length})
			want = append(want, src[at:at+length]...)
			at += length + random.Int64N([]int64{1, 500, 100_000}[random.IntN(3)])
		}
		off := random.Int64N(int64(len(want)) + 1)
		n := random.Int64N(int64(len(want)) - off + 1)
		var got bytes.Buffer
		if err := b.gather(&got, bytes.NewReader(src), ranges, off, n); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if !bytes.Equal(got.Bytes(), want[off:off+n]) {
			t.Fatalf("round %d: other bytes for %v, %d from %d", round, ranges, n, off)
		}
	}
}

// TestGatherReadsLittle: what is interleaved closely is read in windows, what is sparse by itself.
func TestGatherReadsLittle(t *testing.T) {
	t.Parallel()
	src := &counting{ReaderAt: bytes.NewReader(make([]byte, 8<<20))}
	var dense, sparse []mp4.Range
	var denseBytes, sparseBytes int64
	for at := int64(0); at < 7<<20; at += 32 << 10 {
		dense = append(dense, mp4.Range{Offset: at, Length: 32<<10 - 700})
		sparse = append(sparse, mp4.Range{Offset: at + 32<<10 - 700, Length: 700})
		denseBytes += 32<<10 - 700
		sparseBytes += 700
	}
	var b buffers
	if err := b.gather(io.Discard, src, dense, 0, denseBytes); err != nil {
		t.Fatal(err)
	}
	if most := int(denseBytes/window) + int(denseBytes/window)/2 + 2; src.reads > most || src.bytes > denseBytes*105/100 {
		t.Errorf("dense: %d reads of %d bytes for %d, want at most %d", src.reads, src.bytes, denseBytes, most)
	}
	src.reads, src.bytes = 0, 0
	if err := b.gather(io.Discard, src, sparse, 0, sparseBytes); err != nil {
		t.Fatal(err)
	}
	if src.reads > len(sparse) || src.bytes != sparseBytes {
		t.Errorf("sparse: %d reads of %d bytes for %d in %d ranges", src.reads, src.bytes, sparseBytes, len(sparse))
	}
}

func TestGatherErrors(t *testing.T) {
	t.Parallel()
	var b buffers
	src := bytes.NewReader(make([]byte, 100))
	if err := b.gather(io.Discard, src, []mp4.Range{{Offset: 90, Length: 20}}, 0, 20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short source: %v", err)
	}
	if err := b.gather(io.Discard, src, []mp4.Range{{Offset: 0, Length: 20}}, 10, 20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short ranges: %v", err)
	}
	gone := errors.New("gone")
	if err := b.gather(failing{gone}, src, []mp4.Range{{Offset: 0, Length: 20}}, 0, 20); !errors.Is(err, gone) {
		t.Errorf("failing writer: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
