package api

import (
	"context"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

func (a *API) upload(v film.Upload, err error) (any, error) {
	return one(v, err, func(v film.Upload) muxapi.Upload { return muxapi.UploadOf(v, a.cfg.Links) })
}

func (a *API) createUpload(ctx context.Context, c call) (any, error) {
	n, err := muxapi.DecodeNewUpload(c.body)
	if err != nil {
		return nil, err
	}
	return a.upload(a.cfg.Catalog.CreateUpload(ctx, c.env(), n.Settings, n.CORSOrigin, n.Timeout))
}

func (a *API) listUploads(ctx context.Context, c call) (any, error) {
	q, err := muxapi.DecodeListQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	uploads, err := a.cfg.Catalog.Uploads(ctx, c.env(), q.Limit, q.Page)
	if err != nil {
		return nil, err
	}
	return muxapi.List(muxapi.UploadsOf(uploads, a.cfg.Links)), nil
}

func (a *API) getUpload(ctx context.Context, c call) (any, error) {
	return a.upload(a.cfg.Catalog.Upload(ctx, c.env(), c.upload()))
}

func (a *API) cancelUpload(ctx context.Context, c call) (any, error) {
	return a.upload(a.cfg.Catalog.CancelUpload(ctx, c.env(), c.upload()))
}
