package muxapi_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

const filmURL = "https://films.example/a%20film.mp4?token=a%2Fb&x=1"

// asked is what a creation with the film's URL alone means.
func asked(change func(*film.AssetSettings)) muxapi.NewAsset {
	n := muxapi.NewAsset{
		Inputs:   []film.Input{{URL: filmURL}},
		Settings: film.AssetSettings{MaxTier: film.Tier1080p, Quality: film.QualityPlus, MasterAccess: film.AccessNone},
	}
	if change != nil {
		change(&n.Settings)
	}
	return n
}

func TestEverySpellingOfACreation(t *testing.T) {
	t.Parallel()
	policies := func(p ...film.Policy) muxapi.NewAsset {
		return asked(func(s *film.AssetSettings) { s.Policies = p })
	}
	plain := asked(nil)
	const in = `"inputs":"` + filmURL + `"`
	for _, c := range []struct {
		name, body string
		want       muxapi.NewAsset
	}{
		{"inputs as a string", `{` + in + `}`, plain},
		{"inputs as an object", `{"inputs":{"url":"` + filmURL + `"}}`, plain},
		{"inputs as an array of objects", `{"inputs":[{"url":"` + filmURL + `"}]}`, plain},
		{"inputs as an array of strings", `{"inputs":["` + filmURL + `"]}`, plain},
		{"input as a string", `{"input":"` + filmURL + `"}`, plain},
		{"input as an object", `{"input":{"url":"` + filmURL + `","type":"video"}}`, plain},
		{"input as an array", `{"input":[{"url":"` + filmURL + `"}]}`, plain},
		{"both, one of them empty", `{"inputs":[],"input":"` + filmURL + `"}`, plain},
		{"white space around everything", " \n{ \"inputs\" : [ { \"url\" : \" " + filmURL + " \" } ] }\n", plain},
		{"policies as an array", `{` + in + `,"playback_policies":["public","signed"]}`, policies("public", "signed")},
		{"policies as a string", `{` + in + `,"playback_policies":"signed"}`, policies("signed")},
		{"old policy as an array", `{` + in + `,"playback_policy":["public"]}`, policies("public")},
		{"old policy as a string", `{` + in + `,"playback_policy":"public"}`, policies("public")},
		{"advanced policies", `{` + in + `,"advanced_playback_policies":[{"policy":"signed","drm_configuration_id":""}]}`, policies("signed")},
		{"plain and advanced policies", `{` + in + `,"playback_policy":"public","advanced_playback_policies":[{"policy":"signed"}]}`, policies("public", "signed")},
		{"unknown fields", `{` + in + `,"nobody":{"knows":[1,2,{}]},"Passthrough":"other case"}`, plain},
		{"nulls", `{` + in + `,"input":null,"passthrough":null,"meta":null,"playback_policy":null,"max_resolution_tier":null,"test":null,"static_renditions":null,"mp4_support":null}`, plain},
		{
			"what Go sends without being asked",
			`{"inputs":[{"url":"` + filmURL + `","overlay_settings":{},"generated_subtitles":[]}],"meta":{},"static_renditions":[],"advanced_playback_policies":[]}`, plain,
		},
		{"an empty list for an empty map, as PHP does", `{` + in + `,"meta":[]}`, plain},
		{"values that ask for nothing", `{` + in + `,"test":false,"normalize_audio":"false","mp4_support":"none","generate_shots":false,"inputs_":1}`, plain},
		{"a clip's start of zero", `{"inputs":[{"url":"` + filmURL + `","start_time":0,"end_time":"0"}]}`, plain},
		{"what is ignored", `{` + in + `,"per_title_encode":true,"copy_overlays":false,"directives":[{"id":"drv_1"}]}`, plain},
		{"quality", `{` + in + `,"video_quality":"premium"}`, asked(func(s *film.AssetSettings) { s.Quality = film.QualityPremium })},
		{"old quality", `{` + in + `,"encoding_tier":"baseline"}`, asked(func(s *film.AssetSettings) { s.Quality = film.QualityBasic })},
		{"old quality, the best", `{` + in + `,"encoding_tier":"premium"}`, asked(func(s *film.AssetSettings) { s.Quality = film.QualityPremium })},
		{"both qualities agree", `{` + in + `,"encoding_tier":"smart","video_quality":"plus"}`, plain},
		{"empty choices", `{` + in + `,"encoding_tier":"","video_quality":"","master_access":""}`, plain},
		{"tier", `{` + in + `,"max_resolution_tier":"2160p"}`, asked(func(s *film.AssetSettings) { s.MaxTier = film.Tier2160p })},
		{"master access", `{` + in + `,"master_access":"temporary"}`, asked(func(s *film.AssetSettings) { s.MasterAccess = film.AccessTemporary })},
		{
			"meta and passthrough", `{` + in + `,"meta":{"title":"Ü","creator_id":"c","external_id":"e","other":1},"passthrough":"p"}`,
			asked(func(s *film.AssetSettings) {
				s.Meta, s.Passthrough = film.Meta{Title: "Ü", CreatorID: "c", ExternalID: "e"}, "p"
			}),
		},
		{
			"as long as may be", `{` + in + `,"meta":{"title":"` + strings.Repeat("é", 512) + `","creator_id":"` + strings.Repeat("é", 128) + `"},"passthrough":"` + strings.Repeat("é", 255) + `"}`,
			asked(func(s *film.AssetSettings) {
				s.Meta = film.Meta{Title: strings.Repeat("é", 512), CreatorID: strings.Repeat("é", 128)}
				s.Passthrough = strings.Repeat("é", 255)
			}),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := muxapi.DecodeNewAsset([]byte(c.body))
			if err != nil {
				t.Fatalf("%s: %v", c.body, err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s\n got %+v\nwant %+v", c.body, got, c.want)
			}
		})
	}
}

// refusal fails the test unless err is a 400 for the customer whose message holds all the words.
func refusal(t *testing.T, body string, err error, words ...string) {
	t.Helper()
	e := film.AsError(err)
	if e == nil || e.Code != film.CodeInvalid || e.Fault != film.FaultCustomer {
		t.Errorf("%s: %v, want an invalid-parameters error", body, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("%s: %q does not name %q", body, e.Message, w)
		}
	}
}

func TestEveryRefusalOfACreationNamesTheField(t *testing.T) {
	t.Parallel()
	const in = `"inputs":"` + filmURL + `"`
	for _, c := range []struct{ body, words string }{
		{``, "`inputs`"},
		{`null`, "`inputs`"},
		{`{}`, "`inputs`"},
		{`{"inputs":[]}`, "`inputs`"},
		{`{"inputs":""}`, "`inputs`"},
		{`[]`, "object"},
		{`"x"`, "object"},
		{`{`, "not valid JSON"},
		{`{} {}`, "not valid JSON"},
		{"{\"passthrough\":\"\xff\"}", "UTF-8"},
		{`{"inputs":7}`, "`inputs[0]`"},
		{`{"inputs":[null]}`, "`inputs[0]`"},
		{`{"inputs":[[]]}`, "`inputs[0]`"},
		{`{"input":[{}]}`, "`input[0].url`"},
		{`{"inputs":[{"url":7}]}`, "`inputs[0].url`"},
		{`{"inputs":"ftp://a.example/x"}`, "`inputs[0].url`"},
		{`{"inputs":"a.example/x"}`, "`inputs[0].url`"},
		{`{"inputs":"https://"}`, "`inputs[0].url`"},
		{`{"inputs":"https:///x"}`, "`inputs[0].url`"},
		{`{"inputs":"https://a.example:0/x"}`, "`inputs[0].url`"},
		{`{"inputs":"https://a.example:65536/x"}`, "`inputs[0].url`"},
		{`{"inputs":"https://a.example/%zz"}`, "`inputs[0].url`"},
		{`{"inputs":"https://a.example/a\nb"}`, "`inputs[0].url`"},
		{`{"inputs":"https://a.example/\u0000"}`, "`inputs[0].url`"},
		{`{"inputs":"https://a.example/` + strings.Repeat("a", 8192) + `"}`, "`inputs[0].url`"},
		{`{"inputs":"mux://assets/abc"}`, "`inputs[0].url` clips"},
		{`{"inputs":[{"url":"` + filmURL + `","type":"text"}]}`, "`inputs[0].type` text"},
		{`{"inputs":[{"url":"` + filmURL + `","type":"film"}]}`, "`inputs[0].type`"},
		{`{"inputs":["` + filmURL + `","` + filmURL + `"]}`, "`inputs[1]`"},
		{`{"inputs":"` + filmURL + `","input":"` + filmURL + `"}`, "`input` `inputs`"},
		{`{` + in + `,"playback_policy":"public","playback_policies":["public"]}`, "`playback_policy`"},
		{`{` + in + `,"playback_policies":["drm"]}`, "`playback_policies` drm"},
		{`{` + in + `,"playback_policy":"open"}`, "`playback_policy` public, signed"},
		{`{` + in + `,"playback_policy":[null]}`, "`playback_policy`"},
		{`{` + in + `,"playback_policies":["public"` + strings.Repeat(`,"public"`, 100) + `]}`, "`playback_policies` 100"},
		{`{` + in + `,"advanced_playback_policies":["public"]}`, "`advanced_playback_policies`"},
		{`{` + in + `,"advanced_playback_policies":[{}]}`, "`advanced_playback_policies[0].policy`"},
		{`{` + in + `,"advanced_playback_policies":[{"policy":"drm"}]}`, "`advanced_playback_policies[0].policy` drm"},
		{`{` + in + `,"advanced_playback_policies":[{"policy":"signed","drm_configuration_id":"x"}]}`, "`advanced_playback_policies[0].drm_configuration_id`"},
		{`{` + in + `,"video_quality":"best"}`, "`video_quality` basic, plus, premium"},
		{`{` + in + `,"video_quality":1}`, "`video_quality`"},
		{`{` + in + `,"encoding_tier":"basic"}`, "`encoding_tier`"},
		{`{` + in + `,"encoding_tier":"smart","video_quality":"basic"}`, "`encoding_tier` `video_quality`"},
		{`{` + in + `,"max_resolution_tier":"720p"}`, "`max_resolution_tier` 1080p, 1440p, 2160p"},
		{`{` + in + `,"master_access":"permanent"}`, "`master_access` none, temporary"},
		{`{` + in + `,"meta":"x"}`, "`meta`"},
		{`{` + in + `,"meta":{"title":1}}`, "`meta.title`"},
		{`{` + in + `,"meta":{"title":"` + strings.Repeat("é", 513) + `"}}`, "`meta.title` 512"},
		{`{` + in + `,"meta":{"creator_id":"` + strings.Repeat("é", 129) + `"}}`, "`meta.creator_id` 128"},
		{`{` + in + `,"meta":{"external_id":"` + strings.Repeat("é", 129) + `"}}`, "`meta.external_id` 128"},
		{`{` + in + `,"passthrough":"` + strings.Repeat("é", 256) + `"}`, "`passthrough` 255"},
		{`{` + in + `,"passthrough":"a\u0000"}`, "`passthrough`"},
		{`{` + in + `,"passthrough":{}}`, "`passthrough`"},
	} {
		_, err := muxapi.DecodeNewAsset([]byte(c.body))
		refusal(t, c.body, err, strings.Fields(c.words)...)
	}
}

// Nothing in the table of parameters is answered with 201 and silently nothing: what is refused is refused with its
// name when it is asked for, and every other is taken.
func TestTheTableOfParametersIsKept(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"string": `"x"`, "number": `1.5`, "integer": `1`, "boolean": `true`, "array": `[{"x":1}]`, "object": `{"x":1}`,
	}
	decode := map[string]func(string) error{
		"CreateAssetRequest": func(fields string) error {
			_, err := muxapi.DecodeNewAsset([]byte(`{"input":"` + filmURL + `",` + fields + `}`))
			return err
		},
		"UpdateAssetRequest": func(fields string) error {
			_, err := muxapi.DecodeAssetPatch([]byte(`{` + fields + `}`))
			return err
		},
		"UpdateMasterAccessRequest": func(fields string) error {
			_, err := muxapi.DecodeMasterAccess([]byte(`{` + fields + `}`))
			return err
		},
		"CreatePlaybackIDRequest": func(fields string) error {
			_, err := muxapi.DecodeNewPlayback([]byte(`{` + fields + `}`))
			return err
		},
		"CreateUploadRequest": func(fields string) error {
			_, err := muxapi.DecodeNewUpload([]byte(`{` + fields + `}`))
			return err
		},
		"CreateWebhookRequest": func(fields string) error {
			_, err := muxapi.DecodeNewWebhook([]byte(`{` + fields + `}`))
			return err
		},
		"UpdateWebhookRequest": func(fields string) error {
			_, err := muxapi.DecodeWebhookPatch([]byte(`{` + fields + `}`))
			return err
		},
	}
	// What the parameters mean beside their types, for those that are taken.
	meant := map[string]string{
		"inputs": `"` + filmURL + `"`, "input": `"` + filmURL + `"`, "inputs[].url": `"` + filmURL + `"`, "address": `"` + filmURL + `"`,
		"meta": `{"title":"x"}`, "advanced_playback_policies": `[{"policy":"public"}]`, "timeout": `60`,
		"new_asset_settings.inputs": `[{}]`, "new_asset_settings.input": `[{}]`,
	}
	refused, taken := 0, 0
	for _, b := range muxapi.Bodies() {
		for _, p := range b.Parameters {
			kind, _, _ := strings.Cut(p.Type, "|")
			value := values[kind]
			if value == "" {
				t.Errorf("%s %s: unknown type %q", b.Schema, p.Name, p.Type)
			}
			if p.Verdict != muxapi.Refused {
				if len(p.Enum) > 0 {
					value = `"` + p.Enum[0] + `"`
				}
				for _, name := range []string{strings.TrimPrefix(p.Name, "new_asset_settings."), p.Name} {
					if meant[name] != "" {
						value = meant[name]
					}
				}
			}
			field := fieldAt(p.Name, value)
			err := decode[b.Schema](field)
			if p.Verdict != muxapi.Refused {
				taken++
				if err != nil {
					t.Errorf("%s: %s is %s and was refused: %v", b.Schema, field, p.Verdict, err)
				}
				continue
			}
			refused++
			last := p.Name[strings.LastIndexAny(p.Name, ".")+1:]
			refusal(t, field, err, last+"`", "not supported", p.Note)
		}
	}
	if refused < 15 || taken < 30 {
		t.Errorf("only %d refused and %d other parameters were tried", refused, taken)
	}
}

// fieldAt writes a field where the table says that it stands, with what it needs around it.
func fieldAt(name, value string) string {
	if inner, ok := strings.CutPrefix(name, "new_asset_settings.inputs[]."); ok {
		return `"new_asset_settings":{"inputs":[{"` + inner + `":` + value + `}]}`
	}
	if inner, ok := strings.CutPrefix(name, "new_asset_settings.inp"); ok {
		return `"new_asset_settings":{"inp` + inner + `":` + value + `}`
	}
	if inner, ok := strings.CutPrefix(name, "new_asset_settings."); ok {
		return `"new_asset_settings":{` + fieldAt(inner, value) + `}`
	}
	if inner, ok := strings.CutPrefix(name, "inputs[]."); ok {
		return `"input":null,"inputs":[{"url":"` + filmURL + `","` + inner + `":` + value + `}]`
	}
	if inner, ok := strings.CutPrefix(name, "advanced_playback_policies[]."); ok {
		return `"advanced_playback_policies":[{"policy":"public","` + inner + `":` + value + `}]`
	}
	if inner, ok := strings.CutPrefix(name, "meta."); ok {
		return `"meta":{"` + inner + `":` + value + `}`
	}
	if name == "inputs" {
		return `"input":null,"inputs":` + value
	}
	return `"` + name + `":` + value
}

func TestPatchTellsAbsentNullAndEmptyApart(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]film.AssetPatch{
		``:                        {},
		`{}`:                      {},
		`{"meta":{}}`:             {},
		`{"thumbnail_time":null}`: {},
		`{"passthrough":"x"}`:     {Passthrough: new("x")},
		`{"passthrough":""}`:      {Passthrough: new("")},
		`{"passthrough":null}`:    {Passthrough: new("")},
		`{"meta":null}`:           {Title: new(""), CreatorID: new(""), ExternalID: new("")},
		`{"meta":{"title":"t"}}`:  {Title: new("t")},
		`{"meta":{"title":null,"creator_id":"","external_id":"e"},"passthrough":"p"}`: {
			Title: new(""), CreatorID: new(""), ExternalID: new("e"), Passthrough: new("p"),
		},
	} {
		got, err := muxapi.DecodeAssetPatch([]byte(body))
		if err != nil || !reflect.DeepEqual(got, want) {
			gotJSON, _ := json.Marshal(got)
			t.Errorf("%s: %s, %v", body, gotJSON, err)
		}
	}
	for body, word := range map[string]string{
		`{"thumbnail_time":3}`:  "`thumbnail_time`",
		`{"passthrough":5}`:     "`passthrough`",
		`{"meta":{"title":[]}}`: "`meta.title`",
		`{"meta":5}`:            "`meta`",
		`{"passthrough":"` + strings.Repeat("x", 256) + `"}`: "255",
	} {
		_, err := muxapi.DecodeAssetPatch([]byte(body))
		refusal(t, body, err, word)
	}
}

func TestSmallBodies(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]film.Access{`{"master_access":"temporary"}`: "temporary", `{"master_access":"none"}`: "none"} {
		if got, err := muxapi.DecodeMasterAccess([]byte(body)); err != nil || got != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	for _, body := range []string{``, `{}`, `{"master_access":null}`, `{"master_access":"x"}`, `{"master_access":true}`} {
		_, err := muxapi.DecodeMasterAccess([]byte(body))
		refusal(t, body, err, "`master_access`")
	}
	for body, want := range map[string]film.Policy{``: "public", `{}`: "public", `{"policy":""}`: "public", `{"policy":null}`: "public", `{"policy":"signed"}`: "signed"} {
		if got, err := muxapi.DecodeNewPlayback([]byte(body)); err != nil || got != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	for _, body := range []string{`{"policy":"drm"}`, `{"policy":1}`, `{"policy":"Public"}`} {
		_, err := muxapi.DecodeNewPlayback([]byte(body))
		refusal(t, body, err, "`policy`")
	}
	if got, err := muxapi.DecodeNewWebhook([]byte(`{"address":"http://127.0.0.1:3000/hook"}`)); err != nil || got != "http://127.0.0.1:3000/hook" {
		t.Errorf("new webhook: %q, %v", got, err)
	}
	for _, body := range []string{``, `{"address":""}`, `{"address":"x"}`} {
		_, err := muxapi.DecodeNewWebhook([]byte(body))
		refusal(t, body, err, "`address`")
	}
	for body, want := range map[string]film.WebhookPatch{
		`{"enabled":false}`:                      {Enabled: new(false)},
		`{"enabled":"true","address":null}`:      {Enabled: new(true)},
		`{"address":"https://a.example/","x":1}`: {Address: new("https://a.example/")},
	} {
		if got, err := muxapi.DecodeWebhookPatch([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	for body, word := range map[string]string{
		``: "`enabled`", `{"enabled":null}`: "`enabled`", `{"enabled":3}`: "`enabled`", `{"enabled":"maybe"}`: "`enabled`", `{"address":""}`: "`address`",
	} {
		_, err := muxapi.DecodeWebhookPatch([]byte(body))
		refusal(t, body, err, word)
	}
}

func TestListQueries(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]muxapi.ListQuery{
		"":                      {Limit: 25, Page: 1},
		"limit=&page=":          {Limit: 25, Page: 1},
		"limit=1&page=3&x=y":    {Limit: 1, Page: 3},
		"limit=100":             {Limit: 100, Page: 1},
		"limit=101":             {Limit: 100, Page: 1},
		"limit=25&page=1000000": {Limit: 25, Page: 1_000_000},
	} {
		if got, err := muxapi.DecodeListQuery(raw); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", raw, got, err, want)
		}
	}
	for raw, word := range map[string]string{
		"limit=0": "`limit`", "limit=-1": "`limit`", "limit=ten": "`limit`", "limit=1.5": "`limit`", "limit=99999999999999999999": "`limit`",
		"page=0": "`page`", "page=-1": "`page`", "page=1000001": "`page`", "limit=%zz": "query",
	} {
		_, err := muxapi.DecodeListQuery(raw)
		refusal(t, raw, err, word)
		_, err = muxapi.DecodeAssetQuery(raw)
		refusal(t, raw, err, word)
	}
	got, err := muxapi.DecodeAssetQuery("cursor=abc&live_stream_id=l&upload_id=u&limit=7")
	want := muxapi.AssetQuery{ListQuery: muxapi.ListQuery{Limit: 7, Page: 1}, Cursor: "abc", LiveStream: "l", Upload: "u"}
	if err != nil || got != want {
		t.Errorf("asset query: %+v, %v", got, err)
	}
	for _, name := range []string{"cursor", "live_stream_id", "upload_id"} {
		for _, value := range []string{"%00", "%ff", strings.Repeat("a", 256)} {
			_, err := muxapi.DecodeAssetQuery(name + "=" + value)
			refusal(t, name+"="+value, err, "`"+name+"`")
		}
	}
}

// FuzzRequests: whatever comes in, a decoder gives an error for the customer or values within all limits; and what was
// accepted says the same again when it is written plainly.
func FuzzRequests(f *testing.F) {
	for _, body := range []string{
		`{"inputs":"https://a.example/x.mp4"}`, `{"input":[{"url":"http://a/b","overlay_settings":{}}],"playback_policy":["public","signed"]}`,
		`{"inputs":{"url":"https://a.example/x"},"meta":{"title":"t"},"passthrough":"p","master_access":"temporary","encoding_tier":"smart"}`,
		`{"meta":null}`, `{"policy":"public"}`, `{"address":"https://a.example/","enabled":"1"}`, `{"cors_origin":"*","timeout":"3600","new_asset_settings":{"input":[{}],"playback_policy":"signed"}}`, `{"timeout":6e1}`, `[`, ``, `{"inputs":[null,{"type":"text"}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := muxapi.DecodeNewAsset(body)
		if err != nil {
			fieldError(t, err)
		} else {
			if len(n.Inputs) != 1 || !strings.HasPrefix(strings.ToLower(n.Inputs[0].URL), "http") {
				t.Errorf("accepted inputs %+v", n.Inputs)
			}
			if s := n.Settings; utf8.RuneCountInString(s.Passthrough) > 255 || utf8.RuneCountInString(s.Meta.Title) > 512 || len(s.Policies) > 100 {
				t.Errorf("accepted beyond a limit: %+v", s)
			}
			if again, err := muxapi.DecodeNewAsset(plainly(t, n)); err != nil || !reflect.DeepEqual(again, n) {
				t.Errorf("%s was read as %+v, and written plainly as %+v, %v", body, n, again, err)
			}
		}
		for _, decode := range []func([]byte) error{
			func(b []byte) error {
				n, err := muxapi.DecodeNewUpload(b)
				if err == nil && (n.Timeout < film.UploadTimeoutMin || n.Timeout > film.UploadTimeoutMax || len(n.CORSOrigin) > 4*2048) {
					t.Errorf("accepted beyond a limit: %+v", n)
				}
				return err
			},
			func(b []byte) error { _, err := muxapi.DecodeAssetPatch(b); return err },
			func(b []byte) error { _, err := muxapi.DecodeMasterAccess(b); return err },
			func(b []byte) error { _, err := muxapi.DecodeNewPlayback(b); return err },
			func(b []byte) error { _, err := muxapi.DecodeNewWebhook(b); return err },
			func(b []byte) error { _, err := muxapi.DecodeWebhookPatch(b); return err },
			func(b []byte) error { _, err := muxapi.DecodeAssetQuery(string(b)); return err },
		} {
			if err := decode(body); err != nil {
				fieldError(t, err)
			}
		}
	})
}

func fieldError(t *testing.T, err error) {
	t.Helper()
	e := film.AsError(err)
	if e == nil || e.Code != film.CodeInvalid || e.Cause != nil {
		t.Fatalf("not an error for the customer: %#v", err)
	}
	if !strings.Contains(e.Message, "`") && !strings.Contains(e.Message, "body") && !strings.Contains(e.Message, "query") {
		t.Errorf("names no field: %q", e.Message)
	}
	if !utf8.ValidString(e.Message) {
		t.Errorf("not text: %q", e.Message)
	}
}

// plainly writes a creation in its newest spelling.
func plainly(t *testing.T, n muxapi.NewAsset) []byte {
	t.Helper()
	s := n.Settings
	body, err := json.Marshal(map[string]any{
		"inputs":            []any{map[string]any{"url": n.Inputs[0].URL}},
		"playback_policies": s.Policies, "max_resolution_tier": s.MaxTier, "video_quality": s.Quality,
		"master_access": s.MasterAccess, "passthrough": s.Passthrough,
		"meta": map[string]any{"title": s.Meta.Title, "creator_id": s.Meta.CreatorID, "external_id": s.Meta.ExternalID},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}
