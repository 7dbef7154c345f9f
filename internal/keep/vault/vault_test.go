package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
	"filmcan/internal/filmtest"
	"filmcan/internal/keep/vault"
)

var (
	sourceRef = vault.Ref{Film: "Film1", Part: vault.Source}
	masterRef = vault.Ref{Film: "Film1", Part: vault.Master}
)

func onDisk(tb testing.TB, cfg vault.Config) (*vault.Vault, string) {
	tb.Helper()
	root := filepath.Join(tb.TempDir(), "keep")
	return reopen(tb, root, cfg), root
}

// reopen gives the vault that another process would have.
func reopen(tb testing.TB, root string, cfg vault.Config) *vault.Vault {
	tb.Helper()
	store, err := fs.Open(root)
	if err != nil {
		tb.Fatal(err)
	}
	return newVault(tb, store, cfg)
}

func newVault(tb testing.TB, store blob.Store, cfg vault.Config) *vault.Vault {
	tb.Helper()
	v, err := vault.New(store, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func begin(tb testing.TB, v *vault.Vault, ref vault.Ref) *vault.Writer {
	tb.Helper()
	w, err := v.Append(context.Background(), ref)
	if err != nil {
		tb.Fatalf("Append(%s): %v", ref, err)
	}
	tb.Cleanup(func() { _ = w.Close() })
	return w
}

func write(tb testing.TB, w *vault.Writer, b []byte) {
	tb.Helper()
	if n, err := w.Write(b); n != len(b) || err != nil {
		tb.Fatalf("Write of %d bytes = %d, %v", len(b), n, err)
	}
}

var must = filmtest.Must

func seal(tb testing.TB, v *vault.Vault, ref vault.Ref, content []byte) vault.Sealed {
	tb.Helper()
	w := begin(tb, v, ref)
	write(tb, w, content)
	sealed, err := w.Seal()
	must(tb, err)
	return sealed
}

func open(tb testing.TB, v *vault.Vault, ref vault.Ref) *vault.Film {
	tb.Helper()
	f, err := v.Open(context.Background(), ref)
	if err != nil {
		tb.Fatalf("Open(%s): %v", ref, err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

func content(tb testing.TB, r io.ReaderAt, size int64) []byte {
	tb.Helper()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	must(tb, err)
	return b
}

func films(tb testing.TB, v *vault.Vault) []film.FilmID {
	tb.Helper()
	var ids []film.FilmID
	for id, err := range v.Films(context.Background()) {
		must(tb, err)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func wantErr(tb testing.TB, what string, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func TestWriteSealRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 4096, 3<<20 + 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			v, root := onDisk(t, vault.Config{SyncEvery: 1 << 20})
			data := randomBytes(size)
			w := begin(t, v, sourceRef)
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 100_000)
				write(t, w, rest[:n])
				rest = rest[n:]
			}
			_, err := v.Open(t.Context(), sourceRef)
			wantErr(t, "Open before Seal", err, vault.ErrNotSealed)
			_, err = v.Stat(t.Context(), sourceRef)
			wantErr(t, "Stat before Seal", err, vault.ErrNotSealed)
			if got := content(t, w, w.Size()); !bytes.Equal(got, data) {
				t.Error("what was written is not what is read before the seal")
			}
			got, err := w.Seal()
			must(t, err)
			want := vault.Sealed{Size: int64(size), SHA256: sum(data), ETag: sum(data)}
			if got != want {
				t.Errorf("Seal = %+v, want %+v", got, want)
			}
			for _, v := range []*vault.Vault{v, reopen(t, root, vault.Config{})} {
				if got, err := v.Stat(t.Context(), sourceRef); err != nil || got != want {
					t.Errorf("Stat = %+v, %v; want %+v", got, err, want)
				}
				f := open(t, v, sourceRef)
				if !bytes.Equal(content(t, f, f.Size()), data) || f.Sealed() != want {
					t.Errorf("film differs; sealed %+v", f.Sealed())
				}
				must(t, v.Verify(t.Context(), sourceRef))
				_, err := v.Append(t.Context(), sourceRef)
				wantErr(t, "Append after Seal", err, vault.ErrSealed)
			}
			_, err = w.Write([]byte("x"))
			if err == nil {
				t.Error("Write after Seal: no error")
			}
			must(t, w.Close())
			if st := v.Stats(); size > 1<<20 && st.Syncs < 3 || st.BytesWritten-st.ManifestBytes != int64(size) {
				t.Errorf("stats %+v", st)
			}
			if path, ok := open(t, v, sourceRef).LocalPath(); !ok {
				t.Error("no local path")
			} else if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, data) {
				t.Errorf("local file differs, %v", err)
			}
		})
	}
}

// TestTakingUpAgain cuts the torn tail, restores the hash without reading, and goes on.
func TestTakingUpAgain(t *testing.T) {
	t.Parallel()
	v, root := onDisk(t, vault.Config{})
	data := randomBytes(100_000)
	w := begin(t, v, sourceRef)
	must(t, w.Note("etag", []byte("v1")))
	must(t, w.Note("gone", []byte("soon")))
	write(t, w, data[:60_001])
	must(t, w.Sync())
	must(t, w.Note("gone", nil))
	must(t, w.Note("etag", []byte("v2")))
	write(t, w, data[60_001:60_007])
	must(t, w.Sync())
	must(t, w.Note("lost", []byte("not synced")))
	write(t, w, []byte("torn away"))
	must(t, w.Close())

	v = reopen(t, root, vault.Config{})
	w = begin(t, v, sourceRef)
	if w.Size() != 60_007 || w.Synced() != 60_007 {
		t.Fatalf("taken up at %d (synced %d), want 60007", w.Size(), w.Synced())
	}
	if notes := w.Notes(); len(notes) != 1 || string(notes["etag"]) != "v2" {
		t.Errorf("notes %q, want etag v2 alone", notes)
	}
	if read := v.Stats().BytesRead; read != 0 {
		t.Errorf("taking up read %d bytes of film", read)
	}
	write(t, w, data[60_007:])
	sealed, err := w.Seal()
	must(t, err)
	if sealed.SHA256 != sum(data) {
		t.Errorf("sha256 %s, want %s", sealed.SHA256, sum(data))
	}
	must(t, v.Verify(t.Context(), sourceRef))
}

// TestTornLog cuts the log at each of its bytes, and flips each: what is taken up is always a state that was synced,
// or an error, never anything else.
func TestTornLog(t *testing.T) {
	t.Parallel()
	data := randomBytes(3000)
	written := func() *faultfs.Disk {
		d := faultfs.New()
		v, err := on(d.Boot(faultfs.Plan{}))
		must(t, err)
		w := begin(t, v, sourceRef)
		for i := range 3 {
			write(t, w, data[i*1000:][:1000])
			must(t, w.Sync())
		}
		must(t, w.Close())
		return d
	}
	var log string
	var size int
	for name, n := range written().Tree() {
		if strings.HasSuffix(name, ".manifest") {
			log, size = name, int(n)
		}
	}
	damaged := 0
	try := func(what string, change func([]byte) []byte) {
		t.Helper()
		d := written()
		d.Corrupt(log, change)
		v, err := on(d.Boot(faultfs.Plan{}))
		must(t, err)
		w, err := v.Append(t.Context(), sourceRef)
		if err != nil {
			wantErr(t, what, err, vault.ErrDamaged)
			damaged++
			return
		}
		if n := w.Size(); n%1000 != 0 || n > 3000 || !bytes.Equal(content(t, w, n), data[:n]) {
			t.Errorf("%s: taken up at %d", what, n)
		}
		write(t, w, data[w.Size():])
		sealed, err := w.Seal()
		if err != nil || sealed.SHA256 != sum(data) {
			t.Errorf("%s: sealed %+v, %v", what, sealed, err)
		}
	}
	for i := range size + 1 {
		try(fmt.Sprintf("cut at %d", i), func(b []byte) []byte { return b[:i] })
	}
	if damaged > 0 {
		t.Errorf("%d logs that were cut short count as damaged", damaged)
	}
	for i := range size {
		try(fmt.Sprintf("flip at %d", i), func(b []byte) []byte { b[i] ^= 0x40; return b })
	}
	// Header and first two of three syncs, but for the lengths and kinds, without which nothing behind is found.
	if damaged < size/2 {
		t.Errorf("%d of %d flips count as damage, want those before the last sync", damaged, size)
	}
	try("garbage behind", func(b []byte) []byte { return append(b, randomBytes(500)...) })
	try("zeros behind", func(b []byte) []byte { return append(b, make([]byte, 500)...) })
}

func find(tb testing.TB, root, name string) string {
	tb.Helper()
	var found string
	must(tb, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			found = path
		}
		return err
	}))
	if found == "" {
		tb.Fatalf("no %s in the vault", name)
	}
	return found
}

func TestRestart(t *testing.T) {
	t.Parallel()
	v, root := onDisk(t, vault.Config{SyncEvery: 1000})
	w := begin(t, v, sourceRef)
	must(t, w.Note("etag", []byte("old")))
	for range 10 {
		write(t, w, randomBytes(500))
	}
	must(t, w.Sync())
	must(t, w.Restart())
	if w.Size() != 0 || w.Synced() != 0 || len(w.Notes()) != 0 {
		t.Errorf("after Restart: size %d, synced %d, notes %q", w.Size(), w.Synced(), w.Notes())
	}
	must(t, w.Close())
	w = begin(t, reopen(t, root, vault.Config{}), sourceRef)
	if w.Size() != 0 || len(w.Notes()) != 0 {
		t.Errorf("taken up after Restart: size %d, notes %q", w.Size(), w.Notes())
	}
	write(t, w, []byte("the other film"))
	sealed, err := w.Seal()
	must(t, err)
	if want := sum([]byte("the other film")); sealed.SHA256 != want || sealed.Size != 14 {
		t.Errorf("sealed %+v, want sha256 %s", sealed, want)
	}
	must(t, v.Verify(t.Context(), sourceRef))
}

func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	w := begin(t, v, sourceRef)
	for key, value := range map[string][]byte{"": []byte("x"), strings.Repeat("k", 65): []byte("x"), "k": make([]byte, 16<<10+1)} {
		if err := w.Note(key, value); err == nil {
			t.Errorf("Note with a key of %d and a value of %d bytes: no error", len(key), len(value))
		}
	}
	for i := range 32 {
		must(t, w.Note(fmt.Sprint(i), make([]byte, 16<<10)))
	}
	if err := w.Note("one more", []byte("x")); err == nil {
		t.Error("33rd note: no error")
	}
	must(t, w.Note("7", nil))
	must(t, w.Note("one more", []byte("x")))
	must(t, w.Sync())
	must(t, w.Close())
	if n := len(begin(t, v, sourceRef).Notes()); n != 32 {
		t.Errorf("%d notes, want 32", n)
	}
}

func TestOneWriter(t *testing.T) {
	t.Parallel()
	v, root := onDisk(t, vault.Config{})
	w := begin(t, v, sourceRef)
	other := reopen(t, root, vault.Config{})
	_, err := other.Append(t.Context(), sourceRef)
	wantErr(t, "second Append", err, vault.ErrBusy)
	wantErr(t, "Delete while writing", other.Delete(t.Context(), "Film1"), vault.ErrBusy)
	_, err = other.Compose(t.Context(), sourceRef, []byte("head"), nil)
	wantErr(t, "Compose while writing", err, vault.ErrBusy)
	must(t, w.Close())
	must(t, begin(t, other, sourceRef).Close())
}

func TestNames(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	for _, ref := range []vault.Ref{
		{},
		{Film: "a"},
		{Part: "b"},
		{Film: "../x", Part: "source"},
		{Film: "a/b", Part: "source"},
		{Film: "a", Part: "x.y"},
		{Film: film.FilmID(strings.Repeat("x", 65)), Part: "source"},
	} {
		if _, err := v.Append(t.Context(), ref); err == nil {
			t.Errorf("Append(%q): no error", ref)
		}
		_, err := v.Open(t.Context(), ref)
		wantErr(t, fmt.Sprintf("Open(%q)", ref), err, vault.ErrNotFound)
	}
	_, err := v.Stat(t.Context(), sourceRef)
	wantErr(t, "Stat of nothing", err, vault.ErrNotFound)
	wantErr(t, "Verify of nothing", v.Verify(t.Context(), sourceRef), vault.ErrNotFound)
	must(t, v.Delete(t.Context(), "nothing"))
	if _, err := vault.New(nil, vault.Config{SyncEvery: -1}); err == nil {
		t.Error("New with a negative SyncEvery: no error")
	}
}

func TestDeleteAndFilms(t *testing.T) {
	t.Parallel()
	v, root := onDisk(t, vault.Config{})
	for i := range 20 {
		seal(t, v, vault.Ref{Film: film.FilmID(fmt.Sprint("F", i)), Part: vault.Source}, []byte("film"))
	}
	seal(t, v, sourceRef, randomBytes(1000))
	_, err := v.Compose(t.Context(), masterRef, []byte("head"), []vault.Extent{{vault.Source, 10, 20}})
	must(t, err)
	parts, err := v.Parts(t.Context(), "Film1")
	must(t, err)
	if want := []vault.Part{vault.Master, vault.Source}; !slices.Equal(parts, want) {
		t.Errorf("parts %q, want %q", parts, want)
	}
	if got := films(t, v); len(got) != 21 {
		t.Errorf("films %q, want 21", got)
	}
	reader := open(t, v, sourceRef)
	for range 2 {
		must(t, v.Delete(t.Context(), "Film1"))
	}
	_, err = v.Open(t.Context(), masterRef)
	wantErr(t, "Open after Delete", err, vault.ErrNotFound)
	if got := films(t, v); len(got) != 20 || slices.Contains(got, "Film1") {
		t.Errorf("films %q, want 20 without Film1", got)
	}
	if got := content(t, reader, reader.Size()); !bytes.Equal(got, randomBytes(1000)) {
		t.Error("open reader does not read on")
	}
	must(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if strings.Contains(path, "Film1") {
			t.Errorf("left over: %s", path)
		}
		return err
	}))
}

func TestDamage(t *testing.T) {
	t.Parallel()
	data := randomBytes(300_000)
	for name, tt := range map[string]struct {
		file    string
		harm    func(content []byte) []byte // nil takes the file away
		shallow bool                        // Stat and Open find it too
	}{
		"piece gone":       {"source.bytes", func([]byte) []byte { return nil }, true},
		"piece short":      {"source.bytes", func(b []byte) []byte { return b[:len(b)-1] }, true},
		"piece long":       {"source.bytes", func(b []byte) []byte { return append(b, 0) }, true},
		"piece flipped":    {"source.bytes", func(b []byte) []byte { b[123_456] ^= 1; return b }, false},
		"manifest flipped": {"source.manifest", func(b []byte) []byte { b[50] ^= 1; return b }, true},
		"manifest short":   {"source.manifest", func(b []byte) []byte { return b[:60] }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, root := onDisk(t, vault.Config{})
			seal(t, v, sourceRef, data)
			_, err := v.Compose(t.Context(), masterRef, []byte("head"), []vault.Extent{{vault.Source, 10, 200}})
			must(t, err)
			file := find(t, root, tt.file)
			b, err := os.ReadFile(file)
			must(t, err)
			must(t, os.Remove(file))
			if b = tt.harm(b); b != nil {
				must(t, os.WriteFile(file, b, 0o600))
			}
			for _, ref := range []vault.Ref{sourceRef, masterRef} {
				err = v.Verify(t.Context(), ref)
				wantErr(t, "Verify", err, vault.ErrDamaged)
				if d, ok := errors.AsType[*vault.Damage](err); !ok || d.Reason == "" || d.Ref != ref {
					t.Errorf("Verify: %#v, want a Damage of %s with a reason", err, ref)
				}
				if !tt.shallow {
					continue
				}
				_, err = v.Stat(t.Context(), ref)
				wantErr(t, "Stat", err, vault.ErrDamaged)
				_, err = v.Open(t.Context(), ref)
				wantErr(t, "Open", err, vault.ErrDamaged)
			}
		})
	}
}

// TestFill writes by lent buffers of every length, with syncs and other writes between, many writers at once so that more
// waits to be hashed than may.
func TestFill(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{SyncEvery: 300_000})
	data := randomBytes(3 << 20)
	var wg sync.WaitGroup
	for i := range 20 {
		w := begin(t, v, vault.Ref{Film: film.FilmID(fmt.Sprint("F", i)), Part: vault.Source})
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 2))
			at := 0
			fill := func(most int) {
				n, err := w.Fill(func(p []byte) int { return copy(p, data[at:min(at+most, len(data))]) })
				if at += n; err != nil || w.Size() != int64(at) {
					t.Errorf("filled up to %d of %d: %v", w.Size(), at, err)
				}
			}
			for at < len(data) && !t.Failed() {
				switch rng.IntN(10) {
				case 0:
					n, err := w.Write(data[at:min(at+1000, len(data))])
					if at += n; err != nil {
						t.Error(err)
					}
				case 1:
					if err := w.Sync(); err != nil || w.Synced() != int64(at) {
						t.Errorf("synced %d of %d: %v", w.Synced(), at, err)
					}
				case 2:
					fill(0)
				case 3:
					fill(rng.IntN(100_000))
				default:
					fill(len(data))
				}
			}
			sealed, err := w.Seal()
			if err != nil || sealed.SHA256 != sum(data) {
				t.Errorf("sealed %+v %v, want sha256 %s", sealed, err, sum(data))
			}
		})
	}
	wg.Wait()
}

// TestFillFails: what could not be written is not in the hash, and the next bytes take its place.
func TestFillFails(t *testing.T) {
	t.Parallel()
	failing := false
	v, err := on(faultfs.New().Boot(faultfs.Plan{Fail: func(op faultfs.Op) error {
		if failing && op.Kind == faultfs.Write && strings.HasSuffix(op.Name, ".bytes") {
			return syscall.ENOSPC
		}
		return nil
	}}))
	must(t, err)
	w := begin(t, v, sourceRef)
	data := randomBytes(200_000)
	for at := 0; at < len(data); failing = !failing {
		n, err := w.Fill(func(p []byte) int { return copy(p, data[at:]) })
		if failing != errors.Is(err, syscall.ENOSPC) || failing && n > 0 {
			t.Fatalf("Fill on a disk that is full %v: %d, %v", failing, n, err)
		}
		at += n
	}
	failing = false
	sealed, err := w.Seal()
	must(t, err)
	if sealed.SHA256 != sum(data) {
		t.Errorf("sha256 %s, want %s", sealed.SHA256, sum(data))
	}
}
