package film

import "time"

// SnapshotVersion is the version of the form in which event snapshots are stored. Old versions stay readable.
const SnapshotVersion = 1

// EventType is the name of a webhook event (reference page, 4.4).
type EventType string

// The events that this version causes.
const (
	EventAssetCreated         EventType = "video.asset.created"
	EventAssetReady           EventType = "video.asset.ready"
	EventAssetErrored         EventType = "video.asset.errored"
	EventAssetUpdated         EventType = "video.asset.updated"
	EventAssetDeleted         EventType = "video.asset.deleted"
	EventAssetNonStandard     EventType = "video.asset.non_standard_input_detected"
	EventAssetMasterPreparing EventType = "video.asset.master.preparing"
	EventAssetMasterReady     EventType = "video.asset.master.ready"
	EventAssetMasterDeleted   EventType = "video.asset.master.deleted"
	EventAssetMasterErrored   EventType = "video.asset.master.errored"
	EventUploadCreated        EventType = "video.upload.created"
	EventUploadAssetCreated   EventType = "video.upload.asset_created"
	EventUploadCancelled      EventType = "video.upload.cancelled"
	EventUploadErrored        EventType = "video.upload.errored"
)

// ObjectType says what an event is about.
type ObjectType string

// The object types.
const (
	ObjectAsset  ObjectType = "asset"
	ObjectUpload ObjectType = "upload"
)

// Object names what an event is about.
type Object struct {
	Type ObjectType
	ID   string
}

// Event is something that happened, with the state of its object at that moment. The transition fills Type, Object,
// At and Snapshot; the catalog gives it ID, Environment and Seq when it commits.
type Event struct {
	ID          EventID
	Environment EnvironmentID
	// Seq numbers the events of an environment without gaps, in commit order, from 1.
	Seq      int64
	Type     EventType
	Object   Object
	At       time.Time
	Snapshot Snapshot
}

// Snapshot is the object of an event as it was when the event happened. Exactly one field is set.
type Snapshot struct {
	Asset  *Asset  `json:",omitempty"`
	Upload *Upload `json:",omitempty"`
}

// Change is what a transition causes beside the new state: the catalog commits it with that state in one
// transaction, or nothing of it.
type Change struct {
	// Events in the order in which they happened.
	Events []Event
	Jobs   []Job
	// Granted are the periods of master access that begin.
	Granted []Grant
	// Revoke ends every grant of the asset at once, also one that is over and in its hour of grace: the URLs die and
	// running transfers are cut.
	Revoke bool
}

// assetEvent notes an event with the asset as it is shown at that time: without a grant that is over.
func (c *Change) assetEvent(t EventType, a Asset, now time.Time) {
	shot := a.clone()
	shot.drop(now)
	c.Events = append(c.Events, Event{
		Type: t, Object: Object{Type: ObjectAsset, ID: string(a.ID)}, At: now, Snapshot: Snapshot{Asset: &shot},
	})
}
