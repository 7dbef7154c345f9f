package fs

import (
	"context"
	"fmt"

	"filmcan/internal/blob"
)

// Create begins an object: a temporary file, locked like every other.
func (s *Store) Create(_ context.Context, key string) (blob.Creating, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	temp, f, err := s.createTemp()
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", key, explain(err))
	}
	return &creating{appending: &appending{file: f}, store: s, temp: temp, name: name}, nil
}

// creating is a temporary file on its way to a name.
type creating struct {
	*appending
	store      *Store
	temp, name string
	published  bool
}

// Publish syncs the file and gives it its name.
func (c *creating) Publish(ctx context.Context) error {
	err := context.Cause(ctx)
	if err == nil && c.dirty {
		err = c.Truncate(c.Size())
	}
	if err == nil {
		err = c.file.Sync()
	}
	if err == nil {
		err = c.store.publish(c.temp, c.file, c.name)
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", c.name, explain(err))
	}
	c.published = true
	return nil
}

// Close frees the file, and removes it when it was not published. What stays is swept.
func (c *creating) Close() error {
	if !c.published {
		_ = c.store.os.Remove(c.temp)
	}
	return c.appending.Close()
}
