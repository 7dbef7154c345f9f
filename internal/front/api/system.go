package api

import (
	"context"

	"filmcan/internal/muxapi"
)

func (a *API) whoami(_ context.Context, c call) (any, error) {
	return one(c.Principal, nil, muxapi.WhoamiOf)
}

func (a *API) createWebhook(ctx context.Context, c call) (any, error) {
	address, err := muxapi.DecodeNewWebhook(c.body)
	if err != nil {
		return nil, err
	}
	w, err := a.cfg.Catalog.CreateWebhook(ctx, c.env(), address)
	return one(w, err, muxapi.NewWebhookOf)
}

func (a *API) listWebhooks(ctx context.Context, c call) (any, error) {
	q, err := muxapi.DecodeListQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	hooks, err := a.cfg.Catalog.Webhooks(ctx, c.env(), q.Limit, q.Page)
	return one(hooks, err, muxapi.WebhooksOf)
}

func (a *API) getWebhook(ctx context.Context, c call) (any, error) {
	w, err := a.cfg.Catalog.Webhook(ctx, c.env(), c.webhook())
	return one(w, err, muxapi.WebhookOf)
}

func (a *API) updateWebhook(ctx context.Context, c call) (any, error) {
	p, err := muxapi.DecodeWebhookPatch(c.body)
	if err != nil {
		return nil, err
	}
	w, err := a.cfg.Catalog.UpdateWebhook(ctx, c.env(), c.webhook(), p)
	return one(w, err, muxapi.WebhookOf)
}

func (a *API) deleteWebhook(ctx context.Context, c call) (any, error) {
	return nil, a.cfg.Catalog.DeleteWebhook(ctx, c.env(), c.webhook())
}

func (a *API) listDeliveries(ctx context.Context, c call) (any, error) {
	q, err := muxapi.DecodeListQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	// A webhook without deliveries is not the same as one that is not there.
	if _, err := a.cfg.Catalog.Webhook(ctx, c.env(), c.webhook()); err != nil {
		return nil, err
	}
	deliveries, err := a.cfg.Catalog.DeliveriesOfWebhook(ctx, c.env(), c.webhook(), q.Limit, q.Page)
	return one(deliveries, err, muxapi.DeliveriesOf)
}
