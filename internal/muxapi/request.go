package muxapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"filmcan/internal/film"
)

// Limits of requests (reference page, 1.8 and 1.10; the last three are filmcan's own).
const (
	maxPassthrough = 255
	maxTitle       = 512
	maxMetaID      = 128
	maxURL         = 8192
	maxOrigin      = 2048
	maxPlaybacks   = 100
)

// DefaultQuality is the video_quality of assets that do not name one; with Mux the account decides.
const DefaultQuality = film.QualityPlus

// NewAsset is a request for an asset.
type NewAsset struct {
	Settings film.AssetSettings
	Inputs   []film.Input
}

// DecodeNewAsset reads the body of POST /video/v1/assets.
func DecodeNewAsset(body []byte) (NewAsset, error) {
	f := readBody(body)
	n := NewAsset{Inputs: inputs(f), Settings: settings(f)}
	if f.err() == nil && len(n.Inputs) == 0 {
		f.r.refuse("`inputs` is required: the URL of a video or audio file")
	}
	if err := f.err(); err != nil {
		return NewAsset{}, err
	}
	return n, nil
}

// settings reads what an asset, an upload and a live stream have in common: Mux's AssetOptions, but for the inputs.
func settings(f *fields) film.AssetSettings {
	f.refuseUnbuilt(assetOptions(), "")
	return film.AssetSettings{
		MaxTier:      or(choice(f, "max_resolution_tier", film.Tier1080p, film.Tier1440p, film.Tier2160p), film.Tier1080p),
		Quality:      quality(f),
		Policies:     policies(f),
		MasterAccess: or(choice(f, "master_access", film.AccessNone, film.AccessTemporary), film.AccessNone),
		Meta:         meta(f),
		Passthrough:  f.text("passthrough", maxPassthrough),
	}
}

func or[S ~string](s, otherwise S) S {
	if s == "" {
		return otherwise
	}
	return s
}

// quality reads video_quality and its deprecated mirror; both may be given when they agree.
func quality(f *fields) film.Quality {
	q := choice(f, "video_quality", film.QualityBasic, film.QualityPlus, film.QualityPremium)
	switch tier := choice(f, "encoding_tier", "baseline", "smart", "premium"); {
	case tier == "":
		return or(q, DefaultQuality)
	case q != "" && encodingTier(q) != tier:
		f.r.refuse("`%sencoding_tier` contradicts `%[1]svideo_quality`: give one of them", f.path)
	case tier == "baseline":
		return film.QualityBasic
	case tier == "premium":
		return film.QualityPremium
	}
	return film.QualityPlus
}

// inputs reads the inputs of an asset. This version takes one: the film.
func inputs(f *fields) []film.Input {
	var out []film.Input
	for i, item := range inputItems(f) {
		in := openInput(f.r, item, i == 0, inputParameters())
		if strings.HasPrefix(in.text("url", maxURL), "mux://") {
			f.r.refuse("`%surl` is not supported by this version of filmcan: clips of other assets (mux://)", in.path)
		}
		out = append(out, film.Input{URL: httpURL(in, "url")})
	}
	if f.err() != nil {
		return nil
	}
	return out
}

// inputItem is one input as it stands in a body.
type inputItem struct {
	path string
	raw  json.RawMessage
}

// inputItems finds the inputs in all their spellings: a URL, an object, or an array of either, named `inputs` or
// `input`.
func inputItems(f *fields) []inputItem {
	name, items := "inputs", f.items("inputs")
	if old := f.items("input"); len(old) > 0 {
		if len(items) > 0 {
			f.r.refuse("`%sinput` is the old name of `%[1]sinputs`: give one of them", f.path)
		}
		name, items = "input", old
	}
	out := make([]inputItem, len(items))
	for i, raw := range items {
		out[i] = inputItem{fmt.Sprintf("%s%s[%d]", f.path, name, i), raw}
	}
	return out
}

// openInput opens one input and refuses what of it is not built, by its table.
func openInput(r *reader, item inputItem, first bool, table []Parameter) *fields {
	in := &fields{path: item.path + ".", r: r}
	switch item.raw[0] {
	case '"':
		in.values = map[string]json.RawMessage{"url": item.raw}
	case '{':
		in.parse(item.raw)
	default:
		r.refuse("`%s` must be a URL or an object with a url", item.path)
		return in
	}
	in.refuseUnbuilt(table, "inputs[].")
	if kind := choice(in, "type", film.TrackVideo, film.TrackAudio, film.TrackText); kind == film.TrackText {
		r.refuse("`%stype` is not supported by this version of filmcan: text tracks", in.path)
	}
	if !first {
		r.refuse("`%s` is not supported by this version of filmcan: an asset has one input", item.path)
	}
	return in
}

// httpURL reads an http or https URL and leaves it exactly as it is: signatures depend on every byte.
func httpURL(f *fields, name string) string {
	s := strings.TrimSpace(f.text(name, maxURL))
	path := f.path + name
	u, err := url.Parse(s)
	switch {
	case f.r.err != nil:
		return ""
	case s == "":
		f.r.refuse("`%s` is required", path)
	case err != nil || strings.ContainsFunc(s, unicode.IsControl):
		f.r.refuse("`%s` is not a valid URL", path)
	case u.Scheme != "http" && u.Scheme != "https":
		f.r.refuse("`%s` must be an http or https URL", path)
	case u.Hostname() == "" || !validPort(u):
		f.r.refuse("`%s` is not a valid URL: it names no host that could be called", path)
	default:
		return s
	}
	return ""
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n > 0 && n < 1<<16
}

// policies reads the playback policies in all their spellings. `playback_policy` is the old name of
// `playback_policies`; the advanced ones come after the plain ones.
func policies(f *fields) []film.Policy {
	var out []film.Policy
	now, old := f.items("playback_policies"), f.items("playback_policy")
	if len(now) > 0 && len(old) > 0 {
		f.r.refuse("`%splayback_policy` is the old name of `%[1]splayback_policies`: give one of them", f.path)
	}
	for _, raw := range now {
		out = append(out, policy(f.r, f.path+"playback_policies", raw))
	}
	for _, raw := range old {
		out = append(out, policy(f.r, f.path+"playback_policy", raw))
	}
	for i, raw := range f.items("advanced_playback_policies") {
		one := &fields{path: fmt.Sprintf("%sadvanced_playback_policies[%d].", f.path, i), r: f.r}
		if raw[0] != '{' {
			f.r.refuse("`%sadvanced_playback_policies` must hold objects", f.path)
			break
		}
		one.parse(raw)
		one.refuseUnbuilt(assetOptions(), "advanced_playback_policies[].")
		if value := one.get("policy"); value != nil {
			out = append(out, policy(f.r, one.path+"policy", value))
		} else {
			f.r.refuse("`%spolicy` is required", one.path)
		}
	}
	if len(out) > maxPlaybacks {
		f.r.refuse("`%splayback_policies` must not name more than %d policies", f.path, maxPlaybacks)
	}
	if f.err() != nil {
		return nil
	}
	return out
}

func policy(r *reader, path string, raw json.RawMessage) film.Policy {
	s, ok := asText(raw)
	if ok && s == string(film.PolicyDRM) {
		r.refuse("`%s` is not supported by this version of filmcan with the value drm", path)
		return ""
	}
	return oneOf(r, path, s, []film.Policy{film.PolicyPublic, film.PolicySigned})
}

func meta(f *fields) film.Meta {
	m := f.object("meta")
	return film.Meta{
		Title: m.text("title", maxTitle), CreatorID: m.text("creator_id", maxMetaID),
		ExternalID: m.text("external_id", maxMetaID),
	}
}

// DecodeAssetPatch reads the body of PATCH /video/v1/assets/{ASSET_ID}. A field that is absent stays as it is; null
// and the empty string clear it. A meta of null clears all of meta, an empty one changes nothing.
func DecodeAssetPatch(body []byte) (film.AssetPatch, error) {
	f := readBody(body)
	f.refuseUnbuilt(patchParameters(), "")
	p := film.AssetPatch{Passthrough: f.change("passthrough", maxPassthrough)}
	if f.has("meta") && f.get("meta") == nil {
		p.Title, p.CreatorID, p.ExternalID = new(""), new(""), new("")
	} else {
		m := f.object("meta")
		p.Title = m.change("title", maxTitle)
		p.CreatorID = m.change("creator_id", maxMetaID)
		p.ExternalID = m.change("external_id", maxMetaID)
	}
	if err := f.err(); err != nil {
		return film.AssetPatch{}, err
	}
	return p, nil
}

// change reads a string for a patch: nil when it is absent.
func (f *fields) change(name string, most int) *string {
	if !f.has(name) {
		return nil
	}
	return new(f.text(name, most))
}

// DecodeMasterAccess reads the body of PUT /video/v1/assets/{ASSET_ID}/master-access.
func DecodeMasterAccess(body []byte) (film.Access, error) {
	f := readBody(body)
	access := choice(f, "master_access", film.AccessNone, film.AccessTemporary)
	if f.err() == nil && access == "" {
		f.r.refuse("`master_access` is required: temporary or none")
	}
	return access, f.err()
}

// DecodeNewPlayback reads the body of POST …/playback-ids; without a policy it is public.
func DecodeNewPlayback(body []byte) (film.Policy, error) {
	f := readBody(body)
	f.refuseUnbuilt(playbackParameters(), "")
	p := film.PolicyPublic
	if raw := f.get("policy"); raw != nil && !isEmpty(raw) {
		p = policy(f.r, "policy", raw)
	}
	if err := f.err(); err != nil {
		return "", err
	}
	return p, nil
}

// DecodeNewWebhook reads the body of POST /system/v1/webhooks: the address.
func DecodeNewWebhook(body []byte) (string, error) {
	f := readBody(body)
	address := httpURL(f, "address")
	return address, f.err()
}

// DecodeWebhookPatch reads the body of PATCH /system/v1/webhooks/{WEBHOOK_ID}: at least one field.
func DecodeWebhookPatch(body []byte) (film.WebhookPatch, error) {
	f := readBody(body)
	var p film.WebhookPatch
	if f.get("address") != nil {
		p.Address = new(httpURL(f, "address"))
	}
	p.Enabled = f.flag("enabled")
	if f.err() == nil && p == (film.WebhookPatch{}) {
		f.r.refuse("Give at least one of `address` and `enabled`")
	}
	if err := f.err(); err != nil {
		return film.WebhookPatch{}, err
	}
	return p, nil
}
