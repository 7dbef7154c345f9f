package play_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// TestKeptSegments: an encoded segment that is stored is sent as it is, without a look at the film; one that is not, or
// that is not the viewer's to see, is not.
func TestKeptSegments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	asset, pb := w.add(t, films.Get(t, films.Spec{Duration: 8 * time.Second, Width: 640, Height: 360, GOP: 2 * time.Second}), film.AssetSettings{})
	_, stranger := w.add(t, short(t), film.AssetSettings{})
	at := regexp.MustCompile(`/` + string(pb) + `/e2/[^/]+/`).FindString(string(w.ok(t, "/"+string(pb)+".m3u8")))
	if at == "" {
		t.Fatal("no encoded rendition")
	}
	first := w.get(t, at+"0.m4s")
	if first.status != http.StatusOK {
		t.Fatalf("%d %s", first.status, first.body)
	}
	opened := int64(-1)
	for deadline := time.Now().Add(20 * time.Second); opened != w.vault.Stats().Opened; { // it is kept beside being sent
		if time.Now().After(deadline) {
			t.Fatal("the film is opened for a segment that has been sent long ago")
		}
		opened = w.vault.Stats().Opened
		w.ok(t, at+"0.m4s")
	}
	again := w.get(t, at+"0.m4s")
	if again.status != http.StatusOK || !bytes.Equal(again.body, first.body) {
		t.Errorf("%d, %d bytes, want %d", again.status, len(again.body), len(first.body))
	}
	for _, name := range []string{"ETag", "Cache-Control", "Content-Type"} {
		if got, want := again.header.Get(name), first.header.Get(name); got != want || got == "" {
			t.Errorf("%s: %q and %q", name, got, want)
		}
	}
	if part := w.get(t, at+"0.m4s", "Range", "bytes=10-19"); part.status != http.StatusPartialContent || !bytes.Equal(part.body, first.body[10:20]) {
		t.Errorf("a range: %d, %d bytes", part.status, len(part.body))
	}
	if known := w.get(t, at+"0.m4s", "If-None-Match", first.header.Get("ETag")); known.status != http.StatusNotModified {
		t.Errorf("a viewer who has it: %d", known.status)
	}
	if n := w.vault.Stats().Opened - opened; n != 0 {
		t.Errorf("the film was opened %d times", n)
	}
	for _, path := range []string{
		at + "00.m4s", at + "0.m4s/", at + "99.m4s", strings.Replace(at, "p_", "p_0", 1) + "0.m4s",
		strings.Replace(at, string(pb), string(stranger), 1) + "99.m4s",
	} {
		if a := w.get(t, path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, asset.ID))
	if a := w.get(t, at+"0.m4s"); a.status != http.StatusNotFound {
		t.Errorf("of a deleted asset: %d", a.status)
	}
	w.quiet(t)
}
