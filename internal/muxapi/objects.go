package muxapi

import (
	"time"

	"filmcan/internal/film"
)

// PlaybackOwner is the answer of the look-up of a playback id (reference page, 2.4).
type PlaybackOwner struct {
	ID     film.PlaybackID `json:"id"`
	Policy film.Policy     `json:"policy" enum:"public signed drm"`
	Object OwnerObject     `json:"object"`
}

// OwnerObject is what a playback id plays.
type OwnerObject struct {
	ID   string `json:"id"`
	Type string `json:"type" enum:"asset live_stream"`
}

// PlaybackOwnerOf tells which asset the playback id belongs to.
func PlaybackOwnerOf(p film.Playback, asset film.AssetID) PlaybackOwner {
	return PlaybackOwner{ID: p.ID, Policy: p.Policy, Object: OwnerObject{ID: string(asset), Type: "asset"}}
}

// InputInfo is one input of an asset: what was asked and what was found (reference page, 2.1).
type InputInfo struct {
	Settings InputSettings `json:"settings"`
	File     *InputFile    `json:"file,omitempty" doc:"Left out where the input could not be read."`
}

// InputSettings is an input as the creator gave it.
type InputSettings struct {
	URL string `json:"url,omitempty"`
}

// InputFile is what was found in an input.
type InputFile struct {
	ContainerFormat string       `json:"container_format"`
	Tracks          []InputTrack `json:"tracks"`
}

// InputTrack is one track of an input's file.
type InputTrack struct {
	Type       film.TrackType `json:"type" enum:"video audio text"`
	Duration   float64        `json:"duration,omitempty"`
	Encoding   string         `json:"encoding,omitempty" doc:"The codec's name in ffprobe."`
	Width      int            `json:"width,omitempty"`
	Height     int            `json:"height,omitempty"`
	FrameRate  *float64       `json:"frame_rate,omitempty"`
	SampleRate int            `json:"sample_rate,omitempty"`
	SampleSize int            `json:"sample_size,omitempty"`
	Channels   int            `json:"channels,omitempty"`
}

// InputInfoOf lists the inputs of an asset. While it is preparing there is nothing to say: [film.CodeNotReady], with
// Mux's words. The file stands with the first input, which is the film; an asset that failed before its film could be
// read has none. A film that was uploaded is an input without a URL.
func InputInfoOf(a film.Asset) ([]InputInfo, error) {
	if a.Status == film.AssetPreparing {
		return nil, film.NotReady("Asset is still preparing")
	}
	out := make([]InputInfo, max(len(a.Inputs), 1))
	for i, in := range a.Inputs {
		out[i].Settings.URL = in.URL
	}
	if a.Media != nil {
		out[0].File = fileOf(*a.Media)
	}
	return out, nil
}

func fileOf(m film.Media) *InputFile {
	f := &InputFile{ContainerFormat: m.Container, Tracks: []InputTrack{}}
	if v := m.Video; v != nil {
		f.Tracks = append(f.Tracks, InputTrack{
			Type: film.TrackVideo, Duration: seconds(v.Duration), Encoding: v.Codec,
			Width: v.Width, Height: v.Height, FrameRate: new(frameRate(v.Rate.Float())),
		})
	}
	if s := m.Audio; s != nil {
		f.Tracks = append(f.Tracks, InputTrack{
			Type: film.TrackAudio, Duration: seconds(s.Duration), Encoding: s.Codec,
			SampleRate: s.SampleRate, SampleSize: s.SampleSize, Channels: s.Channels,
		})
	}
	return f
}

// Webhook is a webhook endpoint (newer page). Its time is ISO 8601, unlike all other objects'.
type Webhook struct {
	ID            film.WebhookID `json:"id"`
	Address       string         `json:"address"`
	Enabled       bool           `json:"enabled"`
	CreatedAt     string         `json:"created_at" doc:"ISO 8601, UTC."`
	SigningSecret string         `json:"signing_secret,omitempty" doc:"Only in the answer that creates the webhook."`
}

// WebhookOf is the webhook without its secret.
func WebhookOf(w film.Webhook) Webhook {
	return Webhook{ID: w.ID, Address: w.Address, Enabled: w.Enabled, CreatedAt: w.CreatedAt.UTC().Format(time.RFC3339)}
}

// NewWebhookOf is the answer that creates a webhook: the only one that shows the secret.
func NewWebhookOf(w film.Webhook) Webhook {
	out := WebhookOf(w)
	out.SigningSecret = w.Secret
	return out
}

// WebhooksOf is a list of webhooks without their secrets.
func WebhooksOf(hooks []film.Webhook) []Webhook {
	out := make([]Webhook, len(hooks))
	for i, w := range hooks {
		out[i] = WebhookOf(w)
	}
	return out
}

// Whoami is who a token belongs to (reference page, 2.12). Every field is required by the clients' types.
type Whoami struct {
	AccessTokenName  string            `json:"access_token_name"`
	EnvironmentID    string            `json:"environment_id"`
	EnvironmentName  string            `json:"environment_name"`
	EnvironmentType  string            `json:"environment_type"`
	OrganizationID   string            `json:"organization_id"`
	OrganizationName string            `json:"organization_name"`
	Permissions      []film.Permission `json:"permissions" enum:"video:read video:write system:read system:write"`
}

// WhoamiOf describes the caller. filmcan has no organizations: a server is one.
func WhoamiOf(p film.Principal) Whoami {
	return Whoami{
		AccessTokenName:  p.Token.Name,
		EnvironmentID:    string(p.Environment.ID),
		EnvironmentName:  p.Environment.Name,
		EnvironmentType:  p.Environment.Type,
		OrganizationID:   "filmcan",
		OrganizationName: "filmcan",
		Permissions:      append([]film.Permission{}, p.Token.Permissions...),
	}
}
