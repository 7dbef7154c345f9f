package api

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

// things are the ids of one environment's objects, by the wildcards of the routes.
type things map[string]string

// things makes one of each.
func (w *world) things(t *testing.T, who caller) things {
	t.Helper()
	_, a := w.create(t, who, filmBody)
	hook := w.ask(t, who, "POST", "/system/v1/webhooks", `{"address":"https://a.example/hook"}`)
	hook.want(t, 201)
	upload := w.ask(t, who, "POST", "/video/v1/uploads", `{}`)
	upload.want(t, 201)
	w.makeReady(t, a.text("data.id"))
	return things{
		"ASSET_ID": a.text("data.id"), "PLAYBACK_ID": a.text("data.playback_ids.0.id"), "WEBHOOK_ID": hook.text("data.id"),
		"UPLOAD_ID": upload.text("data.id"),
	}
}

var wildcard = regexp.MustCompile(`\{[A-Z_]+\}`)

// path fills in a pattern; a wildcard without a thing gets an id that nobody has.
func (x things) path(pattern string) string {
	return wildcard.ReplaceAllStringFunc(pattern, func(w string) string {
		if id := x[strings.Trim(w, "{}")]; id != "" {
			return id
		}
		return "nobody"
	})
}

// goodBody is a body that the route takes.
func goodBody(rt route) string {
	return map[string]string{
		"CreateAssetRequest": filmBody, "UpdateAssetRequest": `{"passthrough":"stolen"}`,
		"UpdateMasterAccessRequest": `{"master_access":"temporary"}`, "CreatePlaybackIDRequest": `{"policy":"public"}`,
		"CreateUploadRequest":  `{"cors_origin":"*"}`,
		"CreateWebhookRequest": `{"address":"https://other.example/"}`, "UpdateWebhookRequest": `{"enabled":false}`,
	}[rt.body()]
}

// Whatever belongs to another environment is not there, on every route; and nothing of it changes.
func TestEnvironmentsAreWalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs := w.things(t, w.caller)
	before := w.do(t, "GET", theirs.path("/video/v1/assets/{ASSET_ID}"), "", 200)
	stranger := w.token(t, w.environment(t, "Production").ID, film.AllPermissions()...)
	own := w.things(t, stranger)
	tried := 0
	for _, rt := range w.api.routes() {
		names := wildcards(rt.path)
		if len(names) == 0 {
			continue
		}
		tried++
		w.ask(t, stranger, rt.method, theirs.path(rt.path), goodBody(rt)).refused(t, 404, "not_found", film.NotFoundMessage)
		if len(names) > 1 { // a thing of theirs below a thing of one's own
			mixed := things{names[0]: own[names[0]], names[1]: theirs[names[1]]}
			w.ask(t, stranger, rt.method, mixed.path(rt.path), goodBody(rt)).refused(t, 404, "not_found", film.NotFoundMessage)
		}
	}
	if tried < 12 {
		t.Errorf("only %d routes were tried", tried)
	}
	for _, list := range []string{"/video/v1/assets", "/video/v1/uploads", "/system/v1/webhooks"} {
		a := w.ask(t, stranger, "GET", list, "")
		a.want(t, 200)
		for name, id := range theirs {
			if strings.Contains(string(a.raw), id) {
				t.Errorf("%s shows another environment's %s", list, name)
			}
		}
	}
	if after := w.do(t, "GET", theirs.path("/video/v1/assets/{ASSET_ID}"), "", 200); string(after.raw) != string(before.raw) {
		t.Errorf("the asset was %s and is %s", before.raw, after.raw)
	}
	w.do(t, "GET", theirs.path("/system/v1/webhooks/{WEBHOOK_ID}"), "", 200).equal(t, "data.enabled", true)
	w.do(t, "GET", theirs.path("/video/v1/uploads/{UPLOAD_ID}"), "", 200).equal(t, "data.status", "waiting")
}

// Without the route's permission there is nothing; with it alone there is.
func TestEveryRouteNeedsItsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	things := w.things(t, w.caller)
	tokens := map[film.Permission]caller{}
	for _, p := range film.AllPermissions() {
		tokens[p] = w.token(t, w.env.ID, p)
	}
	for _, rt := range w.api.routes() {
		if rt.stream != nil || rt.method == http.MethodDelete {
			continue // a stream has no end; a deletion would take away what the next route needs
		}
		for p, token := range tokens {
			a := w.ask(t, token, rt.method, things.path(rt.path), goodBody(rt))
			if allowed := rt.may == "" || rt.may == p; allowed != (a.status < 300) {
				t.Errorf("%s %s with %s: %d %s", rt.method, rt.path, p, a.status, a.raw)
			}
		}
	}
	for _, rt := range w.api.routes() {
		for p, token := range tokens {
			if rt.may != "" && rt.may != p {
				w.ask(t, token, rt.method, things.path(rt.path), goodBody(rt)).refused(t, 404, "not_found", film.NotFoundMessage)
			}
		}
	}
}

func TestEveryRouteNeedsCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, rt := range muxapi.Routes() {
		a := w.ask(t, caller{}, rt.Method, things{}.path(rt.Path), "")
		a.refused(t, 401, "unauthorized", "Unauthorized request")
		if a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: a 401 does not say how to authenticate", a.what)
		}
	}
	for _, who := range []caller{
		{w.caller.id, "wrong"}, {w.caller.id, ""}, {"", w.caller.secret}, {"nobody", w.caller.secret}, {"a\x00b", "c"}, {strings.Repeat("a", 300), "c"},
	} {
		w.ask(t, who, "GET", "/video/v1/assets", "").refused(t, 401, "unauthorized", "Unauthorized request")
	}
}

func TestBearerCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pair := w.caller.id + ":" + w.caller.secret
	for header, status := range map[string]int{
		"Bearer " + pair: 200,
		"bearer " + pair: 200,
		"Bearer " + base64.StdEncoding.EncodeToString([]byte(pair)):    200,
		"Bearer " + base64.RawStdEncoding.EncodeToString([]byte(pair)): 200,
		"Bearer " + w.caller.secret:                                    401,
		"Bearer " + w.caller.id + ":x":                                 401,
		"Bearer":                                                       401,
		"Bearer ":                                                      401,
		"Bearer %%%":                                                   401,
		"Digest " + pair:                                               401,
		"Basic " + pair:                                                401,
	} {
		r := w.request(t, "GET", "/system/v1/whoami", "")
		r.Header.Set("Authorization", header)
		if a := w.send(t, r); a.status != status {
			t.Errorf("%q: %d %s, want %d", header, a.status, a.raw, status)
		}
	}
}

func TestWhatMuxHasAndWeHaveNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tried := 0
	for _, rt := range muxapi.Routes() {
		if !rt.Built {
			tried++
			w.ask(t, w.caller, rt.Method, things{}.path(rt.Path), "{}").refused(t, 404, "not_found", rt.Thing+" are not built in this version of filmcan")
		}
	}
	if tried < 50 {
		t.Errorf("only %d routes were tried", tried)
	}
}

func TestUnknownRoutesAndMethodsAreInTheEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, at := range []string{
		"GET /", "GET /video", "GET /video/v1", "GET /video/v1/", "GET /video/v1/nothing", "PUT /video/v1/assets", "DELETE /video/v1/assets",
		"POST /video/v1/assets/x", "OPTIONS /video/v1/assets", "PATCH /system/v1/whoami", "GET /video/v1//assets", "GET //video/v1/assets",
		"POST /video/v1/../v1/assets", "GET /video/v1/assets//", "GET /video/v1/./assets", "TRACE /video/v1/assets", "POST /openapi.json",
		"GET /video/v1/assets/a%2Fb", "GET /video/v1/assets/%00", "GET /video/v1/assets/%ff", "GET /video/v1/assets/a%20b", "GET /video/v1/assets/..%2F..",
		"GET /video/v1/assets/" + strings.Repeat("a", 256),
	} {
		method, path, _ := strings.Cut(at, " ")
		a := w.ask(t, w.caller, method, path, "")
		a.refused(t, 404, "not_found", film.NotFoundMessage)
		for _, name := range []string{"Access-Control-Allow-Origin", "Location", "Allow"} {
			if a.header.Get(name) != "" {
				t.Errorf("%s: has a header %s", at, name)
			}
		}
	}
}

func TestOwns(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/video": true, "/video/": true, "/video//v1/assets": true, "/video/v1/../x": true, "/system/v1/whoami": true, "/robots/v0/jobs": true,
		"/data/v1/x": true, "/openapi.json": true, "/docs": true, "/docs/": true,
		"/": false, "": false, "/videos": false, "/docs.html": false, "/Qe4WzN00pK7xJ02vTtB9sRyLh5uGm8Dc.m3u8": false, "/master/x/master.mp4": false,
	} {
		if got := Owns(path); got != want {
			t.Errorf("owns %q: %t", path, got)
		}
	}
	for _, rt := range muxapi.Routes() {
		if !Owns(rt.Path) {
			t.Errorf("does not own %s", rt.Path)
		}
	}
}

func TestTrailingSlashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	things := w.things(t, w.caller)
	for _, rt := range w.api.routes() {
		if rt.stream != nil || rt.method == http.MethodDelete || rt.body() == "CreateWebhookRequest" {
			continue
		}
		a := w.ask(t, w.caller, rt.method, things.path(rt.path)+"/", goodBody(rt))
		if a.status != rt.status {
			t.Errorf("%s %s/: %d %s", rt.method, rt.path, a.status, a.raw)
		}
	}
	w.do(t, "DELETE", things.path("/video/v1/assets/{ASSET_ID}/"), "", 204)
	if line := w.log.String(); !strings.Contains(line, `path="DELETE /video/v1/assets/{ASSET_ID}"`) {
		t.Errorf("the log does not know the route behind a final slash: %s", line)
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, a := range []answer{
		w.do(t, "GET", "/video/v1/assets", "", 200), w.do(t, "GET", "/video/v1/assets/x", "", 404), w.do(t, "POST", "/video/v1/assets", "{", 400),
	} {
		if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: content type %q", a.what, got)
		}
		if got := a.header.Get("Cache-Control"); got != "max-age=0, private, must-revalidate" {
			t.Errorf("%s: cache control %q", a.what, got)
		}
		if got := a.header.Get("X-Request-Id"); len(got) != 20 || !strings.Contains(w.log.String(), got) {
			t.Errorf("%s: request id %q is not in the log", a.what, got)
		}
	}
	get, head := w.do(t, "GET", "/video/v1/assets", "", 200), w.do(t, "HEAD", "/video/v1/assets", "", 200)
	if len(head.raw) != 0 || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("HEAD: %q, length %s, want %s", head.raw, head.header.Get("Content-Length"), get.header.Get("Content-Length"))
	}
	w.do(t, "HEAD", "/video/v1/assets/x", "", 404)
	w.do(t, "HEAD", "/system/v1/webhook-events/stream", "", 200)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		body, kind, words string
		status            int
	}{
		{`{`, "invalid_parameters", "JSON", 400},
		{`[1]`, "invalid_parameters", "object", 400},
		{``, "invalid_parameters", "`inputs`", 400},
		{`{"input":"https://a.example/x","test":true}`, "invalid_parameters", "`test`", 400},
		{`{"input":"` + strings.Repeat("a", 1<<20) + `"}`, "request_too_large", "1 MiB", 413},
	} {
		w.ask(t, w.caller, "POST", "/video/v1/assets", c.body).refused(t, c.status, c.kind, c.words)
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "nonsense;;"} {
		r := w.request(t, "POST", "/video/v1/assets", filmBody)
		r.SetBasicAuth(w.caller.id, w.caller.secret)
		r.Header.Set("Content-Type", contentType)
		if a := w.send(t, r); a.status != 201 {
			t.Errorf("content type %q: %d %s", contentType, a.status, a.raw)
		}
	}
}

// The table of what Mux has, the routes that are served, and the document are the same set.
func TestTheDocumentDescribesWhatIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.ask(t, caller{}, "GET", "/openapi.json", "")
	a.want(t, 200)
	var d document
	if err := json.Unmarshal(a.raw, &d); err != nil {
		t.Fatal(err)
	}
	if d.OpenAPI != "3.1.0" || d.Info.Version != "1.2.3" {
		t.Errorf("document %s of version %s", d.OpenAPI, d.Info.Version)
	}
	served, written := map[string]bool{}, map[string]bool{}
	for _, rt := range w.api.routes() {
		served[rt.method+" "+rt.path] = true
	}
	for _, rt := range muxapi.Routes() {
		if served[rt.Method+" "+rt.Path] != rt.Built {
			t.Errorf("%s %s: the table says built: %t, the door serves it: %t", rt.Method, rt.Path, rt.Built, !rt.Built)
		}
	}
	for _, o := range otherOperations() {
		served[o.method+" "+o.path] = true
	}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			written[strings.ToUpper(method)+" "+path] = true
			if ids[o.OperationID] || o.OperationID == "" || o.Summary == "" {
				t.Errorf("%s %s: operation %q, summary %q", method, path, o.OperationID, o.Summary)
			}
			ids[o.OperationID] = true
		}
	}
	for name := range served {
		if !written[name] {
			t.Errorf("%s is served and not in the document", name)
		}
	}
	for name := range written {
		if !served[name] {
			t.Errorf("%s is in the document and not served", name)
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref": "#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(a.raw), -1) {
		if d.Components.Schemas[ref[1]] == nil {
			t.Errorf("the document refers to %s, which it does not have", ref[1])
		}
	}
	for _, b := range muxapi.Bodies() {
		if o := d.Paths[b.Path][strings.ToLower(b.Method)]; o.RequestBody == nil {
			t.Errorf("%s %s has no request body in the document", b.Method, b.Path)
		}
	}
}

func TestThePageForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.ask(t, caller{}, "GET", "/docs", "")
	a.want(t, 200)
	page := string(a.raw)
	for _, rt := range w.api.routes() {
		if !strings.Contains(page, rt.path) || !strings.Contains(page, html.EscapeString(rt.summary)) {
			t.Errorf("the page does not show %s %s", rt.method, rt.path)
		}
	}
	for _, foreign := range []string{"<script", "src=", "http://", "https://", "@import", "url("} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page holds %q", foreign)
		}
	}
	if !strings.Contains(page, "inputs[].url") || !strings.Contains(page, "max_stored_resolution") {
		t.Error("the page shows no fields")
	}
}
