package play_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/derive/passthrough"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	signed, _ := w.add(t, short(t), film.AssetSettings{Policies: []film.Policy{film.PolicySigned, film.PolicyDRM}})
	preparing := w.create(t, film.AssetSettings{}).Playbacks[0].ID
	failed := w.create(t, film.AssetSettings{})
	must(t, w.catalog.AssetFailed(t.Context(), failed.ID, film.Failure{Type: "invalid_input", Messages: []string{"no"}}))
	deleted, deletedPB := w.add(t, short(t), film.AssetSettings{})
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, deleted.ID))
	lost := w.create(t, film.AssetSettings{})
	must(t, w.catalog.AssetReady(t.Context(), lost.ID, film.Found{Master: film.Master{Kind: film.MasterSource}}))

	for _, c := range []struct {
		path          string
		status        int
		kind, message string
	}{
		{"/" + string(pb) + ".m3u8", 200, "", ""},
		{"/" + string(pb), 200, "", ""},
		{"/" + string(pb) + "/metadata.json", 200, "", ""},
		{rendition(pb, "video", "rendition.m3u8"), 200, "", ""},
		{rendition(pb, "audio", "init.mp4"), 200, "", ""},
		{rendition(pb, "video", "0.m4s"), 200, "", ""},
		{"/bad-id.m3u8", 400, "invalid_parameters", "Invalid playback id"},
		{"/bad.id/metadata.json", 400, "invalid_parameters", "Invalid playback id"},
		{"/" + strings.Repeat("a", 256) + ".m3u8", 400, "invalid_parameters", "Invalid playback id"},
		{rendition("b_d", "video", "0.m4s"), 400, "invalid_parameters", "Invalid playback id"},
		{"/" + string(signed.Playbacks[0].ID) + ".m3u8", 403, "forbidden", "signed"},
		{"/" + string(signed.Playbacks[1].ID) + ".m3u8?token=x", 403, "forbidden", "drm"},
		{rendition(signed.Playbacks[0].ID, "video", "0.m4s"), 403, "forbidden", "signed"},
		{"/nosuchplaybackid.m3u8", 404, "not_found", film.NotFoundMessage},
		{"/nosuchplaybackid/metadata.json", 404, "not_found", film.NotFoundMessage},
		{"/" + string(deletedPB) + ".m3u8", 404, "not_found", film.NotFoundMessage},
		{rendition(deletedPB, "video", "0.m4s"), 404, "not_found", film.NotFoundMessage},
		{rendition(pb, "video", "99.m4s"), 404, "not_found", film.NotFoundMessage},
		{rendition(pb, "video", "00.m4s"), 404, "not_found", film.NotFoundMessage},
		{rendition(pb, "video", "-1.m4s"), 404, "not_found", film.NotFoundMessage},
		{rendition(pb, "video", "0.mp4"), 404, "not_found", film.NotFoundMessage},
		{rendition(pb, "video", "99999999999999999999.m4s"), 404, "not_found", film.NotFoundMessage},
		{rendition(pb, "smell", "0.m4s"), 404, "not_found", film.NotFoundMessage},
		{"/" + string(pb) + "/p0/video/0.m4s", 404, "not_found", film.NotFoundMessage},
		{"/" + string(pb) + "/highest.mp4", 404, "not_found", film.NotFoundMessage},
		{"/favicon.ico", 404, "not_found", film.NotFoundMessage},
		{"/", 404, "not_found", film.NotFoundMessage},
		{"/" + string(preparing) + ".m3u8", 412, "failed_request", "Asset is not ready"},
		{rendition(preparing, "video", "0.m4s"), 412, "failed_request", "Asset is not ready"},
		{"/" + string(failed.Playbacks[0].ID) + ".m3u8", 412, "failed_request", "Asset is errored"},
		// Bytes that should be there and are not are our own fault; the text stays with us.
		{"/" + string(lost.Playbacks[0].ID) + ".m3u8", 500, "internal_error", "Internal Server Error"},
	} {
		a := w.get(t, c.path)
		if a.status != c.status {
			t.Errorf("GET %s: %d, want %d: %s", c.path, a.status, c.status, a.body)
			continue
		}
		if a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("GET %s: not open to pages", c.path)
		}
		if c.status == 200 {
			continue
		}
		var body struct {
			Error struct {
				Message, Type string
				Messages      []string
				Code          int
			}
			Code    int
			Message string
		}
		must(t, json.Unmarshal(a.body, &body))
		if body.Error.Type != c.kind || !strings.Contains(body.Message, c.message) || body.Error.Message != body.Message ||
			!slices.Equal(body.Error.Messages, []string{body.Message}) || body.Code == 0 || body.Code != body.Error.Code {
			t.Errorf("GET %s: body %s", c.path, a.body)
		}
		if cc := a.header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("GET %s: an error with Cache-Control %q", c.path, cc)
		}
	}
}

// TestContent looks at each kind of answer as caches, players and impatient clients see it.
func TestContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	for _, c := range []struct{ path, contentType, cache string }{
		{"/" + string(pb) + ".m3u8", "application/vnd.apple.mpegurl", "private, max-age=5"}, // by another name than the public one
		{"/" + string(pb), "application/vnd.apple.mpegurl", "private, max-age=5"},
		{"/" + string(pb) + "/metadata.json", "application/json", "public, max-age=5"},
		{rendition(pb, "video", "rendition.m3u8"), "application/vnd.apple.mpegurl", "public, max-age=5"},
		{rendition(pb, "video", "init.mp4"), "video/mp4", "public, max-age=31536000, immutable"},
		{rendition(pb, "audio", "init.mp4"), "audio/mp4", "public, max-age=31536000, immutable"},
		{rendition(pb, "video", "1.m4s"), "video/mp4", "public, max-age=31536000, immutable"},
		{rendition(pb, "audio", "1.m4s"), "audio/mp4", "public, max-age=31536000, immutable"},
	} {
		whole := w.get(t, c.path)
		etag := whole.header.Get("ETag")
		if whole.status != 200 || whole.header.Get("Content-Type") != c.contentType || whole.header.Get("Cache-Control") != c.cache ||
			whole.header.Get("Content-Length") != fmt.Sprint(len(whole.body)) || len(etag) < 10 || etag[0] != '"' {
			t.Errorf("GET %s: %d, %d bytes, %v", c.path, whole.status, len(whole.body), whole.header)
			continue
		}
		head := w.do(t, http.MethodHead, c.path)
		if head.status != 200 || len(head.body) != 0 || head.header.Get("Content-Length") != fmt.Sprint(len(whole.body)) || head.header.Get("ETag") != etag {
			t.Errorf("HEAD %s: %d %v", c.path, head.status, head.header)
		}
		if a := w.get(t, c.path, "If-None-Match", etag); a.status != 304 || len(a.body) != 0 || a.header.Get("ETag") != etag || a.header.Get("Cache-Control") != c.cache {
			t.Errorf("GET %s with its ETag: %d %v", c.path, a.status, a.header)
		}
		if a := w.get(t, c.path, "If-None-Match", `"other"`); a.status != 200 || !bytes.Equal(a.body, whole.body) {
			t.Errorf("GET %s with another ETag: %d", c.path, a.status)
		}
		n := len(whole.body)
		for _, r := range []struct{ header, from, to int }{{0, 0, 1}, {0, n / 3, n / 2}, {0, n - 7, n}, {1, 10, n}} {
			asked := fmt.Sprintf("bytes=%d-%d", r.from, r.to-1)
			if r.header == 1 {
				asked = fmt.Sprintf("bytes=%d-", r.from)
			}
			a := w.get(t, c.path, "Range", asked, "If-Range", etag)
			if a.status != 206 || !bytes.Equal(a.body, whole.body[r.from:r.to]) ||
				a.header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", r.from, r.to-1, n) {
				t.Errorf("GET %s, %s: %d, %d bytes, %v", c.path, asked, a.status, len(a.body), a.header)
			}
		}
		if a := w.get(t, c.path, "Range", fmt.Sprintf("bytes=%d-", n)); a.status != 416 {
			t.Errorf("GET %s beyond its end: %d", c.path, a.status)
		}
		if a := w.do(t, http.MethodOptions, c.path, "Origin", "https://a.example", "Access-Control-Request-Method", "GET"); a.status != 204 ||
			a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Range") {
			t.Errorf("OPTIONS %s: %d %v", c.path, a.status, a.header)
		}
		if a := w.do(t, http.MethodPost, c.path); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("POST %s: %d %v", c.path, a.status, a.header)
		}
	}
	// The ETags of all segments differ.
	seen := map[string]bool{}
	for _, name := range []string{"video", "audio"} {
		for _, file := range []string{"init.mp4", "0.m4s", "1.m4s"} {
			seen[w.do(t, http.MethodHead, rendition(pb, name, file)).header.Get("ETag")] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d different ETags for 6 segments", len(seen))
	}
	w.quiet(t)
}

// TestSegmentsStandForThemselves: the ETag is a promise about bytes, so another node that has nothing but the film
// gives the same ones.
func TestSegmentsStandForThemselves(t *testing.T) {
	t.Parallel()
	a, b := newWorld(t, options{}), newWorld(t, options{})
	_, pa := a.add(t, short(t), film.AssetSettings{})
	_, pb := b.add(t, short(t), film.AssetSettings{})
	for _, name := range []string{"video", "audio"} {
		for _, file := range []string{"init.mp4", "0.m4s", "1.m4s", "rendition.m3u8"} {
			one, other := a.get(t, rendition(pa, name, file)), b.get(t, rendition(pb, name, file))
			if one.header.Get("ETag") != other.header.Get("ETag") || !bytes.Equal(one.body, other.body) {
				t.Errorf("%s/%s: ETag %s and %s", name, file, one.header.Get("ETag"), other.header.Get("ETag"))
			}
		}
	}
}

func TestModifiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{}) // 320x180
	plain := w.ok(t, "/"+string(pb)+".m3u8")
	for _, c := range []struct {
		query   string
		refused string // what the message says; empty: the playlist as it is
	}{
		{"redundant_streams=false", ""},
		{"redundant_streams=maybe", "Invalid parameter: redundant_streams"},
		{"token=a.b.c&TOKEN=x", ""},
		{"CMCD=bl%3D2000&cid=1&whatever", ""},
		{"exclude_pdt=true&default_subtitles_lang=en", ""},
		{"rendition_order=desc", ""},
		{"max_resolution=720p", ""},
		{"min_resolution=480p", "it has 180p"},
		{"min_resolution=1080p&max_resolution=720p", "min_resolution"},
		{"asset_start_time=100", "at or after the end of the film (10.000 s)"},
		{"program_start_time=1700000000", "program_start_time works for recordings"},
	} {
		a := w.get(t, "/"+string(pb)+".m3u8?"+c.query)
		switch {
		case c.refused == "" && (a.status != 200 || !bytes.Equal(a.body, plain)):
			t.Errorf("%s: %d %s", c.query, a.status, a.body)
		case c.refused != "" && (a.status != 400 || !strings.Contains(string(a.body), c.refused)):
			t.Errorf("%s: %d %s, want 400 and %q", c.query, a.status, a.body, c.refused)
		}
	}
	for query, want := range map[string][]string{
		"redundant_streams=true": {"/video/rendition.m3u8\n", "/video/rendition.m3u8?redundant=1\n"},
		"add_audio_only=true":    {"/video/rendition.m3u8\n", "/audio/rendition.m3u8\n"},
		"asset_start_time=4.5&asset_end_time=6": {
			"/video/rendition.m3u8?asset_end_time=6&asset_start_time=4.5\n", "/audio/rendition.m3u8?asset_end_time=6&asset_start_time=4.5\"",
		},
	} {
		body := string(w.ok(t, "/"+string(pb)+".m3u8?"+query))
		for _, part := range want {
			if !strings.Contains(body, part) {
				t.Errorf("%s: no %q in\n%s", query, part, body)
			}
		}
	}
	if a := w.get(t, rendition(pb, "video", "0.m4s")+"?asset_start_time=4&CMCD=x"); a.status != 200 {
		t.Errorf("a segment with a query: %d", a.status)
	}
}

// TestInstantClip: the playlists of a clip have the segments that the clip lies in, the same of pictures and sound.
func TestInstantClip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{}) // cut at 0, 4 and 8
	for query, want := range map[string]string{
		"":                                       "0.m4s 1.m4s 2.m4s",
		"?asset_start_time=4.5&asset_end_time=6": "1.m4s",
		"?asset_start_time=8":                    "2.m4s",
		"?asset_end_time=4.1":                    "0.m4s 1.m4s",
	} {
		for _, name := range []string{"video", "audio"} {
			body := string(w.ok(t, rendition(pb, name, "rendition.m3u8"+query)))
			var got []string
			for line := range strings.Lines(body) {
				if line = strings.TrimSpace(line); strings.HasSuffix(line, ".m4s") {
					got = append(got, line)
				}
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s%s: %s, want %s", name, query, s, want)
			}
		}
	}
	if a := w.get(t, rendition(pb, "video", "rendition.m3u8?asset_start_time=10")); a.status != 400 {
		t.Errorf("a clip behind the end: %d %s", a.status, a.body)
	}
}

// TestAddresses: the URLs in the playlist lead back the way the viewer came.
func TestAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{public: "https://video.example.com"})
	_, pb := w.add(t, short(t), film.AssetSettings{Meta: film.Meta{Title: "A \"film\""}})
	for _, c := range []struct{ host, proto, want, cache string }{
		{"", "", w.url, "private, max-age=5"},
		{"video.example.com", "", "https://video.example.com", "public, max-age=5"},
		{"stream.video.example.com", "https", "https://stream.video.example.com", "private, max-age=5"},
		{"stream.video.example.com:8080", "", "http://stream.video.example.com:8080", "private, max-age=5"},
		{"[::1]:8080", "", "http://[::1]:8080", "private, max-age=5"},
		{"evil.example;URI=x", "", "https://video.example.com", "public, max-age=5"},
		{"evil.example,'x'", "", "https://video.example.com", "public, max-age=5"},
	} {
		var header []string
		if c.host != "" {
			header = append(header, "Host", c.host)
		}
		if c.proto != "" {
			header = append(header, "X-Forwarded-Proto", c.proto)
		}
		a := w.get(t, "/"+string(pb), header...)
		if got := a.header.Get("Cache-Control"); got != c.cache {
			t.Errorf("host %q: Cache-Control %q, want %q: a shared cache must not keep what a viewer says of the host", c.host, got, c.cache)
		}
		text := string(a.body)
		lines := strings.Split(text, "\n")
		i := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "#EXT-X-STREAM-INF:") })
		if i < 0 || lines[i+1] != c.want+rendition(pb, "video", "rendition.m3u8") ||
			!strings.Contains(text, `URI="`+c.want+rendition(pb, "audio", "rendition.m3u8")+`"`) ||
			!strings.Contains(text, `#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="`+c.want+"/"+string(pb)+`/metadata.json"`) {
			t.Errorf("host %q, proto %q: want %s in\n%s", c.host, c.proto, c.want, text)
		}
	}
}

// TestQuotedHost: an absolute request target may have quotes in its host, which would end an attribute of the playlist.
func TestQuotedHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{public: "https://video.example.com"})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET http://evil\"x/%s.m3u8 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", pb)
	must(t, err)
	text, err := io.ReadAll(conn)
	must(t, err)
	if !strings.Contains(string(text), "https://video.example.com/") || strings.Contains(string(text), "evil") {
		t.Errorf("got\n%s", text)
	}
}

// TestPatience: every answer has an end by which it is taken, or its film is let go.
func TestPatience(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, pb := w.add(t, short(t), film.AssetSettings{})
	for _, path := range []string{"/" + string(pb) + ".m3u8", rendition(pb, "video", "0.m4s"), rendition(pb, "audio", "init.mp4")} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		must(t, err)
		out := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		begin := time.Now()
		w.handler.ServeHTTP(out, r)
		if d := out.write.Sub(begin); out.Code != 200 || d < time.Minute || d > 10*time.Minute {
			t.Errorf("%s: %d, with %s for its %d bytes", path, out.Code, d, out.Body.Len())
		}
	}
}

// deadlines notes the write deadline of an answer.
type deadlines struct {
	*httptest.ResponseRecorder
	write time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = t
	return nil
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	titled, pb := w.add(t, short(t), film.AssetSettings{Meta: film.Meta{Title: "Ein <Film>"}})
	_, bare := w.add(t, short(t), film.AssetSettings{})
	want := `[{"titles":[{"title":"Ein \u003cFilm\u003e"}],"metadata":[{"key":"video_title","value":"Ein \u003cFilm\u003e"}]}]`
	if got := w.ok(t, "/"+string(pb)+"/metadata.json"); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := w.ok(t, "/"+string(bare)+"/metadata.json"); string(got) != `[{"titles":[],"metadata":[]}]` {
		t.Errorf("without a title: %s", got)
	}
	if strings.Contains(string(w.ok(t, "/"+string(bare)+".m3u8")), "SESSION-DATA") {
		t.Error("a film without a title has session data")
	}
	title := "Neu"
	if _, err := w.catalog.UpdateAsset(t.Context(), w.env, titled.ID, film.AssetPatch{Title: &title}); err != nil {
		t.Fatal(err)
	}
	if got := w.ok(t, "/"+string(pb)+"/metadata.json"); !strings.Contains(string(got), "Neu") {
		t.Errorf("after a new title: %s", got)
	}
}

// TestDeletionEndsPlayback: nothing remembers a playback id or an asset.
func TestDeletionEndsPlayback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	asset, first := w.add(t, short(t), film.AssetSettings{Policies: []film.Policy{film.PolicyPublic, film.PolicyPublic}})
	second := asset.Playbacks[1].ID
	paths := func(pb film.PlaybackID) []string {
		return []string{"/" + string(pb) + ".m3u8", "/" + string(pb) + "/metadata.json", rendition(pb, "video", "rendition.m3u8"), rendition(pb, "video", "0.m4s")}
	}
	check := func(pb film.PlaybackID, want int) {
		t.Helper()
		for _, p := range paths(pb) {
			if a := w.get(t, p); a.status != want {
				t.Errorf("GET %s: %d, want %d", p, a.status, want)
			}
		}
	}
	check(first, 200)
	check(second, 200)
	must(t, w.catalog.DeletePlayback(t.Context(), w.env, asset.ID, first))
	check(first, 404)
	check(second, 200)
	must(t, w.catalog.DeleteAsset(t.Context(), w.env, asset.ID))
	check(second, 404)
}

// TestMadeMaster: where a master was made, it is what is played.
func TestMadeMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	a := w.create(t, film.AssetSettings{})
	w.store(t, vault.Ref{Film: a.Film, Part: vault.Master}, short(t))
	must(t, w.catalog.AssetReady(t.Context(), a.ID, film.Found{Master: film.Master{Kind: film.MasterMade}}))
	if text := w.ok(t, "/"+string(a.Playbacks[0].ID)); !strings.Contains(string(text), "/"+passthrough.Recipe+"/video/") {
		t.Errorf("playlist:\n%s", text)
	}
}
