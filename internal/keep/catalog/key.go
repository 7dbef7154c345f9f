package catalog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"filmcan/internal/film"
	"filmcan/internal/sqldb"
)

const (
	insertSigningKey query = `INSERT INTO signing_keys (id, environment_id, public_key, created_at)
		VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`
	selectSigningKey  query = `SELECT id, environment_id, public_key, created_at FROM signing_keys WHERE id = $1`
	selectSigningKeys query = `SELECT id, environment_id, public_key, created_at FROM signing_keys
		WHERE environment_id = $1 ORDER BY created_at, id`
	insertSecret query = `INSERT INTO secrets (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING` //nolint:gosec // no credentials, a statement
	selectSecret query = `SELECT value FROM secrets WHERE name = $1`                                                       //nolint:gosec // no credentials, a statement
)

// AddSigningKey stores the public half (PEM, PKIX) of a key pair. An id that is stored already is left as it is.
func (c *Catalog) AddSigningKey(ctx context.Context, env film.EnvironmentID, id film.SigningKeyID, publicKey []byte) error {
	return notFound("add signing key", c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx, insertSigningKey, id, env, string(publicKey), micros(c.now()))
		return missingEnvironment(err)
	}))
}

// SigningKey returns the key that a token names, of whichever environment.
func (c *Catalog) SigningKey(ctx context.Context, id film.SigningKeyID) (film.SigningKey, error) {
	var key film.SigningKey
	err := scanSigningKey(&key, func(dest ...any) error { return c.row(ctx, selectSigningKey, []any{id}, dest...) })
	return key, notFound("read signing key", err)
}

// SigningKeys returns the environment's keys, oldest first.
func (c *Catalog) SigningKeys(ctx context.Context, env film.EnvironmentID) ([]film.SigningKey, error) {
	var keys []film.SigningKey
	err := c.rows(ctx, selectSigningKeys, []any{env}, func(scan func(...any) error) error {
		var key film.SigningKey
		err := scanSigningKey(&key, scan)
		keys = append(keys, key)
		return err
	})
	return keys, notFound("list signing keys", err)
}

func scanSigningKey(key *film.SigningKey, scan func(dest ...any) error) error {
	var created int64
	err := scan(&key.ID, &key.Environment, &key.PublicKey, &created)
	key.CreatedAt = timeOf(created)
	return err
}

// Secret returns the 32 random bytes with that name. They are drawn by whoever asks first and are the same for every
// process from then on.
func (c *Catalog) Secret(ctx context.Context, name string) ([]byte, error) {
	var value sqldb.Bytes
	err := c.row(ctx, selectSecret, []any{name}, &value)
	if errors.Is(err, sql.ErrNoRows) {
		err = c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			fresh := make(sqldb.Bytes, 32)
			_, _ = rand.Read(fresh) // never fails: it ends the program instead
			if _, err := exec(ctx, tx, insertSecret, name, fresh, micros(c.now())); err != nil {
				return err
			}
			return txRow(ctx, tx, selectSecret, []any{name}, &value)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	return value, nil
}
