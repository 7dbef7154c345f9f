package app

import (
	"context"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
)

// prewarming is how many films may wait to be warmed up on this node. More are left to their viewers.
const prewarming = 256

// warm orders the first segments of an asset that may have become ready, if they are to be made ahead. It is a favour to
// the first viewers and no promise: what waits is forgotten with the process.
func (a *App) warm(id film.AssetID) {
	if !a.cfg.Prewarm {
		return
	}
	select {
	case a.toWarm <- id:
	default:
	}
}

// prewarm makes first segments until the context ends.
func (a *App) prewarm(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-a.toWarm:
			if err := a.warmUp(ctx, id); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "first segments not made", "asset", id, "err", err)
			}
		}
	}
}

func (a *App) warmUp(ctx context.Context, id film.AssetID) error {
	asset, err := a.catalog.AssetForWork(ctx, id)
	if film.IsCode(err, film.CodeNotFound) || err == nil && asset.Status != film.AssetReady {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := a.reels.Open(ctx, reel.Of(asset), reel.Patience)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := a.renditions.Renditions(f, asset.Settings.Quality)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := r.Prewarm(ctx); err != nil {
			return err
		}
	}
	if len(list) > 0 {
		a.log.InfoContext(ctx, "first segments made", "asset", id, "renditions", len(list))
	}
	return nil
}
