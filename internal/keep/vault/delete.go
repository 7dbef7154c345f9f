package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filmcan/internal/blob"
	"filmcan/internal/film"
	"filmcan/internal/point"
)

// Delete removes a film: everything that there is under its id. The row that owned it must be gone. The manifests go
// first, the source's last of them, so that no part is ever there without what it is made of; a crash leaves a film
// that is whole, or one that is not to be found and that another Delete clears away. A film that is not there is no
// error. ErrBusy while it is being written. Open readers go on reading where the store lets them.
func (v *Vault) Delete(ctx context.Context, id film.FilmID) error {
	if err := (Ref{id, Source}).check(); err != nil {
		return err
	}
	if err := v.remove(ctx, id); err != nil {
		return fmt.Errorf("delete film %s: %w", id, explain(err))
	}
	point.Hit("vault.deleted")
	return nil
}

func (v *Vault) remove(ctx context.Context, id film.FilmID) error {
	unlock, err := v.lockAll(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	// Both are deleted also when they are not to be seen: then this makes it durable that they are gone.
	manifests := []string{Ref{id, Master}.manifest(), Ref{id, Source}.manifest()}
	var bytes []string
	for info, err := range v.store.List(ctx, prefix(id)) {
		if err != nil {
			return err
		}
		switch {
		case slices.Contains(manifests, info.Key):
		case strings.HasSuffix(info.Key, manifestName):
			manifests = slices.Insert(manifests, 0, info.Key)
		default:
			bytes = append(bytes, info.Key)
		}
	}
	if point.Broken("vault.delete-bytes-first") {
		manifests, bytes = bytes, manifests
	}
	for _, key := range manifests {
		if err := v.store.Delete(ctx, key); err != nil {
			return err
		}
	}
	point.Hit("vault.deleting")
	for _, key := range bytes {
		if err := v.store.Delete(ctx, key); err != nil {
			return err
		}
	}
	if p, ok := v.store.(blob.Pruner); ok {
		return p.Prune(ctx, prefix(id))
	}
	return nil
}

// lockAll locks the manifests that there are, so that no writer is left behind to write into nothing.
func (v *Vault) lockAll(ctx context.Context, id film.FilmID) (unlock func(), err error) {
	var locked []blob.Appending
	unlock = func() {
		for _, l := range locked {
			_ = l.Close()
		}
	}
	store, ok := v.store.(blob.Appender)
	if !ok {
		return unlock, nil
	}
	parts, err := v.Parts(ctx, id)
	if err != nil {
		return unlock, err
	}
	for _, part := range parts {
		l, err := store.OpenAppend(ctx, Ref{id, part}.manifest())
		if err != nil {
			unlock()
			return nil, errors.Join(fmt.Errorf("lock the %s", part), err)
		}
		locked = append(locked, l)
	}
	return unlock, nil
}
