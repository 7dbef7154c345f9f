package api

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/muxapi"
)

// Catalog is what this door calls: catalog.Catalog, or in tests one that fails.
type Catalog interface {
	Authenticate(ctx context.Context, id film.TokenID, secret string) (film.Principal, error)

	CreateAsset(ctx context.Context, env film.EnvironmentID, s film.AssetSettings, inputs []film.Input) (film.Asset, error)
	Asset(ctx context.Context, env film.EnvironmentID, id film.AssetID) (film.Asset, error)
	Assets(ctx context.Context, env film.EnvironmentID, f catalog.AssetFilter) (assets []film.Asset, next string, err error)
	UpdateAsset(ctx context.Context, env film.EnvironmentID, id film.AssetID, p film.AssetPatch) (film.Asset, error)
	DeleteAsset(ctx context.Context, env film.EnvironmentID, id film.AssetID) error
	SetMasterAccess(ctx context.Context, env film.EnvironmentID, id film.AssetID, access film.Access) (film.Asset, error)

	CreatePlayback(ctx context.Context, env film.EnvironmentID, asset film.AssetID, policy film.Policy) (film.Playback, error)
	DeletePlayback(ctx context.Context, env film.EnvironmentID, asset film.AssetID, id film.PlaybackID) error
	PlaybackOwner(ctx context.Context, env film.EnvironmentID, id film.PlaybackID) (film.Playback, film.AssetID, error)

	CreateUpload(ctx context.Context, env film.EnvironmentID, s film.AssetSettings, corsOrigin string, timeout time.Duration) (film.Upload, error)
	Upload(ctx context.Context, env film.EnvironmentID, id film.UploadID) (film.Upload, error)
	Uploads(ctx context.Context, env film.EnvironmentID, limit, page int) ([]film.Upload, error)
	CancelUpload(ctx context.Context, env film.EnvironmentID, id film.UploadID) (film.Upload, error)

	CreateWebhook(ctx context.Context, env film.EnvironmentID, address string) (film.Webhook, error)
	Webhooks(ctx context.Context, env film.EnvironmentID, limit, page int) ([]film.Webhook, error)
	Webhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID) (film.Webhook, error)
	UpdateWebhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID, p film.WebhookPatch) (film.Webhook, error)
	DeleteWebhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID) error
	DeliveriesOfWebhook(ctx context.Context, env film.EnvironmentID, id film.WebhookID, limit, page int) ([]film.Delivery, error)

	EventsAfter(ctx context.Context, env film.EnvironmentID, seq int64, limit int) ([]film.Event, error)
	LastEventSeq(ctx context.Context, env film.EnvironmentID) (int64, error)
}

// Config sets up an API.
type Config struct {
	Catalog Catalog
	Links   muxapi.Links
	Log     *slog.Logger
	// Version stands in the OpenAPI document.
	Version string
}

// API is the door. Its handler may be used from any number of goroutines.
type API struct {
	cfg Config

	streams atomic.Int64
	ending  chan struct{}
	end     sync.Once
}

// New returns the door; it does no I/O.
func New(cfg Config) *API {
	return &API{cfg: cfg, ending: make(chan struct{})}
}

// EndStreams ends the open event streams; those that are opened later end at once. A server that shuts down waits for
// requests to finish, and a stream never does by itself: register this with [http.Server.RegisterOnShutdown].
func (a *API) EndStreams() { a.end.Do(func() { close(a.ending) }) }

// Owns reports whether the path is this door's, so that everything about it is answered in the envelope. Ask it before
// a [http.ServeMux] sees the request: that would answer /video and /video//v1 with redirects of its own.
func Owns(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "video", "system", "robots", "data", "openapi.json", "docs":
		return true
	}
	return false
}

// Handler serves every path that the door [Owns]. It logs each request itself, by [door.Log].
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	built := a.routes()
	for _, rt := range built {
		mux.HandleFunc(rt.method+" "+rt.path, a.serve(rt))
	}
	for _, rt := range muxapi.Routes() {
		if !rt.Built {
			mux.HandleFunc(rt.Method+" "+rt.Path, a.serve(a.unbuilt(rt)))
		}
	}
	openapi, page := documents(built, a.cfg.Version)
	mux.HandleFunc("GET /openapi.json", static("application/json; charset=utf-8", openapi))
	mux.HandleFunc("GET /docs", static("text/html; charset=utf-8", page))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { a.refuse(w, r, film.NotFound()) })

	return door.Log(a.cfg.Log, a.internal, a.normalize(mux))
}

// normalize takes a final slash away, which clients of some languages write, and answers paths that the mux would
// redirect: a client that posts is not helped by a redirect, and its body would not be in the envelope.
func (a *API) normalize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := strings.TrimSuffix(r.URL.Path, "/")
		if at == "" || at != path.Clean(at) || at[0] != '/' {
			a.refuse(w, r, film.NotFound())
			return
		}
		if at == r.URL.Path {
			next.ServeHTTP(w, r)
			return
		}
		u := *r.URL
		u.Path, u.RawPath = at, strings.TrimSuffix(u.RawPath, "/")
		trimmed := r.WithContext(r.Context())
		trimmed.URL = &u
		next.ServeHTTP(w, trimmed)
		r.Pattern = trimmed.Pattern // for the log
	})
}

// internal answers a panic.
func (a *API) internal(w http.ResponseWriter, r *http.Request) {
	a.answerError(w, r, &film.Error{Code: film.CodeInternal})
}

func static(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_, _ = w.Write(body) // a reader that has gone away needs no answer
	}
}
