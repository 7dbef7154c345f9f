package muxapi

import (
	"cmp"
	"math/bits"
	"strconv"

	"filmcan/internal/film"
)

// Links gives the addresses that answers carry.
type Links interface {
	// MasterURL is where the master of that grant can be had until it expires.
	MasterURL(g film.Grant, m film.Master) string
	// UploadURL is where the film of a waiting upload is sent to.
	UploadURL(u film.Upload) string
}

// Asset is an asset as the API and webhooks show it (reference page, 2.1). What is false or empty is left out.
type Asset struct {
	ID                string            `json:"id"`
	CreatedAt         UnixTime          `json:"created_at" doc:"Unix seconds: a string in answers, a number in webhooks."`
	Status            film.AssetStatus  `json:"status" enum:"preparing ready errored"`
	Progress          Progress          `json:"progress"`
	MasterAccess      film.Access       `json:"master_access" enum:"temporary none"`
	Master            *Master           `json:"master,omitempty" doc:"There only while master access is on."`
	MaxResolutionTier film.Tier         `json:"max_resolution_tier" enum:"1080p 1440p 2160p"`
	EncodingTier      string            `json:"encoding_tier" enum:"smart baseline premium" doc:"Deprecated by Mux; mirrors video_quality."`
	VideoQuality      film.Quality      `json:"video_quality" enum:"basic plus premium"`
	IngestType        film.IngestType   `json:"ingest_type,omitempty" enum:"on_demand_url on_demand_direct_upload on_demand_clip live_rtmp live_srt"`
	MP4Support        string            `json:"mp4_support" enum:"none"`
	Duration          *float64          `json:"duration,omitempty" doc:"Seconds; there when it is known."`
	AspectRatio       string            `json:"aspect_ratio,omitempty" doc:"Width and height in their lowest terms, such as 16:9."`
	ResolutionTier    string            `json:"resolution_tier,omitempty" enum:"audio-only 720p 1080p 1440p 2160p"`
	MaxStoredSize     string            `json:"max_stored_resolution,omitempty" enum:"'Audio only' SD HD FHD UHD"`
	MaxStoredRate     *float64          `json:"max_stored_frame_rate,omitempty" doc:"Frames per second; -1 when unknown."`
	PlaybackIDs       []PlaybackID      `json:"playback_ids,omitempty"`
	Tracks            []Track           `json:"tracks,omitempty"`
	Errors            *AssetErrors      `json:"errors,omitempty"`
	NonStandard       map[string]string `json:"non_standard_input_reasons,omitempty"`
	LiveStreamID      film.LiveStreamID `json:"live_stream_id,omitempty"`
	UploadID          film.UploadID     `json:"upload_id,omitempty"`
	Meta              *Meta             `json:"meta,omitempty"`
	Passthrough       string            `json:"passthrough,omitempty"`
}

// Progress is how far the preparation has come. Unlike Mux's own payloads it always has its number: the types of
// Mux's SDKs require it.
type Progress struct {
	State    film.ProgressState `json:"state" enum:"ingesting transcoding completed live errored"`
	Progress float64            `json:"progress" doc:"0 to 100; -1 where it has no meaning."`
}

// Master is the master object of an asset. SHA256 and Size are filmcan's own.
type Master struct {
	Status film.MasterStatus `json:"status" enum:"ready preparing errored"`
	URL    string            `json:"url,omitempty" doc:"Opaque; there when the status is ready. &download=name.mp4 may be appended."`
	SHA256 string            `json:"sha256,omitempty" doc:"filmcan's own: lower-case hexadecimal digest of the file; left out where the master is composed."`
	Size   int64             `json:"size,omitempty" doc:"filmcan's own: bytes."`
}

// PlaybackID is a playback id with its policy.
type PlaybackID struct {
	ID     film.PlaybackID `json:"id"`
	Policy film.Policy     `json:"policy" enum:"public signed drm"`
}

// Track is a track of an asset (reference page, 2.2).
type Track struct {
	ID               film.TrackID   `json:"id"`
	Type             film.TrackType `json:"type" enum:"video audio text"`
	Duration         float64        `json:"duration,omitempty"`
	MaxWidth         int            `json:"max_width,omitempty"`
	MaxHeight        int            `json:"max_height,omitempty"`
	MaxFrameRate     *float64       `json:"max_frame_rate,omitempty"`
	MaxChannels      int            `json:"max_channels,omitempty"`
	MaxChannelLayout string         `json:"max_channel_layout,omitempty" doc:"Deprecated by Mux."`
	Primary          bool           `json:"primary,omitempty" doc:"True for the main sound; left out otherwise."`
}

// AssetErrors is why an asset is errored.
type AssetErrors struct {
	Type     string   `json:"type"`
	Messages []string `json:"messages"`
}

// Meta is the descriptive metadata of an asset.
type Meta struct {
	Title      string `json:"title,omitempty"`
	CreatorID  string `json:"creator_id,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
}

// AssetOf is the asset as the API answers it. Hand it what is to be shown now: see [film.Asset.At].
func AssetOf(a film.Asset, links Links) Asset { return assetOf(a, links, false) }

// AssetsOf is the list of assets with the cursor of the next page, empty at the end.
func AssetsOf(assets []film.Asset, next string, links Links) AssetList {
	list := AssetList{Data: make([]Asset, len(assets)), NextCursor: next}
	for i, a := range assets {
		list.Data[i] = AssetOf(a, links)
	}
	return list
}

// PlaybackOf is the playback id as the API answers it.
func PlaybackOf(p film.Playback) PlaybackID { return PlaybackID{ID: p.ID, Policy: p.Policy} }

func assetOf(a film.Asset, links Links, webhook bool) Asset {
	out := Asset{
		ID:                string(a.ID),
		CreatedAt:         UnixTime{Seconds: a.CreatedAt.Unix(), AsNumber: webhook},
		Status:            a.Status,
		Progress:          Progress{State: a.Progress.State, Progress: min(max(a.Progress.Percent, -1), 100)},
		MasterAccess:      a.Master.Access,
		Master:            masterOf(a.Master, links),
		MaxResolutionTier: a.Settings.MaxTier,
		EncodingTier:      encodingTier(a.Settings.Quality),
		VideoQuality:      a.Settings.Quality,
		IngestType:        a.IngestType,
		MP4Support:        "none",
		LiveStreamID:      a.LiveStream,
		UploadID:          a.Upload,
		Passthrough:       a.Settings.Passthrough,
	}
	if a.Media != nil {
		out.describe(*a.Media)
	}
	for _, p := range a.Playbacks {
		out.PlaybackIDs = append(out.PlaybackIDs, PlaybackOf(p))
	}
	for _, t := range a.Tracks {
		out.Tracks = append(out.Tracks, trackOf(t))
	}
	if a.Failure != nil {
		out.Errors = &AssetErrors{Type: a.Failure.Type, Messages: append([]string{}, a.Failure.Messages...)}
	}
	out.NonStandard = reasonsOf(a.NonStandard, webhook)
	out.Meta = metaOf(a.Settings.Meta)
	return out
}

// metaOf is nil where there is nothing to show.
func metaOf(m film.Meta) *Meta {
	if m == (film.Meta{}) {
		return nil
	}
	return &Meta{Title: m.Title, CreatorID: m.CreatorID, ExternalID: m.ExternalID}
}

// describe fills in what was found in the film.
func (out *Asset) describe(m film.Media) {
	out.Duration = new(seconds(m.Duration))
	if m.Video == nil {
		out.ResolutionTier, out.MaxStoredSize = "audio-only", "Audio only"
		return
	}
	w, h := m.Video.Width, m.Video.Height
	out.AspectRatio = aspectRatio(cmp.Or(m.Video.ShapeWidth, w), cmp.Or(m.Video.ShapeHeight, h))
	out.ResolutionTier = resolutionTier(w, h)
	out.MaxStoredSize = storedSize(w, h)
	out.MaxStoredRate = new(frameRate(m.Video.Rate.Float()))
}

func masterOf(m film.Master, links Links) *Master {
	if m.Access != film.AccessTemporary {
		return nil
	}
	out := &Master{Status: m.Status}
	if m.Status == film.MasterReady && m.Grant != nil {
		out.URL, out.SHA256, out.Size = links.MasterURL(*m.Grant, m), m.SHA256, m.Size
	}
	return out
}

func trackOf(t film.Track) Track {
	out := Track{ID: t.ID, Type: t.Type, Duration: seconds(t.Duration)}
	switch t.Type {
	case film.TrackVideo:
		out.MaxWidth, out.MaxHeight, out.MaxFrameRate = t.Width, t.Height, new(frameRate(t.Rate.Float()))
	case film.TrackAudio:
		out.MaxChannels, out.MaxChannelLayout, out.Primary = t.Channels, channelLayout(t.Channels), t.Primary
	case film.TrackText:
	}
	return out
}

// reasonsOf shows the reasons. One key exists in webhooks only (reference page, 7.1); the API's types do not know it,
// so it is shown there as the general reason.
func reasonsOf(r film.Reasons, webhook bool) map[string]string {
	if len(r) == 0 {
		return nil
	}
	out := make(map[string]string, len(r))
	for reason, value := range r {
		if reason == film.ReasonUnexpectedVideo && !webhook {
			reason = film.ReasonUnexpectedFile
		}
		out[string(reason)] = value
	}
	return out
}

func encodingTier(q film.Quality) string {
	switch q {
	case film.QualityBasic:
		return "baseline"
	case film.QualityPremium:
		return "premium"
	case film.QualityPlus:
	}
	return "smart"
}

// aspectRatio is the ratio of a picture as shown divided by the greatest common divisor, empty for a picture without a size.
func aspectRatio(w, h int) string {
	if w <= 0 || h <= 0 {
		return ""
	}
	a, b := w, h
	for b != 0 {
		a, b = b, a%b
	}
	return strconv.Itoa(w/a) + ":" + strconv.Itoa(h/a)
}

// pixels is w×h, saturated.
func pixels(w, h int) uint64 {
	hi, lo := bits.Mul64(uint64(max(w, 0)), uint64(max(h, 0)))
	if hi != 0 {
		return ^uint64(0)
	}
	return lo
}

// resolutionTier goes by the number of stored pixels (reference page, 2.1).
func resolutionTier(w, h int) string {
	switch n := pixels(w, h); {
	case n <= 1280*720:
		return "720p"
	case n <= 1920*1080:
		return "1080p"
	case n <= 4_194_304:
		return "1440p"
	default:
		return "2160p"
	}
}

// storedSize is the rule that fits what was seen of Mux: 1280x544 is SD, 576x1124 and 1920x1080 are HD, larger is UHD.
func storedSize(w, h int) string {
	switch {
	case pixels(w, h) > 1920*1080:
		return "UHD"
	case h < 720:
		return "SD"
	default:
		return "HD"
	}
}

// channelLayout is ffmpeg's name of the usual layout of that many channels, empty where there is none.
func channelLayout(channels int) string {
	layouts := [...]string{"", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1"}
	if channels < 0 || channels >= len(layouts) {
		return ""
	}
	return layouts[channels]
}
