package muxapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

// Every golden answer fits its schema: types, required fields, enums, and no field that the schema does not know.
func TestAnswersFitTheirSchemas(t *testing.T) {
	t.Parallel()
	all := muxapi.Schemas()
	body, err := muxapi.EventBody(delivery(t).Event, environment(), links{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		schema string
		answer []byte
	}{
		{"AssetList", encode(t, muxapi.AssetsOf([]film.Asset{preparing(), ready(), opened(t), errored(t), soundOnly(t)}, "x", links{}))},
		{"Event", body},
		{"Upload", encode(t, muxapi.UploadOf(waiting(), links{}))},
		{"Upload", encode(t, muxapi.UploadOf(failed(t), links{}))},
		{"Upload", encode(t, muxapi.UploadOf(bare(), links{}))},
		{"Webhook", encode(t, muxapi.NewWebhookOf(film.Webhook{ID: "w", Secret: "s", CreatedAt: born()}))},
		{"Whoami", encode(t, muxapi.WhoamiOf(film.Principal{Token: film.AccessToken{Permissions: film.AllPermissions()}}))},
		{"Delivery", encode(t, muxapi.DeliveriesOf([]film.Delivery{delivery(t)})[0])},
		{"PlaybackOwner", encode(t, muxapi.PlaybackOwnerOf(ready().Playbacks[0], "a"))},
		{"Failed", encode(t, muxapi.Failed{Error: muxapi.FailedBody{Messages: []string{"m"}}})},
	} {
		var v any
		if err := json.Unmarshal(c.answer, &v); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range misfits(all, muxapi.SchemaRef(c.schema), v, c.schema) {
			t.Error(wrong)
		}
	}
	if wrong := misfits(all, muxapi.SchemaRef("Whoami"), map[string]any{"permissions": "x", "nobody": 1.0}, "Whoami"); len(wrong) < 3 {
		t.Errorf("the check finds nothing wrong with nonsense: %v", wrong)
	}
}

// misfits lists what of the value the schema does not allow.
func misfits(all map[string]*muxapi.Schema, s *muxapi.Schema, v any, path string) []string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		if all[name] == nil {
			return []string{path + ": no schema " + name}
		}
		s = all[name]
	}
	if s.Type == nil {
		return nil
	}
	var wrong []string
	kind := ""
	switch v := v.(type) {
	case nil:
		kind = "null"
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
		if slices.Contains(s.Type, "integer") && v == float64(int64(v)) {
			kind = "integer"
		}
	case string:
		kind = "string"
		if s.Enum != nil && !slices.Contains(s.Enum, v) {
			wrong = append(wrong, path+": "+v+" is not in the enum")
		}
	case []any:
		kind = "array"
		for _, item := range v {
			wrong = append(wrong, misfits(all, s.Items, item, path+"[]")...)
		}
	case map[string]any:
		kind = "object"
		for _, name := range s.Required {
			if _, there := v[name]; !there {
				wrong = append(wrong, path+"."+name+": missing")
			}
		}
		for name, inner := range v {
			switch {
			case s.Properties[name] != nil:
				wrong = append(wrong, misfits(all, s.Properties[name], inner, path+"."+name)...)
			case s.AdditionalProperties != nil:
				wrong = append(wrong, misfits(all, s.AdditionalProperties, inner, path+"."+name)...)
			default:
				wrong = append(wrong, path+"."+name+": unknown")
			}
		}
	}
	if !slices.Contains(s.Type, kind) {
		wrong = append(wrong, path+": is a "+kind+", not "+strings.Join(s.Type, " or "))
	}
	return wrong
}

func TestRequestSchemasHoldWhatIsTaken(t *testing.T) {
	t.Parallel()
	all := muxapi.Schemas()
	create := all["CreateAssetRequest"]
	for _, name := range []string{"inputs", "playback_policies", "meta", "master_access", "per_title_encode"} {
		if create.Properties[name] == nil {
			t.Errorf("the creation of an asset has no %s", name)
		}
	}
	for _, name := range []string{"test", "static_renditions", "mp4_support"} {
		if create.Properties[name] != nil {
			t.Errorf("the creation of an asset promises %s", name)
		}
	}
	url := create.Properties["inputs"].Items.Properties["url"]
	if url == nil || !slices.Equal(url.Type, []string{"string"}) || create.Properties["meta"].Properties["title"] == nil {
		t.Errorf("nested fields are missing: %+v", create)
	}
	upload := all["CreateUploadRequest"]
	options := upload.Properties["new_asset_settings"].Properties
	if options["playback_policies"] == nil || options["meta"].Properties["title"] == nil || options["inputs"].Items.Properties["url"] != nil || options["test"] != nil {
		t.Errorf("new_asset_settings of an upload: %v", options)
	}
	if timeout := upload.Properties["timeout"]; *timeout.Minimum != 60 || *timeout.Maximum != 604800 || upload.Required != nil {
		t.Errorf("timeout of an upload: %+v, required %v", timeout, upload.Required)
	}
	if got := all["Asset"].Properties["max_stored_resolution"].Enum; !slices.Equal(got, []string{"Audio only", "SD", "HD", "FHD", "UHD"}) {
		t.Errorf("enum of max_stored_resolution: %q", got)
	}
}
