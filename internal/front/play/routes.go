package play

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"filmcan/internal/derive/reel"
	"filmcan/internal/derive/still"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
)

// Handler returns the door's routes. Every answer may be read by any page; GET covers HEAD.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{playback}", d.playlist)
	mux.HandleFunc("GET /{playback}/metadata.json", d.metadata)
	mux.HandleFunc("GET /{playback}/{recipe}/{rendition}/{file}", d.rendition)
	mux.HandleFunc("/", unknown)
	return door.CORS(mux)
}

// playlist serves /{PB}.m3u8 and /{PB}.
func (d *Door) playlist(w http.ResponseWriter, r *http.Request) {
	name, isPlaylist := strings.CutSuffix(r.PathValue("playback"), ".m3u8")
	if !isPlaylist && !validID(name) {
		unknown(w, r) // /favicon.ico and the like are no playback ids, not even wrong ones
		return
	}
	d.multivariant(w, r, name)
}

// rendition serves what lies below one rendition: its playlist, its init segment, its segments.
func (d *Door) rendition(w http.ResponseWriter, r *http.Request) {
	id, asset, err := d.resolve(r.Context(), r.PathValue("playback"))
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	if r.PathValue("recipe") == encodedRecipe && d.kept(w, r, asset) {
		return
	}
	patience := reel.Patience
	if r.PathValue("file") == playlistName {
		patience = playlistPatience
	}
	watched, err := d.watch(r.Context(), id, asset, patience)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	defer watched.film.Close()
	if r.PathValue("recipe") == still.Recipe && r.PathValue("rendition") == tilesName {
		d.sheets(w, r, watched, r.PathValue("file"))
		return
	}
	all, err := d.renditions(watched)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	i := slices.IndexFunc(all, func(one rendition) bool {
		return one.name == r.PathValue("rendition") && one.recipe == r.PathValue("recipe")
	})
	if i < 0 {
		unknown(w, r)
		return
	}
	switch file := r.PathValue("file"); file {
	case playlistName:
		media(w, r, all, &all[i])
	case initName:
		initSegment(w, r, &all[i])
	default:
		segment(w, r, &all[i], file)
	}
}

func unknown(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		door.MethodNotAllowed(w, r)
		return
	}
	door.Error(w, http.StatusNotFound, film.NotFoundMessage)
}

func attributes(id film.PlaybackID, asset film.Asset) []slog.Attr {
	return []slog.Attr{slog.String("playback", string(id)), slog.String("asset", string(asset.ID))}
}
