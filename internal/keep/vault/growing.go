package vault

import (
	"context"
	"errors"
	"fmt"
	"io"

	"filmcan/internal/blob"
)

// Growing is how far a part has come that is not sealed yet.
type Growing struct {
	// Safe is a number of bytes that survive a power cut, whatever its writer does at the moment. The writer may know
	// of more.
	Safe int64
	// Notes are those of the log; a power cut may take back the last ones.
	Notes map[string][]byte
}

// Growing looks at a part that may be in the hands of a writer, also of another process, without disturbing it.
// ErrNotFound; ErrSealed when it grows no more.
func (v *Vault) Growing(ctx context.Context, ref Ref) (Growing, error) {
	if err := ref.check(); err != nil {
		return Growing{}, err
	}
	r, err := v.store.Open(ctx, ref.manifest())
	if errors.Is(err, blob.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return Growing{}, fmt.Errorf("look at film %s: %w", ref, err)
	}
	m, err := readManifest(io.NewSectionReader(r, 0, r.Size()))
	switch {
	case errors.Is(err, errTorn) && r.Size() <= beginSize(ref):
		m, err = &manifest{ref: ref}, nil // its first write has not ended
	case err == nil && m.sealed():
		err = ErrSealed
	}
	if err := closed(r, err); err != nil {
		return Growing{}, fmt.Errorf("look at film %s: %w", ref, err)
	}
	return Growing{Safe: m.before, Notes: m.notes}, nil
}
