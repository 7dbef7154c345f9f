package api

import (
	"fmt"
	"net/http"
	"testing"

	"filmcan/internal/film"
)

const filmBody = `{"inputs":[{"url":"https://films.example/a.mp4"}],"playback_policies":["public"],"passthrough":"p"}`

// create makes an asset and returns its path.
func (w *world) create(tb testing.TB, who caller, body string) (path string, a answer) {
	tb.Helper()
	a = w.ask(tb, who, "POST", "/video/v1/assets", body)
	a.want(tb, http.StatusCreated)
	return "/video/v1/assets/" + a.text("data.id"), a
}

// The flow that Mux's example scripts walk through (reference page, 8.1), as far as this version has its routes.
func TestExerciseAssets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(t, w.caller, filmBody)
	asset, created := w.create(t, w.caller, filmBody)
	id := created.text("data.id")
	created.equal(t, "data.status", "preparing")
	created.equal(t, "data.master_access", "none")
	created.equal(t, "data.master", nil)
	created.equal(t, "data.playback_ids.0.policy", "public")

	patched := w.do(t, "PATCH", asset, `{"passthrough":"Example","meta":{"title":"T"}}`, 200)
	patched.equal(t, "data.passthrough", "Example")
	patched.equal(t, "data.meta.title", "T")
	w.do(t, "PATCH", asset, `{"meta":{}}`, 200).equal(t, "data.meta.title", "T")
	w.do(t, "PATCH", asset, `{"meta":null,"passthrough":""}`, 200).equal(t, "data.meta", nil)

	list := w.do(t, "GET", "/video/v1/assets", "", 200)
	list.equal(t, "data.0.id", id)
	w.do(t, "GET", asset, "", 200).equal(t, "data.progress.state", "ingesting")

	w.do(t, "GET", asset+"/input-info", "", 412).refused(t, 412, "failed_request", "Asset is still preparing")
	for _, body := range []string{`{"master_access":"temporary"}`, `{"master_access":"none"}`} {
		w.do(t, "PUT", asset+"/master-access", body, 412).refused(t, 412, "failed_request", "Asset is not ready")
	}

	w.makeReady(t, id)
	ready := w.do(t, "GET", asset, "", 200)
	ready.equal(t, "data.status", "ready")
	ready.equal(t, "data.aspect_ratio", "16:9")
	ready.equal(t, "data.duration", 24.0)

	info := w.do(t, "GET", asset+"/input-info", "", 200)
	info.equal(t, "data.0.settings.url", "https://films.example/a.mp4")
	info.equal(t, "data.0.file.tracks.0.encoding", "h264")

	playback := w.do(t, "POST", asset+"/playback-ids", `{"policy":"signed"}`, 201)
	playback.equal(t, "data.policy", "signed")
	w.do(t, "POST", asset+"/playback-ids", ``, 201).equal(t, "data.policy", "public")
	pb := playback.text("data.id")
	w.do(t, "GET", asset+"/playback-ids/"+pb, "", 200).equal(t, "data.id", pb)
	owner := w.do(t, "GET", "/video/v1/playback-ids/"+pb, "", 200)
	owner.equal(t, "data.object.id", id)
	owner.equal(t, "data.object.type", "asset")

	opened := w.do(t, "PUT", asset+"/master-access", `{"master_access":"temporary"}`, 200)
	opened.equal(t, "data.id", id)
	opened.equal(t, "data.master_access", "temporary")
	shown := w.do(t, "GET", asset, "", 200)
	shown.equal(t, "data.master.status", "ready")
	shown.equal(t, "data.master.sha256", "ab12")
	shown.equal(t, "data.master.size", 4242.0)
	w.do(t, "PUT", asset+"/master-access", `{"master_access":"temporary"}`, 400).refused(t, 400, "invalid_parameters", "Download already exists")
	w.do(t, "PUT", asset+"/master-access", `{}`, 400).refused(t, 400, "invalid_parameters", "`master_access`")
	for range 2 {
		closed := w.do(t, "PUT", asset+"/master-access", `{"master_access":"none"}`, 200)
		closed.equal(t, "data.master_access", "none")
		closed.equal(t, "data.master", nil)
	}

	for n := 0; ; n++ {
		pb := w.do(t, "GET", asset, "", 200).text("data.playback_ids.0.id")
		if pb == "" {
			if n != 3 {
				t.Errorf("there were %d playback ids, want 3", n)
			}
			break
		}
		if gone := w.do(t, "DELETE", asset+"/playback-ids/"+pb, "", 204); len(gone.raw) != 0 {
			t.Errorf("a 204 has a body: %s", gone.raw)
		}
		w.do(t, "GET", asset+"/playback-ids/"+pb, "", 404).refused(t, 404, "not_found", film.NotFoundMessage)
		w.do(t, "DELETE", asset+"/playback-ids/"+pb, "", 404)
	}
	w.do(t, "DELETE", asset, "", 204)
	w.do(t, "GET", asset, "", 404).refused(t, 404, "not_found", film.NotFoundMessage)
	w.do(t, "DELETE", asset, "", 404)
	w.do(t, "GET", "/video/v1/assets/HELLO", "", 404).refused(t, 404, "not_found", film.NotFoundMessage)
}

func TestPagesOfAssets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for i := range 7 {
		_, a := w.create(t, w.caller, fmt.Sprintf(`{"input":"https://films.example/%d.mp4"}`, i))
		want = append([]string{a.text("data.id")}, want...)
	}
	walk := func(next func(a answer, page int) string) []string {
		var got []string
		query := "?limit=3"
		for page := 1; query != ""; page++ {
			a := w.do(t, "GET", "/video/v1/assets"+query, "", 200)
			data, ok := a.at("data").([]any)
			if !ok {
				t.Fatalf("data is no array: %s", a.raw)
			}
			for i := range data {
				got = append(got, a.text(fmt.Sprintf("data.%d.id", i)))
			}
			query = next(a, page)
			if len(data) == 0 {
				break
			}
		}
		return got
	}
	byCursor := walk(func(a answer, _ int) string {
		if c := a.text("next_cursor"); c != "" {
			return "?limit=3&cursor=" + c
		}
		return ""
	})
	byPage := walk(func(_ answer, page int) string { return fmt.Sprintf("?limit=3&page=%d", page+1) })
	for name, got := range map[string][]string{"cursor": byCursor, "page": byPage} {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("by %s: %v, want %v", name, got, want)
		}
	}
	for query, field := range map[string]string{"limit=0": "`limit`", "page=0": "`page`", "cursor=!": "cursor", "limit=x": "`limit`"} {
		w.do(t, "GET", "/video/v1/assets?"+query, "", 400).refused(t, 400, "invalid_parameters", field)
	}
	w.do(t, "GET", "/video/v1/assets?limit=1000", "", 200)
	for _, filter := range []string{"upload_id=x", "live_stream_id=x"} {
		if a := w.do(t, "GET", "/video/v1/assets?"+filter, "", 200); string(a.raw) != `{"data":[]}` {
			t.Errorf("%s: %s", filter, a.raw)
		}
	}
}

func TestWebhooksOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const hooks = "/system/v1/webhooks"
	if a := w.do(t, "GET", hooks, "", 200); string(a.raw) != `{"data":[]}` {
		t.Errorf("no webhooks: %s", a.raw)
	}
	made := w.do(t, "POST", hooks, `{"address":"https://a.example/hook"}`, 201)
	made.equal(t, "data.enabled", true)
	if made.text("data.signing_secret") == "" {
		t.Errorf("a new webhook has no secret: %s", made.raw)
	}
	hook := hooks + "/" + made.text("data.id")
	// Not a 409, which Mux's SDKs would repeat.
	w.do(t, "POST", hooks, `{"address":"https://a.example/hook"}`, 400).refused(t, 400, "invalid_parameters", "address")
	for _, a := range []answer{w.do(t, "GET", hook, "", 200), w.do(t, "PATCH", hook, `{"enabled":false}`, 200)} {
		a.equal(t, "data.address", "https://a.example/hook")
		a.equal(t, "data.signing_secret", nil)
	}
	list := w.do(t, "GET", hooks, "", 200)
	list.equal(t, "data.0.enabled", false)
	list.equal(t, "data.0.signing_secret", nil)
	w.do(t, "PATCH", hook, `{}`, 400).refused(t, 400, "invalid_parameters", "`enabled`")
	w.do(t, "PATCH", hook, `{"enabled":true,"address":"https://b.example/hook"}`, 200)

	w.create(t, w.caller, filmBody)
	deliveries := w.do(t, "GET", hook+"/deliveries", "", 200)
	deliveries.equal(t, "data.0.event_type", "video.asset.created")
	deliveries.equal(t, "data.0.status", "pending")
	attempt := film.Attempt{ID: "a1", Number: 1, Status: 500, Body: "oh no"}
	attempt.At = w.env.CreatedAt
	must(t, w.RecordAttempt(t.Context(), film.DeliveryID(deliveries.text("data.0.id")), attempt, attempt.At))
	tried := w.do(t, "GET", hook+"/deliveries", "", 200)
	tried.equal(t, "data.0.attempts.0.response_status_code", 500.0)
	tried.equal(t, "data.0.attempts.0.response_body", "oh no")

	w.do(t, "DELETE", hook, "", 204)
	w.do(t, "GET", hook, "", 404)
	w.do(t, "GET", hook+"/deliveries", "", 404)
	w.do(t, "POST", hooks, `{"address":"https://b.example/hook"}`, 201)
}

func TestWhoami(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.ask(t, w.token(t, w.env.ID, film.VideoRead), "GET", "/system/v1/whoami", "")
	a.want(t, 200)
	a.equal(t, "data.environment_id", string(w.env.ID))
	a.equal(t, "data.environment_name", "Development")
	a.equal(t, "data.access_token_name", "laptop")
	a.equal(t, "data.permissions.0", "video:read")
}
