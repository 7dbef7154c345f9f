package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filmcan/internal/blob"
)

// Verify reads everything that a sealed part is made of and holds it against the digests. It returns an ErrDamaged
// (*Damage, with the reason) when something is missing or differs, also when the device cannot give it back; ErrNotFound
// and ErrNotSealed; nil when the part is what was sealed. It reads as fast as it can, one block in memory.
func (v *Vault) Verify(ctx context.Context, ref Ref) error {
	m, r, err := v.openManifest(ctx, ref)
	if err != nil {
		return unreadable(ref, err)
	}
	_, err = m.readTable(io.NewSectionReader(r, m.off, r.Size()-m.off))
	if err != nil {
		err = damaged(ref, "manifest: %v", err)
	}
	if err := closed(r, err); err != nil {
		return err
	}
	if m.whole != nil {
		return v.verifyObject(ctx, ref, ref.piece(), m.whole.size, m.whole.digest)
	}
	if err := v.verifyObject(ctx, ref, ref.head(), m.composed.headSize, m.composed.headDigest); err != nil {
		return err
	}
	for _, s := range m.composed.sources {
		if err := v.checkSource(ctx, ref, s); err != nil {
			return err
		}
		err := v.Verify(ctx, Ref{ref.Film, s.part})
		if d, ok := errors.AsType[*Damage](err); ok {
			return damaged(ref, "it is composed from the %s, and that is damaged: %s", s.part, d.Reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *Vault) verifyObject(ctx context.Context, ref Ref, key string, size int64, digest [digestSize]byte) error {
	if err := v.objectPresent(ctx, ref, key, size); err != nil {
		return err
	}
	r, err := v.store.Open(ctx, key)
	if err != nil {
		return unreadable(ref, fmt.Errorf("verify film %s: %w", ref, err))
	}
	sum, err := v.digest(ctx, r, size)
	if err := closed(r, err); err != nil {
		return unreadable(ref, fmt.Errorf("verify film %s: %w", ref, err))
	}
	if sum != digest {
		return damaged(ref, "%s has sha256 %x, not %x", key, sum, digest)
	}
	return nil
}

func (v *Vault) digest(ctx context.Context, r io.ReaderAt, size int64) (sum [digestSize]byte, err error) {
	buf := v.takeBuffer()
	defer v.buffers.Put(buf)
	h := sha256.New()
	for off := int64(0); off < size; {
		if err := context.Cause(ctx); err != nil {
			return sum, err
		}
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		h.Write(buf[:n])
		v.stats.read.Add(int64(n))
		off += int64(n)
		if err != nil && off < size {
			return sum, err
		}
	}
	return [digestSize]byte(h.Sum(nil)), nil
}

// unreadable makes damage of bytes that the device cannot give back, or that vanished on the way.
func unreadable(ref Ref, err error) error {
	if errors.Is(err, blob.ErrUnreadable) || errors.Is(err, blob.ErrNotFound) || errors.Is(err, io.EOF) {
		return damaged(ref, "%v", err)
	}
	return err
}
