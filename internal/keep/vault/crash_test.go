package vault_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/keep/vault"
)

// on gives the vault that a process on that machine has.
func on(system fs.OS) (*vault.Vault, error) {
	store, err := fs.OpenOn(system, "/data/keep")
	if err != nil {
		return nil, err
	}
	return vault.New(store, vault.Config{SyncEvery: 1 << 30})
}

// crash is one way to end a life.
type crash struct {
	stop int // after so many operations
	// growth is that of the logs; 0: they are never written anew.
	growth int64
	how    faultfs.Survival
	seed   uint64
	lie    func(faultfs.Op) bool
	wrap   func(blob.Store) blob.Store
}

func (c crash) String() string {
	return fmt.Sprintf("after %d operations, %s, seed %d", c.stop, c.how, c.seed)
}

func (c crash) rng() *rand.Rand { return rand.New(rand.NewPCG(c.seed, uint64(c.stop))) }

func (c crash) vault(view *faultfs.View) (*vault.Vault, error) {
	store, err := fs.OpenOn(view, "/data/keep")
	if err != nil {
		return nil, err
	}
	cfg := vault.Config{SyncEvery: 1 << 30, LogGrowth: c.growth}
	if c.wrap != nil {
		return vault.New(c.wrap(store), cfg)
	}
	return vault.New(store, cfg)
}

// once lives until the crash, and checks what is left.
func (c crash) once() error {
	d, l := faultfs.New(), newLife()
	if v, err := c.vault(d.Boot(faultfs.Plan{StopAfter: c.stop, Lie: c.lie})); err == nil {
		err = l.run(v)
		if err != nil && !errors.Is(err, faultfs.ErrOff) {
			return fmt.Errorf("before the crash: %w", err)
		}
	}
	d.Crash(c.how, c.rng())
	return c.checkOn(d, l)
}

func (c crash) checkOn(d *faultfs.Disk, l *life) error {
	v, err := on(d.Boot(faultfs.Plan{}))
	if err != nil {
		return err
	}
	return l.check(v, d)
}

// twice kills the process, lets another take note of what it finds, and then cuts the power: what the second one was
// told must be true also where it was the first one's, not synced yet.
func (c crash) twice() error {
	d, l := faultfs.New(), newLife()
	if v, err := c.vault(d.Boot(faultfs.Plan{StopAfter: c.stop})); err == nil {
		_ = l.run(v)
	}
	d.Crash(faultfs.Kill, nil)
	v, err := c.vault(d.Boot(faultfs.Plan{Lie: c.lie}))
	if err != nil {
		return err
	}
	if err := l.observe(v); err != nil {
		return err
	}
	d.Crash(c.how, c.rng())
	return c.checkOn(d, l)
}

func (l *life) observe(v *vault.Vault) error {
	if l.deleting {
		return l.delete(v)
	}
	for _, p := range []*part{l.source, l.other} {
		w, err := v.Append(context.Background(), p.ref)
		if errors.Is(err, vault.ErrSealed) && p.sealing {
			p.sealed = true
			continue
		}
		if err != nil {
			return err
		}
		if len(p.texts) == 1 {
			p.synced, p.note = int(w.Synced()), string(w.Notes()["mark"])
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	if l.master.sealing {
		return l.compose(v)
	}
	return nil
}

// everywhere crashes after each operation of a life, in every way, and returns the first broken promise.
func everywhere(try func(crash) error, variant crash) error {
	whole := faultfs.New().Boot(faultfs.Plan{})
	v, err := variant.vault(whole)
	if err != nil {
		return err
	}
	if err := newLife().run(v); err != nil {
		return err
	}
	for _, how := range faultfs.Survivals() {
		seeds := uint64(1)
		if how == faultfs.Torn {
			seeds = 3
		}
		for stop := 1; stop <= whole.Ops(); stop++ {
			for seed := range seeds {
				c := variant
				c.stop, c.how, c.seed = stop, how, seed
				if err := try(c); err != nil {
					return fmt.Errorf("%s of %d: %w", c, whole.Ops(), err)
				}
			}
		}
	}
	return nil
}

func TestPowerCut(t *testing.T) {
	t.Parallel()
	for _, growth := range []int64{0, 1} {
		if err := everywhere(crash.once, crash{growth: growth}); err != nil {
			t.Errorf("logs grow by %d: %v", growth, err)
		}
	}
}

func TestPowerCutAfterKill(t *testing.T) {
	t.Parallel()
	for _, growth := range []int64{0, 1} {
		if err := everywhere(crash.twice, crash{growth: growth}); err != nil {
			t.Errorf("logs grow by %d: %v", growth, err)
		}
	}
}

// TestPowerCutFindsBrokenOrders plants mistakes in the order of writes; each must be found.
func TestPowerCutFindsBrokenOrders(t *testing.T) {
	t.Parallel()
	lies := func(kind faultfs.Kind, in string) crash {
		return crash{lie: func(op faultfs.Op) bool { return op.Kind == kind && strings.Contains(op.Name, in) }}
	}
	for name, variant := range map[string]crash{
		"pieces are not synced":            lies(faultfs.Sync, ".bytes"),
		"logs are not synced":              lies(faultfs.Sync, ".manifest"),
		"renamed without sync of the file": lies(faultfs.Sync, "/.tmp/"),
		"folders of films are not synced":  lies(faultfs.SyncDir, "/Film"),
		"folders above are not synced":     lies(faultfs.SyncDir, "/films"),
		"bytes are deleted before manifests": {
			wrap: func(s blob.Store) blob.Store { return &bytesFirst{Store: s.(*fs.Store)} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := everywhere(crash.once, variant)
			if err == nil {
				t.Fatal("not found")
			}
			t.Log(err)
		})
	}
	t.Run("what is found is not synced", func(t *testing.T) {
		t.Parallel()
		err := everywhere(crash.twice, crash{lie: func(op faultfs.Op) bool {
			return op.Kind == faultfs.Sync || op.Kind == faultfs.SyncDir
		}})
		if err == nil {
			t.Fatal("not found")
		}
		t.Log(err)
	})
}

// bytesFirst is a store that puts off the deletion of manifests until the folder is pruned.
type bytesFirst struct {
	*fs.Store
	mu   sync.Mutex
	late []string
}

func (s *bytesFirst) Delete(ctx context.Context, key string) error {
	if !strings.HasSuffix(key, ".manifest") {
		return s.Store.Delete(ctx, key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = append(s.late, key)
	return nil
}

func (s *bytesFirst) Prune(ctx context.Context, prefix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.late {
		if err := s.Store.Delete(ctx, key); err != nil {
			return err
		}
	}
	return s.Store.Prune(ctx, prefix)
}

func (s *bytesFirst) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return s.Store.List(ctx, prefix)
}
