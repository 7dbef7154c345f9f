package film

import (
	"maps"
	"slices"
	"time"
)

// AssetStatus is the state of an asset.
type AssetStatus string

// The states of an asset. A deleted asset has no row.
const (
	AssetPreparing AssetStatus = "preparing"
	AssetReady     AssetStatus = "ready"
	AssetErrored   AssetStatus = "errored"
)

// ProgressState says which work an asset is in.
type ProgressState string

// The states of progress (reference page, 2.1).
const (
	ProgressIngesting   ProgressState = "ingesting"
	ProgressTranscoding ProgressState = "transcoding"
	ProgressCompleted   ProgressState = "completed"
	ProgressLive        ProgressState = "live"
	ProgressErrored     ProgressState = "errored"
)

// Progress is how far an asset's preparation has come. Percent is 0–100, or -1 where it has no meaning.
type Progress struct {
	State   ProgressState
	Percent float64
}

// IngestType says how an asset's film came in.
type IngestType string

// The ways in.
const (
	IngestURL    IngestType = "on_demand_url"
	IngestUpload IngestType = "on_demand_direct_upload"
	IngestClip   IngestType = "on_demand_clip"
	IngestRTMP   IngestType = "live_rtmp"
	IngestSRT    IngestType = "live_srt"
)

// Tier is a resolution tier: "1080p", "1440p", "2160p".
type Tier string

// The tiers that max_resolution_tier takes.
const (
	Tier1080p Tier = "1080p"
	Tier1440p Tier = "1440p"
	Tier2160p Tier = "2160p"
)

// Quality is the video_quality of an asset.
type Quality string

// The qualities.
const (
	QualityBasic   Quality = "basic"
	QualityPlus    Quality = "plus"
	QualityPremium Quality = "premium"
)

// Meta is the descriptive metadata of an asset; empty fields are not shown.
type Meta struct {
	Title, CreatorID, ExternalID string
}

// AssetSettings is what the creator of an asset asked for. The same settings stand in an upload's and a live
// stream's new_asset_settings.
type AssetSettings struct {
	MaxTier      Tier
	Quality      Quality
	Policies     []Policy
	MasterAccess Access // asked for at creation
	Meta         Meta
	Passthrough  string
}

// Input is one input of an asset as the creator gave it.
type Input struct {
	URL string
}

// Failure is why an asset is errored, in words for its owner.
type Failure struct {
	// Type is the API's errors.type, such as "invalid_input".
	Type     string
	Messages []string
	// Reasons are set where the input was a film, but not one that this version can prepare.
	Reasons Reasons `json:",omitempty"`
}

// TrackType is the kind of a track.
type TrackType string

// The kinds of tracks.
const (
	TrackVideo TrackType = "video"
	TrackAudio TrackType = "audio"
	TrackText  TrackType = "text"
)

// Track is a track of an asset as the API lists it.
type Track struct {
	ID       TrackID
	Type     TrackType
	Primary  bool
	Duration time.Duration
	// Pictures only; as displayed.
	Width, Height int  `json:",omitempty"`
	Rate          Rate `json:",omitzero"`
	// Sound only.
	Channels int `json:",omitempty"`
}

// Asset is a film with a name: its settings, its state, and the facts about it.
type Asset struct {
	ID          AssetID
	Environment EnvironmentID
	CreatedAt   time.Time
	// Revision counts the commits of this row; the catalog compares and sets it.
	Revision int64

	Settings   AssetSettings
	Inputs     []Input
	IngestType IngestType
	Film       FilmID
	Upload     UploadID     `json:",omitempty"`
	LiveStream LiveStreamID `json:",omitempty"`

	Status   AssetStatus
	Progress Progress
	Failure  *Failure `json:",omitempty"`
	Media    *Media   `json:",omitempty"`
	// NonStandard are the reasons that were detected; set on errored assets too.
	NonStandard Reasons    `json:",omitempty"`
	Tracks      []Track    `json:",omitempty"`
	Playbacks   []Playback `json:",omitempty"`
	Master      Master
	// Base says what renditions are cut from.
	Base Base `json:",omitzero"`
}

// clone returns a copy that shares no memory with a: what a transition returns, and each snapshot it takes, can be
// kept and changed by whoever gets it.
func (a Asset) clone() Asset {
	a.Inputs = slices.Clone(a.Inputs)
	a.Tracks = slices.Clone(a.Tracks)
	a.Playbacks = slices.Clone(a.Playbacks)
	a.NonStandard = maps.Clone(a.NonStandard)
	a.Settings.Policies = slices.Clone(a.Settings.Policies)
	if a.Failure != nil {
		a.Failure = new(a.Failure.clone())
	}
	if a.Media != nil {
		a.Media = new(a.Media.clone())
	}
	if a.Master.Grant != nil {
		a.Master.Grant = new(*a.Master.Grant)
	}
	return a
}

func (f Failure) clone() Failure {
	f.Messages = slices.Clone(f.Messages)
	f.Reasons = maps.Clone(f.Reasons)
	return f
}

// NewAsset is a request for an asset, with everything that the catalog must draw or know for it.
type NewAsset struct {
	ID          AssetID
	Environment EnvironmentID
	Film        FilmID
	Settings    AssetSettings
	Inputs      []Input
	IngestType  IngestType
	Upload      UploadID
	// Playbacks are drawn from Settings.Policies, in that order.
	Playbacks []Playback
}

// CreateAsset begins an asset: preparing, with its ingest ordered.
func CreateAsset(n NewAsset, now time.Time) (Asset, Change) {
	a := Asset{
		ID: n.ID, Environment: n.Environment, CreatedAt: now,
		Settings: n.Settings, Inputs: n.Inputs, IngestType: n.IngestType, Film: n.Film, Upload: n.Upload,
		Status: AssetPreparing, Progress: Progress{State: ProgressIngesting},
		Playbacks: n.Playbacks,
		Master:    Master{Access: AccessNone},
	}.clone()
	if n.Settings.MasterAccess == AccessTemporary {
		a.Master.Access, a.Master.Status = AccessTemporary, MasterPreparing
	}
	var c Change
	c.assetEvent(EventAssetCreated, a, now)
	if n.IngestType == IngestUpload {
		c.Jobs = append(c.Jobs, Job{Args: IngestUploaded{Asset: a.ID}})
	} else {
		c.Jobs = append(c.Jobs, Job{Args: IngestAsset{Asset: a.ID}})
	}
	return a, c
}

// Found is what ingest found and made: the facts that turn a preparing asset into a ready one.
type Found struct {
	Media  Media
	Tracks []Track
	// Master describes the stored master; its access fields are ignored.
	Master Master
	Base   Base
	// Grant is the id of the grant to give where master access was asked for at creation, TTL its length.
	Grant GrantID
	TTL   time.Duration
}

// Ready ends the preparation with success. Where master access was asked for at creation it is granted in the same
// change: the master exists already. Only a preparing asset becomes ready.
func (a Asset) Ready(f Found, now time.Time) (Asset, Change, error) {
	if a.Status != AssetPreparing {
		return a, Change{}, &Error{Code: CodeConflict, Fault: FaultOurs, Message: "Asset is not preparing"}
	}
	a = a.clone()
	a.Status = AssetReady
	a.Progress = Progress{State: ProgressCompleted, Percent: 100}
	a.Media = new(f.Media.clone())
	a.Tracks = slices.Clone(f.Tracks)
	access := a.Master.Access
	a.Master, a.Base = f.Master, f.Base
	a.Master.Access, a.Master.Status, a.Master.Grant = access, "", nil
	if access == AccessTemporary {
		a.Master.Status = MasterPreparing
	}
	var c Change
	c.assetEvent(EventAssetReady, a, now)
	if a.Base.EncodedSound {
		// Nobody waits for it: who listens before it is there has it made.
		c.Jobs = append(c.Jobs, Job{Args: MakeBase{Asset: a.ID, Film: a.Film}})
	}
	if access == AccessTemporary {
		a.grant(f.Grant, f.TTL, now, &c)
	}
	return a, c, nil
}

// Detected notes that the input is not standard. Only a preparing asset takes it, and only once.
func (a Asset) Detected(r Reasons, now time.Time) (Asset, Change, error) {
	if a.Status != AssetPreparing {
		return a, Change{}, &Error{Code: CodeConflict, Fault: FaultOurs, Message: "Asset is not preparing"}
	}
	a = a.clone()
	if len(r) == 0 || len(a.NonStandard) > 0 {
		return a, Change{}, nil
	}
	a.NonStandard = maps.Clone(r)
	var c Change
	c.assetEvent(EventAssetNonStandard, a, now)
	return a, c, nil
}

// Advance notes how far the preparation has come. Only a preparing asset takes it; it is no event. Progress never goes
// back: a run that takes up the work of one that died tells nothing until it is further.
func (a Asset) Advance(p Progress) (Asset, Change, error) {
	if a.Status != AssetPreparing {
		return a, Change{}, &Error{Code: CodeConflict, Fault: FaultOurs, Message: "Asset is not preparing"}
	}
	a = a.clone()
	was := a.Progress
	if was.State == p.State && p.Percent <= was.Percent || was.State == ProgressTranscoding && p.State == ProgressIngesting {
		return a, Change{}, nil
	}
	a.Progress = p
	return a, Change{}, nil
}

// Transcode ends the look at an input that must be encoded, for the reasons given, and orders that. Only a preparing
// asset takes it, and only once.
func (a Asset) Transcode(r Reasons, now time.Time) (Asset, Change, error) {
	if a.Status != AssetPreparing {
		return a, Change{}, &Error{Code: CodeConflict, Fault: FaultOurs, Message: "Asset is not preparing"}
	}
	a = a.clone()
	if a.Progress.State == ProgressTranscoding {
		return a, Change{}, nil
	}
	a.Progress = Progress{State: ProgressTranscoding}
	a, c, err := a.Detected(r, now)
	c.Jobs = append(c.Jobs, Job{Args: EncodeAsset{Asset: a.ID, Film: a.Film}})
	return a, c, err
}

// Fail ends the preparation without success. Only a preparing asset fails; master access that was asked for at
// creation goes back to none.
func (a Asset) Fail(f Failure, now time.Time) (Asset, Change, error) {
	if a.Status != AssetPreparing {
		return a, Change{}, &Error{Code: CodeConflict, Fault: FaultOurs, Message: "Asset is not preparing"}
	}
	a = a.clone()
	a.Status = AssetErrored
	a.Progress = Progress{State: ProgressErrored, Percent: -1}
	a.Failure = new(f.clone())
	if len(f.Reasons) > 0 {
		a.NonStandard = maps.Clone(f.Reasons)
	}
	a.Master.Access, a.Master.Status, a.Master.Grant = AccessNone, "", nil
	var c Change
	c.assetEvent(EventAssetErrored, a, now)
	return a, c, nil
}

// AssetPatch changes what is not nil. An empty passthrough clears it.
type AssetPatch struct {
	Passthrough *string
	Title       *string
	CreatorID   *string
	ExternalID  *string
}

// Patch changes an asset's free-form fields, in any state. A patch that changes nothing causes nothing.
func (a Asset) Patch(p AssetPatch, now time.Time) (Asset, Change) {
	before := a.Settings
	a = a.clone()
	for _, field := range []struct{ to, from *string }{
		{&a.Settings.Passthrough, p.Passthrough},
		{&a.Settings.Meta.Title, p.Title},
		{&a.Settings.Meta.CreatorID, p.CreatorID},
		{&a.Settings.Meta.ExternalID, p.ExternalID},
	} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	var c Change
	if a.Settings.Passthrough != before.Passthrough || a.Settings.Meta != before.Meta {
		c.assetEvent(EventAssetUpdated, a, now)
	}
	return a, c
}

// Delete ends the asset, in any state: its grants die with it, those in their hour of grace too, and its bytes are
// purged after the row is gone.
func (a Asset) Delete(now time.Time) Change {
	a = a.clone()
	var c Change
	a.revoke(&c)
	c.assetEvent(EventAssetDeleted, a, now)
	c.Jobs = append(c.Jobs, Job{Args: PurgeFilm{Film: a.Film}})
	return c
}
