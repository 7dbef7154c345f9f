package catalog

import (
	"context"
	"database/sql"

	"filmcan/internal/film"
)

const (
	insertEnvironment query = `INSERT INTO environments (id, name, type, created_at)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	selectEnvironmentByName query = `SELECT id, name, type, created_at FROM environments WHERE name = $1`
	selectEnvironment       query = `SELECT id, name, type, created_at FROM environments WHERE id = $1`
	selectEnvironments      query = `SELECT id, name, type, created_at FROM environments ORDER BY created_at, id`
)

// EnsureEnvironment returns the environment with that name, and creates it with that type ("development" or
// "production") if there is none.
func (c *Catalog) EnsureEnvironment(ctx context.Context, name, typ string) (film.Environment, error) {
	var env film.Environment
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for {
			err := scanEnvironment(&env, func(dest ...any) error {
				return txRow(ctx, tx, selectEnvironmentByName, []any{name}, dest...)
			})
			if err == nil || err != sql.ErrNoRows { //nolint:errorlint // as txRow returns it
				return err
			}
			// An id that is taken changes nothing, and the next one is tried.
			id := draw[film.EnvironmentID](environmentID, lowerAndDigits)
			if _, err := exec(ctx, tx, insertEnvironment, id, name, typ, micros(c.now())); err != nil {
				return err
			}
		}
	})
	return env, notFound("ensure environment", err)
}

// Environment returns the environment with that id.
func (c *Catalog) Environment(ctx context.Context, id film.EnvironmentID) (film.Environment, error) {
	var env film.Environment
	err := scanEnvironment(&env, func(dest ...any) error {
		return c.row(ctx, selectEnvironment, []any{id}, dest...)
	})
	return env, notFound("read environment", err)
}

// Environments returns all environments, oldest first.
func (c *Catalog) Environments(ctx context.Context) ([]film.Environment, error) {
	var envs []film.Environment
	err := c.rows(ctx, selectEnvironments, nil, func(scan func(...any) error) error {
		var env film.Environment
		err := scanEnvironment(&env, scan)
		envs = append(envs, env)
		return err
	})
	return envs, notFound("list environments", err)
}

func scanEnvironment(env *film.Environment, scan func(dest ...any) error) error {
	var created int64
	err := scan(&env.ID, &env.Name, &env.Type, &created)
	env.CreatedAt = timeOf(created)
	return err
}
