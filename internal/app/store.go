package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"filmcan/internal/blob/fs"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/queue"
	"filmcan/internal/sqldb"
)

// The folders of the data folder: keep is to be backed up, derived may be deleted at any time, work holds files of
// running jobs.
const (
	keepDir    = "keep"
	derivedDir = "derived"
	workDir    = "work"
)

// downloads is how many inputs are fetched at a time. They may be slow or dead, so there are many; how many of them are
// worked on is Config.MediaJobs.
const downloads = 64

// Store is the keep, opened: rows and bytes.
type Store struct {
	DB      *sqldb.DB
	Catalog *catalog.Catalog
	Vault   *vault.Vault
	Blobs   *fs.Store
	queue   *queue.Queue
}

// OpenStore opens rows and bytes for a command that works beside a running server, or without one. The schema is
// brought up to date where that is needed.
func OpenStore(ctx context.Context, cfg Config) (*Store, error) {
	return openStore(ctx, cfg, slog.New(slog.DiscardHandler), false)
}

// OpenStoreAlone is OpenStore for what must not run beside a server: with SQLite it fails with [sqldb.ErrLocked] while
// one runs.
func OpenStoreAlone(ctx context.Context, cfg Config) (*Store, error) {
	return openStore(ctx, cfg, slog.New(slog.DiscardHandler), true)
}

func openStore(ctx context.Context, cfg Config, log *slog.Logger, alone bool) (_ *Store, err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	s := &Store{}
	defer func() {
		if err != nil {
			_ = s.Close()
			err = explainFull(err)
		}
	}()
	if s.DB, err = sqldb.Open(ctx, sqldb.Config{URL: cfg.DatabaseURL(), Exclusive: alone && cfg.SQLite(), Log: log}); err != nil {
		return nil, err
	}
	s.queue = queue.New(queue.Config{
		Write: s.DB.Write(), Read: s.DB.Read(), Pool: s.DB.Pool(), Log: log,
		Grace:   cfg.DrainTimeout,
		Workers: map[queue.Lane]int{queue.Fetch: max(downloads, cfg.MediaJobs), queue.Media: cfg.MediaJobs, queue.Encode: cfg.MediaJobs},
	})
	if err := s.DB.Migrate(ctx, catalog.Migrations(), s.queue.Migrate); err != nil {
		return nil, err
	}
	if s.Blobs, err = fs.Open(filepath.Join(cfg.Data, keepDir)); err != nil {
		return nil, err
	}
	if s.Vault, err = vault.New(s.Blobs, vault.Default()); err != nil {
		return nil, err
	}
	s.Catalog = catalog.New(s.DB, s.queue, catalog.Config{
		Keep: presence{s.Vault}, MasterTTL: cfg.MasterTTL, Retention: cfg.EventTTL,
	})
	return s, nil
}

// Close closes what is open.
func (s *Store) Close() error {
	var errs []error
	if s.Catalog != nil {
		errs = append(errs, s.Catalog.Close())
	}
	if s.DB != nil {
		errs = append(errs, s.DB.Close())
	}
	return errors.Join(errs...)
}
