package fs

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDirect appends pieces of all lengths from all places in memory, reads what lies there in between, and compares the
// file with what was written.
func TestDirect(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "film"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := &direct{file: f}
	defer d.Close()
	var want []byte
	memory := make([]byte, 1<<20)
	for i := range memory {
		memory[i] = byte(rng.Uint32())
	}
	for range 300 {
		at := rng.IntN(block)
		switch rng.IntN(3) {
		case 0:
			at = len(want) % block // as the vault does
		case 1:
			at &^= 511
		}
		length := 1 + rng.IntN([]int{100, 2 * block, 3 * directLeast, 600 << 10}[rng.IntN(4)])
		if rng.IntN(4) == 0 {
			length = length/block*block + block
		}
		p := memory[at : at+length]
		n, err := d.WriteAt(p, int64(len(want)))
		if n != len(p) || err != nil {
			t.Fatalf("%d of %d bytes at %d: %v", n, len(p), len(want), err)
		}
		want = append(want, p...)
		part := make([]byte, min(len(want), 5000))
		from := rng.IntN(len(want) - len(part) + 1)
		if _, err := f.ReadAt(part, int64(from)); err != nil || !bytes.Equal(part, want[from:from+len(part)]) {
			t.Fatalf("read back at %d of %d: %v", from, len(want), err)
		}
		if rng.IntN(20) == 0 { // what was cut off comes again, as other bytes
			want = want[:rng.IntN(len(want))]
			if err := f.Truncate(int64(len(want))); err != nil {
				t.Fatal(err)
			}
		}
		memory[rng.IntN(len(memory))]++
	}
	got, err := io.ReadAll(io.NewSectionReader(f, 0, int64(len(want))+1))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d, %v", len(got), len(want), err)
	}
	switch {
	case d.off && d.bytes > 0:
		t.Errorf("%d bytes went past a cache that cannot be passed", d.bytes)
	case !d.off && d.bytes < int64(len(want))/4:
		t.Errorf("%d of about %d bytes went past the cache", d.bytes, len(want))
	}
	t.Logf("%d of %d bytes went past the cache", d.bytes, len(want))
}

// TestDirectFails: where a write past the cache is not possible after all, it goes the usual way; where there is no room,
// what came before is counted.
func TestDirectFails(t *testing.T) {
	t.Parallel()
	p := make([]byte, 4*directLeast)
	for _, c := range []struct {
		name, past string // a file that answers as is wanted
		err        error
		n          int
	}{
		{"not possible", "/proc/self/oom_score_adj", nil, len(p)}, // no number: EINVAL
		{"no room", "/dev/full", syscall.ENOSPC, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := os.OpenFile(filepath.Join(t.TempDir(), "film"), os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			past, err := os.OpenFile(c.past, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			d := &direct{file: f, past: past}
			defer d.Close()
			for i := range int64(2) {
				if n, err := d.WriteAt(p, i*int64(c.n)); n != c.n || !errors.Is(err, c.err) {
					t.Errorf("%d bytes written, %v; want %d, %v", n, err, c.n, c.err)
				}
			}
			if info, err := f.Stat(); err != nil || info.Size() != int64(2*c.n) || d.bytes != 0 {
				t.Errorf("%d bytes, %d of them past the cache, %v", info.Size(), d.bytes, err)
			}
		})
	}
}
