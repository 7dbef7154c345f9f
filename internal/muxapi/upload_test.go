package muxapi_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

// uploadAsked is what a creation without a word means.
func uploadAsked(change func(*muxapi.NewUpload)) muxapi.NewUpload {
	n := muxapi.NewUpload{
		Settings: film.AssetSettings{MaxTier: film.Tier1080p, Quality: film.QualityPlus, MasterAccess: film.AccessNone}, Timeout: time.Hour,
	}
	if change != nil {
		change(&n)
	}
	return n
}

func TestEverySpellingOfAnUpload(t *testing.T) {
	t.Parallel()
	origin := func(s string) muxapi.NewUpload {
		return uploadAsked(func(n *muxapi.NewUpload) { n.CORSOrigin = s })
	}
	timeout := func(d time.Duration) muxapi.NewUpload {
		return uploadAsked(func(n *muxapi.NewUpload) { n.Timeout = d })
	}
	policies := func(p ...film.Policy) muxapi.NewUpload {
		return uploadAsked(func(n *muxapi.NewUpload) { n.Settings.Policies = p })
	}
	plain := uploadAsked(nil)
	for body, want := range map[string]muxapi.NewUpload{
		``:   plain,
		`{}`: plain,
		`{"cors_origin":null,"timeout":null,"test":null,"new_asset_settings":null}`: plain,
		`{"cors_origin":"","timeout":0,"test":false,"new_asset_settings":{}}`:       plain,
		`{"timeout":"","test":"false","new_asset_settings":[]}`:                     plain,
		`{"timeout":"0","id":"mine","url":"https://a.example/","status":"errored"}`: plain,

		`{"cors_origin":"*"}`:                                 origin("*"),
		`{"cors_origin":"philcluff.co.uk"}`:                   origin("philcluff.co.uk"),
		`{"cors_origin":"https://example.com/"}`:              origin("https://example.com/"),
		`{"cors_origin":" http://localhost:3000 "}`:           origin("http://localhost:3000"),
		`{"cors_origin":"https://bücher.example"}`:            origin("https://bücher.example"),
		`{"cors_origin":"` + strings.Repeat("a", 2048) + `"}`: origin(strings.Repeat("a", 2048)),

		`{"timeout":60}`:       timeout(time.Minute),
		`{"timeout":604800}`:   timeout(7 * 24 * time.Hour),
		`{"timeout":"604800"}`: timeout(7 * 24 * time.Hour),
		`{"timeout":7200.0}`:   timeout(2 * time.Hour),
		`{"timeout":7.2e3}`:    timeout(2 * time.Hour),

		`{"new_asset_settings":{"playback_policy":["public"]}}`:                               policies("public"),
		`{"new_asset_settings":{"playback_policy":"signed"}}`:                                 policies("signed"),
		`{"new_asset_settings":{"playback_policies":"public"}}`:                               policies("public"),
		`{"new_asset_settings":{"playback_policies":["public","signed"]}}`:                    policies("public", "signed"),
		`{"new_asset_settings":{"advanced_playback_policies":[{"policy":"signed"}]}}`:         policies("signed"),
		`{"playback_policies":["public"],"passthrough":"not here"}`:                           plain,
		`{"new_asset_settings":{"inputs":[]}}`:                                                plain,
		`{"new_asset_settings":{"input":"","inputs":null}}`:                                   plain,
		`{"new_asset_settings":{"inputs":[{}]}}`:                                              plain,
		`{"new_asset_settings":{"input":{"type":"video"}}}`:                                   plain,
		`{"new_asset_settings":{"inputs":[{"url":"","generated_subtitles":[]}]}}`:             plain,
		`{"new_asset_settings":{"meta":{},"static_renditions":[],"mp4_support":"none"}}`:      plain,
		`{"new_asset_settings":{"per_title_encode":true,"test":false,"cors_origin":"other"}}`: plain,
		`{"new_asset_settings":{"encoding_tier":"baseline"}}`: uploadAsked(func(n *muxapi.NewUpload) {
			n.Settings.Quality = film.QualityBasic
		}),
		`{"timeout":"90","cors_origin":"*","new_asset_settings":{"master_access":"temporary","max_resolution_tier":"2160p","video_quality":"premium","passthrough":"p","meta":{"title":"Ü","creator_id":"c","external_id":"e"}}}`: {
			CORSOrigin: "*", Timeout: 90 * time.Second,
			Settings: film.AssetSettings{
				MaxTier: film.Tier2160p, Quality: film.QualityPremium, MasterAccess: film.AccessTemporary, Passthrough: "p",
				Meta: film.Meta{Title: "Ü", CreatorID: "c", ExternalID: "e"},
			},
		},
	} {
		got, err := muxapi.DecodeNewUpload([]byte(body))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", body, got, err, want)
		}
	}
}

func TestEveryRefusalOfAnUploadNamesTheField(t *testing.T) {
	t.Parallel()
	for body, words := range map[string]string{
		`[]`:                          "object",
		`{"test":true}`:               "`test` supported",
		`{"cors_origin":true}`:        "`cors_origin`",
		`{"cors_origin":["*"]}`:       "`cors_origin`",
		`{"cors_origin":"a\r\nX: y"}`: "`cors_origin`",
		`{"cors_origin":"\u0000"}`:    "`cors_origin`",
		`{"cors_origin":"` + strings.Repeat("a", 2049) + `"}`: "`cors_origin` 2048",

		`{"timeout":59}`:                     "`timeout` 60 604800",
		`{"timeout":604801}`:                 "`timeout` 60 604800",
		`{"timeout":-3600}`:                  "`timeout` 60 604800",
		`{"timeout":"59"}`:                   "`timeout` 60",
		`{"timeout":90.5}`:                   "`timeout` whole",
		`{"timeout":1e300}`:                  "`timeout` whole",
		`{"timeout":"1h"}`:                   "`timeout` whole",
		`{"timeout":"90.0"}`:                 "`timeout` whole",
		`{"timeout":"99999999999999999999"}`: "`timeout` whole",
		`{"timeout":true}`:                   "`timeout` whole",
		`{"timeout":{}}`:                     "`timeout` whole",
		`{"timeout":[]}`:                     "`timeout` whole",

		`{"new_asset_settings":"public"}`:                                                    "`new_asset_settings`",
		`{"new_asset_settings":{"test":true}}`:                                               "`new_asset_settings.test`",
		`{"new_asset_settings":{"master_access":"permanent"}}`:                               "`new_asset_settings.master_access` none, temporary",
		`{"new_asset_settings":{"playback_policy":"open"}}`:                                  "`new_asset_settings.playback_policy` public",
		`{"new_asset_settings":{"playback_policies":["drm"]}}`:                               "`new_asset_settings.playback_policies` drm",
		`{"new_asset_settings":{"playback_policy":"public","playback_policies":["public"]}}`: "`new_asset_settings.playback_policy` `new_asset_settings.playback_policies`",
		`{"new_asset_settings":{"advanced_playback_policies":[{}]}}`:                         "`new_asset_settings.advanced_playback_policies[0].policy`",
		`{"new_asset_settings":{"advanced_playback_policies":["public"]}}`:                   "`new_asset_settings.advanced_playback_policies`",
		`{"new_asset_settings":{"encoding_tier":"smart","video_quality":"basic"}}`:           "`new_asset_settings.encoding_tier` `new_asset_settings.video_quality`",
		`{"new_asset_settings":{"max_resolution_tier":"720p"}}`:                              "`new_asset_settings.max_resolution_tier`",
		`{"new_asset_settings":{"meta":{"title":1}}}`:                                        "`new_asset_settings.meta.title`",
		`{"new_asset_settings":{"passthrough":"` + strings.Repeat("é", 256) + `"}}`:          "`new_asset_settings.passthrough` 255",
		`{"new_asset_settings":{"static_renditions":[{"resolution":"highest"}]}}`:            "`new_asset_settings.static_renditions`",

		// What Mux's PHP script and stream.new send; subtitles are refused on assets too.
		`{"new_asset_settings":{"input":[{"generated_subtitles":[{"language_code":"en"}]}]}}`:    "`new_asset_settings.input[0].generated_subtitles` subtitles",
		`{"new_asset_settings":{"inputs":[{"generated_subtitles":[{"language_code":"auto"}]}]}}`: "`new_asset_settings.inputs[0].generated_subtitles`",
		`{"new_asset_settings":{"inputs":"https://a.example/x.mp4"}}`:                            "`new_asset_settings.inputs[0].url`",
		`{"new_asset_settings":{"inputs":[{"url":"https://a.example/x.mp4"}]}}`:                  "`new_asset_settings.inputs[0].url`",
		`{"new_asset_settings":{"inputs":[{},{}]}}`:                                              "`new_asset_settings.inputs[1]`",
		`{"new_asset_settings":{"inputs":[{"type":"text"}]}}`:                                    "`new_asset_settings.inputs[0].type`",
		`{"new_asset_settings":{"inputs":[7]}}`:                                                  "`new_asset_settings.inputs[0]`",
		`{"new_asset_settings":{"inputs":[{}],"input":[{}]}}`:                                    "`new_asset_settings.input` `new_asset_settings.inputs`",
	} {
		_, err := muxapi.DecodeNewUpload([]byte(body))
		refusal(t, body, err, strings.Fields(words)...)
	}
}

// The recorded facts (reference page, 2.6): the URL is there only while the upload waits, and what was not given is
// left out.
func TestWhatAnUploadShowsInEachState(t *testing.T) {
	t.Parallel()
	done, became := uploaded(t)
	refused, _ := waiting().Fail(film.UploadFailure{Type: "invalid_input", Message: "not a film"}, born())
	for name, c := range map[string]struct {
		upload film.Upload
		has    string
	}{
		"waiting":   {waiting(), "cors_origin url"},
		"bare":      {bare(), "url"},
		"cancelled": {cancelled(t), ""},
		"timed out": {timedOut(), ""},
		"done":      {done, "cors_origin asset_id"},
		"errored":   {failed(t), "cors_origin asset_id error"},
		"refused":   {refused, "cors_origin error"},
	} {
		var got map[string]any
		if err := json.Unmarshal(encode(t, muxapi.UploadOf(c.upload, links{})), &got); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"cors_origin", "url", "asset_id", "error", "test", "created_at"} {
			_, has := got[field]
			if want := strings.Contains(" "+c.has+" ", " "+field+" "); has != want {
				t.Errorf("%s: shows %s: %t, want %t: %v", name, field, has, want, got)
			}
		}
		if got["status"] != string(c.upload.Status) || got["id"] != string(c.upload.ID) || got["timeout"] != c.upload.Timeout.Seconds() {
			t.Errorf("%s: %v", name, got)
		}
	}
	a := muxapi.AssetOf(became, links{})
	if a.UploadID != done.ID || a.IngestType != film.IngestUpload {
		t.Errorf("the asset of an upload has upload_id %q and ingest_type %q", a.UploadID, a.IngestType)
	}
}

func TestInputInfoOfAnUploadedFilm(t *testing.T) {
	t.Parallel()
	a := ready()
	a.Inputs, a.IngestType = nil, film.IngestUpload
	info, err := muxapi.InputInfoOf(a)
	if err != nil || len(info) != 1 || info[0].Settings.URL != "" || info[0].File == nil || len(info[0].File.Tracks) != 2 {
		t.Errorf("input info of an uploaded film: %+v, %v", info, err)
	}
}

// uploadEvent is the last event about the upload in a change.
func uploadEvent(t *testing.T, c film.Change) film.Event {
	t.Helper()
	for _, e := range c.Events {
		if e.Object.Type == film.ObjectUpload {
			e.ID, e.Environment, e.Seq = "3fa85f64-5717-4562-b3fc-2c963f66afa6", "j0863n", 7
			return e
		}
	}
	t.Fatalf("no event of an upload in %+v", c)
	return film.Event{}
}

func TestEventBodiesOfUploads(t *testing.T) {
	t.Parallel()
	done, _ := uploaded(t)
	_, erred := done.Fail(film.UploadFailure{Type: "invalid_input", Message: "not a film"}, born())
	_, created := film.CreateUpload(film.NewUpload{ID: "u1", Settings: bare().Settings}, born())
	_, _, completed, err := waiting().Complete(done.Asset, nil, born())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]film.Change{
		"event-upload-created": created, "event-upload-asset-created": completed, "event-upload-errored": erred,
	} {
		body, err := muxapi.EventBody(uploadEvent(t, change), environment(), links{})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", indent(t, body))
		if strings.Contains(string(body), `"error"`) {
			t.Errorf("%s: a webhook shows the error of an upload, which Mux's does not: %s", name, body)
		}
	}
}

// The file is the snapshot of an upload as version 1 wrote it; it is never changed.
func TestUploadSnapshotsOfVersion1StayReadable(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/snapshot-upload-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var snapshot film.Snapshot
	if err := json.Unmarshal(raw, &snapshot); err != nil {
		t.Fatalf("read a stored snapshot: %v", err)
	}
	if want := failed(t); !reflect.DeepEqual(muxapi.UploadOf(*snapshot.Upload, links{}), muxapi.UploadOf(want, links{})) {
		t.Errorf("read %+v, want %+v", snapshot.Upload, want)
	}
}
