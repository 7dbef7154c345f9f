package vault_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/keep/vault"
)

// rewindBytes are other bytes for each seed.
func rewindBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// TestRewind keeps a beginning and goes on with other bytes, also after being taken up again, and after a power cut at
// any moment of it.
func TestRewind(t *testing.T) {
	t.Parallel()
	ref := vault.Ref{Film: "film1", Part: vault.Source}
	first, second := rewindBytes(1, 1000), rewindBytes(2, 500)
	want := append(bytes.Clone(first[:300]), second...)
	for stop, done := 1, false; !done; stop++ {
		disk := faultfs.New()
		rng := rand.New(rand.NewPCG(7, uint64(stop)))
		open := func(p faultfs.Plan) *vault.Vault {
			store, err := fs.OpenOn(disk.Boot(p), "/keep")
			if err != nil {
				t.Fatal(err)
			}
			v, err := vault.New(store, vault.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		v := open(faultfs.Plan{})
		w, err := v.Append(t.Context(), ref)
		must(t, err)
		_, err = w.Write(first)
		must(t, err)
		must(t, w.Note("key", []byte("value")))
		must(t, w.Sync())
		must(t, w.Close())

		v = open(faultfs.Plan{StopAfter: 4 + stop})
		rewound := false
		if w, err = v.Append(t.Context(), ref); err == nil {
			rewound = w.Rewind(300, nil) == nil
			if rewound && (w.Size() != 300 || w.Synced() != 300 || len(w.Notes()) > 0) {
				t.Fatalf("rewound to %d bytes, %d synced, notes %v", w.Size(), w.Synced(), w.Notes())
			}
			_, err = w.Write(second[:100])
			done = err == nil && w.Sync() == nil
			_ = w.Close()
		}
		disk.Crash(faultfs.Torn, rng)
		v = open(faultfs.Plan{})
		w, err = v.Append(t.Context(), ref)
		must(t, err)
		size := w.Size()
		switch {
		case done && size != 400, rewound && !done && size != 300, !rewound && size != 0 && size != 300 && size != 1000:
			t.Fatalf("power cut after %d: %d bytes (rewound %v, synced behind it %v)", stop, size, rewound, done)
		}
		if size != 0 {
			must(t, w.Rewind(300, nil))
		}
		_, err = w.Write(want[w.Size():])
		must(t, err)
		_, err = w.Seal()
		must(t, err)
		must(t, v.Verify(t.Context(), ref))
		f, err := v.Open(t.Context(), ref)
		must(t, err)
		got := make([]byte, f.Size())
		_, err = f.ReadAt(got, 0)
		must(t, err)
		must(t, f.Close())
		if !bytes.Equal(got, want) {
			t.Fatalf("power cut after %d: the film is another", stop)
		}
	}
}

func TestRewindBounds(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	w, err := v.Append(t.Context(), vault.Ref{Film: "film1", Part: vault.Source})
	must(t, err)
	_, err = w.Write(rewindBytes(1, 100))
	must(t, err)
	if err := w.Rewind(50, nil); err == nil {
		t.Error("rewound to bytes that were never synced")
	}
	if err := w.Rewind(-1, nil); err == nil {
		t.Error("rewound to before the beginning")
	}
	must(t, w.Rewind(0, nil))
	if w.Size() != 0 {
		t.Errorf("%d bytes after a restart", w.Size())
	}
	must(t, w.Close())
}

// TestGrowing looks at a film that is being written, from outside.
func TestGrowing(t *testing.T) {
	t.Parallel()
	v, _ := onDisk(t, vault.Config{})
	ref := vault.Ref{Film: "film1", Part: vault.Source}
	look := func() vault.Growing {
		t.Helper()
		g, err := v.Growing(t.Context(), ref)
		must(t, err)
		return g
	}
	if _, err := v.Growing(t.Context(), ref); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("before there is anything: %v", err)
	}
	w, err := v.Append(t.Context(), ref)
	must(t, err)
	if g := look(); g.Safe != 0 {
		t.Errorf("new film: %+v", g)
	}
	for i, safe := range []int64{0, 100, 200} {
		_, err := w.Write(rewindBytes(byte(i), 100))
		must(t, err)
		must(t, w.Note("n", []byte{byte(i)}))
		must(t, w.Sync())
		if g := look(); g.Safe != safe || !bytes.Equal(g.Notes["n"], []byte{byte(i)}) {
			t.Errorf("after sync %d: %+v, want %d safe bytes", i, g, safe)
		}
	}
	must(t, w.Rewind(250, nil))
	if g := look(); g.Safe != 0 || len(g.Notes) > 0 {
		t.Errorf("rewound: %+v", g)
	}
	_, err = w.Seal()
	must(t, err)
	if _, err := v.Growing(t.Context(), ref); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("sealed: %v", err)
	}
}

// TestRewindKeepsNotes: the notes that are to stay are there as soon as the bytes are gone, wherever the power is cut.
func TestRewindKeepsNotes(t *testing.T) {
	t.Parallel()
	ref := vault.Ref{Film: "film1", Part: vault.Source}
	outcomes := map[string]int{}
	for stop := 1; stop < 40; stop++ {
		disk := faultfs.New()
		rng := rand.New(rand.NewPCG(9, uint64(stop)))
		open := func(p faultfs.Plan) *vault.Vault {
			store, err := fs.OpenOn(disk.Boot(p), "/keep")
			must(t, err)
			v, err := vault.New(store, vault.Config{})
			must(t, err)
			return v
		}
		w, err := open(faultfs.Plan{}).Append(t.Context(), ref)
		must(t, err)
		_, err = w.Write(rewindBytes(1, 1000))
		must(t, err)
		must(t, w.Note("old", []byte("1")))
		must(t, w.Sync())
		must(t, w.Close())

		if w, err = open(faultfs.Plan{StopAfter: 4 + stop}).Append(t.Context(), ref); err == nil {
			_ = w.Rewind(300, map[string][]byte{"new": []byte("2")})
			_ = w.Close()
		}
		disk.Crash(faultfs.Torn, rng)
		w, err = open(faultfs.Plan{}).Append(t.Context(), ref)
		must(t, err)
		notes := w.Notes()
		switch _, old := notes["old"]; {
		case w.Size() == 1000 && old && len(notes) == 1:
			outcomes["before"]++
		case w.Size() == 300 && !old && string(notes["new"]) == "2":
			outcomes["after"]++
		case w.Size() == 0 && !old:
			outcomes["nothing"]++
		default:
			t.Errorf("cut %d: %d bytes with notes %q", stop, w.Size(), notes)
		}
		must(t, w.Close())
	}
	if outcomes["before"] == 0 || outcomes["after"] == 0 {
		t.Errorf("outcomes %v: the power was never cut on one side of it", outcomes)
	}
}
