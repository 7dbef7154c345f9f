package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"

	"filmcan/internal/blob"
)

// Append opens a part for its one writer: a new one, or one that was begun, which is taken up again where its last
// sync was; what was written behind that is cut off. No bytes are read for that: the log has the state of the hash.
//
// ErrBusy while another writer has it, also in another process; ErrSealed when it is sealed, durably so even if the
// process that sealed it died over it; ErrDamaged when synced bytes are missing. The context is for opening only.
func (v *Vault) Append(ctx context.Context, ref Ref) (*Writer, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	store, ok := v.store.(blob.Appender)
	if !ok {
		return nil, fmt.Errorf("append to film %s: the store cannot append", ref)
	}
	log, err := store.OpenAppend(ctx, ref.manifest())
	if err != nil {
		return nil, fmt.Errorf("append to film %s: %w", ref, explain(err))
	}
	m, err := readLog(ref, log)
	if err == nil && m.sealed() {
		// So it is told; who sealed it may have died before its name was durable.
		if err = explain(log.SyncName()); err == nil {
			err = ErrSealed
		}
	}
	if err != nil {
		return nil, closed(log, fmt.Errorf("append to film %s: %w", ref, err))
	}
	piece, err := store.OpenAppend(ctx, ref.piece())
	if err != nil {
		return nil, closed(log, fmt.Errorf("append to film %s: %w", ref, explain(err)))
	}
	w := &Writer{
		vault: v, ref: ref, log: log, piece: piece,
		// The seal is short and never left half done, whatever becomes of the request that began the film.
		putManifest: func(b []byte) error {
			return v.store.Put(context.WithoutCancel(ctx), ref.manifest(), bytes.NewReader(b))
		},
		replaceLog: func(b []byte) (blob.Appending, error) {
			return store.ReplaceAppend(context.WithoutCancel(ctx), ref.manifest(), b)
		},
		logLimit: v.cfg.LogGrowth,
	}
	known := m.end > 0 && v.recall(ref) == left{m.end, m.sum}
	if err := w.takeUp(m, known); err != nil {
		_ = piece.Close()
		return nil, closed(log, fmt.Errorf("append to film %s: %w", ref, explain(err)))
	}
	return w, nil
}

// readLog reads a manifest whose lock is held. A first write that did not end gives a manifest that ends before its
// header: there was nothing yet. (That write is synced before any other, so it is never more than that.)
func readLog(ref Ref, log blob.Appending) (*manifest, error) {
	m, err := readManifest(io.NewSectionReader(log, 0, log.Size()))
	switch {
	case errors.Is(err, errTorn) && log.Size() <= beginSize(ref):
		return &manifest{ref: ref, notes: make(map[string][]byte)}, nil
	case errors.Is(err, errVersion), errors.Is(err, blob.ErrUnreadable):
		return nil, err
	case err != nil:
		return nil, damaged(ref, "manifest: %v", err)
	case m.ref != ref:
		return nil, damaged(ref, "its manifest is that of %s", m.ref)
	}
	return m, nil
}

// takeUp brings log and piece to what the manifest says. What is found counts from here on, names and records, so it is
// synced: the process that wrote it may have died before it could. Unless it is known to be durable.
func (w *Writer) takeUp(m *manifest, known bool) error {
	if w.log.Size() > m.end {
		known = false
		if err := w.log.Truncate(m.end); err != nil {
			return fmt.Errorf("cut the torn tail of the manifest: %w", err)
		}
	}
	if !known {
		if err := errors.Join(w.log.SyncName(), w.piece.SyncName()); err != nil {
			return err
		}
	}
	w.logEnd, w.logSum, w.notes, w.pending = m.end, m.sum, m.notes, make(map[string][]byte)
	if m.end == 0 {
		// The names are durable, both of them, before the record that says so.
		var f framer
		f.header(growing)
		f.record(begin{w.ref})
		if err := w.writeLog(&f); err != nil {
			return err
		}
	} else if !known {
		if err := w.log.Sync(); err != nil {
			return err
		}
	}
	switch size := w.piece.Size(); {
	case size < m.synced.size:
		return damaged(w.ref, "%d bytes are left of %d that were synced", size, m.synced.size)
	case size > m.synced.size:
		if err := w.piece.Truncate(m.synced.size); err != nil {
			return fmt.Errorf("cut the torn tail of the piece: %w", err)
		}
		w.changes++ // to be synced before a seal speaks of the length
	}
	return w.standAt(m.synced)
}

// standAt makes a synced state the Writer's own.
func (w *Writer) standAt(at synced) error {
	h := sha256.New()
	if at.size > 0 {
		restored, err := restoreHash(at.state)
		if err != nil {
			// Written with another version of Go, whose state this one does not take: read instead.
			if _, err := io.Copy(h, io.NewSectionReader(w.piece, 0, at.size)); err != nil {
				return fmt.Errorf("hash again: %w", err)
			}
			restored = h
		}
		h = restored
	}
	w.hash, w.last, w.begun, w.started = h, at, at.size, at.size
	w.size.Store(at.size)
	w.synced.Store(at.size)
	return nil
}

func restoreHash(state []byte) (hash.Hash, error) {
	h := sha256.New()
	u, ok := h.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, errors.New("hash cannot be restored")
	}
	return h, u.UnmarshalBinary(state)
}

func saveHash(h hash.Hash) ([]byte, error) {
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errors.New("state of the hash cannot be kept")
	}
	return m.MarshalBinary()
}
