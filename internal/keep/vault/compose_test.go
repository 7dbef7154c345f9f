package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/keep/vault"
)

// composedFilm has a source in the vault and a master of a head and extents that jump about in it.
func composedFilm(tb testing.TB, v *vault.Vault) (want []byte, sealed vault.Sealed) {
	tb.Helper()
	data := randomBytes(500_000)
	seal(tb, v, sourceRef, data)
	want = bytes.Repeat([]byte("head"), 1000)
	body := []vault.Extent{{vault.Source, 400_000, 100_000}, {vault.Source, 0, 1}, {vault.Source, 7, 200_000}, {vault.Source, 7, 3}}
	sealed, err := v.Compose(context.Background(), masterRef, want, body)
	must(tb, err)
	for _, e := range body {
		want = append(want, data[e.Offset:e.Offset+e.Length]...)
	}
	return want, sealed
}

func TestCompose(t *testing.T) {
	t.Parallel()
	v, root := onDisk(t, vault.Config{})
	want, sealed := composedFilm(t, v)
	if !sealed.Composed || sealed.SHA256 != "" || len(sealed.ETag) != 64 || sealed.Size != int64(len(want)) {
		t.Errorf("composed %+v, want %d bytes, an ETag and no SHA256", sealed, len(want))
	}
	if st := v.Stats(); st.BytesRead != 0 || st.BytesWritten-st.ManifestBytes != 500_000+4000 {
		t.Errorf("%+v: composing read film or copied it", st)
	}
	v = reopen(t, root, vault.Config{})
	got, err := v.Stat(t.Context(), masterRef)
	if err != nil || got != sealed {
		t.Errorf("Stat = %+v, %v; want %+v", got, err, sealed)
	}
	must(t, v.Verify(t.Context(), masterRef))
	f := open(t, v, masterRef)
	if !bytes.Equal(content(t, f, f.Size()), want) {
		t.Error("composed film differs")
	}
	if _, ok := f.LocalPath(); ok {
		t.Error("a composed film is no local file")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off := rng.Int64N(f.Size() + 1)
		n := rng.Int64N(min(f.Size()-off, 150_000) + 1)
		if rng.IntN(2) == 0 {
			n = min(n, 10)
		}
		p := make([]byte, n)
		if m, err := f.ReadAt(p, off); int64(m) != n || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(p, want[off:off+n]) {
			t.Fatalf("ReadAt(%d, %d) = %d, %v, or other bytes", n, off, m, err)
		}
		var b bytes.Buffer
		if m, err := f.CopyRange(&b, off, n); m != n || err != nil || !bytes.Equal(b.Bytes(), want[off:off+n]) {
			t.Fatalf("CopyRange(%d, %d) = %d, %v, or other bytes", off, n, m, err)
		}
	}
	if n, err := f.ReadAt(make([]byte, 10), f.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt over the end = %d, %v; want 4, EOF", n, err)
	}
	for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, f.Size() + 1}, {f.Size(), 1}, {1, 1<<63 - 1}} {
		if n, err := f.CopyRange(io.Discard, r[0], r[1]); err == nil || n != 0 {
			t.Errorf("CopyRange(%d, %d) = %d, %v; want an error", r[0], r[1], n, err)
		}
	}
}

func TestComposeAgain(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	seal(t, v, sourceRef, randomBytes(100))
	w := begin(t, v, masterRef) // begun by a writer, then given up
	write(t, w, []byte("made in part"))
	must(t, w.Sync())
	must(t, w.Close())
	body := []vault.Extent{{vault.Source, 0, 50}}
	first, err := v.Compose(t.Context(), masterRef, []byte("head"), body)
	must(t, err)
	again, err := v.Compose(t.Context(), masterRef, []byte("head"), body)
	if err != nil || again != first {
		t.Errorf("the same again: %+v, %v; want %+v", again, err, first)
	}
	_, err = v.Compose(t.Context(), masterRef, []byte("Head"), body)
	wantErr(t, "another one", err, vault.ErrSealed)
	must(t, v.Verify(t.Context(), masterRef))

	other := vault.Ref{Film: "Film2", Part: vault.Source}
	seal(t, v, other, randomBytes(101))
	differ, err := v.Compose(t.Context(), vault.Ref{Film: "Film2", Part: vault.Master}, []byte("head"), body)
	if err != nil || differ.ETag == first.ETag {
		t.Errorf("composed from another source: %+v, %v; want another ETag than %s", differ, err, first.ETag)
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	_, err := v.Compose(t.Context(), masterRef, nil, []vault.Extent{{vault.Source, 0, 1}})
	wantErr(t, "without a source", err, vault.ErrNotFound)
	w := begin(t, v, sourceRef)
	write(t, w, randomBytes(100))
	_, err = v.Compose(t.Context(), masterRef, nil, []vault.Extent{{vault.Source, 0, 1}})
	wantErr(t, "from what is not sealed", err, vault.ErrNotSealed)
	_, err = w.Seal()
	must(t, err)
	for _, e := range []vault.Extent{
		{vault.Source, -1, 1},
		{vault.Source, 0, 0},
		{vault.Source, 0, -1},
		{vault.Source, 0, 101},
		{vault.Source, 100, 1},
		{vault.Source, 50, 1<<63 - 1},
		{"nothing", 0, 1},
		{"../x", 0, 1},
		{vault.Master, 0, 1},
	} {
		if _, err := v.Compose(t.Context(), masterRef, []byte("head"), []vault.Extent{e}); err == nil {
			t.Errorf("Compose of %+v: no error", e)
		}
	}
	_, err = v.Stat(t.Context(), masterRef)
	wantErr(t, "Stat afterwards", err, vault.ErrNotFound)
}

// TestCostOfAManyPartedFilm: what is made of 40,000 extents is looked at as cheaply as what is made of one.
func TestCostOfAManyPartedFilm(t *testing.T) {
	t.Parallel()
	store, err := fs.Open(t.TempDir())
	must(t, err)
	counting := &countingStore{Store: store}
	v := newVault(t, counting, vault.Config{})
	data := randomBytes(200_000)
	seal(t, vaultOn(t, store), sourceRef, data)
	var body []vault.Extent
	want := []byte("head")
	for i := range int64(40_000) {
		body = append(body, vault.Extent{Part: vault.Source, Offset: i * 5, Length: 3})
		want = append(want, data[i*5:i*5+3]...)
	}
	_, err = vaultOn(t, store).Compose(t.Context(), masterRef, []byte("head"), body)
	must(t, err)
	if _, err := v.Stat(t.Context(), masterRef); err != nil {
		t.Fatal(err)
	}
	if n := counting.read.Load(); n > 16<<10 {
		t.Errorf("Stat read %d bytes, want 16 KiB at most", n)
	}
	f := open(t, v, masterRef)
	var got bytes.Buffer
	if _, err := f.CopyRange(&got, 0, f.Size()); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("film differs, %v", err)
	}
	must(t, v.Verify(t.Context(), masterRef))
}

func vaultOn(tb testing.TB, store blob.Store) *vault.Vault {
	tb.Helper()
	return newVault(tb, store, vault.Config{})
}

// countingStore counts what is read by ReadAt, and hides every power: it is what a bucket would be.
type countingStore struct {
	blob.Store
	read atomic.Int64
}

func (s *countingStore) Open(ctx context.Context, key string) (blob.Reader, error) {
	r, err := s.Store.Open(ctx, key)
	return countingReader{r, &s.read}, err
}

type countingReader struct {
	blob.Reader
	read *atomic.Int64
}

func (r countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	r.read.Add(int64(n))
	return n, err
}

// TestStoreWithoutPowers: on a store that is no folder sealed films can be read, composed and deleted.
func TestStoreWithoutPowers(t *testing.T) {
	t.Parallel()
	store, err := fs.Open(t.TempDir())
	must(t, err)
	v := newVault(t, &countingStore{Store: store}, vault.Config{})
	if _, err := v.Append(t.Context(), sourceRef); err == nil {
		t.Error("Append: no error")
	}
	data := randomBytes(100)
	seal(t, vaultOn(t, store), sourceRef, data)
	for range 2 {
		_, err = v.Compose(t.Context(), masterRef, []byte("head"), []vault.Extent{{vault.Source, 5, 20}})
		must(t, err)
	}
	f := open(t, v, masterRef)
	var b bytes.Buffer
	if _, err := f.CopyRange(&b, 0, f.Size()); err != nil || b.String() != "head"+string(data[5:25]) {
		t.Errorf("CopyRange gave %q, %v", b.String(), err)
	}
	must(t, v.Delete(t.Context(), "Film1"))
	if got := films(t, v); len(got) != 0 {
		t.Errorf("films %q, want none", got)
	}
}

// sendfiler takes note of the readers that it is given, as net.TCPConn would.
type sendfiler struct {
	bytes.Buffer
	readers []io.Reader
}

func (s *sendfiler) ReadFrom(r io.Reader) (int64, error) {
	s.readers = append(s.readers, r)
	return s.Buffer.ReadFrom(r)
}

// TestCopyRangeLetsSendfileHappen: each span comes as what net.TCPConn hands to the kernel.
func TestCopyRangeLetsSendfileHappen(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	want, _ := composedFilm(t, v)
	f := open(t, v, masterRef)
	dst := new(sendfiler)
	if _, err := f.CopyRange(dst, 0, f.Size()); err != nil || !bytes.Equal(dst.Bytes(), want) {
		t.Fatalf("CopyRange: %v, or other bytes", err)
	}
	if len(dst.readers) != 5 {
		t.Errorf("%d readers, want one for the head and each of four extents", len(dst.readers))
	}
	for _, r := range dst.readers {
		limited, ok := r.(*io.LimitedReader)
		if !ok {
			t.Fatalf("reader is a %T, want *io.LimitedReader", r)
		}
		if _, ok := limited.R.(*os.File); !ok {
			t.Errorf("it reads from a %T, want *os.File", limited.R)
		}
	}
}

// TestManyAtOnce reads one open film by all ways at once, over a real connection too.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	want, _ := composedFilm(t, v)
	f := open(t, v, masterRef)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		off, _ := strconv.ParseInt(r.URL.Query().Get("off"), 10, 64)
		w.Header().Set("Content-Length", fmt.Sprint(f.Size()-off))
		if _, err := f.CopyRange(w, off, f.Size()-off); err != nil {
			t.Errorf("CopyRange: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	var wg sync.WaitGroup
	for i := range 8 {
		off := int64(i * 40_000)
		wg.Go(func() {
			for range 5 {
				var b bytes.Buffer
				if _, err := f.CopyRange(&b, off, f.Size()-off); err != nil || !bytes.Equal(b.Bytes(), want[off:]) {
					t.Errorf("CopyRange from %d: %v, or other bytes", off, err)
				}
				p := make([]byte, 1000)
				if _, err := f.ReadAt(p, off); err != nil || !bytes.Equal(p, want[off:off+1000]) {
					t.Errorf("ReadAt %d: %v, or other bytes", off, err)
				}
				got, err := get(t.Context(), fmt.Sprintf("%s/?off=%d", server.URL, off))
				if err != nil || !bytes.Equal(got, want[off:]) {
					t.Errorf("by http from %d: %v, or other bytes", off, err)
				}
			}
		})
	}
	wg.Wait()
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}

// TestShortenedWhileOpen: a piece that loses bytes under an open reader is damage, not an end.
func TestShortenedWhileOpen(t *testing.T) {
	t.Parallel()
	v, root := onDisk(t, vault.Config{})
	seal(t, v, sourceRef, randomBytes(10_000))
	f := open(t, v, sourceRef)
	must(t, os.Truncate(find(t, root, "source.bytes"), 6000))
	n, err := f.CopyRange(io.Discard, 0, 10_000)
	if n != 6000 || !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("CopyRange = %d, %v; want 6000, ErrDamaged", n, err)
	}
	m, err := f.ReadAt(make([]byte, 5000), 4000)
	if m != 2000 || !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("ReadAt = %d, %v; want 2000, ErrDamaged", m, err)
	}
}

// TestReadWhileWritten follows a film that grows from another goroutine.
func TestReadWhileWritten(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{SyncEvery: 10_000})
	data := randomBytes(400_000)
	w := begin(t, v, sourceRef)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				n := w.Size()
				from := max(0, n-5000)
				p := make([]byte, n-from)
				if m, err := w.ReadAt(p, from); m < len(p) || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(p, data[from:n]) {
					t.Errorf("ReadAt %d to %d: %d, %v, or other bytes", from, n, m, err)
					return
				}
				if w.Synced() > w.Size() {
					t.Error("more synced than written")
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	if n, err := io.Copy(w, bytes.NewReader(slices.Clone(data[:200_000]))); n != 200_000 || err != nil {
		t.Fatalf("copy: %d, %v", n, err)
	}
	for i := 200_000; i < len(data); i += 1000 {
		write(t, w, data[i:i+1000])
	}
	close(stop)
	wg.Wait()
	if w.Synced() == 0 {
		t.Error("nothing was synced on the way")
	}
	sealed, err := w.Seal()
	must(t, err)
	if sealed.SHA256 != sum(data) {
		t.Error("sha256 differs")
	}
}
