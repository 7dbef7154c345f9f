package muxapi

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"filmcan/internal/film"
)

// Upload is a direct upload as the API and webhooks show it (reference page, 2.6). It has no created_at. Mux's types
// require cors_origin; recordings of Mux leave it out where none was given, and so it is here.
type Upload struct {
	ID               film.UploadID     `json:"id"`
	Status           film.UploadStatus `json:"status" enum:"waiting asset_created errored cancelled timed_out"`
	Timeout          int64             `json:"timeout" doc:"Seconds from the creation in which all bytes must have come."`
	CORSOrigin       string            `json:"cors_origin,omitempty" doc:"As it was given."`
	NewAssetSettings AssetOptions      `json:"new_asset_settings"`
	URL              string            `json:"url,omitempty" doc:"Where the film is sent to; there only while the status is waiting."`
	AssetID          film.AssetID      `json:"asset_id,omitempty" doc:"There from the moment that all bytes have come."`
	Error            *UploadError      `json:"error,omitempty" doc:"There when the status is errored; not in webhooks."`
}

// UploadError is why an upload is errored. Unlike an asset's errors it has one message.
type UploadError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// AssetOptions are the settings of the asset that an upload becomes: those that were given under their newest names,
// and what holds for those that were not.
type AssetOptions struct {
	PlaybackPolicies  []film.Policy `json:"playback_policies,omitempty" enum:"public signed drm"`
	VideoQuality      film.Quality  `json:"video_quality" enum:"basic plus premium"`
	MaxResolutionTier film.Tier     `json:"max_resolution_tier" enum:"1080p 1440p 2160p"`
	MasterAccess      film.Access   `json:"master_access" enum:"temporary none"`
	Meta              *Meta         `json:"meta,omitempty"`
	Passthrough       string        `json:"passthrough,omitempty"`
}

// UploadOf is the upload as the API answers it.
func UploadOf(u film.Upload, links Links) Upload { return uploadOf(u, links, false) }

// UploadsOf is a list of uploads as the API answers it.
func UploadsOf(uploads []film.Upload, links Links) []Upload {
	out := make([]Upload, len(uploads))
	for i, u := range uploads {
		out[i] = UploadOf(u, links)
	}
	return out
}

// uploadOf leaves the error out of webhooks, as Mux does (reference page, 4.3).
func uploadOf(u film.Upload, links Links, webhook bool) Upload {
	out := Upload{
		ID: u.ID, Status: u.Status, Timeout: int64(u.Timeout / time.Second), CORSOrigin: u.CORSOrigin,
		NewAssetSettings: optionsOf(u.Settings), AssetID: u.Asset,
	}
	if u.Status == film.UploadWaiting {
		out.URL = links.UploadURL(u)
	}
	if u.Failure != nil && !webhook {
		out.Error = &UploadError{Type: u.Failure.Type, Message: u.Failure.Message}
	}
	return out
}

func optionsOf(s film.AssetSettings) AssetOptions {
	return AssetOptions{
		PlaybackPolicies: slices.Clone(s.Policies), VideoQuality: s.Quality, MaxResolutionTier: s.MaxTier,
		MasterAccess: s.MasterAccess, Meta: metaOf(s.Meta), Passthrough: s.Passthrough,
	}
}

// NewUpload is a request for an upload.
type NewUpload struct {
	Settings film.AssetSettings
	// CORSOrigin is as it was given, in any spelling: "*", an origin, a bare host. Empty is none.
	CORSOrigin string
	// Timeout is within its bounds.
	Timeout time.Duration
}

// DecodeNewUpload reads the body of POST /video/v1/uploads, where nothing is required.
func DecodeNewUpload(body []byte) (NewUpload, error) {
	f := readBody(body)
	f.refuseUnbuilt(uploadParameters(), "")
	n := NewUpload{CORSOrigin: corsOrigin(f), Timeout: uploadTimeout(f)}
	options := f.object("new_asset_settings")
	uploadInputs(options)
	n.Settings = settings(options)
	if err := f.err(); err != nil {
		return NewUpload{}, err
	}
	return n, nil
}

// corsOrigin takes whatever can be compared with a browser's Origin header.
func corsOrigin(f *fields) string {
	s := strings.TrimSpace(f.text("cors_origin", maxOrigin))
	if strings.ContainsFunc(s, unicode.IsControl) {
		f.r.refuse("`%scors_origin` must not contain control characters", f.path)
	}
	return s
}

func uploadTimeout(f *fields) time.Duration {
	s := f.integer("timeout", int64(film.UploadTimeoutMin/time.Second), int64(film.UploadTimeoutMax/time.Second))
	if s == 0 {
		return film.UploadTimeout
	}
	return time.Duration(s) * time.Second
}

// uploadInputs lets an input pass that says nothing: clients write one to hang the settings of tracks on it, and those
// are refused by their names.
func uploadInputs(f *fields) {
	for i, item := range inputItems(f) {
		openInput(f.r, item, i == 0, uploadInputParameters())
	}
}
