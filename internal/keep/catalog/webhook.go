package catalog

import (
	"context"
	"database/sql"
	"errors"

	"filmcan/internal/film"
	"filmcan/internal/sqldb"
)

const (
	insertWebhook query = `INSERT INTO webhooks (id, environment_id, address, secret, enabled, created_at)
		VALUES ($1, $2, $3, $4, TRUE, $5)`
	selectWebhook query = `SELECT id, environment_id, address, secret, enabled, created_at FROM webhooks
		WHERE id = $1 AND environment_id = $2`
	selectWebhookByAddress query = `SELECT id, environment_id, address, secret, enabled, created_at FROM webhooks
		WHERE environment_id = $1 AND address = $2`
	selectWebhooks query = `SELECT id, environment_id, address, secret, enabled, created_at FROM webhooks
		WHERE environment_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3`
	selectEnabledWebhooks query = `SELECT id FROM webhooks WHERE environment_id = $1 AND enabled ORDER BY created_at, id`
	updateWebhook         query = `UPDATE webhooks SET address = $3, enabled = $4 WHERE id = $1 AND environment_id = $2`
	deleteWebhook         query = `DELETE FROM webhooks WHERE id = $1 AND environment_id = $2 RETURNING id`
	dropDeliveries        query = `UPDATE deliveries SET outcome = 'dropped' WHERE webhook_id = $1 AND outcome = ''`
)

// CreateWebhook registers an endpoint, enabled, with a fresh secret. An address is taken once per environment.
func (c *Catalog) CreateWebhook(ctx context.Context, env film.EnvironmentID, address string) (film.Webhook, error) {
	var w film.Webhook
	err := c.changeWebhooks(ctx, env, func(ctx context.Context, tx *sql.Tx) (err error) {
		w, err = c.addWebhook(ctx, tx, env, address)
		return err
	})
	return w, notFound("create webhook", err)
}

// EnsureWebhook returns the enabled webhook with that address, creating or enabling it where needed.
func (c *Catalog) EnsureWebhook(ctx context.Context, env film.EnvironmentID, address string) (film.Webhook, error) {
	var w film.Webhook
	err := c.changeWebhooks(ctx, env, func(ctx context.Context, tx *sql.Tx) (err error) {
		w, err = scanWebhook(func(dest ...any) error {
			return txRow(ctx, tx, selectWebhookByAddress, []any{env, address}, dest...)
		})
		if errors.Is(err, sql.ErrNoRows) {
			w, err = c.addWebhook(ctx, tx, env, address)
			return err
		}
		if err == nil && !w.Enabled {
			w.Enabled = true
			_, err = exec(ctx, tx, updateWebhook, w.ID, env, w.Address, w.Enabled)
		}
		return err
	})
	return w, notFound("ensure webhook", err)
}

func (c *Catalog) addWebhook(ctx context.Context, tx *sql.Tx, env film.EnvironmentID, address string) (film.Webhook, error) {
	w := film.Webhook{
		ID: drawShort[film.WebhookID](), Environment: env, Address: address,
		Secret: drawLong[string](), Enabled: true, CreatedAt: c.now(),
	}
	_, err := exec(ctx, tx, insertWebhook, w.ID, env, address, w.Secret, micros(w.CreatedAt))
	return w, err
}

// Webhooks returns a page of the environment's webhooks, newest first; pages count from 1.
func (c *Catalog) Webhooks(ctx context.Context, env film.EnvironmentID, limit, page int) ([]film.Webhook, error) {
	limit, offset := pageOf(limit, page)
	var webhooks []film.Webhook
	err := c.rows(ctx, selectWebhooks, []any{env, limit, offset}, func(scan func(...any) error) error {
		w, err := scanWebhook(scan)
		webhooks = append(webhooks, w)
		return err
	})
	return webhooks, notFound("list webhooks", err)
}

// Webhook returns a webhook of the environment.
func (c *Catalog) Webhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID) (film.Webhook, error) {
	w, err := scanWebhook(func(dest ...any) error { return c.row(ctx, selectWebhook, []any{id, env}, dest...) })
	return w, notFound("read webhook", err)
}

// UpdateWebhook changes a webhook. Disabling it drops what is on its way: it receives what happens after it was
// enabled again.
func (c *Catalog) UpdateWebhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID, p film.WebhookPatch) (film.Webhook, error) {
	var w film.Webhook
	err := c.changeWebhooks(ctx, env, func(ctx context.Context, tx *sql.Tx) (err error) {
		w, err = scanWebhook(func(dest ...any) error { return txRow(ctx, tx, selectWebhook, []any{id, env}, dest...) })
		if err != nil {
			return err
		}
		w = w.Patch(p)
		if _, err := exec(ctx, tx, updateWebhook, id, env, w.Address, w.Enabled); err != nil {
			return err
		}
		if !w.Enabled {
			_, err = exec(ctx, tx, dropDeliveries, id)
		}
		return err
	})
	return w, notFound("update webhook", err)
}

// DeleteWebhook removes a webhook and what is on its way to it. Its address is free again.
func (c *Catalog) DeleteWebhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID) error {
	return notFound("delete webhook", c.changeWebhooks(ctx, env, func(ctx context.Context, tx *sql.Tx) error {
		return txRow(ctx, tx, deleteWebhook, []any{id, env}, &id)
	}))
}

// changeWebhooks runs fn while no event of the environment is committed, so that every event finds the webhooks either
// as they were or as they will be.
func (c *Catalog) changeWebhooks(ctx context.Context, env film.EnvironmentID, fn func(ctx context.Context, tx *sql.Tx) error) error {
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := lockEvents(ctx, tx, env, 0); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
	if sqldb.IsUnique(err) {
		return film.Invalid("Webhook address has already been taken")
	}
	return err
}

func scanWebhook(scan func(dest ...any) error) (film.Webhook, error) {
	var (
		w       film.Webhook
		created int64
	)
	err := scan(&w.ID, &w.Environment, &w.Address, &w.Secret, &w.Enabled, &created)
	w.CreatedAt = timeOf(created)
	return w, err
}
