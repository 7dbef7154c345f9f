//go:build !linux

package upload_test

import "testing"

// openFiles cannot be told here.
func openFiles(*testing.T) int { return 0 }
