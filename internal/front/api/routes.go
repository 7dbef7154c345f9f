package api

import (
	"context"
	"net/http"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

// route is one operation of the API: how it is reached, who may call it, and what the documents say about it.
type route struct {
	method, path string
	// may is the permission that it needs; without one, any token will do.
	may film.Permission
	// status of success.
	status  int
	summary string
	// query are its parameters in the URL.
	query []queryParameter
	// answer is the name in [muxapi.Schemas] of what stands in data, empty when there is no body; list says that data
	// is an array of these. With a cursor, answer is the whole envelope.
	answer       string
	list, cursor bool
	// waits says that the route refuses with a 412 while an asset is preparing.
	waits bool
	// ends says that the route refuses with a 403 what is over already.
	ends bool

	handle handler
	// stream is instead of handle where the answer has no end. An error before the first byte is answered.
	stream func(w http.ResponseWriter, c call) error
}

// handler decodes, calls the catalog once and returns what is to be encoded; nil for an answer without a body.
type handler func(ctx context.Context, c call) (any, error)

// routes are all routes that are built.
func (a *API) routes() []route {
	const (
		assets    = "/video/v1/assets"
		asset     = assets + "/{ASSET_ID}"
		playbacks = asset + "/playback-ids"
		uploads   = "/video/v1/uploads"
		upload    = uploads + "/{UPLOAD_ID}"
		webhooks  = "/system/v1/webhooks"
		webhook   = webhooks + "/{WEBHOOK_ID}"
	)
	pages := []queryParameter{limitParameter, pageParameter}
	return []route{
		{
			method: http.MethodPost, path: assets, may: film.VideoWrite, status: http.StatusCreated,
			summary: "Create an asset from a URL", answer: "Asset", handle: a.createAsset,
		},
		{
			method: http.MethodGet, path: assets, may: film.VideoRead, status: http.StatusOK,
			summary: "List assets, newest first", answer: "AssetList", cursor: true, handle: a.listAssets,
			query: append(pages, cursorParameter, liveStreamParameter, uploadParameter),
		},
		{
			method: http.MethodGet, path: asset, may: film.VideoRead, status: http.StatusOK,
			summary: "Get an asset", answer: "Asset", handle: a.getAsset,
		},
		{
			method: http.MethodPatch, path: asset, may: film.VideoWrite, status: http.StatusOK,
			summary: "Change an asset's passthrough and meta", answer: "Asset", handle: a.updateAsset,
		},
		{
			method: http.MethodDelete, path: asset, may: film.VideoWrite, status: http.StatusNoContent,
			summary: "Delete an asset with everything made from it", handle: a.deleteAsset,
		},
		{
			method: http.MethodGet, path: asset + "/input-info", may: film.VideoRead, status: http.StatusOK,
			summary: "Get what came in", answer: "InputInfo", list: true, waits: true, handle: a.inputInfo,
		},
		{
			method: http.MethodPut, path: asset + "/master-access", may: film.VideoWrite, status: http.StatusOK,
			summary: "Turn access to the master on or off", answer: "Asset", waits: true, handle: a.setMasterAccess,
		},
		{
			method: http.MethodPost, path: playbacks, may: film.VideoWrite, status: http.StatusCreated,
			summary: "Create a playback id", answer: "PlaybackID", handle: a.createPlayback,
		},
		{
			method: http.MethodGet, path: playbacks + "/{PLAYBACK_ID}", may: film.VideoRead, status: http.StatusOK,
			summary: "Get a playback id", answer: "PlaybackID", handle: a.getPlayback,
		},
		{
			method: http.MethodDelete, path: playbacks + "/{PLAYBACK_ID}", may: film.VideoWrite, status: http.StatusNoContent,
			summary: "Delete a playback id", handle: a.deletePlayback,
		},
		{
			method: http.MethodGet, path: "/video/v1/playback-ids/{PLAYBACK_ID}", may: film.VideoRead, status: http.StatusOK,
			summary: "Find what a playback id plays", answer: "PlaybackOwner", handle: a.playbackOwner,
		},
		{
			method: http.MethodPost, path: uploads, may: film.VideoWrite, status: http.StatusCreated,
			summary: "Create a direct upload", answer: "Upload", handle: a.createUpload,
		},
		{
			method: http.MethodGet, path: uploads, may: film.VideoRead, status: http.StatusOK,
			summary: "List direct uploads, newest first", answer: "Upload", list: true, query: pages, handle: a.listUploads,
		},
		{
			method: http.MethodGet, path: upload, may: film.VideoRead, status: http.StatusOK,
			summary: "Get a direct upload", answer: "Upload", handle: a.getUpload,
		},
		{
			method: http.MethodPut, path: upload + "/cancel", may: film.VideoWrite, status: http.StatusOK,
			summary: "Cancel a direct upload that is waiting", answer: "Upload", ends: true, handle: a.cancelUpload,
		},
		{
			method: http.MethodGet, path: "/system/v1/whoami", status: http.StatusOK,
			summary: "Tell whose token this is", answer: "Whoami", handle: a.whoami,
		},
		{
			method: http.MethodPost, path: webhooks, may: film.SystemWrite, status: http.StatusCreated,
			summary: "Create a webhook; the answer alone shows its signing secret", answer: "Webhook", handle: a.createWebhook,
		},
		{
			method: http.MethodGet, path: webhooks, may: film.SystemRead, status: http.StatusOK,
			summary: "List webhooks, newest first", answer: "Webhook", list: true, query: pages, handle: a.listWebhooks,
		},
		{
			method: http.MethodGet, path: webhook, may: film.SystemRead, status: http.StatusOK,
			summary: "Get a webhook", answer: "Webhook", handle: a.getWebhook,
		},
		{
			method: http.MethodPatch, path: webhook, may: film.SystemWrite, status: http.StatusOK,
			summary: "Change a webhook's address, or turn it on or off", answer: "Webhook", handle: a.updateWebhook,
		},
		{
			method: http.MethodDelete, path: webhook, may: film.SystemWrite, status: http.StatusNoContent,
			summary: "Delete a webhook", handle: a.deleteWebhook,
		},
		{
			method: http.MethodGet, path: webhook + "/deliveries", may: film.SystemRead, status: http.StatusOK,
			summary: "List a webhook's deliveries with every attempt, newest first", answer: "Delivery", list: true,
			query: pages, handle: a.listDeliveries,
		},
		{
			method: http.MethodGet, path: "/system/v1/webhook-events/stream", may: film.SystemRead, status: http.StatusOK,
			summary: "Follow the events of the environment as they happen (server-sent events)", answer: "Event", stream: a.streamEvents,
		},
	}
}

// unbuilt is the route of something that Mux has and this version has not. Who calls it is asked all the same: wrong
// credentials are told first, as everywhere.
func (a *API) unbuilt(rt muxapi.Route) route {
	return route{
		method: rt.Method, path: rt.Path,
		handle: func(context.Context, call) (any, error) {
			e := film.NotFound()
			e.Message = rt.Refusal()
			return nil, e
		},
	}
}
