package e2e_test

import (
	"os"
	"testing"

	"filmcan/internal/e2e/rig"
)

func TestMain(m *testing.M) {
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}
