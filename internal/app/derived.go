package app

import (
	"log/slog"
	"path/filepath"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
)

// OpenDerived opens what is derived, for a command that works beside a running server, or without one. It makes nothing.
func OpenDerived(cfg Config) (*derive.Cache, derive.Config, error) {
	store, err := fs.OpenDisposable(filepath.Join(cfg.Data, derivedDir))
	if err != nil {
		return nil, derive.Config{}, err
	}
	c := derivedConfig(cfg, store)
	return derive.New(store, nil, c, slog.New(slog.DiscardHandler)), c, nil
}

// derivedConfig says how much may be kept of what is derived.
func derivedConfig(cfg Config, store *fs.Store) derive.Config {
	c := derive.Default()
	c.Budget = cfg.DerivedBudget
	if c.Budget > 0 {
		return c
	}
	if _, total, err := store.Room(); err == nil {
		c.Budget = derive.SafeBudget(total)
	}
	return c
}
