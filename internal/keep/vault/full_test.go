package vault_test

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// TestDiskFull fails each write and each sync of a life in turn, once, with a full disk. The same Writer, or the same
// call, goes on when there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		count, failed := 0, false
		d := faultfs.New()
		v, err := on(d.Boot(faultfs.Plan{Fail: func(op faultfs.Op) error {
			changes := op.Kind == faultfs.Write || op.Kind == faultfs.Sync || op.Kind == faultfs.Create || op.Kind == faultfs.Mkdir
			if !changes || !strings.HasPrefix(op.Name, "/data/keep/") || strings.HasSuffix(op.Name, "/.tmp") {
				return nil
			}
			count++
			if count == at {
				failed = true
				return syscall.ENOSPC
			}
			return nil
		}}))
		must(t, err)
		full := 0
		again := func(what string, do func() error) {
			t.Helper()
			for range 2 {
				err := do()
				if err == nil {
					return
				}
				full++
				if e := film.AsError(err); e == nil || e.Code != film.CodeUnavailable || e.Fault != film.FaultTransient ||
					!errors.Is(err, syscall.ENOSPC) {
					t.Errorf("at %d: %s: %v, want a film.Error of no room", at, what, err)
				}
			}
			t.Errorf("at %d: %s fails twice", at, what)
		}
		lifeWithRetries(t, v, again)
		if failed != (full == 1) {
			t.Errorf("at %d: the disk was full %v, and %d calls said so", at, failed, full)
		}
		if !failed {
			break
		}
	}
}

func lifeWithRetries(t *testing.T, v *vault.Vault, again func(string, func() error)) {
	t.Helper()
	text := randomBytes(1000)
	var w *vault.Writer
	takeUp := func() {
		again("Append", func() (err error) { w, err = v.Append(t.Context(), sourceRef); return err })
	}
	takeUp()
	must(t, w.Note("k", []byte("v")))
	for w.Synced() < 1000 {
		for w.Size() < 1000 {
			again("Write", func() error {
				n, err := w.Write(text[w.Size():min(w.Size()+250, 1000)])
				if err != nil && n != 0 {
					t.Errorf("failed Write returned %d", n)
				}
				return err
			})
		}
		again("Sync", func() error {
			err := w.Sync()
			if err != nil && w.Sync() != nil { // the piece's own sync: to be taken up again
				must(t, w.Close())
				takeUp()
				return err
			}
			return err
		})
		if got := content(t, w, w.Size()); !bytes.HasPrefix(text, got) {
			t.Error("bytes that were never written")
		}
	}
	var sealed vault.Sealed
	again("Seal", func() (err error) { sealed, err = w.Seal(); return err })
	if sealed.Size != 1000 || sealed.SHA256 != sum(text) {
		t.Errorf("sealed %+v, want sha256 %s", sealed, sum(text))
	}
	again("Compose", func() error {
		_, err := v.Compose(t.Context(), masterRef, head, body)
		return err
	})
	must(t, v.Verify(t.Context(), masterRef))
	must(t, v.Delete(t.Context(), "Film1"))
}

// TestSealAfterAFailedSync: bytes that may be gone are never sealed.
func TestSealAfterAFailedSync(t *testing.T) {
	t.Parallel()
	failing := true
	v, err := on(faultfs.New().Boot(faultfs.Plan{Fail: func(op faultfs.Op) error {
		if failing && op.Kind == faultfs.Sync && strings.HasSuffix(op.Name, ".bytes") {
			return syscall.EIO
		}
		return nil
	}}))
	must(t, err)
	w := begin(t, v, sourceRef)
	write(t, w, []byte("bytes that may be gone"))
	if _, err := w.Seal(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Seal over a failing sync: %v, want EIO", err)
	}
	failing = false
	for name, do := range map[string]func() error{
		"Write":   func() error { _, err := w.Write([]byte("x")); return err },
		"Sync":    w.Sync,
		"Seal":    func() error { _, err := w.Seal(); return err },
		"Restart": w.Restart,
	} {
		wantErr(t, name+" after a failed sync", do(), syscall.EIO)
	}
	must(t, w.Close())
	w = begin(t, v, sourceRef)
	if w.Size() != 0 {
		t.Errorf("taken up at %d, want 0: nothing was synced", w.Size())
	}
}
