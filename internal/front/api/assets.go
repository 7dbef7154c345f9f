package api

import (
	"context"

	"filmcan/internal/film"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/muxapi"
)

// one puts an object into the envelope, unless there was an error.
func one[F, T any](v F, err error, of func(F) T) (any, error) {
	if err != nil {
		return nil, err
	}
	return muxapi.Data[T]{Data: of(v)}, nil
}

func (a *API) asset(v film.Asset, err error) (any, error) {
	return one(v, err, func(v film.Asset) muxapi.Asset { return muxapi.AssetOf(v, a.cfg.Links) })
}

func (a *API) createAsset(ctx context.Context, c call) (any, error) {
	n, err := muxapi.DecodeNewAsset(c.body)
	if err != nil {
		return nil, err
	}
	return a.asset(a.cfg.Catalog.CreateAsset(ctx, c.env(), n.Settings, n.Inputs))
}

func (a *API) listAssets(ctx context.Context, c call) (any, error) {
	q, err := muxapi.DecodeAssetQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	assets, next, err := a.cfg.Catalog.Assets(ctx, c.env(), catalog.AssetFilter{
		Limit: q.Limit, Page: q.Page, Cursor: q.Cursor, LiveStream: q.LiveStream, Upload: q.Upload,
	})
	if err != nil {
		return nil, err
	}
	return muxapi.AssetsOf(assets, next, a.cfg.Links), nil
}

func (a *API) getAsset(ctx context.Context, c call) (any, error) {
	return a.asset(a.cfg.Catalog.Asset(ctx, c.env(), c.asset()))
}

func (a *API) updateAsset(ctx context.Context, c call) (any, error) {
	p, err := muxapi.DecodeAssetPatch(c.body)
	if err != nil {
		return nil, err
	}
	return a.asset(a.cfg.Catalog.UpdateAsset(ctx, c.env(), c.asset(), p))
}

func (a *API) deleteAsset(ctx context.Context, c call) (any, error) {
	return nil, a.cfg.Catalog.DeleteAsset(ctx, c.env(), c.asset())
}

func (a *API) inputInfo(ctx context.Context, c call) (any, error) {
	v, err := a.cfg.Catalog.Asset(ctx, c.env(), c.asset())
	if err != nil {
		return nil, err
	}
	info, err := muxapi.InputInfoOf(v)
	if err != nil {
		return nil, err
	}
	return muxapi.List(info), nil
}

func (a *API) setMasterAccess(ctx context.Context, c call) (any, error) {
	access, err := muxapi.DecodeMasterAccess(c.body)
	if err != nil {
		return nil, err
	}
	return a.asset(a.cfg.Catalog.SetMasterAccess(ctx, c.env(), c.asset(), access))
}

func (a *API) createPlayback(ctx context.Context, c call) (any, error) {
	policy, err := muxapi.DecodeNewPlayback(c.body)
	if err != nil {
		return nil, err
	}
	p, err := a.cfg.Catalog.CreatePlayback(ctx, c.env(), c.asset(), policy)
	return one(p, err, muxapi.PlaybackOf)
}

func (a *API) getPlayback(ctx context.Context, c call) (any, error) {
	v, err := a.cfg.Catalog.Asset(ctx, c.env(), c.asset())
	if err != nil {
		return nil, err
	}
	p, ok := v.Playback(c.playback())
	if !ok {
		return nil, film.NotFound()
	}
	return one(p, nil, muxapi.PlaybackOf)
}

func (a *API) deletePlayback(ctx context.Context, c call) (any, error) {
	return nil, a.cfg.Catalog.DeletePlayback(ctx, c.env(), c.asset(), c.playback())
}

func (a *API) playbackOwner(ctx context.Context, c call) (any, error) {
	p, owner, err := a.cfg.Catalog.PlaybackOwner(ctx, c.env(), c.playback())
	return one(p, err, func(p film.Playback) muxapi.PlaybackOwner { return muxapi.PlaybackOwnerOf(p, owner) })
}
