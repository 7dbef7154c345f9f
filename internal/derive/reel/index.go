package reel

import (
	"context"
	"fmt"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/mp4"
)

// IndexKind is the kind of artifact that [IndexMaker] makes.
const IndexKind = "index"

// indexRecipe changes when the reader sees other things in the same film. (The stored form has a version of its own.)
const indexRecipe = 1

// Index names the index of a part of a film.
func Index(ref vault.Ref) film.Artifact {
	return film.Artifact{Film: ref.Film, Part: string(ref.Part), Kind: IndexKind, Recipe: indexRecipe}
}

// IndexMaker returns the maker of indexes. It reads a sealed film's tables, not its samples; one film at a time, as
// tables may take hundreds of megabytes.
func IndexMaker(films *vault.Vault, limits mp4.Limits) func(context.Context, film.Artifact) ([]byte, error) {
	one := newGate()
	return func(ctx context.Context, a film.Artifact) ([]byte, error) {
		if err := one.enter(ctx); err != nil {
			return nil, err
		}
		defer one.leave()
		source, err := films.Open(ctx, vault.Ref{Film: a.Film, Part: vault.Part(a.Part)})
		if err != nil {
			return nil, err
		}
		defer source.Close()
		index, err := mp4.Parse(ctx, source, source.Size(), limits)
		if err != nil {
			return nil, fmt.Errorf("index film %s: %w", a.Film, err)
		}
		return index.MarshalBinary()
	}
}

// index returns the index of a part of a film of that many bytes. One that the store gave back broken, or of something
// else, is made anew.
func (r *Reels) index(ctx context.Context, ref vault.Ref, size int64) (*mp4.Index, error) {
	artifact := Index(ref)
	b, err := r.derived.Get(ctx, artifact)
	if err != nil {
		return nil, err
	}
	index := new(mp4.Index)
	if err := index.UnmarshalBinary(b); err == nil && index.Size == size {
		return index, nil
	}
	if b, err = r.derived.Rebuild(ctx, artifact); err != nil {
		return nil, err
	}
	index = new(mp4.Index)
	if err := index.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("index of film %s, made anew: %w", ref.Film, err)
	}
	return index, nil
}
