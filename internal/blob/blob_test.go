package blob_test

import (
	"errors"
	"strings"
	"testing"

	"filmcan/internal/blob"
)

func TestCheckKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"a", "films/0a/ff/Xy09/source.manifest", "a-b_c.d", strings.Repeat("x", 128)} {
		if err := blob.CheckKey(key); err != nil {
			t.Errorf("CheckKey(%q) = %v, want nil", key, err)
		}
	}
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".tmp/x", "a/.b", "a b", "a\x00", "ä", `a\b`,
		strings.Repeat("x", 129), strings.Repeat("x/", 300) + "x",
	} {
		if err := blob.CheckKey(key); !errors.Is(err, blob.ErrKey) {
			t.Errorf("CheckKey(%q) = %v, want ErrKey", key, err)
		}
	}
}
