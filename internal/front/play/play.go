package play

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/derive/passthrough"
	"filmcan/internal/derive/reel"
	jit "filmcan/internal/derive/rendition"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
)

// Catalog knows whose a playback id is.
type Catalog interface {
	// ResolvePlayback returns the asset and the playback id; the error is a film.Error where there is no such id.
	ResolvePlayback(ctx context.Context, id film.PlaybackID) (film.Asset, film.Playback, error)
}

// Config sets the door up.
type Config struct {
	// PublicURL is how the world reaches the program, such as https://video.example.com. Requests that come under
	// another host name get playlists with that one.
	PublicURL string
}

// Door serves viewers.
type Door struct {
	public  address
	catalog Catalog
	films   *passthrough.Packager
	engine  *jit.Engine
	stills  Stills
}

// Stills hands out sheets of still pictures by name (derive.Cache).
type Stills interface {
	Open(ctx context.Context, a film.Artifact) (derive.Object, error)
}

// New returns the door. What is passed through comes from films, what is encoded from the engine,
// sheets from stills.
func New(catalog Catalog, films *passthrough.Packager, engine *jit.Engine, stills Stills, cfg Config) (*Door, error) {
	public, err := parseAddress(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	return &Door{public: public, catalog: catalog, films: films, engine: engine, stills: stills}, nil
}

// watched is a playback id that may be watched now, and the film behind it, which must be closed.
type watched struct {
	id    film.PlaybackID
	asset film.Asset
	film  *passthrough.Film
}

// resolve finds the asset of a public playback id (reference page, 5.8).
func (d *Door) resolve(ctx context.Context, name string) (film.PlaybackID, film.Asset, error) {
	if !validID(name) {
		return "", film.Asset{}, film.Invalid("Invalid playback id")
	}
	id := film.PlaybackID(name)
	asset, playback, err := d.catalog.ResolvePlayback(ctx, id)
	if err != nil {
		return "", film.Asset{}, err
	}
	door.Annotate(ctx, attributes(id, asset)...)
	if playback.Policy != film.PolicyPublic {
		return "", film.Asset{}, &film.Error{
			Code: film.CodeForbidden, Fault: film.FaultCustomer,
			Message: "Playback of " + string(playback.Policy) + " playback ids is not available yet",
		}
	}
	switch asset.Status {
	case film.AssetReady:
		return id, asset, nil
	case film.AssetErrored:
		return "", film.Asset{}, film.NotReady("Asset is errored")
	case film.AssetPreparing:
	}
	return "", film.Asset{}, film.NotReady("Asset is not ready")
}

// open opens the film of a public playback id of a ready asset, for a playlist.
func (d *Door) open(ctx context.Context, name string) (watched, error) {
	id, asset, err := d.resolve(ctx, name)
	if err != nil {
		return watched{}, err
	}
	return d.watch(ctx, id, asset, playlistPatience)
}

// watch opens the film of an asset. Where it is cut from something that must be encoded anew, it waits for that as long as
// patience says.
func (d *Door) watch(ctx context.Context, id film.PlaybackID, asset film.Asset, patience time.Duration) (watched, error) {
	f, err := d.films.Open(ctx, reel.Of(asset), patience)
	if err != nil {
		return watched{}, err
	}
	return watched{id: id, asset: asset, film: f}, nil
}

// validID reports whether a playback id can be written so (reference page, 1.9).
func validID(s string) bool {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return s != "" && len(s) <= 255 && strings.Trim(s, alphanumeric) == ""
}

// allowance is how long a viewer may take to take that many bytes: slower than 16 kB/s nobody watches anything. It bounds
// how long a viewer who takes nothing holds the film open.
func allowance(size int64) time.Duration {
	const rate = 16 << 10
	return time.Minute + time.Duration(size/rate)*time.Second
}

// serve answers with content. What goes wrong on the way is noted, unless it is the viewer's leaving.
func serve(w http.ResponseWriter, r *http.Request, c door.Content) {
	// A server may have a limit for all its answers; segments are longer than most. The writers of some tests know no
	// deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(allowance(c.Size)))
	err := door.Serve(w, r, c)
	if err == nil || r.Context().Err() != nil {
		return
	}
	if _, gone := errors.AsType[*net.OpError](err); !gone {
		door.Fail(r.Context(), err)
	}
}
