package film

import (
	"slices"
	"time"
)

// The bounds of an upload's timeout in which all of its bytes must have come, and what it is unless the creator says
// otherwise (reference page, 2.6).
const (
	UploadTimeout    = time.Hour
	UploadTimeoutMin = time.Minute
	UploadTimeoutMax = 7 * 24 * time.Hour
)

// UploadStatus is the state of a direct upload.
type UploadStatus string

// The states of an upload. All but waiting are final, but for asset_created, which becomes errored when the asset does.
const (
	UploadWaiting      UploadStatus = "waiting"
	UploadAssetCreated UploadStatus = "asset_created"
	UploadErrored      UploadStatus = "errored"
	UploadCancelled    UploadStatus = "cancelled"
	UploadTimedOut     UploadStatus = "timed_out"
)

// UploadFailure is why an upload is errored, in words for its owner.
type UploadFailure struct {
	Type    string // as [Failure.Type]
	Message string
}

// Upload is a direct upload: a place for a film's bytes that are sent by somebody who has its URL and nothing else.
// The vault keeps them under Film, also after they have become an asset's.
type Upload struct {
	ID          UploadID
	Environment EnvironmentID
	CreatedAt   time.Time
	// Revision counts the commits of this row.
	Revision int64

	// Settings are those of the asset that it becomes.
	Settings   AssetSettings
	CORSOrigin string `json:",omitempty"` // as given: "*", an origin, a bare host
	Timeout    time.Duration
	Film       FilmID

	Status  UploadStatus
	Asset   AssetID        `json:",omitempty"`
	Failure *UploadFailure `json:",omitempty"`
}

// Deadline is when an upload that is still waiting times out.
func (u Upload) Deadline() time.Time { return u.CreatedAt.Add(u.Timeout) }

func (u Upload) clone() Upload {
	u.Settings.Policies = slices.Clone(u.Settings.Policies)
	if u.Failure != nil {
		u.Failure = new(*u.Failure)
	}
	return u
}

// NewUpload is a request for an upload, with everything that the catalog must draw for it.
type NewUpload struct {
	ID          UploadID
	Environment EnvironmentID
	Film        FilmID
	Settings    AssetSettings
	CORSOrigin  string
	// Timeout is within its bounds; 0 is [UploadTimeout].
	Timeout time.Duration
}

// CreateUpload begins an upload, with its end by time ordered.
func CreateUpload(n NewUpload, now time.Time) (Upload, Change) {
	if n.Timeout == 0 {
		n.Timeout = UploadTimeout
	}
	u := Upload{
		ID: n.ID, Environment: n.Environment, CreatedAt: now, Film: n.Film,
		Settings: n.Settings, CORSOrigin: n.CORSOrigin, Timeout: n.Timeout, Status: UploadWaiting,
	}.clone()
	var c Change
	c.uploadEvent(EventUploadCreated, u, now)
	c.Jobs = append(c.Jobs, Job{Args: ExpireUpload{Upload: u.ID}, At: u.Deadline()})
	return u, c
}

// errUploadOver refuses what only a waiting upload takes (reference page, 2.6: 403).
func errUploadOver() *Error {
	return &Error{Code: CodeForbidden, Fault: FaultCustomer, Message: "Upload is not waiting any more"}
}

// Complete ends an upload whose bytes are all there and sealed: it becomes the asset, which is created by the same
// change. Its events come in Mux's order: upload.asset_created, then asset.created. A waiting upload completes, even
// past its deadline while nobody has noticed it; every other one is refused.
func (u Upload) Complete(asset AssetID, playbacks []Playback, now time.Time) (Upload, Asset, Change, error) {
	if u.Status != UploadWaiting {
		return u, Asset{}, Change{}, errUploadOver()
	}
	u = u.clone()
	u.Status, u.Asset = UploadAssetCreated, asset
	var c Change
	c.uploadEvent(EventUploadAssetCreated, u, now)
	a, created := CreateAsset(NewAsset{
		ID: asset, Environment: u.Environment, Film: u.Film, Settings: u.Settings, IngestType: IngestUpload,
		Upload: u.ID, Playbacks: playbacks,
	}, now)
	c.Events = append(c.Events, created.Events...)
	c.Jobs = append(c.Jobs, created.Jobs...)
	return u, a, c, nil
}

// Cancel ends an upload on its owner's word; only while it is waiting.
func (u Upload) Cancel(now time.Time) (Upload, Change, error) {
	if u.Status != UploadWaiting {
		return u, Change{}, errUploadOver()
	}
	u = u.clone()
	u.Status = UploadCancelled
	var c Change
	c.uploadEvent(EventUploadCancelled, u, now)
	c.Jobs = append(c.Jobs, Job{Args: PurgeFilm{Film: u.Film}})
	return u, c, nil
}

// Expire ends an upload whose time is over while it is waiting. There is no event for that (reference page, 4.4).
func (u Upload) Expire(now time.Time) (Upload, Change) {
	u = u.clone()
	if u.Status != UploadWaiting || now.Before(u.Deadline()) {
		return u, Change{}
	}
	u.Status = UploadTimedOut
	return u, Change{Jobs: []Job{{Args: PurgeFilm{Film: u.Film}}}}
}

// Fail ends an upload whose bytes are no film (while it is waiting: they are purged), or whose asset became errored
// (its bytes are the asset's). A final state stays as it is.
func (u Upload) Fail(f UploadFailure, now time.Time) (Upload, Change) {
	u = u.clone()
	if u.Status != UploadWaiting && u.Status != UploadAssetCreated {
		return u, Change{}
	}
	waiting := u.Status == UploadWaiting
	u.Status, u.Failure = UploadErrored, &f
	var c Change
	c.uploadEvent(EventUploadErrored, u, now)
	if waiting {
		c.Jobs = append(c.Jobs, Job{Args: PurgeFilm{Film: u.Film}})
	}
	return u, c
}

func (c *Change) uploadEvent(t EventType, u Upload, now time.Time) {
	shot := u.clone()
	c.Events = append(c.Events, Event{
		Type: t, Object: Object{Type: ObjectUpload, ID: string(u.ID)}, At: now, Snapshot: Snapshot{Upload: &shot},
	})
}
