package film

import "time"

// JobArgs is the work order of a background job: a small struct that is stored as JSON in the transaction that
// causes it. The room that does the work exports the handler; app pairs the two.
type JobArgs interface {
	// Kind is the stored name of the job's type. It never changes.
	Kind() string
}

// Job is a work order with the earliest time of its execution (zero: at once).
type Job struct {
	Args JobArgs
	At   time.Time
}

// IngestAsset fetches the asset's input, looks at it and makes the asset ready or errored.
type IngestAsset struct{ Asset AssetID }

// Kind names the job.
func (IngestAsset) Kind() string { return "ingest_asset" }

// IngestUploaded is IngestAsset for a film that is in the vault already: it waits in no line with films that are still
// being fetched from other people's servers.
type IngestUploaded struct{ Asset AssetID }

// Kind names the job.
func (IngestUploaded) Kind() string { return "ingest_uploaded" }

// EncodeAsset makes an asset ready whose film was looked at and must be encoded for that, or errored. Film names what to
// clear up after when the asset is gone.
type EncodeAsset struct {
	Asset AssetID
	Film  FilmID `json:",omitempty"`
}

// Kind names the job.
func (EncodeAsset) Kind() string { return "encode_asset" }

// MakeBase makes what is missing of a ready asset's base, see [Base]. Film is as in [EncodeAsset].
type MakeBase struct {
	Asset AssetID
	Film  FilmID `json:",omitempty"`
}

// Kind names the job.
func (MakeBase) Kind() string { return "make_base" }

// DeliverEvent makes one attempt of one delivery.
type DeliverEvent struct {
	Delivery DeliveryID
	// Attempt counts from 1. A job whose attempt is recorded already (its worker died after the commit) has nothing
	// to do; see [Delivery.Due].
	Attempt int
}

// Kind names the job.
func (DeliverEvent) Kind() string { return "deliver_event" }

// ExpireMaster ends a grant whose time is over.
type ExpireMaster struct {
	Asset AssetID
	Grant GrantID
}

// Kind names the job.
func (ExpireMaster) Kind() string { return "expire_master" }

// ExpireUpload ends an upload whose time is over.
type ExpireUpload struct{ Upload UploadID }

// Kind names the job.
func (ExpireUpload) Kind() string { return "expire_upload" }

// PurgeFilm removes a film's bytes after the row that owned them is gone.
type PurgeFilm struct{ Film FilmID }

// Kind names the job.
func (PurgeFilm) Kind() string { return "purge_film" }

// ScrubFilms verifies the digests of stored films, those first that were looked at longest ago. Periodic.
type ScrubFilms struct{}

// Kind names the job.
func (ScrubFilms) Kind() string { return "scrub_films" }

// PruneEvents forgets events and attempts that are older than the retention. Periodic.
type PruneEvents struct{}

// Kind names the job.
func (PruneEvents) Kind() string { return "prune_events" }
