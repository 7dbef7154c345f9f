package muxapi

import (
	"slices"
	"strings"
)

// Route is one route of Mux's API.
type Route struct {
	Method, Path string
	// Built routes are served; all others answer 404 with [Route.Refusal].
	Built bool
	// Thing is what the route is about, in words for the one who called it.
	Thing string
}

// Refusal is the message of a route that Mux has and this version has not. It is a 404, as for any route that does not
// exist: Mux's SDKs repeat what fails with 500 or above, and a 404 is what their users can tell apart.
func (r Route) Refusal() string {
	return r.Thing + " are not built in this version of filmcan: there is no " + r.Method + " " + r.Path
}

// Routes lists every route of Mux's API with what becomes of it (reference page, section 2 and 9). Routes of filmcan's
// own are at the end.
func Routes() []Route {
	const asset, live = "/video/v1/assets/{ASSET_ID}", "/video/v1/live-streams"
	const stream = live + "/{LIVE_STREAM_ID}"
	return slices.Concat(
		built("Assets", "POST /video/v1/assets", "GET /video/v1/assets", "GET "+asset, "PATCH "+asset, "DELETE "+asset, "GET "+asset+"/input-info"),
		built("Masters", "PUT "+asset+"/master-access"),
		built("Playback ids", "POST "+asset+"/playback-ids", "GET "+asset+"/playback-ids/{PLAYBACK_ID}",
			"DELETE "+asset+"/playback-ids/{PLAYBACK_ID}", "GET /video/v1/playback-ids/{PLAYBACK_ID}"),
		built("Direct uploads", "POST /video/v1/uploads", "GET /video/v1/uploads", "GET /video/v1/uploads/{UPLOAD_ID}", "PUT /video/v1/uploads/{UPLOAD_ID}/cancel"),
		built("Tokens", "GET /system/v1/whoami"),
		built("Webhooks", "POST /system/v1/webhooks", "GET /system/v1/webhooks", "GET /system/v1/webhooks/{WEBHOOK_ID}",
			"PATCH /system/v1/webhooks/{WEBHOOK_ID}", "DELETE /system/v1/webhooks/{WEBHOOK_ID}"),
		built("Webhook events", "GET /system/v1/webhook-events/stream"),

		unbuilt("MP4 renditions", "PUT "+asset+"/mp4-support", "POST "+asset+"/static-renditions", "DELETE "+asset+"/static-renditions/{STATIC_RENDITION_ID}"),
		unbuilt("Text and audio tracks", "POST "+asset+"/tracks", "PATCH "+asset+"/tracks/{TRACK_ID}", "DELETE "+asset+"/tracks/{TRACK_ID}",
			"POST "+asset+"/tracks/{TRACK_ID}/generate-subtitles"),
		unbuilt("Shots", "GET "+asset+"/shots", "POST "+asset+"/shots", "DELETE "+asset+"/shots"),
		unbuilt("Thumbnails", "DELETE "+asset+"/thumbnail-time"),
		unbuilt("Live streams", "POST "+live, "GET "+live, "GET "+stream, "PATCH "+stream, "DELETE "+stream,
			"PUT "+stream+"/complete", "PUT "+stream+"/disable", "PUT "+stream+"/enable", "POST "+stream+"/reset-stream-key",
			"POST "+stream+"/playback-ids", "GET "+stream+"/playback-ids/{PLAYBACK_ID}", "DELETE "+stream+"/playback-ids/{PLAYBACK_ID}",
			"POST "+stream+"/simulcast-targets", "GET "+stream+"/simulcast-targets/{SIMULCAST_TARGET_ID}", "DELETE "+stream+"/simulcast-targets/{SIMULCAST_TARGET_ID}",
			"PUT "+stream+"/embedded-subtitles", "PUT "+stream+"/generated-subtitles",
			"PUT "+stream+"/new-asset-settings/static-renditions", "DELETE "+stream+"/new-asset-settings/static-renditions"),
		unbuilt("Playback restrictions", crud("/video/v1/playback-restrictions", "{PLAYBACK_RESTRICTION_ID}",
			"PUT %/referrer", "PUT %/user_agent")...),
		unbuilt("Signing keys", crud("/system/v1/signing-keys", "{SIGNING_KEY_ID}")...),
		unbuilt("Signing keys", crud("/video/v1/signing-keys", "{SIGNING_KEY_ID}")...),
		unbuilt("Transcription vocabularies", crud("/video/v1/transcription-vocabularies", "{TRANSCRIPTION_VOCABULARY_ID}", "PUT %")...),
		unbuilt("DRM configurations", "GET /video/v1/drm-configurations", "GET /video/v1/drm-configurations/{DRM_CONFIGURATION_ID}"),
		unbuilt("Delivery usage reports", "GET /video/v1/delivery-usage"),
		unbuilt("Usage exports", "GET /system/v1/usage/exports"),
		unbuilt("Spaces", crud("/video/v1/spaces", "{SPACE_ID}", "POST %/broadcasts", "GET %/broadcasts/{BROADCAST_ID}",
			"DELETE %/broadcasts/{BROADCAST_ID}", "POST %/broadcasts/{BROADCAST_ID}/start", "POST %/broadcasts/{BROADCAST_ID}/stop")...),
		unbuilt("Web inputs", crud("/video/v1/web-inputs", "{WEB_INPUT_ID}", "PUT %/launch", "PUT %/shutdown", "PUT %/reload", "PUT %/url")...),
		unbuilt("Robots", "GET /robots/v0/jobs", "POST /robots/v0/jobs/{JOB_ID}/cancel", "POST /robots/v0/jobs/{WORKFLOW}", "GET /robots/v0/jobs/{WORKFLOW}/{JOB_ID}"),
		unbuilt("Robots", crud("/robots/v0/directives", "{DIRECTIVE_ID}", "POST %/runs", "GET %/runs", "GET %/runs/{RUN_ID}")...),

		built(Own, "GET /system/v1/webhooks/{WEBHOOK_ID}/deliveries"),
	)
}

// Own marks the routes that Mux does not have.
const Own = "filmcan's own"

func built(thing string, routes ...string) []Route   { return routesOf(thing, true, routes) }
func unbuilt(thing string, routes ...string) []Route { return routesOf(thing, false, routes) }

func routesOf(thing string, built bool, routes []string) []Route {
	out := make([]Route, len(routes))
	for i, r := range routes {
		method, path, _ := strings.Cut(r, " ")
		out[i] = Route{Method: method, Path: path, Built: built, Thing: thing}
	}
	return out
}

// crud spells out the four usual routes of a collection, and more where % stands for one object's path.
func crud(collection, id string, more ...string) []string {
	one := collection + "/" + id
	out := []string{"POST " + collection, "GET " + collection, "GET " + one, "DELETE " + one}
	for _, m := range more {
		out = append(out, strings.Replace(m, "%", one, 1))
	}
	return out
}
