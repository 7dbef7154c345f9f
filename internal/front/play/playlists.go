package play

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"filmcan/internal/derive/hls"
	"filmcan/internal/front/door"
)

const (
	playlistName = "rendition.m3u8"
	initName     = "init.mp4"
	segmentEnd   = ".m4s"

	// brief is for what can change: long enough to spare a busy film's viewers a round trip each, short enough that a
	// deleted playback id soon ends in caches too.
	brief = "public, max-age=5"
	// alone is brief, for what only this viewer's own cache may keep.
	alone = "private, max-age=5"
	// forever is for what never changes under its URL, because the recipe stands in it.
	forever = "public, max-age=31536000, immutable"

	// playlistPatience is how long a playlist's request waits for what must be encoded anew before the film can be played.
	// Players wait longer for playlists than for segments, hls.js 20 s, and try them less often.
	playlistPatience = 15 * time.Second

	// chaptersID is the session data in which Mux's player looks for the film's title (reference page, 5.3).
	chaptersID = "com.apple.hls.chapters"
)

// multivariant serves the playlist of a playback id.
func (d *Door) multivariant(w http.ResponseWriter, r *http.Request, name string) {
	wishes, err := parseWishes(r.URL.Query())
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	watched, err := d.open(r.Context(), name)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	defer watched.film.Close()
	var video, audio []rendition
	all, err := d.renditions(watched)
	if err == nil {
		video, audio, err = wishes.choose(all)
	}
	if err == nil {
		_, _, err = wishes.clip.pick(cuts(all), cuts(all))
	}
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	at, shared := d.reachedAt(r)
	root := at.String() + "/" + string(watched.id) + "/"
	playlist := hls.Present(located(video, root, wishes.clip), located(audio, root, wishes.clip), wishes.order)
	if wishes.trickPlay {
		playlist.Images = tiles(watched, root)
	}
	if watched.asset.Settings.Meta.Title != "" {
		playlist.Session = []hls.SessionData{{ID: chaptersID, URI: root + "metadata.json"}}
	}
	// The URLs in it depend on how the viewer came.
	w.Header().Set("Vary", "X-Forwarded-Proto")
	content := text(playlist.Bytes(), hls.ContentType)
	if !shared {
		content.CacheControl = alone
	}
	serve(w, r, content)
}

// located gives renditions their URIs.
func located(list []rendition, root string, c clip) []hls.Rendition {
	var all []hls.Rendition
	for _, r := range list {
		one := r.Rendition
		query := c.query()
		one.URI = root + r.path() + encoded(query)
		// There is one place where a film is served from: the second way to it is a second URL.
		query.Set("redundant", "1")
		one.Backup = root + r.path() + encoded(query)
		all = append(all, one)
	}
	return all
}

func encoded(query url.Values) string {
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// media serves the playlist of one rendition. Its URIs are relative: they lie beside it.
func media(w http.ResponseWriter, r *http.Request, all []rendition, one *rendition) {
	clip, err := parseClip(r.URL.Query())
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	from, to, err := clip.pick(cuts(all), one.cuts)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	target := 0
	for _, other := range all {
		target = max(target, hls.Target(other.cuts.timescale, other.cuts.ticks))
	}
	playlist := hls.Media{Target: target, Init: initName, Timescale: one.cuts.timescale}
	for i := from; i < to; i++ {
		playlist.Segments = append(playlist.Segments, hls.Segment{Duration: one.cuts.ticks[i], URI: strconv.Itoa(i) + segmentEnd})
	}
	serve(w, r, text(playlist.Bytes(), hls.ContentType))
}

// text is content that can change, named by its digest.
func text(b []byte, contentType string) door.Content {
	sum := sha256.Sum256(b)
	return door.Bytes(b, contentType, hex.EncodeToString(sum[:16]), brief)
}
