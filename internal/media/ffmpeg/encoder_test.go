package ffmpeg

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEncoder: the same x264 has the same name, another one another, and where there is none the operator hears of it.
func TestEncoder(t *testing.T) {
	t.Parallel()
	name, err := New(Config{}).Encoder(t.Context())
	if err != nil || !regexp.MustCompile(`^x264-\d+-[0-9a-f]{8}$`).MatchString(name) {
		t.Fatalf("%q, %v", name, err)
	}
	if again, err := New(Config{Threads: 3}).Encoder(t.Context()); err != nil || again != name {
		t.Errorf("%q and then %q, %v", name, again, err)
	}
	planted := func(text string) (string, error) {
		path := filepath.Join(t.TempDir(), "ffmpeg")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil { // #nosec G306 -- a program
			t.Fatal(err)
		}
		return New(Config{FFmpeg: path}).Encoder(t.Context())
	}
	one, err := planted("echo 'x264 - core 999 r1'")
	if err != nil || !strings.HasPrefix(one, "x264-999-") {
		t.Errorf("%q, %v", one, err)
	}
	if two, err := planted("echo 'x264 - core 999 r2'"); err != nil || two == one {
		t.Errorf("two builds are both %q, %v", two, err)
	}
	for _, text := range []string{"echo Unknown encoder >&2; exit 1", "exit 0"} {
		if _, err := planted(text); err == nil || !strings.Contains(err.Error(), "built with libx264") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
