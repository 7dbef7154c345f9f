package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"filmcan/internal/blob"
	"filmcan/internal/point"
)

// Seal ends the writing for good: the part is durable, immutable and can be opened. It costs a sync of what was not
// synced yet and one small file. The Writer is closed by it; after an error it may be tried again, or Close called.
func (w *Writer) Seal() (Sealed, error) {
	if w.closed {
		return Sealed{}, errClosed
	}
	if w.broken != nil {
		return Sealed{}, w.broken
	}
	if err := w.land(true); err != nil {
		return Sealed{}, err
	}
	if w.changes != w.durable {
		w.vault.stats.syncs.Add(1)
		if err := w.piece.Sync(); err != nil {
			w.broken = fmt.Errorf("film %s is to be taken up again: seal: %w", w.ref, explain(err))
			return Sealed{}, w.broken
		}
		w.durable = w.changes
	}
	w.catchUp()
	seal := whole{size: w.size.Load(), digest: [digestSize]byte(w.hash.Sum(nil))}
	b := encodeSealed(w.ref, seal, nil)
	point.Hit("vault.before-seal")
	// From here on the log may have been replaced already when the call fails, so nothing more is written to it.
	w.sealing = true
	if err := w.putManifest(b); err != nil {
		return Sealed{}, fmt.Errorf("seal film %s: %w", w.ref, explain(err))
	}
	w.vault.wrote(len(b), true)
	point.Hit("vault.sealed")
	m := manifest{ref: w.ref, whole: &seal}
	// It is sealed: that the files of the writing do not close well is no failure of the seal.
	_ = w.Close()
	return m.summary(), nil
}

// Extent is a range of bytes of another part of the same film.
type Extent struct {
	Part   Part
	Offset int64
	Length int64
}

// Compose makes a sealed part of head and the extents behind it, in that order. The parts that they lie in must be
// sealed and written, not composed; their bytes are not read and not copied, and must not be deleted before the film is.
//
// Composing the same again is no error. ErrSealed when the part is sealed with other content; ErrBusy while it is
// being written. A part that was begun by a Writer is replaced.
func (v *Vault) Compose(ctx context.Context, ref Ref, head []byte, body []Extent) (Sealed, error) {
	seal, table, err := v.plan(ctx, ref, head, body)
	if err != nil {
		return Sealed{}, fmt.Errorf("compose film %s: %w", ref, err)
	}
	sealed, err := v.compose(ctx, ref, head, seal, table)
	if err != nil {
		return Sealed{}, fmt.Errorf("compose film %s: %w", ref, explain(err))
	}
	return sealed, nil
}

// plan checks the extents and gives them their form in the manifest. Extents that follow each other become one.
func (v *Vault) plan(ctx context.Context, ref Ref, head []byte, body []Extent) (composed, extents, error) {
	if err := ref.check(); err != nil {
		return composed{}, nil, err
	}
	seal := composed{size: int64(len(head)), headSize: int64(len(head)), headDigest: sha256.Sum256(head)}
	var table extents
	index := make(map[Part]int)
	for _, e := range body {
		at, known := index[e.Part]
		if !known {
			s, err := v.asSource(ctx, ref, e.Part)
			if err != nil {
				return composed{}, nil, err
			}
			at = len(seal.sources)
			index[e.Part] = at
			seal.sources = append(seal.sources, s)
		}
		of := seal.sources[at].size
		if e.Offset < 0 || e.Length < 1 || e.Length > of || e.Offset > of-e.Length {
			return composed{}, nil, fmt.Errorf("extent of %d bytes at %d in a %s of %d", e.Length, e.Offset, e.Part, of)
		}
		seal.size += e.Length
		if n := len(table); n > 0 && table[n-1].source == at && table[n-1].offset+table[n-1].len == e.Offset {
			table[n-1].len += e.Length
			continue
		}
		table = append(table, extent{source: at, offset: e.Offset, len: e.Length})
	}
	if len(table) > maxExtents || len(seal.sources) > maxSources {
		return composed{}, nil, fmt.Errorf("%d extents of %d parts are too many", len(table), len(seal.sources))
	}
	seal.count, seal.table = len(table), table.digest()
	return seal, table, nil
}

func (v *Vault) asSource(ctx context.Context, ref Ref, part Part) (source, error) {
	m, err := v.sealedManifest(ctx, Ref{ref.Film, part})
	if err != nil {
		return source{}, err
	}
	if m.whole == nil || part == ref.Part {
		return source{}, fmt.Errorf("the %s cannot be composed from", part)
	}
	return source{part: part, size: m.whole.size, digest: m.whole.digest}, nil
}

func (v *Vault) compose(ctx context.Context, ref Ref, head []byte, seal composed, table extents) (Sealed, error) {
	want := manifest{ref: ref, composed: &seal}
	unlock, existing, err := v.lock(ctx, ref)
	if err != nil {
		return Sealed{}, err
	}
	defer unlock()
	if existing != nil && existing.sealed() {
		if existing.summary() != want.summary() {
			return Sealed{}, ErrSealed
		}
		if err := v.present(ctx, existing); err != nil {
			return Sealed{}, err
		}
		return want.summary(), v.store.Delete(ctx, ref.piece())
	}
	if err := v.store.Put(ctx, ref.head(), bytes.NewReader(head)); err != nil {
		return Sealed{}, err
	}
	v.wrote(len(head), false)
	point.Hit("vault.before-compose")
	b := encodeSealed(ref, seal, table)
	if err := v.store.Put(ctx, ref.manifest(), bytes.NewReader(b)); err != nil {
		return Sealed{}, err
	}
	v.wrote(len(b), true)
	point.Hit("vault.composed")
	// What a Writer may have begun under this name.
	return want.summary(), v.store.Delete(ctx, ref.piece())
}

// lock keeps writers away from a part, and returns the manifest that is there, nil if there is none. A store whose
// objects cannot grow has no writers.
func (v *Vault) lock(ctx context.Context, ref Ref) (unlock func(), m *manifest, err error) {
	store, ok := v.store.(blob.Appender)
	if !ok {
		m, err := v.sealedManifest(ctx, ref)
		if errors.Is(err, ErrNotFound) {
			return func() {}, nil, nil
		}
		return func() {}, m, err
	}
	log, err := store.OpenAppend(ctx, ref.manifest())
	if err != nil {
		return nil, nil, err
	}
	m, err = readLog(ref, log)
	if err == nil && m.sealed() {
		err = log.SyncName() // who sealed it may have died before
	}
	if err != nil {
		return nil, nil, closed(log, err)
	}
	return func() { _ = log.Close() }, m, nil
}
