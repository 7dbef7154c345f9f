package muxapi

import (
	"slices"

	"filmcan/internal/film"
)

// Verdict says what becomes of a parameter or a route of Mux's API.
type Verdict string

// The verdicts.
const (
	// Built: it does what Mux documents.
	Built Verdict = "built"
	// Shown: it is checked, stored and shown, and has no further effect yet.
	Shown Verdict = "shown"
	// Ignored: it is accepted without effect, as the reference says that Mux does or as is harmless.
	Ignored Verdict = "ignored"
	// Refused: asking for it is answered with a 400 that names it; a value that asks for nothing is accepted.
	Refused Verdict = "refused"
)

// Parameter is one field of a request body.
type Parameter struct {
	// Name is its path: "meta.title", "inputs[].url".
	Name string
	// Type is what the OpenAPI document says about it: one of string, number, integer, boolean, object, array, or
	// several with | between them.
	Type string
	// Enum are the values that are taken.
	Enum     []string
	Required bool
	// Minimum and Maximum bound a number, where they are not 0.
	Minimum, Maximum int
	Verdict          Verdict
	// Neutral is a word that asks for nothing, beside null, false, zero and the empty value.
	Neutral string
	// Note says what it does, or of what kind the thing is that is not built. Refusals end with it.
	Note string
}

// Body is a request body with the table of its parameters.
type Body struct {
	Schema     string // its name in the OpenAPI document
	Method     string
	Path       string
	Parameters []Parameter
}

// Bodies lists the request bodies of the routes that are built, with every parameter that Mux documents for them.
func Bodies() []Body {
	return []Body{
		{"CreateAssetRequest", "POST", "/video/v1/assets", createParameters()},
		{"UpdateAssetRequest", "PATCH", "/video/v1/assets/{ASSET_ID}", patchParameters()},
		{"UpdateMasterAccessRequest", "PUT", "/video/v1/assets/{ASSET_ID}/master-access", []Parameter{
			{Name: "master_access", Type: "string", Enum: []string{"temporary", "none"}, Required: true, Verdict: Built, Note: "turns access to the master on or off"},
		}},
		{"CreatePlaybackIDRequest", "POST", "/video/v1/assets/{ASSET_ID}/playback-ids", playbackParameters()},
		{"CreateUploadRequest", "POST", "/video/v1/uploads", uploadParameters()},
		{"CreateWebhookRequest", "POST", "/system/v1/webhooks", []Parameter{
			{Name: "address", Type: "string", Required: true, Verdict: Built, Note: "http or https URL, unique in the environment"},
		}},
		{"UpdateWebhookRequest", "PATCH", "/system/v1/webhooks/{WEBHOOK_ID}", []Parameter{
			{Name: "address", Type: "string", Verdict: Built, Note: "http or https URL, unique in the environment"},
			{Name: "enabled", Type: "boolean", Verdict: Built, Note: "whether events are sent; at least one of the two must be given"},
		}},
	}
}

func createParameters() []Parameter {
	return slices.Concat([]Parameter{
		{Name: "inputs", Type: "string|object|array", Verdict: Built, Note: "required: one input, as a URL, an object with a url, or an array of one of these"},
		{Name: "input", Type: "string|object|array", Verdict: Built, Note: "old name of inputs"},
	}, assetOptions(), inputParameters())
}

// assetOptions is what can be asked of an asset at its creation and in new_asset_settings.
func assetOptions() []Parameter {
	policies := []string{"public", "signed"}
	return []Parameter{
		{Name: "playback_policies", Type: "string|array", Enum: policies, Verdict: Built, Note: "public or signed; playback through a signed id answers 403 until signed playback is built; drm is refused"},
		{Name: "playback_policy", Type: "string|array", Enum: policies, Verdict: Built, Note: "old name of playback_policies"},
		{Name: "advanced_playback_policies", Type: "array", Verdict: Built, Note: "playback policies as objects, after the plain ones"},
		{Name: "advanced_playback_policies[].policy", Type: "string", Enum: policies, Required: true, Verdict: Built, Note: "as in playback_policies"},
		{Name: "advanced_playback_policies[].drm_configuration_id", Type: "string", Verdict: Refused, Note: "DRM"},
		{Name: "video_quality", Type: "string", Enum: []string{"basic", "plus", "premium"}, Verdict: Built, Note: "plus unless given; chooses ladder, bit rates and the quality of made masters: see quality.md"},
		{Name: "encoding_tier", Type: "string", Enum: []string{"baseline", "smart", "premium"}, Verdict: Built, Note: "old mirror of video_quality; a 400 when both are given and disagree"},
		{Name: "max_resolution_tier", Type: "string", Enum: []string{"1080p", "1440p", "2160p"}, Verdict: Built, Note: "1080p unless given; a larger film counts as non-standard input, and its master is made in the size of the tier. 720p is refused: Mux's own clients cannot read it back"},
		{Name: "master_access", Type: "string", Enum: []string{"none", "temporary"}, Verdict: Built, Note: "temporary gives access as soon as the asset is ready"},
		{Name: "meta", Type: "object", Verdict: Built, Note: "descriptive metadata"},
		{Name: "meta.title", Type: "string", Verdict: Built, Note: "at most 512 code points"},
		{Name: "meta.creator_id", Type: "string", Verdict: Built, Note: "at most 128 code points"},
		{Name: "meta.external_id", Type: "string", Verdict: Built, Note: "at most 128 code points"},
		{Name: "passthrough", Type: "string", Verdict: Built, Note: "at most 255 characters"},
		{Name: "static_renditions", Type: "array", Verdict: Refused, Note: "MP4 and M4A renditions"},
		{Name: "mp4_support", Type: "string", Enum: []string{"none"}, Verdict: Refused, Neutral: "none", Note: "MP4 and M4A renditions"},
		{Name: "normalize_audio", Type: "boolean", Verdict: Refused, Note: "loudness normalization"},
		{Name: "copy_overlays", Type: "boolean", Verdict: Ignored, Note: "means something for clips only, and these are refused"},
		{Name: "test", Type: "boolean", Verdict: Refused, Note: "test assets; nothing costs anything here"},
		{Name: "per_title_encode", Type: "boolean", Verdict: Ignored, Note: "has no effect with Mux either"},
		{Name: "generate_shots", Type: "boolean", Verdict: Refused, Note: "shot detection"},
		{Name: "directives", Type: "array", Verdict: Ignored, Note: "AI jobs, which are no part of filmcan"},
	}
}

func inputParameters() []Parameter {
	return slices.Concat([]Parameter{
		{Name: "inputs[].url", Type: "string", Required: true, Verdict: Built, Note: "http or https URL of the film, kept byte for byte; clips (mux://assets/…) are refused"},
	}, trackParameters())
}

// trackParameters are an input's, but for where it is.
func trackParameters() []Parameter {
	return []Parameter{
		{Name: "inputs[].type", Type: "string", Enum: []string{"video", "audio"}, Verdict: Ignored, Note: "the film itself says what it holds; text is refused"},
		{Name: "inputs[].text_type", Type: "string", Verdict: Refused, Note: "text tracks"},
		{Name: "inputs[].language_code", Type: "string", Verdict: Refused, Note: "languages of tracks"},
		{Name: "inputs[].name", Type: "string", Verdict: Refused, Note: "names of tracks"},
		{Name: "inputs[].closed_captions", Type: "boolean", Verdict: Refused, Note: "text tracks"},
		{Name: "inputs[].passthrough", Type: "string", Verdict: Refused, Note: "text tracks"},
		{Name: "inputs[].start_time", Type: "number", Verdict: Refused, Note: "clips"},
		{Name: "inputs[].end_time", Type: "number", Verdict: Refused, Note: "clips"},
		{Name: "inputs[].generated_subtitles", Type: "array", Verdict: Refused, Note: "generated subtitles"},
		{Name: "inputs[].overlay_settings", Type: "object", Verdict: Refused, Note: "watermarks"},
	}
}

func uploadParameters() []Parameter {
	out := []Parameter{
		{Name: "cors_origin", Type: "string", Verdict: Built, Note: "the origin of the page that uploads: *, an origin, or a bare host; shown as given, left out of answers when not given"},
		{
			Name: "timeout", Type: "integer|string", Verdict: Built, Note: "seconds, also as digits in a string; 3600 unless given",
			Minimum: int(film.UploadTimeoutMin.Seconds()), Maximum: int(film.UploadTimeoutMax.Seconds()),
		},
		{Name: "test", Type: "boolean", Verdict: Refused, Note: "test assets; nothing costs anything here"},
		{Name: "new_asset_settings", Type: "object", Verdict: Built, Note: "settings of the asset that the upload becomes; shown with their newest names, and with the defaults of what was not given"},
	}
	for _, p := range slices.Concat([]Parameter{
		{Name: "inputs", Type: "object|array", Verdict: Ignored, Note: "one input that says nothing: the film is what is sent to the upload's URL"},
		{Name: "input", Type: "object|array", Verdict: Ignored, Note: "old name of inputs"},
	}, assetOptions(), uploadInputParameters()) {
		p.Name = "new_asset_settings." + p.Name
		out = append(out, p)
	}
	return out
}

func uploadInputParameters() []Parameter {
	return slices.Concat([]Parameter{
		{Name: "inputs[].url", Type: "string", Verdict: Refused, Note: "the film of an upload is what is sent to the upload's URL"},
	}, trackParameters())
}

func patchParameters() []Parameter {
	return []Parameter{
		{Name: "passthrough", Type: "string", Verdict: Built, Note: "at most 255 characters; null or the empty string clears it"},
		{Name: "meta", Type: "object", Verdict: Built, Note: "each field by itself; null clears all, an empty object changes nothing"},
		{Name: "meta.title", Type: "string", Verdict: Built, Note: "at most 512 code points; null or the empty string clears it"},
		{Name: "meta.creator_id", Type: "string", Verdict: Built, Note: "at most 128 code points; null or the empty string clears it"},
		{Name: "meta.external_id", Type: "string", Verdict: Built, Note: "at most 128 code points; null or the empty string clears it"},
		{Name: "thumbnail_time", Type: "number", Verdict: Refused, Note: "thumbnails"},
	}
}

func playbackParameters() []Parameter {
	return []Parameter{
		{Name: "policy", Type: "string", Enum: []string{"public", "signed"}, Verdict: Built, Note: "public unless given; drm is refused"},
		{Name: "drm_configuration_id", Type: "string", Verdict: Refused, Note: "DRM"},
	}
}
