package film

import (
	"regexp"
	"strings"
	"testing"
)

// TestArtifactKey holds that a key is made of exactly the artifact's fields and is safe as a path.
func TestArtifactKey(t *testing.T) {
	t.Parallel()
	a := Artifact{Film: "abcDEF123", Part: "source", Kind: "index", Recipe: 3}
	if got, want := a.Key(), "ab/abcDEF123/source/index-3"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
	seen := map[string]Artifact{}
	plain := regexp.MustCompile(`^[A-Za-z0-9]{2}/[A-Za-z0-9]+/[a-z]+/[a-z0-9_.-]+$`)
	for _, change := range []func(*Artifact){
		func(*Artifact) {},
		func(a *Artifact) { a.Film = "abcDEF124" },
		func(a *Artifact) { a.Part = "master" },
		func(a *Artifact) { a.Kind = "still" },
		func(a *Artifact) { a.Recipe = 4 },
		func(a *Artifact) { a.Parameters = "w640" },
		func(a *Artifact) { a.Parameters = "w641" },
		func(a *Artifact) { a.Parameters = "w=640" },
		func(a *Artifact) { a.Parameters = "../../w" },
		func(a *Artifact) { a.Parameters = "W=640" },
		func(a *Artifact) { a.Parameters = strings.Repeat("w", 300) },
	} {
		b := a
		change(&b)
		key := b.Key()
		if !plain.MatchString(key) || !strings.HasPrefix(key, ArtifactPrefix(b.Film)) {
			t.Errorf("%+v: key %q", b, key)
		}
		if id, kind, ok := ArtifactOf(key); !ok || id != b.Film || kind != b.Kind {
			t.Errorf("%+v: read back as film %q, kind %q, %v", b, id, kind, ok)
		}
		if other, twice := seen[key]; twice {
			t.Errorf("%+v and %+v have the same key %q", b, other, key)
		}
		seen[key] = b
	}
}

// TestArtifactOfOther holds that what is no key of an artifact is not taken for one.
func TestArtifactOfOther(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "a", "ab/abc/source", "xx/abc/source/index-1", "ab/abc/source/index", "ab/abc/source/-1", "ab/abc/source/index-1/x"} {
		if id, kind, ok := ArtifactOf(key); ok {
			t.Errorf("%q: film %q, kind %q", key, id, kind)
		}
	}
}
