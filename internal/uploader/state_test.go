package uploader

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestStates(t *testing.T) {
	t.Parallel()
	s := states{dir: filepath.Join(t.TempDir(), "a", "b")}
	k := key{Server: "http://x", File: "/film.mp4", Size: 3, Modified: time.Unix(5, 7).UTC(), Settings: Settings{Title: "x"}}
	if id, err := s.load(k); id != "" || err != nil {
		t.Fatalf("before: %q %v", id, err)
	}
	if err := s.drop(k); err != nil {
		t.Fatalf("drop what is not there: %v", err)
	}
	if err := s.save(k, "u1"); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]func(*key){
		"server":   func(k *key) { k.Server = "http://y" },
		"file":     func(k *key) { k.File = "/other.mp4" },
		"size":     func(k *key) { k.Size++ },
		"modified": func(k *key) { k.Modified = k.Modified.Add(1) },
		"settings": func(k *key) { k.Settings.MasterAccess = film.AccessTemporary },
	} {
		o := k
		other(&o)
		if id, err := s.load(o); id != "" || err != nil {
			t.Errorf("another %s: %q %v", name, id, err)
		}
	}
	if id, err := s.load(k); id != "u1" || err != nil {
		t.Errorf("got %q %v", id, err)
	}
	path, err := s.path(k)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("torn{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := s.load(k); id != "" || err != nil {
		t.Errorf("torn: %q %v", id, err)
	}
	old := time.Now().Add(-30 * 24 * time.Hour)
	foreign := filepath.Join(s.dir, "foreign.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, foreign} {
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
	k.Size++
	if err := s.save(k, "u2"); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(s.dir); len(left) != 2 {
		t.Errorf("left: %v, want the new one and the foreign file", left)
	}
	if err := s.drop(k); err != nil {
		t.Fatal(err)
	}
	if id, _ := s.load(k); id != "" {
		t.Errorf("dropped: %q", id)
	}
}
