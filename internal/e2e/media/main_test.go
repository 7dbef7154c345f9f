package media

import (
	"flag"
	"os"
	"testing"

	"filmcan/internal/e2e/rig"
)

var (
	every    = flag.Bool("every", false, "all films, not the quick part alone")
	scorched = flag.Bool("scorched", false, "empty derived/ after every step")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}
