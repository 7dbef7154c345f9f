package film

import (
	"slices"
	"time"
)

// Policy says who may play through a playback id.
type Policy string

// The policies.
const (
	PolicyPublic Policy = "public"
	PolicySigned Policy = "signed"
	PolicyDRM    Policy = "drm"
)

// Playback is a playback id with its policy.
type Playback struct {
	ID     PlaybackID
	Policy Policy
}

// MaxPlaybacks is how many playback ids an asset may have: each of its events holds all of them.
const MaxPlaybacks = 1000

// AddPlayback gives the asset a further playback id, in any state.
func (a Asset) AddPlayback(p Playback, now time.Time) (Asset, Change, error) {
	if len(a.Playbacks) >= MaxPlaybacks {
		return a, Change{}, Invalid("An asset cannot have more than %d playback ids", MaxPlaybacks)
	}
	a = a.clone()
	a.Playbacks = append(a.Playbacks, p)
	var c Change
	c.assetEvent(EventAssetUpdated, a, now)
	return a, c, nil
}

// RemovePlayback takes a playback id away; an id that is not there is not found.
func (a Asset) RemovePlayback(id PlaybackID, now time.Time) (Asset, Change, error) {
	i := slices.IndexFunc(a.Playbacks, func(p Playback) bool { return p.ID == id })
	if i < 0 {
		return a, Change{}, NotFound()
	}
	a = a.clone()
	a.Playbacks = slices.Delete(a.Playbacks, i, i+1)
	var c Change
	c.assetEvent(EventAssetUpdated, a, now)
	return a, c, nil
}

// Playback returns the asset's playback id with that name.
func (a Asset) Playback(id PlaybackID) (Playback, bool) {
	i := slices.IndexFunc(a.Playbacks, func(p Playback) bool { return p.ID == id })
	if i < 0 {
		return Playback{}, false
	}
	return a.Playbacks[i], true
}
