package play_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"filmcan/internal/film"
)

// FuzzPath: whatever is asked of the door, it answers with content of this film or a plain refusal; its own fault it is
// never, and what is not found is not kept by caches.
func FuzzPath(f *testing.F) {
	w := newWorld(f, options{})
	_, pb := w.add(f, short(f), film.AssetSettings{})
	for _, path := range []string{
		"/" + string(pb) + ".m3u8", "/" + string(pb), "/" + string(pb) + "/metadata.json",
		rendition(pb, "video", "rendition.m3u8"), rendition(pb, "audio", "init.mp4"), rendition(pb, "video", "0.m4s"),
		rendition(pb, "video", "%30.m4s"), "/../../etc/passwd", "//" + string(pb), "/" + string(pb) + "/p2/video/../audio/0.m4s", "/%00.m3u8",
	} {
		f.Add(path, "", "bytes=0-99")
	}
	f.Add("/"+string(pb)+".m3u8", "max_resolution=720p&min_resolution=x", "")
	f.Fuzz(func(t *testing.T, path, query, ranges string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Range", ranges)
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		switch answer.Code {
		case 200, 206, 301, 307, 416:
		case 400, 404:
			if cc := answer.Header().Get("Cache-Control"); cc != "no-store" {
				t.Errorf("%q: %d with Cache-Control %q", path, answer.Code, cc)
			}
		default:
			t.Errorf("%q?%q, %q: %d %s", path, query, ranges, answer.Code, answer.Body)
		}
	})
}
