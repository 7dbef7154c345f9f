package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"filmcan/internal/blob"
	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
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

// part is what the test knows of one part of a film: what it wanted, and what was acknowledged to it.
type part struct {
	ref       vault.Ref
	texts     [][]byte // what it may be written from: one, but for the time of a restart
	synced    int      // bytes of the last of texts
	note      string
	sealing   bool // Seal or Compose was called
	sealed    bool
	restarted bool
}

func (p *part) text() []byte { return p.texts[len(p.texts)-1] }

// life is what the processes on one machine do, over crashes.
type life struct {
	source, master, other *part
	deleting, deleted     bool // Film1
}

var (
	otherRef = vault.Ref{Film: "Film2", Part: vault.Source}
	head     = []byte("the head of the composed film")
	body     = []vault.Extent{{vault.Source, 5, 300}, {vault.Source, 310, 100}, {vault.Source, 410, 50}}
)

func newLife() *life {
	source := randomBytes(900)
	master := slices.Concat(head, source[5:305], source[310:460])
	return &life{
		source: &part{ref: sourceRef, texts: [][]byte{source}},
		master: &part{ref: masterRef, texts: [][]byte{master}},
		other:  &part{ref: otherRef, texts: [][]byte{bytes.ToUpper(source)}},
	}
}

// run goes through the whole life of two films. An error, which is the crash or a fault, ends it.
func (l *life) run(v *vault.Vault) error {
	if err := l.write(v, l.source, 300, 600); err != nil {
		return err
	}
	if err := l.write(v, l.source, 750, 900); err != nil { // taken up again
		return err
	}
	if err := l.compose(v); err != nil {
		return err
	}
	if err := l.write(v, l.other, 200); err != nil {
		return err
	}
	if err := l.restart(v, l.other, []byte(strings.Repeat("another film ", 30))); err != nil {
		return err
	}
	if err := l.write(v, l.other, 100, 390); err != nil {
		return err
	}
	return l.delete(v)
}

// write appends up to each of the marks with a sync behind each, and some bytes with none; at the end it seals.
func (l *life) write(v *vault.Vault, p *part, marks ...int) error {
	w, err := v.Append(context.Background(), p.ref)
	if errors.Is(err, vault.ErrSealed) && p.sealing {
		p.sealed = true
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	text := p.text()
	for _, mark := range marks {
		if err := w.Note("mark", fmt.Append(nil, mark)); err != nil {
			return err
		}
		for w.Size() < int64(mark) {
			if _, err := w.Write(text[w.Size():min(w.Size()+120, int64(mark))]); err != nil {
				return err
			}
		}
		if err := w.Sync(); err != nil {
			return err
		}
		p.synced, p.note = mark, fmt.Sprint(mark)
	}
	if len(text) > int(w.Size()) {
		_, err := w.Write(text[w.Size():min(int(w.Size())+33, len(text))]) // not synced
		return err
	}
	return l.seal(w, p)
}

func (l *life) seal(w *vault.Writer, p *part) error {
	p.sealing = true
	sealed, err := w.Seal()
	if err != nil {
		return err
	}
	p.sealed = true
	if want := sum(p.text()); sealed.SHA256 != want {
		return fmt.Errorf("%s is sealed with sha256 %s, want %s", p.ref, sealed.SHA256, want)
	}
	return nil
}

func (l *life) restart(v *vault.Vault, p *part, text []byte) error {
	w, err := v.Append(context.Background(), p.ref)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	p.texts, p.synced, p.restarted = append(p.texts, text), 0, true
	if err := w.Restart(); err != nil {
		return err
	}
	p.texts, p.note = p.texts[1:], ""
	return nil
}

func (l *life) compose(v *vault.Vault) error {
	l.master.sealing = true
	sealed, err := v.Compose(context.Background(), masterRef, head, body)
	if err != nil {
		return err
	}
	l.master.sealed = true
	if int(sealed.Size) != len(l.master.text()) {
		return fmt.Errorf("composed %d bytes, want %d", sealed.Size, len(l.master.text()))
	}
	return nil
}

func (l *life) delete(v *vault.Vault) error {
	l.deleting = true
	if err := v.Delete(context.Background(), "Film1"); err != nil {
		return err
	}
	l.deleted = true
	return nil
}

// check holds what a process finds after a crash against what was acknowledged before it.
func (l *life) check(v *vault.Vault, d *faultfs.Disk) error {
	if l.deleting {
		if err := l.checkDeleted(v); err != nil {
			return err
		}
	} else {
		for _, p := range []*part{l.source, l.master} {
			if err := l.checkPart(v, p); err != nil {
				return err
			}
		}
	}
	if err := l.checkPart(v, l.other); err != nil {
		return err
	}
	// Whatever was left, deleting takes all of it away.
	for _, id := range []film.FilmID{"Film1", "Film2"} {
		if err := v.Delete(context.Background(), id); err != nil {
			return fmt.Errorf("delete afterwards: %w", err)
		}
	}
	for name := range d.Tree() {
		return fmt.Errorf("left over: %s", name)
	}
	return nil
}

// checkDeleted wants each part whole or not to be found, and in particular no master without its source.
func (l *life) checkDeleted(v *vault.Vault) error {
	for _, p := range []*part{l.source, l.master} {
		err := verify(v, p)
		if l.deleted && !errors.Is(err, vault.ErrNotFound) || err != nil && !errors.Is(err, vault.ErrNotFound) {
			return fmt.Errorf("deleted (acknowledged: %v) %s: %w", l.deleted, p.ref, err)
		}
	}
	for id, err := range v.Films(context.Background()) {
		if err != nil || id == "Film1" && l.deleted {
			return fmt.Errorf("film %s is still listed: %w", id, err)
		}
	}
	return nil
}

// verify wants the part sealed with its text.
func verify(v *vault.Vault, p *part) error {
	ctx := context.Background()
	if _, err := v.Stat(ctx, p.ref); err != nil {
		return err
	}
	if err := v.Verify(ctx, p.ref); err != nil {
		return err
	}
	f, err := v.Open(ctx, p.ref)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil || !bytes.Equal(got, p.text()) {
		return fmt.Errorf("%s reads as %d other bytes: %w", p.ref, len(got), err)
	}
	return nil
}

func (l *life) checkPart(v *vault.Vault, p *part) error {
	err := verify(v, p)
	if err == nil && p.sealing {
		return nil
	}
	if p.sealed || !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrNotSealed) {
		return fmt.Errorf("%s (sealing %v, acknowledged %v): %w", p.ref, p.sealing, p.sealed, err)
	}
	if p == l.master {
		if !l.source.sealed {
			return nil
		}
		if err := l.compose(v); err != nil {
			return fmt.Errorf("compose after the crash: %w", err)
		}
		return verify(v, p)
	}
	if err := l.goOn(v, p); err != nil {
		return fmt.Errorf("go on after the crash: %w", err)
	}
	return verify(v, p)
}

// goOn takes a part up again, wants what was acknowledged and nothing torn, and finishes it.
func (l *life) goOn(v *vault.Vault, p *part) error {
	w, err := v.Append(context.Background(), p.ref)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	got, err := io.ReadAll(io.NewSectionReader(w, 0, w.Size()))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.texts, func(text []byte) bool { return bytes.HasPrefix(text, got) })
	if i < 0 {
		return fmt.Errorf("%s: %d bytes that were never written", p.ref, len(got))
	}
	last := bytes.HasPrefix(p.text(), got)
	if note := string(w.Notes()["mark"]); last && !p.restarted && (len(got) < p.synced || note == "" && p.note != "") {
		return fmt.Errorf("%s: %d bytes and note %q are left of %d and %q", p.ref, len(got), note, p.synced, p.note)
	}
	if p.restarted && len(p.texts) == 1 && len(got) < p.synced {
		return fmt.Errorf("%s: %d bytes are left of %d", p.ref, len(got), p.synced)
	}
	if !last {
		p.texts = p.texts[:1]
	}
	if _, err := w.Write(p.text()[len(got):]); err != nil {
		return err
	}
	return l.seal(w, p)
}

// crash is one way to end a life.
type crash struct {
	stop int // after so many operations
	how  faultfs.Survival
	seed uint64
	lie  func(faultfs.Op) bool
	wrap func(blob.Store) blob.Store
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
	if c.wrap != nil {
		return vault.New(c.wrap(store), vault.Config{SyncEvery: 1 << 30})
	}
	return vault.New(store, vault.Config{SyncEvery: 1 << 30})
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
			seeds = 6
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
	if err := everywhere(crash.once, crash{}); err != nil {
		t.Error(err)
	}
}

func TestPowerCutAfterKill(t *testing.T) {
	t.Parallel()
	if err := everywhere(crash.twice, crash{}); err != nil {
		t.Error(err)
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
