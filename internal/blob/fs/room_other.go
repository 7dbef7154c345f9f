//go:build !linux && !darwin

package fs

import "errors"

// Room cannot be told here.
func (s *Store) Room() (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
