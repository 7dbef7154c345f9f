package catalog

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filmcan/internal/film"
	"filmcan/internal/sqldb"
)

const (
	insertToken query = `INSERT INTO tokens (id, environment_id, name, permissions, secret_sha256, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`
	selectTokens    query = `SELECT id, environment_id, name, permissions, created_at FROM tokens WHERE environment_id = $1 ORDER BY created_at DESC, id DESC` //nolint:gosec // no credentials, a statement
	deleteToken     query = `DELETE FROM tokens WHERE id = $1 RETURNING id`
	selectPrincipal query = `SELECT t.name, t.permissions, t.secret_sha256, t.created_at, e.id, e.name, e.type, e.created_at
		FROM tokens t JOIN environments e ON e.id = t.environment_id WHERE t.id = $1`
)

// CreateToken makes an access token. The secret is returned this once: only its hash is stored. It has 256 random
// bits, so a plain digest protects it as well as a slow one would.
func (c *Catalog) CreateToken(ctx context.Context, env film.EnvironmentID, name string, permissions []film.Permission) (film.AccessToken, string, error) {
	for _, p := range permissions {
		if !slices.Contains(film.AllPermissions(), p) {
			return film.AccessToken{}, "", film.Invalid("unknown permission %q", p)
		}
	}
	token := film.AccessToken{
		ID: drawUUID[film.TokenID](), Environment: env, Name: name,
		Permissions: slices.Clone(permissions), CreatedAt: c.now(),
	}
	secret := drawLong[string]()
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx, insertToken, token.ID, env, name, joinPermissions(permissions), digest(secret), micros(token.CreatedAt))
		return missingEnvironment(err)
	})
	if err != nil {
		return film.AccessToken{}, "", notFound("create token", err)
	}
	return token, secret, nil
}

// Tokens returns the environment's access tokens, newest first.
func (c *Catalog) Tokens(ctx context.Context, env film.EnvironmentID) ([]film.AccessToken, error) {
	var tokens []film.AccessToken
	err := c.rows(ctx, selectTokens, []any{env}, func(scan func(...any) error) error {
		var (
			t           film.AccessToken
			permissions string
			created     int64
		)
		err := scan(&t.ID, &t.Environment, &t.Name, &permissions, &created)
		t.Permissions, t.CreatedAt = splitPermissions(permissions), timeOf(created)
		tokens = append(tokens, t)
		return err
	})
	return tokens, notFound("list tokens", err)
}

// RevokeToken ends a token at once, in every process.
func (c *Catalog) RevokeToken(ctx context.Context, id film.TokenID) error {
	return notFound("revoke token", c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return txRow(ctx, tx, deleteToken, []any{id}, &id)
	}))
}

// Authenticate returns who has the token and its secret. A wrong secret and an unknown token are the same refusal and
// take the same time.
func (c *Catalog) Authenticate(ctx context.Context, id film.TokenID, secret string) (film.Principal, error) {
	var (
		p                          film.Principal
		permissions, hash          string
		tokenCreated, spaceCreated int64
	)
	err := c.row(ctx, selectPrincipal, []any{id}, &p.Token.Name, &permissions, &hash, &tokenCreated,
		&p.Environment.ID, &p.Environment.Name, &p.Environment.Type, &spaceCreated)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return film.Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(digest(secret)), []byte(hash)) != 1 {
		return film.Principal{}, &film.Error{Code: film.CodeUnauthorized, Fault: film.FaultCustomer, Message: "Unauthorized request"}
	}
	p.Token.ID, p.Token.Environment = id, p.Environment.ID
	p.Token.Permissions = splitPermissions(permissions)
	p.Token.CreatedAt, p.Environment.CreatedAt = timeOf(tokenCreated), timeOf(spaceCreated)
	return p, nil
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func joinPermissions(permissions []film.Permission) string {
	var words []string
	for _, p := range permissions {
		words = append(words, string(p))
	}
	return strings.Join(words, " ")
}

func splitPermissions(text string) []film.Permission {
	var permissions []film.Permission
	for word := range strings.FieldsSeq(text) {
		permissions = append(permissions, film.Permission(word))
	}
	return permissions
}

// missingEnvironment turns the refusal of a row in an environment that does not exist into what it means.
func missingEnvironment(err error) error {
	if sqldb.IsForeignKey(err) {
		return film.NotFound()
	}
	return err
}
