package derive

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

// Amount is a number of things and their bytes.
type Amount struct {
	Objects int64
	Bytes   int64
}

func (a *Amount) add(size int64) { a.Objects++; a.Bytes += size }

// Usage is what the store holds.
type Usage struct {
	Amount
	Pinned Amount
	Kinds  []KindUsage // the largest first
	Films  []FilmUsage // the largest first
}

// KindUsage is what it holds of one kind; the kind of what is no artifact is empty.
type KindUsage struct {
	Kind   string
	Pinned bool
	Amount
}

// FilmUsage is what it holds of one film.
type FilmUsage struct {
	Film film.FilmID
	Amount
}

// Usage lists the store and sums up what it holds.
func (c *Cache) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	byKind, byFilm := map[string]*KindUsage{}, map[film.FilmID]*FilmUsage{}
	for info, err := range c.store.List(ctx, "") {
		if err != nil {
			return Usage{}, fmt.Errorf("list what is derived: %w", err)
		}
		id, kind, _ := film.ArtifactOf(info.Key)
		if byKind[kind] == nil {
			byKind[kind] = &KindUsage{Kind: kind, Pinned: c.ledger.class(kind) == pinned}
		}
		byKind[kind].add(info.Size)
		if byFilm[id] == nil {
			byFilm[id] = &FilmUsage{Film: id}
		}
		byFilm[id].add(info.Size)
		u.add(info.Size)
		if byKind[kind].Pinned {
			u.Pinned.add(info.Size)
		}
	}
	delete(byFilm, "")
	for _, k := range byKind {
		u.Kinds = append(u.Kinds, *k)
	}
	for _, f := range byFilm {
		u.Films = append(u.Films, *f)
	}
	slices.SortFunc(u.Kinds, func(a, b KindUsage) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(u.Films, func(a, b FilmUsage) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Film, b.Film))
	})
	return u, nil
}

// Selection says what is to be removed; empty, everything that is not pinned.
type Selection struct {
	// Film is the one film; empty: all.
	Film film.FilmID
	// Kind is the one kind, also where it is pinned; empty: all.
	Kind string
	// Pinned takes what is pinned as well.
	Pinned bool
}

// Clear removes what is selected and returns how much it was.
func (c *Cache) Clear(ctx context.Context, s Selection) (Amount, error) {
	var removed Amount
	prefix := ""
	if s.Film != "" {
		prefix = film.ArtifactPrefix(s.Film)
	}
	folders := map[string]bool{}
	defer func() { c.prune(ctx, folders) }()
	for info, err := range c.store.List(ctx, prefix) {
		if err != nil {
			return removed, fmt.Errorf("list what is derived: %w", err)
		}
		_, kind, _ := film.ArtifactOf(info.Key)
		switch {
		case blob.CheckKey(info.Key) != nil:
			continue // not ours
		case s.Kind != "" && kind != s.Kind, s.Kind == "" && !s.Pinned && c.ledger.class(kind) == pinned:
			continue
		}
		if err := c.store.Delete(ctx, info.Key); err != nil {
			return removed, fmt.Errorf("remove %s: %w", info.Key, err)
		}
		c.ledger.remove(info.Key)
		removed.add(info.Size)
		folders[path.Dir(info.Key)] = true
	}
	if len(folders) == 0 && s.Film != "" {
		folders[path.Clean(prefix)] = true
	}
	return removed, nil
}
