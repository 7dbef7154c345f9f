package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filmcan/internal/blob"
)

// Stat says what a sealed part is, and makes sure that each of its pieces is there with its length. It reads no film
// and takes the same time whatever its size. ErrNotFound, ErrNotSealed, ErrDamaged.
func (v *Vault) Stat(ctx context.Context, ref Ref) (Sealed, error) {
	m, err := v.sealedManifest(ctx, ref)
	if err != nil {
		return Sealed{}, err
	}
	return m.summary(), v.present(ctx, m)
}

func (m *manifest) summary() Sealed {
	if m.whole != nil {
		sum := hex.EncodeToString(m.whole.digest[:])
		return Sealed{Size: m.whole.size, SHA256: sum, ETag: sum}
	}
	etag := m.composed.etag()
	return Sealed{Size: m.composed.size, ETag: hex.EncodeToString(etag[:]), Composed: true}
}

// present checks presence and length of everything that a sealed part is made of.
func (v *Vault) present(ctx context.Context, m *manifest) error {
	if m.whole != nil {
		return v.objectPresent(ctx, m.ref, m.ref.piece(), m.whole.size)
	}
	if err := v.objectPresent(ctx, m.ref, m.ref.head(), m.composed.headSize); err != nil {
		return err
	}
	for _, s := range m.composed.sources {
		if err := v.checkSource(ctx, m.ref, s); err != nil {
			return err
		}
		from := Ref{m.ref.Film, s.part}
		if err := v.objectPresent(ctx, m.ref, from.piece(), s.size); err != nil {
			return err
		}
	}
	return nil
}

func (v *Vault) objectPresent(ctx context.Context, ref Ref, key string, size int64) error {
	info, err := v.store.Stat(ctx, key)
	if errors.Is(err, blob.ErrNotFound) {
		return damaged(ref, "%s is missing", key)
	}
	if err != nil {
		return fmt.Errorf("look for film %s: %w", ref, err)
	}
	if info.Size != size {
		return damaged(ref, "%s has %d bytes, not %d", key, info.Size, size)
	}
	return nil
}

// checkSource makes sure that a part that ref is composed from is there and still that part.
func (v *Vault) checkSource(ctx context.Context, ref Ref, s source) error {
	m, err := v.sealedManifest(ctx, Ref{ref.Film, s.part})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrNotSealed) || errors.Is(err, ErrDamaged) {
		return damaged(ref, "it is composed from the %s: %v", s.part, err)
	}
	if err != nil {
		return err
	}
	if m.whole == nil || m.whole.size != s.size || m.whole.digest != s.digest {
		return damaged(ref, "it is composed from a %s that is another now", s.part)
	}
	return nil
}

// sealedManifest reads the summary of a sealed manifest, whose length must be what the summary says.
func (v *Vault) sealedManifest(ctx context.Context, ref Ref) (*manifest, error) {
	m, r, err := v.openManifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	return m, closed(r, nil)
}

// openManifest is sealedManifest that leaves the object open, for the extents behind the summary.
func (v *Vault) openManifest(ctx context.Context, ref Ref) (*manifest, blob.Reader, error) {
	if err := ref.check(); err != nil {
		return nil, nil, err
	}
	r, err := v.store.Open(ctx, ref.manifest())
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil, fmt.Errorf("open film %s: %w", ref, ErrNotFound)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open film %s: %w", ref, err)
	}
	m, err := checkSealed(ref, r)
	if err != nil {
		return nil, nil, closed(r, err)
	}
	return m, r, nil
}

func checkSealed(ref Ref, r blob.Reader) (*manifest, error) {
	m, err := readManifest(io.NewSectionReader(r, 0, r.Size()))
	switch {
	case errors.Is(err, errTorn) && r.Size() <= beginSize(ref):
		return nil, fmt.Errorf("open film %s: %w", ref, ErrNotSealed) // its first write has not ended
	case errors.Is(err, errVersion), errors.Is(err, blob.ErrUnreadable):
		return nil, fmt.Errorf("open film %s: %w", ref, err)
	case err != nil:
		return nil, damaged(ref, "manifest: %v", err)
	case m.ref != ref:
		return nil, damaged(ref, "its manifest is that of %s", m.ref)
	case !m.sealed():
		return nil, fmt.Errorf("open film %s: %w", ref, ErrNotSealed)
	case r.Size() != m.sealedSize():
		return nil, damaged(ref, "manifest has %d bytes, not %d", r.Size(), m.sealedSize())
	}
	return m, nil
}

// beginSize is the length of a manifest's first write.
func beginSize(ref Ref) int64 {
	var f framer
	f.header(growing)
	f.record(begin{ref})
	return int64(len(f.buf))
}
