package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"filmcan/internal/app"
	"filmcan/internal/derive"
	"filmcan/internal/film"
)

type derivedCommand struct {
	Stat  derivedStat  `cmd:"" help:"Tell how much is kept of what can be made again."`
	Clear derivedClear `cmd:"" help:"Remove what can be made again."`
}

// derivedPlace is where a command finds what is derived.
type derivedPlace struct {
	place
	JSON bool `name:"json" help:"Print one line of JSON."`
}

// open opens what is derived beside a running server, or without one.
func (p derivedPlace) open(budget size) (*derive.Cache, derive.Config, error) {
	cfg := p.config()
	cfg.DerivedBudget = int64(budget)
	if err := p.mustExist(); err != nil {
		return nil, derive.Config{}, err
	}
	// With PostgreSQL that says nothing about the folder.
	if _, err := os.Stat(cfg.Data); err != nil {
		return nil, derive.Config{}, fmt.Errorf("%w: name the server's data folder with --data", err)
	}
	return app.OpenDerived(cfg)
}

type derivedStat struct {
	derivedPlace
	Films         int  `help:"Also list the N films of which the most is kept." placeholder:"N"`
	DerivedBudget size `name:"derived-budget" help:"The server's budget, where it is not in the environment or the file." placeholder:"SIZE"`
}

// Help is shown below the flags.
func (derivedStat) Help() string {
	return `What a server makes of films when it is asked for (segments, pictures, indexes) lies in the folder derived of the data
folder. When there is more than the budget (--derived-budget of serve and dev), what was of use longest ago goes first.
What took long to make is pinned: it stays, and is not counted against the budget.

  filmcan derived stat --data /var/lib/filmcan --films 10
  filmcan derived stat --data /var/lib/filmcan --json | jq .kinds`
}

// derivedUsage is the line of --json.
type derivedUsage struct {
	Objects int64         `json:"objects"`
	Bytes   int64         `json:"bytes"`
	Pinned  amount        `json:"pinned"`
	Budget  int64         `json:"budget"`
	Used    int64         `json:"budget_used"`
	Kinds   []derivedKind `json:"kinds"`
	Films   []derivedFilm `json:"films,omitempty"`
}

type amount struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

type derivedKind struct {
	Kind   string `json:"kind"`
	Pinned bool   `json:"pinned"`
	amount
}

type derivedFilm struct {
	Film film.FilmID `json:"film_id"`
	amount
}

// Run tells.
func (c derivedStat) Run(ctx context.Context, s Streams) error {
	cache, cfg, err := c.open(c.DerivedBudget)
	if err != nil {
		return err
	}
	defer cache.Close()
	u, err := cache.Usage(ctx)
	if err != nil {
		return err
	}
	answer := derivedUsage{
		Objects: u.Objects, Bytes: u.Bytes, Pinned: amount(u.Pinned), Budget: cfg.Budget, Used: u.Bytes - u.Pinned.Bytes,
		Kinds: make([]derivedKind, len(u.Kinds)), // never null
	}
	for i, k := range u.Kinds {
		answer.Kinds[i] = derivedKind{k.Kind, k.Pinned, amount(k.Amount)}
	}
	for _, f := range u.Films[:min(max(c.Films, 0), len(u.Films))] {
		answer.Films = append(answer.Films, derivedFilm{f.Film, amount(f.Amount)})
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(answer)
	}
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tOBJECTS\tSIZE")
	for _, k := range answer.Kinds {
		name, mark := k.Kind, ""
		if name == "" {
			name = "(other)"
		}
		if k.Pinned {
			mark = "\tpinned"
		}
		fmt.Fprintf(w, "%s\t%d\t%s%s\n", name, k.Objects, bytesText(k.Bytes), mark)
	}
	fmt.Fprintf(w, "all\t%d\t%s\n", answer.Objects, bytesText(answer.Bytes))
	if len(answer.Films) > 0 {
		fmt.Fprintln(w, "\nFILM\tOBJECTS\tSIZE")
		for _, f := range answer.Films {
			fmt.Fprintf(w, "%s\t%d\t%s\n", f.Film, f.Objects, bytesText(f.Bytes))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if cfg.Budget > 0 {
		_, err = fmt.Fprintf(s.Out, "\n%s of the budget of %s are used\n", bytesText(answer.Used), bytesText(answer.Budget))
	}
	return err
}

type derivedClear struct {
	derivedPlace
	Film   film.FilmID  `help:"Only what is derived from this film, as stat --films shows it." placeholder:"FILM" xor:"of"`
	Asset  film.AssetID `help:"Only what is derived from this asset's film." placeholder:"ASSET" xor:"of"`
	Pinned bool         `help:"Also what is pinned: it took long to make, and whoever watches such a film next waits for it to be made again."`
}

// Help is shown below the flags.
func (derivedClear) Help() string {
	return `Nothing is lost: what is removed is made again when it is asked for. It may run beside a server, also while films are
watched; those who read something go on reading it. Removing the folder derived by hand does the same as --pinned.

  filmcan derived clear --data /var/lib/filmcan
  filmcan derived clear --data /var/lib/filmcan --asset ASSET --pinned`
}

// Run clears.
func (c derivedClear) Run(ctx context.Context, s Streams) error {
	cache, _, err := c.open(0)
	if err != nil {
		return err
	}
	defer cache.Close()
	id := c.Film
	if c.Asset != "" {
		if id, err = c.filmOf(ctx); err != nil {
			return err
		}
	}
	removed, err := cache.Clear(ctx, derive.Selection{Film: id, Pinned: c.Pinned})
	if c.JSON {
		return errors.Join(err, json.NewEncoder(s.Out).Encode(amount(removed)))
	}
	things := "objects"
	if removed.Objects == 1 {
		things = "object"
	}
	fmt.Fprintf(s.Out, "%d %s removed, %s\n", removed.Objects, things, bytesText(removed.Bytes))
	return err
}

// filmOf looks up the asset's film.
func (c derivedClear) filmOf(ctx context.Context) (id film.FilmID, err error) {
	err = withRows(ctx, c.place, func(st *app.Store) error {
		a, err := st.Catalog.AssetForWork(ctx, c.Asset)
		if film.IsCode(err, film.CodeNotFound) {
			return fmt.Errorf("there is no asset %s", c.Asset)
		}
		id = a.Film
		return err
	})
	return id, err
}
