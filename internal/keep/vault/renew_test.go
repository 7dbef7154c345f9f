package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/keep/vault"
)

// renewal is a film that comes in parts, by a vault that writes the log anew behind each: killed after some operations,
// taken up by another process, whose power is then cut.
type renewal struct {
	stop        int
	how         faultfs.Survival
	seed        uint64
	first, then func(faultfs.Op) bool // what the two are lied to about
}

func (r renewal) String() string {
	return fmt.Sprintf("killed after %d operations, then %s, seed %d", r.stop, r.how, r.seed)
}

const renewalPart = 40

// run returns how many operations the first process came to, and the first broken promise.
func (r renewal) run(t *testing.T) (ops int, err error) {
	t.Helper()
	d, data, acked := faultfs.New(), randomBytes(10*renewalPart), 0
	live := func(view *faultfs.View, growth int64, parts int) error {
		store, err := fs.OpenOn(view, "/data/keep")
		if err != nil {
			return err
		}
		v := newVault(t, store, vault.Config{LogGrowth: growth})
		w, err := v.Append(t.Context(), sourceRef)
		if err != nil {
			return err
		}
		defer func() { _ = w.Close() }()
		if at := int(w.Size()); at < acked || at%renewalPart != 0 || !bytes.Equal(content(t, w, w.Size()), data[:at]) {
			return fmt.Errorf("%d bytes are left of %d", at, acked)
		}
		acked = int(w.Synced())
		// Of a batch that was torn the note may be there.
		if got := string(w.Notes()["at"]); acked > 0 && got != fmt.Sprint(acked) && got != fmt.Sprint(acked+renewalPart) {
			return fmt.Errorf("note %q beside %d bytes", got, acked)
		}
		for range parts {
			if _, err := w.Write(data[acked:][:renewalPart]); err != nil {
				return err
			}
			if err := w.Note("at", fmt.Append(nil, acked+renewalPart)); err != nil {
				return err
			}
			if err := w.Sync(); err != nil {
				return err
			}
			before := acked
			acked += renewalPart
			if g, err := v.Growing(t.Context(), sourceRef); err == nil && (g.Safe < int64(before) || g.Safe > int64(acked)) {
				return fmt.Errorf("%d bytes are told to be safe of %d, %d before", g.Safe, acked, before)
			}
		}
		return nil
	}
	if _, err := fs.OpenOn(d.Boot(faultfs.Plan{}), "/data/keep"); err != nil {
		return 0, err
	}
	view := d.Boot(faultfs.Plan{StopAfter: r.stop, Lie: r.first})
	if err := live(view, 1, 4); err != nil && !errors.Is(err, faultfs.ErrOff) {
		return view.Ops(), err
	}
	if r.then != nil {
		d.Crash(faultfs.Kill, nil)
		if err := live(d.Boot(faultfs.Plan{Lie: r.then}), 1<<20, 1); err != nil {
			return view.Ops(), err
		}
	}
	d.Crash(r.how, rand.New(rand.NewPCG(r.seed, uint64(r.stop))))
	if err := live(d.Boot(faultfs.Plan{}), 1, 2); err != nil {
		return view.Ops(), err
	}
	return view.Ops(), live(d.Boot(faultfs.Plan{}), 1, 0)
}

func renewals(t *testing.T, variant renewal) error {
	t.Helper()
	for _, how := range faultfs.Survivals() {
		for seed := range uint64(4) {
			for stop, more := 1, true; more; stop++ {
				r := variant
				r.stop, r.how, r.seed = stop, how, seed
				ops, err := r.run(t)
				if err != nil {
					return fmt.Errorf("%s: %w", r, err)
				}
				more = ops >= stop
			}
		}
	}
	return nil
}

// TestRenewedLog cuts the power around logs that are written anew. The planted mistakes must be found.
func TestRenewedLog(t *testing.T) {
	t.Parallel()
	truth := func(faultfs.Op) bool { return false }
	lie := func(kind faultfs.Kind, in string) func(faultfs.Op) bool {
		return func(op faultfs.Op) bool { return op.Kind == kind && strings.Contains(op.Name, in) }
	}
	for name, c := range map[string]struct {
		renewal
		found bool
	}{
		"one process":                            {renewal{first: truth}, false},
		"two processes":                          {renewal{first: truth, then: truth}, false},
		"a new log is not synced":                {renewal{first: lie(faultfs.Sync, "/.tmp/")}, true},
		"the name of a new log is not synced":    {renewal{first: lie(faultfs.SyncDir, "/Film")}, true},
		"a name that was found is not synced":    {renewal{first: truth, then: lie(faultfs.SyncDir, "/Film")}, true},
		"records that were found are not synced": {renewal{first: truth, then: lie(faultfs.Sync, ".manifest")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := renewals(t, c.renewal); (err != nil) != c.found {
				t.Errorf("found %v, want a mistake found: %v", err, c.found)
			}
		})
	}
}

// TestRenewFails: without room for a new log the old one goes on. When nobody knows which of the two a power cut would
// leave, the film is to be taken up again.
func TestRenewFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind faultfs.Kind
		in   string
		want error
	}{
		{faultfs.Create, "/.tmp/", nil},
		{faultfs.Write, "/.tmp/", nil},
		{faultfs.Sync, "/.tmp/", nil},
		{faultfs.Rename, ".manifest", nil},
		{faultfs.SyncDir, "/Film1", syscall.ENOSPC},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			failing := false
			d := faultfs.New()
			store, err := fs.OpenOn(d.Boot(faultfs.Plan{Fail: func(op faultfs.Op) error {
				if failing && op.Kind == c.kind && strings.Contains(op.Name, c.in) {
					return syscall.ENOSPC
				}
				return nil
			}}), "/data/keep")
			must(t, err)
			v := newVault(t, store, vault.Config{LogGrowth: 300})
			w := begin(t, v, sourceRef)
			data := randomBytes(1000)
			failing = true
			for at := 0; at < len(data) && err == nil; at += 100 {
				write(t, w, data[at:at+100])
				err = w.Sync()
			}
			wantErr(t, "syncs", err, c.want)
			failing = false
			must(t, w.Close())
			w = begin(t, v, sourceRef)
			at := int(w.Size())
			if !bytes.Equal(content(t, w, w.Size()), data[:at]) || c.want == nil && at != len(data) {
				t.Errorf("taken up at %d of %d", at, len(data))
			}
			for ; at < len(data); at += 100 {
				write(t, w, data[at:at+100])
			}
			must(t, w.Note("k", []byte("v")))
			must(t, w.Sync())
			for name, n := range d.Tree() {
				if strings.HasSuffix(name, ".manifest") && n > 900 {
					t.Errorf("the log has %d bytes, want one that was written anew", n)
				}
			}
			sealed, err := w.Seal()
			must(t, err)
			if sealed.SHA256 != sum(data) {
				t.Errorf("sha256 %s, want %s", sealed.SHA256, sum(data))
			}
		})
	}
}
