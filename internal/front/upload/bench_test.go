package upload_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkChunks sends a film in chunks of 8 MB over one connection; each answer stands for synced bytes.
func BenchmarkChunks(b *testing.B) {
	const size, chunk = 256 << 20, 8 << 20
	a := movie(1, size)
	w := newWorld(b, plan{})
	b.SetBytes(size)
	for b.Loop() {
		o := w.create(b)
		for at := 0; at < size; at += chunk {
			o.send(b, fmt.Sprintf("%d-%d/%d", at, at+chunk-1, size), bytes.NewReader(a[at:at+chunk]))
		}
		b.StopTimer()
		if err := w.vault.Delete(b.Context(), o.Film); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkCompare sends a chunk again and again that is there.
func BenchmarkCompare(b *testing.B) {
	const size = 8 << 20
	a := movie(1, size+1)
	o := newWorld(b, plan{}).create(b)
	b.SetBytes(size)
	for b.Loop() {
		o.chunk(b, a, 0, size)
	}
}

// BenchmarkSmallChunks shows what a chunk costs beside its bytes, also late in a film of many.
func BenchmarkSmallChunks(b *testing.B) {
	a := movie(1, 256<<10)
	o := newWorld(b, plan{}).create(b)
	b.SetBytes(int64(len(a)))
	at := 0
	for b.Loop() {
		o.send(b, fmt.Sprintf("%d-%d/*", at, at+len(a)-1), bytes.NewReader(a))
		at += len(a)
	}
}

// BenchmarkCopy is `cp` with a sync at the end: what the disk can do.
func BenchmarkCopy(b *testing.B) {
	const size = 256 << 20
	a := movie(1, size)
	name := filepath.Join(b.TempDir(), "copy")
	b.SetBytes(size)
	for b.Loop() {
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(f, struct{ io.Reader }{bytes.NewReader(a)}); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
