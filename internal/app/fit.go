package app

import (
	"context"
	"errors"
	"fmt"

	"filmcan/internal/film"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/token"
)

// presence answers the catalog's question whether a master is there, from the vault.
type presence struct{ vault *vault.Vault }

// Present compares presence and length of a master with what the rows say, without reading it.
func (p presence) Present(ctx context.Context, a film.Asset) error {
	sealed, err := p.vault.Stat(ctx, masterRef(a.Film, a.Master))
	switch {
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrNotSealed):
		return fmt.Errorf("%w: %w", catalog.ErrDamaged, err)
	case err != nil:
		return err
	case sealed.Size != a.Master.Size:
		return fmt.Errorf("%w: %d bytes in the vault, %d in the rows", catalog.ErrDamaged, sealed.Size, a.Master.Size)
	}
	return nil
}

// masterRef is where a master's bytes are.
func masterRef(id film.FilmID, m film.Master) vault.Ref {
	if m.Kind == film.MasterSource {
		return vault.Ref{Film: id, Part: vault.Source}
	}
	return vault.Ref{Film: id, Part: vault.Master}
}

// links gives the addresses that answers carry.
type links struct {
	base   string
	signer *token.Signer
}

// MasterURL is the link of a grant.
func (l links) MasterURL(g film.Grant, m film.Master) string {
	return l.signer.MasterURL(l.base, g, m.Filename())
}

// UploadURL is where a waiting upload's film is sent to.
func (l links) UploadURL(u film.Upload) string { return l.signer.UploadURL(l.base, u.ID) }
