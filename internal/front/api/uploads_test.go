package api

import (
	"fmt"
	"strings"
	"testing"

	"filmcan/internal/film"
)

const uploads = "/video/v1/uploads"

// The flow that Mux's example scripts walk through (reference page, 8.3), with the recorded answers (2.6).
func TestExerciseUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, "POST", uploads, ``, 201)
	created := w.do(t, "POST", uploads, `{"timeout":3600,"cors_origin":"philcluff.co.uk","new_asset_settings":{"playback_policy":["public"]}}`, 201)
	id := created.text("data.id")
	one := uploads + "/" + id
	list := w.do(t, "GET", uploads, "", 200)
	list.equal(t, "data.0.id", id)
	list.equal(t, "data.1.cors_origin", nil)
	list.equal(t, "data.1.timeout", 3600.0)
	got := w.do(t, "GET", one, "", 200)
	for _, a := range []answer{created, got} {
		a.equal(t, "data.id", id)
		a.equal(t, "data.status", "waiting")
		a.equal(t, "data.timeout", 3600.0)
		a.equal(t, "data.cors_origin", "philcluff.co.uk")
		a.equal(t, "data.new_asset_settings.playback_policies.0", "public")
		a.equal(t, "data.new_asset_settings.playback_policy", nil)
		a.equal(t, "data.url", "https://films.example/upload/"+id+"?token=dG9rZW4")
		a.equal(t, "data.asset_id", nil)
	}
	gone := w.do(t, "PUT", one+"/cancel", "", 200)
	for _, a := range []answer{gone, w.do(t, "GET", one, "", 200)} {
		a.equal(t, "data.id", id)
		a.equal(t, "data.status", "cancelled")
		a.equal(t, "data.url", nil)
	}
	w.do(t, "PUT", one+"/cancel", "", 403).refused(t, 403, "forbidden", "not waiting")
}

// From the last byte on the upload has an asset, which is found by it; when the asset fails, so does the upload.
func TestAnUploadAndItsAsset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"new_asset_settings":{"master_access":"temporary","playback_policies":["public"],"passthrough":"mine","meta":{"title":"T"}}}`
	id := w.do(t, "POST", uploads, body, 201).text("data.id")
	other := w.do(t, "POST", uploads, body, 201).text("data.id")
	for _, id := range []string{id, other} {
		_, err := w.CompleteUpload(t.Context(), film.UploadID(id))
		must(t, err)
	}
	done := w.do(t, "GET", uploads+"/"+id, "", 200)
	done.equal(t, "data.status", "asset_created")
	done.equal(t, "data.url", nil)
	asset := done.text("data.asset_id")

	found := w.do(t, "GET", "/video/v1/assets?upload_id="+id, "", 200)
	found.equal(t, "data.0.id", asset)
	found.equal(t, "data.0.upload_id", id)
	found.equal(t, "data.0.ingest_type", "on_demand_direct_upload")
	found.equal(t, "data.0.passthrough", "mine")
	found.equal(t, "data.0.meta.title", "T")
	found.equal(t, "data.0.playback_ids.0.policy", "public")
	found.equal(t, "data.0.master_access", "temporary")
	found.equal(t, "data.1", nil)
	w.do(t, "PUT", uploads+"/"+id+"/cancel", "", 403).refused(t, 403, "forbidden", "not waiting")

	w.makeReady(t, asset)
	w.do(t, "GET", "/video/v1/assets/"+asset, "", 200).equal(t, "data.master.status", "ready")
	info := w.do(t, "GET", "/video/v1/assets/"+asset+"/input-info", "", 200)
	info.equal(t, "data.0.settings.url", nil)
	info.equal(t, "data.0.file.tracks.0.encoding", "h264")

	fails := w.do(t, "GET", uploads+"/"+other, "", 200).text("data.asset_id")
	must(t, w.AssetFailed(t.Context(), film.AssetID(fails), film.Failure{Type: "invalid_input", Messages: []string{"No film"}}))
	failed := w.do(t, "GET", uploads+"/"+other, "", 200)
	failed.equal(t, "data.status", "errored")
	failed.equal(t, "data.error.type", "invalid_input")
	failed.equal(t, "data.error.message", "No film")
	failed.equal(t, "data.asset_id", fails)
}

func TestPagesOfUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.do(t, "GET", uploads, "", 200); string(a.raw) != `{"data":[]}` {
		t.Errorf("no uploads: %s", a.raw)
	}
	var want, got []string
	for range 7 {
		want = append([]string{w.do(t, "POST", uploads, `{}`, 201).text("data.id")}, want...)
	}
	for page := 1; ; page++ {
		a := w.do(t, "GET", fmt.Sprintf("%s/?limit=3&page=%d", uploads, page), "", 200)
		items, ok := a.at("data").([]any)
		if !ok {
			t.Fatalf("data is no array: %s", a.raw)
		}
		if len(items) == 0 {
			break
		}
		for i := range items {
			got = append(got, a.text(fmt.Sprintf("data.%d.id", i)))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("pages hold %v, want %v", got, want)
	}
	for query, field := range map[string]string{"limit=0": "`limit`", "page=0": "`page`", "limit=x": "`limit`"} {
		w.do(t, "GET", uploads+"?"+query, "", 400).refused(t, 400, "invalid_parameters", field)
	}
}

// What is refused makes no upload.
func TestRefusedUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, words := range map[string]string{
		`{"timeout":59}`:     "`timeout`",
		`{"timeout":604801}`: "`timeout`",
		`{"test":true}`:      "`test`",
		`{"new_asset_settings":{"input":[{"generated_subtitles":[{"language_code":"en"}]}]}}`: "`new_asset_settings.input[0].generated_subtitles`",
	} {
		w.do(t, "POST", uploads, body, 400).refused(t, 400, "invalid_parameters", words)
	}
	if a := w.do(t, "GET", uploads, "", 200); string(a.raw) != `{"data":[]}` {
		t.Errorf("a refused upload is there: %s", a.raw)
	}
	w.do(t, "GET", uploads+"/HELLO", "", 404).refused(t, 404, "not_found", film.NotFoundMessage)
	w.do(t, "PUT", uploads+"/HELLO/cancel", "", 404).refused(t, 404, "not_found", film.NotFoundMessage)
}
