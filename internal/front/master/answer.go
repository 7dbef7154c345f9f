package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/vault"
)

// piece is how much is handed over at once. Inside one sendfile nobody looks at the deadline while the reader keeps
// up, so a piece must be short even from a slow disk; at 1 MB the calls between pieces cost nothing that can be
// measured.
const piece = 1 << 20

// Opener opens the bytes of a film's master. Its error is a [vault.ErrNotFound], [vault.ErrNotSealed] or
// [vault.ErrDamaged] where the film is not there as it should be.
type Opener func(ctx context.Context, id film.FilmID, m film.Master) (Film, error)

// FromVault opens masters where the vault has them: the source itself, or a part of their own.
func FromVault(v *vault.Vault) Opener {
	return func(ctx context.Context, id film.FilmID, m film.Master) (Film, error) {
		part := vault.Master
		if m.Kind == film.MasterSource {
			part = vault.Source
		}
		f, err := v.Open(ctx, vault.Ref{Film: id, Part: part})
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

// film opens the master of a grant and holds it against the catalog: a file of another length is never served. What
// is missing or wrong is noted as damage, which ends the access.
func (d *Door) film(ctx context.Context, state film.GrantState) (Film, error) {
	f, err := d.open(ctx, state.Film, state.Master)
	switch {
	case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrNotSealed), errors.Is(err, vault.ErrDamaged):
		return nil, d.damage(ctx, state, err)
	case err != nil:
		return nil, unavailable(fmt.Errorf("open master of asset %s: %w", state.Asset, err))
	case f.Size() != state.Master.Size:
		size := f.Size()
		_ = f.Close()
		return nil, d.damage(ctx, state, fmt.Errorf("%d bytes are stored, %d recorded", size, state.Master.Size))
	}
	return f, nil
}

// damage notes that the master is not as it should be, unless it was only deleted a moment ago: rows go before bytes.
func (d *Door) damage(ctx context.Context, state film.GrantState, why error) error {
	now, err := d.catalog.Grant(ctx, state.Grant.ID)
	if film.IsCode(err, film.CodeNotFound) || err == nil && withdrawn(now) {
		return refused()
	}
	// The reader may go away; the damage stays.
	if noted := d.catalog.DamageMaster(context.WithoutCancel(ctx), state.Asset, why.Error()); noted != nil {
		why = errors.Join(why, noted)
	}
	return fmt.Errorf("master of asset %s: %w", state.Asset, why)
}

// retries is how often in a row a write may run into the end of its lease without taking a byte. Some connections
// (TLS) take no more after that, whatever the deadline is then.
const retries = 3

// copyFrom returns a copier that works in pieces and stops when the transfer is cut.
func (t *transfer) copyFrom(ctx context.Context, f Film) func(io.Writer, int64, int64) error {
	return func(dst io.Writer, off, n int64) error {
		for idle := 0; n > 0; {
			if err := t.progress(0); err != nil {
				return err
			}
			sent, err := f.CopyRange(dst, off, min(n, piece))
			if off, n = off+sent, n-sent; sent > 0 {
				idle = 0
			}
			if cause := t.progress(sent); cause != nil {
				return cause
			}
			if errors.Is(err, os.ErrDeadlineExceeded) && idle < retries {
				idle++
				err = t.confirm(ctx)
			} else if err == nil && sent == 0 {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func content(m film.Master, from func(io.Writer, int64, int64) error) door.Content {
	kind := "video/mp4"
	if m.AudioOnly {
		kind = "audio/mp4"
	}
	// Who has the URL has the film: no shared cache may, and a private one has to ask whether it still may.
	return door.Content{Type: kind, ETag: m.ETag, CacheControl: "private, no-cache", Size: m.Size, Copy: from}
}

func disposition(asked, file string) string {
	if file == "master.m4a" {
		return door.Attachment(asked, file, ".m4a", ".mp4")
	}
	return door.Attachment(asked, file, ".mp4", ".m4v")
}

// sever ends the connection under an answer that is not whole. What the kernel has not sent yet is dropped, too (a
// reset, not an orderly end), so a slow reader cannot go on reading a master that was taken back.
func sever(ctx context.Context, rc *http.ResponseController) {
	if door.Reset(ctx) {
		panic(http.ErrAbortHandler) // the rest is the server's
	}
	conn, _, err := rc.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the server closes it, or the stream in it
	}
	door.Sever(conn)
}
