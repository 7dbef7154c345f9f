package vault_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// TestFlatCost appends 40,000 parts with a sync behind each: the last costs the same operations and the same bytes of
// manifest as the first, but for the few that write the log anew, and what it grew to is taken up again without reading
// the film or a long log.
func TestFlatCost(t *testing.T) {
	t.Parallel()
	const parts, size = 40_000, 50
	d := faultfs.New()
	view := d.Boot(faultfs.Plan{})
	v, err := on(view)
	must(t, err)
	w := begin(t, v, sourceRef)
	var log string
	for name := range d.Tree() {
		if strings.HasSuffix(name, "source.manifest") {
			log = name
		}
	}
	data := randomBytes(parts * size)
	type cost struct {
		ops             int
		bytes, manifest int64
	}
	now := func() cost { return cost{view.Ops(), view.Written(), v.Stats().ManifestBytes} }
	var first, rare cost
	renewed, longest := 0, int64(0)
	for i := range parts {
		before := now()
		write(t, w, data[i*size:][:size])
		must(t, w.Sync())
		after := now()
		c := cost{after.ops - before.ops, after.bytes - before.bytes, after.manifest - before.manifest}
		switch {
		case i == 0:
			first = c
			t.Logf("a part of %d bytes costs %d operations, %d bytes written, %d of them manifest", size, c.ops, c.bytes, c.manifest)
		case c != first && renewed == 0:
			rare = c
			t.Logf("part %d also writes the log anew: %d operations, %d bytes of manifest", i, c.ops, c.manifest)
		}
		if c != first {
			renewed++
		}
		if c != first && c != rare || c.ops > 10 || c.manifest > 500 || first.ops > 4 || first.manifest > 200 {
			t.Fatalf("part %d costs %+v, the first %+v", i, c, first)
		}
		longest = max(longest, d.Tree()[log])
	}
	if renewed > parts/200 || longest > 34<<10 {
		t.Errorf("the log was written anew %d times and had up to %d bytes", renewed, longest)
	}
	must(t, w.Close())

	view = d.Boot(faultfs.Plan{})
	v, err = on(view)
	must(t, err)
	w = begin(t, v, sourceRef)
	if w.Size() != parts*size || v.Stats().BytesRead != 0 || view.Written() != 0 {
		t.Errorf("taken up at %d of %d, read %d, wrote %d", w.Size(), parts*size, v.Stats().BytesRead, view.Written())
	}
	sealed, err := w.Seal()
	must(t, err)
	if sealed.SHA256 != sum(data) {
		t.Errorf("sha256 %s, want %s", sealed.SHA256, sum(data))
	}
	if n := v.Stats().BytesWritten; n > 200 {
		t.Errorf("sealing wrote %d bytes, want a small manifest", n)
	}
}

// TestTakeUpCost: a film that comes in chunks, each with a Writer of its own, pays the syncs of its bytes and of its record;
// what another process left there is synced first.
func TestTakeUpCost(t *testing.T) {
	t.Parallel()
	var syncs int
	d := faultfs.New()
	boot := func() *vault.Vault {
		v, err := on(d.Boot(faultfs.Plan{Watch: func(op faultfs.Op) {
			if op.Kind == faultfs.Sync || op.Kind == faultfs.SyncDir {
				syncs++
			}
		}}))
		must(t, err)
		return v
	}
	chunk := func(v *vault.Vault) int {
		before := syncs
		w := begin(t, v, sourceRef)
		write(t, w, randomBytes(100))
		must(t, w.Sync())
		must(t, w.Close())
		return syncs - before
	}
	one, other := boot(), boot()
	chunk(one)
	for i := range 3 {
		if n := chunk(one); n != 2 {
			t.Errorf("chunk %d costs %d syncs, want 2", i, n)
		}
	}
	if n := chunk(other); n <= 2 {
		t.Errorf("another process's first chunk costs %d syncs, want those of what it found", n)
	}
	if n := chunk(one); n <= 2 {
		t.Errorf("the chunk behind that of another process costs %d syncs, want those of what was found", n)
	}
}

// TestManyWriters holds many films open at once: they cost a little each.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	const writers = 1000
	v, err := on(faultfs.New().Boot(faultfs.Plan{}))
	must(t, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	open := make([]*vault.Writer, writers)
	for i := range open {
		open[i] = begin(t, v, vault.Ref{Film: film.FilmID(fmt.Sprint("F", i)), Part: vault.Source})
		_, err := io.Copy(open[i], bytes.NewReader([]byte("film")))
		must(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / writers
	t.Logf("%d bytes of memory for each open writer, the test's disk included", each)
	if each > 32<<10 {
		t.Errorf("%d bytes of memory for each open writer", each)
	}
	runtime.KeepAlive(open)
}

const benchFilm = 256 << 20

// BenchmarkAppend writes a film of 256 MB, hashed and synced on the way, to its seal.
func BenchmarkAppend(b *testing.B) {
	v, _ := onDisk(b, vault.Config{})
	chunk := randomBytes(1 << 20)
	b.SetBytes(benchFilm)
	for b.Loop() {
		w := begin(b, v, sourceRef)
		for range benchFilm / len(chunk) {
			write(b, w, chunk)
		}
		_, err := w.Seal()
		must(b, err)
		b.StopTimer()
		must(b, v.Delete(b.Context(), "Film1"))
		b.StartTimer()
	}
}

// BenchmarkPlainFile is what it is measured against: the same bytes to a file, and one sync.
func BenchmarkPlainFile(b *testing.B) { plainFile(b, io.Discard) }

// BenchmarkPlainFileHashed is the same with a sha256 as the bytes pass.
func BenchmarkPlainFileHashed(b *testing.B) { plainFile(b, sha256.New()) }

func plainFile(b *testing.B, also io.Writer) {
	b.Helper()
	chunk := randomBytes(1 << 20)
	b.SetBytes(benchFilm)
	name := b.TempDir() + "/film"
	for b.Loop() {
		f, err := os.Create(name)
		must(b, err)
		for range benchFilm / len(chunk) {
			_, err := f.Write(chunk)
			must(b, err)
			_, err = also.Write(chunk)
			must(b, err)
		}
		must(b, f.Sync())
		must(b, f.Close())
		b.StopTimer()
		must(b, os.Remove(name))
		b.StartTimer()
	}
}

// BenchmarkPart is a live part of 40 kB with its sync.
func BenchmarkPart(b *testing.B) {
	v, _ := onDisk(b, vault.Config{})
	w := begin(b, v, sourceRef)
	part := randomBytes(40_000)
	b.SetBytes(int64(len(part)))
	for b.Loop() {
		write(b, w, part)
		must(b, w.Sync())
	}
}

func BenchmarkStat(b *testing.B) {
	v, _ := onDisk(b, vault.Config{})
	composedFilm(b, v)
	for b.Loop() {
		_, err := v.Stat(b.Context(), masterRef)
		must(b, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	v, _ := onDisk(b, vault.Config{})
	composedFilm(b, v)
	for b.Loop() {
		f, err := v.Open(b.Context(), masterRef)
		must(b, err)
		must(b, f.Close())
	}
}
