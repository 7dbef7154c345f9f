package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"filmcan/internal/app"
	"filmcan/internal/film"
)

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Create a token and print its secret, this once."`
	List   tokenList   `cmd:"" help:"List the tokens."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token: it stops working at once."`
}

type tokenCreate struct {
	place
	Name        string            `help:"What the token is for (${default})." default:"token"`
	Environment string            `help:"The environment it belongs to; made when there is none of that name (${default})." default:"production"`
	Permissions []film.Permission `name:"permission" help:"${enum}; repeat or separate by commas; all when left out." enum:"video:read,video:write,system:read,system:write" placeholder:"PERMISSION"`
}

// Run creates a token.
func (c tokenCreate) Run(ctx context.Context, s Streams) error {
	return withStore(ctx, c.place, func(st *app.Store) error {
		env, err := st.Catalog.EnsureEnvironment(ctx, c.Environment, "production")
		if err != nil {
			return err
		}
		permissions := slices.Compact(slices.Sorted(slices.Values(c.Permissions)))
		if len(permissions) == 0 {
			permissions = film.AllPermissions()
		}
		token, secret, err := st.Catalog.CreateToken(ctx, env.ID, c.Name, permissions)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "token %q for environment %s (%s), shown this once:\n", token.Name, env.Name, env.ID)
		fmt.Fprintf(s.Out, "MUX_TOKEN_ID=%s\nMUX_TOKEN_SECRET=%s\n", token.ID, secret)
		return nil
	})
}

type tokenList struct{ place }

// Run lists the tokens of every environment.
func (c tokenList) Run(ctx context.Context, s Streams) error {
	return withRows(ctx, c.place, func(st *app.Store) error {
		environments, err := st.Catalog.Environments(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tENVIRONMENT\tCREATED\tPERMISSIONS")
		for _, env := range environments {
			tokens, err := st.Catalog.Tokens(ctx, env.ID)
			if err != nil {
				return err
			}
			for _, t := range tokens {
				words := make([]string, len(t.Permissions))
				for i, p := range t.Permissions {
					words[i] = string(p)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, env.Name, t.CreatedAt.Format(time.RFC3339), strings.Join(words, " "))
			}
		}
		return w.Flush()
	})
}

type tokenRevoke struct {
	place
	ID film.TokenID `arg:"" help:"The token's id, as list shows it."`
}

// Run revokes a token.
func (c tokenRevoke) Run(ctx context.Context, s Streams) error {
	return withRows(ctx, c.place, func(st *app.Store) error {
		if err := st.Catalog.RevokeToken(ctx, c.ID); film.IsCode(err, film.CodeNotFound) {
			return fmt.Errorf("there is no token %s: `filmcan token list` shows them", c.ID)
		} else if err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "revoked %s\n", c.ID)
		return nil
	})
}

// withRows is withStore for commands that only make sense where there are rows already. Without it a mistyped --data makes
// an empty folder, and a check of it finds nothing wrong.
func withRows(ctx context.Context, p place, do func(*app.Store) error) error {
	if err := p.mustExist(); err != nil {
		return err
	}
	return withStore(ctx, p, do)
}

// mustExist refuses a data folder without rows. With PostgreSQL the rows are not in the folder.
func (p place) mustExist() error {
	cfg := p.config()
	file, sqlite := strings.CutPrefix(cfg.DatabaseURL(), "sqlite:")
	if !sqlite {
		return nil
	}
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no catalog: name the server's data folder with --data", cfg.Data)
	}
	return err
}

// withStore opens rows and films beside a running server, or without one.
func withStore(ctx context.Context, p place, do func(*app.Store) error) error {
	st, err := app.OpenStore(ctx, p.config())
	if err != nil {
		return err
	}
	defer st.Close()
	return do(st)
}
