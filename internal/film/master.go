package film

import "time"

// MasterTTL is how long master access lasts unless the operator says otherwise (reference page, 3.1).
const MasterTTL = 24 * time.Hour

// MasterGrace is how long after its expiry a download that began in time may go on and be resumed.
const MasterGrace = time.Hour

// Access is the master_access of an asset.
type Access string

// The values of master_access.
const (
	AccessNone      Access = "none"
	AccessTemporary Access = "temporary"
)

// MasterStatus is the status of the master object, which is there only while access is on.
type MasterStatus string

// The states of a master.
const (
	MasterPreparing MasterStatus = "preparing"
	MasterReady     MasterStatus = "ready"
	MasterErrored   MasterStatus = "errored"
)

// MasterKind says what the master's bytes are.
type MasterKind string

// The kinds of masters; the empty kind is an asset that has none yet.
const (
	// MasterSource: the master is the source, byte for byte.
	MasterSource MasterKind = "source"
	// MasterComposed: a new head before byte ranges of the source.
	MasterComposed MasterKind = "composed"
	// MasterMade: a file of its own, made once from the source.
	MasterMade MasterKind = "made"
)

// Master is an asset's master and who may have it now.
type Master struct {
	Kind MasterKind
	// Size is its length in bytes.
	Size int64
	// SHA256 is the lower-case hexadecimal digest of its bytes; empty where it is composed.
	SHA256 string `json:",omitempty"`
	// ETag names its content, without quotes: the sha256, or the digest of the sealed manifest where it is composed.
	ETag string
	// AudioOnly masters are served as master.m4a.
	AudioOnly bool `json:",omitempty"`
	// Damage is why the master's bytes can no longer be trusted; empty while they can. For the operator, never shown.
	Damage string `json:",omitempty"`

	Access Access
	// Status is empty while Access is none.
	Status MasterStatus `json:",omitempty"`
	// Grant is set exactly while Status is ready.
	Grant *Grant `json:",omitempty"`
}

// Filename is the name under which the master is served.
func (m Master) Filename() string {
	if m.AudioOnly {
		return "master.m4a"
	}
	return "master.mp4"
}

// Grant is one period of master access.
type Grant struct {
	ID        GrantID
	CreatedAt time.Time
	ExpiresAt time.Time
}

// GrantState is what the master's door needs to know of a grant to serve it or refuse.
type GrantState struct {
	Grant    Grant
	Asset    AssetID
	Film     FilmID
	Master   Master
	OpenedAt time.Time // the first download; zero when there was none
	Revoked  bool
}

// MayBegin reports whether a download may begin now.
func (g GrantState) MayBegin(now time.Time) bool {
	return !g.Revoked && now.Before(g.Grant.ExpiresAt)
}

// MayGoOn reports whether a download that began in time may go on, or be taken up again, now.
func (g GrantState) MayGoOn(now time.Time) bool {
	return !g.Revoked && !g.OpenedAt.IsZero() && now.Before(g.Grant.ExpiresAt.Add(MasterGrace))
}

// At returns the asset as it is to be shown at that time: a grant that is over is not shown, even while the job that
// ends it has not run yet.
func (a Asset) At(now time.Time) Asset {
	a.drop(now)
	return a
}

// grant begins a period of access to a master that exists: preparing and ready in one change, in that order.
func (a *Asset) grant(id GrantID, ttl time.Duration, now time.Time, c *Change) {
	a.Master.Access, a.Master.Status, a.Master.Grant = AccessTemporary, MasterPreparing, nil
	c.assetEvent(EventAssetMasterPreparing, *a, now)
	if a.Master.Damage != "" {
		a.Master.Status = MasterErrored
		c.assetEvent(EventAssetMasterErrored, *a, now)
		return
	}
	g := Grant{ID: id, CreatedAt: now, ExpiresAt: now.Add(ttl)}
	a.Master.Status, a.Master.Grant = MasterReady, &g
	c.Granted = append(c.Granted, g)
	c.Jobs = append(c.Jobs, Job{Args: ExpireMaster{Asset: a.ID, Grant: id}, At: g.ExpiresAt})
	c.assetEvent(EventAssetMasterReady, *a, now)
}

func (a *Asset) revoke(c *Change) {
	c.Revoke = true
	a.Master.Access, a.Master.Status, a.Master.Grant = AccessNone, "", nil
}

// drop forgets a grant whose time is over and whose job has not run yet: the URL is over, running downloads keep their
// hour of grace.
func (a *Asset) drop(now time.Time) {
	if a.Master.Grant != nil && !now.Before(a.Master.Grant.ExpiresAt) {
		a.Master.Access, a.Master.Status, a.Master.Grant = AccessNone, "", nil
	}
}

// EnableMaster gives temporary access to the master. The asset must be ready; access that is on already is refused
// with Mux's words, unless the master is errored: then it is tried again.
func (a Asset) EnableMaster(id GrantID, ttl time.Duration, now time.Time) (Asset, Change, error) {
	if a.Status != AssetReady {
		return a, Change{}, NotReady("Asset is not ready")
	}
	a = a.clone()
	a.drop(now)
	if a.Master.Access == AccessTemporary && a.Master.Status != MasterErrored {
		return a, Change{}, Invalid("Download already exists")
	}
	var c Change
	a.grant(id, ttl, now, &c)
	return a, c, nil
}

// DisableMaster takes access away: the URL dies and running downloads are cut, those in their hour of grace too.
// Where access is off, or over, already, that is all, and no event tells of it.
func (a Asset) DisableMaster(now time.Time) (Asset, Change, error) {
	if a.Status != AssetReady {
		return a, Change{}, NotReady("Asset is not ready")
	}
	a = a.clone()
	a.drop(now)
	var c Change
	was := a.Master.Access
	a.revoke(&c)
	if was != AccessNone {
		c.assetEvent(EventAssetMasterDeleted, a, now)
	}
	return a, c, nil
}

// ExpireMaster ends a grant whose time is over. A grant that is not the current one, or not over yet, is left alone.
// No event is sent: Mux names `deleted` for the explicit PUT only (docs/mux-differences.md).
func (a Asset) ExpireMaster(id GrantID, now time.Time) (Asset, Change) {
	a = a.clone()
	if g := a.Master.Grant; g != nil && g.ID == id {
		a.drop(now)
	}
	return a, Change{}
}

// DamageMaster notes that the master's bytes are missing or wrong: nobody gets them any more. Its transfers are cut,
// and where access is on it shows errored.
func (a Asset) DamageMaster(why string, now time.Time) (Asset, Change) {
	a = a.clone()
	if a.Status != AssetReady || a.Master.Damage != "" {
		return a, Change{}
	}
	a.drop(now)
	a.Master.Damage = why
	var c Change
	access, status := a.Master.Access, a.Master.Status
	a.revoke(&c)
	if access == AccessTemporary {
		a.Master.Access, a.Master.Status = AccessTemporary, MasterErrored
	}
	if access == AccessTemporary && status != MasterErrored {
		c.assetEvent(EventAssetMasterErrored, a, now)
	}
	return a, c
}

// RepairMaster notes that the master's bytes are whole again.
func (a Asset) RepairMaster() (Asset, Change) {
	a = a.clone()
	a.Master.Damage = ""
	return a, Change{}
}
