package cli_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"filmcan/internal/cli"
)

var update = flag.Bool("update", false, "write docs/config.md anew")

// TestConfigDocument holds docs/config.md to the flags that there are.
func TestConfigDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/config.md"
	var want bytes.Buffer
	if err := cli.WriteConfig(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/config.md is stale (%v): run make golden", err)
	}
}
