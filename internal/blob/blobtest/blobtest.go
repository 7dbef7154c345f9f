// Package blobtest is the suite that every [blob.Store] must pass. It tests the required interface and, where the
// store has them, its powers. Only tests import it.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/blob"
)

// Run tests the stores that open makes: each call a new, empty one, which the test's clean-up frees.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, blob.Store){
		"PutOpen":       testPutOpen,
		"Missing":       testMissing,
		"Replace":       testReplace,
		"PutFails":      testPutFails,
		"PutCancelled":  testPutCancelled,
		"BadKeys":       testBadKeys,
		"Delete":        testDelete,
		"List":          testList,
		"ReadAt":        testReadAt,
		"AtOnce":        testAtOnce,
		"Append":        testAppend,
		"AppendBusy":    testAppendBusy,
		"AppendReplace": testAppendReplace,
		"ReplaceAppend": testReplaceAppend,
		"Prune":         testPrune,
		"Filer":         testFiler,
		"Create":        testCreate,
		"Touch":         testTouch,
		"Sweep":         testSweep,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func put(t *testing.T, s blob.Store, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

func get(t *testing.T, s blob.Store, key string) string {
	t.Helper()
	r, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("Open(%q): %v", key, err)
	}
	defer closeIt(t, r)
	return readAll(t, r, r.Size())
}

func readAll(t *testing.T, r io.ReaderAt, size int64) string {
	t.Helper()
	content, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(content)
}

func closeIt(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func keys(t *testing.T, s blob.Store, prefix string) []string {
	t.Helper()
	var got []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		got = append(got, info.Key)
	}
	return got
}

func testPutOpen(t *testing.T, s blob.Store) {
	t.Helper()
	for _, size := range []int{0, 1, 4096, 1<<20 + 7} {
		key := fmt.Sprintf("a/b/size-%d.bin", size)
		content := strings.Repeat("x", size)
		put(t, s, key, content)
		if got := get(t, s, key); got != content {
			t.Errorf("%s: got %d bytes, want %d", key, len(got), size)
		}
		info, err := s.Stat(t.Context(), key)
		if err != nil || info.Key != key || info.Size != int64(size) {
			t.Errorf("Stat(%q) = %+v, %v; want size %d", key, info, err, size)
		}
	}
}

func testMissing(t *testing.T, s blob.Store) {
	t.Helper()
	put(t, s, "folder/object", "1")
	for _, key := range []string{"nothing", "no/such/folder/thing", "folder", "folder/object/below"} {
		if _, err := s.Open(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open(%q) = %v, want ErrNotFound", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Stat(%q) = %v, want ErrNotFound", key, err)
		}
	}
}

func testReplace(t *testing.T, s blob.Store) {
	t.Helper()
	put(t, s, "k", "old and longer")
	r, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, r)
	put(t, s, "k", "new")
	if got := get(t, s, "k"); got != "new" {
		t.Errorf("after replacing: %q, want %q", got, "new")
	}
	if got := readAll(t, r, r.Size()); got != "old and longer" {
		t.Errorf("reader from before: %q, want the old object", got)
	}
}

// brokenReader fails after some bytes.
type brokenReader struct{ left int }

var errBroken = errors.New("reader broke")

func (r *brokenReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errBroken
	}
	n := min(len(p), r.left)
	r.left -= n
	return n, nil
}

func testPutFails(t *testing.T, s blob.Store) {
	t.Helper()
	put(t, s, "d/kept", "kept")
	for _, key := range []string{"d/kept", "d/fresh"} {
		if err := s.Put(t.Context(), key, &brokenReader{left: 100_000}); !errors.Is(err, errBroken) {
			t.Errorf("Put(%q) of a broken reader = %v, want its error", key, err)
		}
	}
	if got := get(t, s, "d/kept"); got != "kept" {
		t.Errorf("after a failed Put: %q, want the old object", got)
	}
	if got := keys(t, s, ""); !slices.Equal(got, []string{"d/kept"}) {
		t.Errorf("after a failed Put: keys %q, want only d/kept", got)
	}
}

func testPutCancelled(t *testing.T, s blob.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "k", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with an ended context = %v, want context.Canceled", err)
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("keys %q, want none", got)
	}
}

func testBadKeys(t *testing.T, s blob.Store) {
	t.Helper()
	for _, key := range []string{"", "../up", "/abs", "a//b", ".tmp/x", "a/", "a\x00b"} {
		if err := s.Put(t.Context(), key, strings.NewReader("x")); !errors.Is(err, blob.ErrKey) {
			t.Errorf("Put(%q) = %v, want ErrKey", key, err)
		}
		if _, err := s.Open(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("Open(%q) = %v, want ErrKey", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("Stat(%q) = %v, want ErrKey", key, err)
		}
		if err := s.Delete(t.Context(), key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("Delete(%q) = %v, want ErrKey", key, err)
		}
	}
}

func testDelete(t *testing.T, s blob.Store) {
	t.Helper()
	put(t, s, "x/1", "1")
	put(t, s, "x/2", "2")
	for range 2 { // the second time it is gone already
		if err := s.Delete(t.Context(), "x/1"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	if err := s.Delete(t.Context(), "never/was/there"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	if got := keys(t, s, ""); !slices.Equal(got, []string{"x/2"}) {
		t.Errorf("keys %q, want x/2", got)
	}
}

func testList(t *testing.T, s blob.Store) {
	t.Helper()
	all := []string{"a", "a-b/1", "a.b", "b/1", "b/2/x", "b/2/y", "b/20", "b0", "c"}
	for i := range all { // in another order than theirs
		key := all[(i*4+3)%len(all)]
		put(t, s, key, key)
	}
	for _, prefix := range []string{"", "a", "b", "b/", "b/2", "b/2/", "b/2/y", "b/2/yy", "nothing", "no/folder/"} {
		var want []string
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got := keys(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, want %q", prefix, got, want)
		}
	}
	for info := range s.List(t.Context(), "b") { // may be left at any time
		if info.Key != "b/1" || info.Size != 3 {
			t.Errorf("first of b = %+v", info)
		}
		break
	}
}

func testReadAt(t *testing.T, s blob.Store) {
	t.Helper()
	put(t, s, "k", "0123456789")
	r, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, r)
	buf := make([]byte, 4)
	if n, err := r.ReadAt(buf, 3); n != 4 || err != nil || string(buf) != "3456" {
		t.Errorf("ReadAt(4, 3) = %d, %v, %q", n, err, buf)
	}
	if n, err := r.ReadAt(buf, 8); n != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt(4, 8) = %d, %v; want 2, EOF", n, err)
	}
	if n, err := r.ReadAt(buf, 10); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt(4, 10) = %d, %v; want 0, EOF", n, err)
	}
}

func testAtOnce(t *testing.T, s blob.Store) {
	t.Helper()
	const writers, rounds = 8, 10
	contents := make([]string, writers)
	for i := range contents {
		contents[i] = strings.Repeat(string(rune('a'+i)), 10_000+i)
	}
	put(t, s, "one/key", contents[0])
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range rounds {
				if err := s.Put(t.Context(), "one/key", strings.NewReader(contents[i])); err != nil {
					t.Errorf("Put: %v", err)
				}
				r, err := s.Open(t.Context(), "one/key")
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				got := make([]byte, r.Size())
				_, err = r.ReadAt(got, 0)
				if err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("ReadAt: %v", err)
				}
				closeIt(t, r)
				if !slices.Contains(contents, string(got)) {
					t.Errorf("read %d bytes that nobody wrote as a whole", len(got))
				}
			}
		})
	}
	wg.Wait()
}

func appender(t *testing.T, s blob.Store) blob.Appender {
	t.Helper()
	a, ok := s.(blob.Appender)
	if !ok {
		t.Skip("this store cannot append")
	}
	return a
}

func openAppend(t *testing.T, a blob.Appender, key string) blob.Appending {
	t.Helper()
	w, err := a.OpenAppend(t.Context(), key)
	if err != nil {
		t.Fatalf("OpenAppend(%q): %v", key, err)
	}
	return w
}

func write(t *testing.T, w io.Writer, content string) {
	t.Helper()
	if n, err := w.Write([]byte(content)); n != len(content) || err != nil {
		t.Fatalf("Write(%q) = %d, %v", content, n, err)
	}
}

func testAppend(t *testing.T, s blob.Store) {
	t.Helper()
	a := appender(t, s)
	w := openAppend(t, a, "grow/ing")
	write(t, w, "hello ")
	write(t, w, "world")
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, w, w.Size()); got != "hello world" {
		t.Errorf("read while open: %q", got)
	}
	if got := get(t, s, "grow/ing"); got != "hello world" {
		t.Errorf("another reader: %q", got)
	}
	closeIt(t, w)

	w = openAppend(t, a, "grow/ing")
	defer closeIt(t, w)
	if w.Size() != 11 {
		t.Fatalf("size when taken up again = %d, want 11", w.Size())
	}
	if err := w.Truncate(5); err != nil {
		t.Fatal(err)
	}
	write(t, w, "!")
	if got := readAll(t, w, w.Size()); got != "hello!" || w.Size() != 6 {
		t.Errorf("after Truncate and Write: %q, size %d", got, w.Size())
	}
	for _, size := range []int64{-1, 7} {
		if err := w.Truncate(size); err == nil {
			t.Errorf("Truncate(%d) of 6 bytes: no error", size)
		}
	}
}

func testAppendBusy(t *testing.T, s blob.Store) {
	t.Helper()
	a := appender(t, s)
	w := openAppend(t, a, "k")
	if _, err := a.OpenAppend(t.Context(), "k"); !errors.Is(err, blob.ErrBusy) {
		t.Errorf("second OpenAppend = %v, want ErrBusy", err)
	}
	closeIt(t, w)
	closeIt(t, openAppend(t, a, "k"))
}

// testAppendReplace: an object put in the place of one that is being appended to is a new one, with a lock of its own.
func testAppendReplace(t *testing.T, s blob.Store) {
	t.Helper()
	a := appender(t, s)
	old := openAppend(t, a, "d/k")
	write(t, old, "old")
	put(t, s, "d/k", "new")
	w := openAppend(t, a, "d/k")
	defer closeIt(t, w)
	write(t, w, "er")
	write(t, old, "est")
	closeIt(t, old)
	if got := get(t, s, "d/k"); got != "newer" {
		t.Errorf("got %q, want %q", got, "newer")
	}
}

// testReplaceAppend: an object that takes the place of one that grows can be grown, and nobody else can.
func testReplaceAppend(t *testing.T, s blob.Store) {
	t.Helper()
	a := appender(t, s)
	old := openAppend(t, a, "d/k")
	if err := old.SyncName(); err != nil {
		t.Errorf("SyncName: %v", err)
	}
	write(t, old, "a long history")
	w, err := a.ReplaceAppend(t.Context(), "d/k", []byte("in short"))
	if err != nil {
		t.Fatalf("ReplaceAppend: %v", err)
	}
	closeIt(t, old)
	if _, err := a.OpenAppend(t.Context(), "d/k"); !errors.Is(err, blob.ErrBusy) {
		t.Errorf("OpenAppend of what was replaced = %v, want ErrBusy", err)
	}
	write(t, w, ": more")
	if err := errors.Join(w.Sync(), w.SyncName()); err != nil {
		t.Errorf("Sync, SyncName: %v", err)
	}
	if got := readAll(t, w, w.Size()); got != "in short: more" {
		t.Errorf("read while open: %q", got)
	}
	closeIt(t, w)
	if got := get(t, s, "d/k"); got != "in short: more" {
		t.Errorf("got %q", got)
	}
	if _, err := a.ReplaceAppend(t.Context(), "../k", nil); !errors.Is(err, blob.ErrKey) {
		t.Errorf("ReplaceAppend of a bad key: %v, want ErrKey", err)
	}
}

func testPrune(t *testing.T, s blob.Store) {
	t.Helper()
	p, ok := s.(blob.Pruner)
	if !ok {
		t.Skip("this store has no folders")
	}
	put(t, s, "p/q/r", "1")
	prune := func() {
		t.Helper()
		if err := p.Prune(t.Context(), "p/q/"); err != nil {
			t.Fatalf("Prune: %v", err)
		}
	}
	prune()
	if got := get(t, s, "p/q/r"); got != "1" {
		t.Fatalf("Prune took an object: %q", got)
	}
	if err := s.Delete(t.Context(), "p/q/r"); err != nil {
		t.Fatal(err)
	}
	prune()
	prune()
	put(t, s, "p/q", "now an object") // which the folder would forbid
	if err := p.Prune(t.Context(), "p"); !errors.Is(err, blob.ErrKey) {
		t.Errorf("Prune without a slash = %v, want ErrKey", err)
	}
}

func testFiler(t *testing.T, s blob.Store) {
	t.Helper()
	put(t, s, "k", "from a file")
	r, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, r)
	f, ok := r.(blob.Filer)
	if !ok {
		t.Skip("this store has no files")
	}
	var got bytes.Buffer
	if _, err := io.Copy(&got, f.File()); err != nil || got.String() != "from a file" {
		t.Errorf("read from the file: %q, %v", got.String(), err)
	}
}

func testCreate(t *testing.T, s blob.Store) {
	t.Helper()
	c, ok := s.(blob.Creator)
	if !ok {
		t.Skip("this store takes whole objects only")
	}
	if _, err := c.Create(t.Context(), "../up"); !errors.Is(err, blob.ErrKey) {
		t.Errorf("Create of no key = %v, want ErrKey", err)
	}
	create := func(contents ...string) blob.Creating {
		t.Helper()
		w, err := c.Create(t.Context(), "c/k")
		if err != nil {
			t.Fatal(err)
		}
		for _, content := range contents {
			write(t, w, content)
		}
		return w
	}
	closeIt(t, create("given up"))
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("keys %q after one was given up, want none", got)
	}
	w := create("hello ", "world")
	if got := keys(t, s, ""); len(got) != 0 || w.Size() != 11 {
		t.Errorf("keys %q before it was published, %d bytes", got, w.Size())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Publish(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish with an ended context = %v, want context.Canceled", err)
	}
	if err := w.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "c/k"); got != "hello world" {
		t.Errorf("published: %q", got)
	}
	other := create("newer")
	if err := other.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeIt(t, other)
	if got := get(t, s, "c/k"); got != "newer" {
		t.Errorf("published in its place: %q", got)
	}
	if got := readAll(t, w, w.Size()); got != "hello world" {
		t.Errorf("read by the one who wrote it: %q", got)
	}
	closeIt(t, w)
	if got := get(t, s, "c/k"); got != "newer" {
		t.Errorf("after the older one was closed: %q", got)
	}
}

func testTouch(t *testing.T, s blob.Store) {
	t.Helper()
	toucher, ok := s.(blob.Toucher)
	if !ok {
		t.Skip("this store cannot be told when an object was of use")
	}
	put(t, s, "a/k", "1")
	when := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	if err := toucher.Touch(t.Context(), "a/k", when); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Stat(t.Context(), "a/k"); err != nil || !info.Modified.Equal(when) {
		t.Errorf("Stat = %+v, %v; want modified %s", info, err, when)
	}
	if err := toucher.Touch(t.Context(), "a/nothing", when); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Touch of nothing = %v, want ErrNotFound", err)
	}
}

func testSweep(t *testing.T, s blob.Store) {
	t.Helper()
	sweeper, ok := s.(blob.Sweeper)
	if !ok {
		t.Skip("in this store nothing stays behind")
	}
	put(t, s, "k", "kept")
	var w blob.Creating
	if c, ok := s.(blob.Creator); ok {
		var err error
		if w, err = c.Create(t.Context(), "new"); err != nil {
			t.Fatal(err)
		}
		write(t, w, "living")
	}
	if err := sweeper.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w != nil {
		if err := w.Publish(t.Context()); err != nil {
			t.Errorf("Publish after a sweep: %v", err)
		}
		closeIt(t, w)
	}
	if got := get(t, s, "k"); got != "kept" {
		t.Errorf("after a sweep: %q", got)
	}
}
