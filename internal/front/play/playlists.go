package play

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"

	"filmcan/internal/derive/hls"
	"filmcan/internal/derive/passthrough"
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

	// chaptersID is the session data in which Mux's player looks for the film's title (reference page, 5.3).
	chaptersID = "com.apple.hls.chapters"
)

// multivariant serves the playlist of a playback id.
func (d *Door) multivariant(w http.ResponseWriter, r *http.Request, name string) {
	watched, err := d.open(r.Context(), name)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	defer watched.film.Close()
	width, height := watched.film.Resolution()
	if err := checkModifiers(r.URL.Query(), width, height); err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	at, shared := d.reachedAt(r)
	root := at.String() + "/" + string(watched.id) + "/"
	var video, audio []hls.Rendition
	for _, rendition := range watched.film.Renditions() {
		one := describe(rendition, root+passthrough.Recipe+"/"+rendition.Name+"/"+playlistName)
		if rendition.Video {
			video = append(video, one)
		} else {
			audio = append(audio, one)
		}
	}
	playlist := hls.Present(video, audio, hls.Options{})
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

func describe(r *passthrough.Rendition, uri string) hls.Rendition {
	return hls.Rendition{
		URI: uri, Bandwidth: r.Bandwidth, Average: r.Average, Codec: r.Codec,
		Width: r.Width, Height: r.Height, Rate: r.Rate, Range: r.Range,
		Channels: r.Channels,
	}
}

// media serves the playlist of one rendition. Its URIs are relative: they lie beside it.
func media(w http.ResponseWriter, r *http.Request, f *passthrough.Film, rendition *passthrough.Rendition) {
	target := 0
	for _, one := range f.Renditions() {
		target = max(target, hls.Target(one.Timescale, one.Durations))
	}
	playlist := hls.Media{Target: target, Init: initName, Timescale: rendition.Timescale, Segments: segments(rendition)}
	serve(w, r, text(playlist.Bytes(), hls.ContentType))
}

func segments(r *passthrough.Rendition) []hls.Segment {
	list := make([]hls.Segment, len(r.Durations))
	for i, d := range r.Durations {
		list[i] = hls.Segment{Duration: d, URI: strconv.Itoa(i) + segmentEnd}
	}
	return list
}

// text is content that can change, named by its digest.
func text(b []byte, contentType string) door.Content {
	sum := sha256.Sum256(b)
	return door.Bytes(b, contentType, hex.EncodeToString(sum[:16]), brief)
}
