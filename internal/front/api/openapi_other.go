package api

import (
	"net/http"
	"strconv"

	"filmcan/internal/muxapi"
)

// other is an operation of another door, or of the documents themselves. These need no credentials of the API.
type other struct {
	method, path string
	operation    operation
}

// otherOperations describes by hand what the other doors serve on the same listener.
func otherOperations() []other {
	text := func(name, about string) parameter {
		return parameter{Name: name, In: "query", Description: about, Schema: &muxapi.Schema{Type: []string{"string"}}}
	}
	media := func(path, summary, contentType string, query ...parameter) other {
		return other{http.MethodGet, path, operation{
			Summary: summary, Tags: []string{"media"}, Parameters: append(pathParameters(path), query...),
			Responses: answers(contentType, http.StatusOK, http.StatusNotFound),
		}}
	}
	const hls, mp4 = "application/vnd.apple.mpegurl", "video/mp4"
	token := text("token", "Signed playback token. Not verified yet: signed playback ids answer 403.")
	master := media("/master/{GRANT_ID}/{FILENAME}", "Download a master by the URL that its asset shows", mp4,
		text("skid", "Part of the URL."), text("signature", "Part of the URL."), text("download", "Name of the attachment; may be appended."))
	master.operation.Responses = answers(mp4, http.StatusOK, http.StatusPartialContent, http.StatusForbidden, http.StatusRequestedRangeNotSatisfiable)
	return []other{
		media("/{PLAYBACK_ID}.m3u8", "Play: the multivariant playlist", hls, token),
		media("/{PLAYBACK_ID}", "Play: the multivariant playlist", hls, token),
		media("/{PLAYBACK_ID}/metadata.json", "Get the title", "application/json", token),
		media("/{PLAYBACK_ID}/{RECIPE}/{KIND}/rendition.m3u8", "Get a media playlist", hls, token),
		media("/{PLAYBACK_ID}/{RECIPE}/{KIND}/init.mp4", "Get an initialization segment", mp4, token),
		media("/{PLAYBACK_ID}/{RECIPE}/{KIND}/{NUMBER}.m4s", "Get a media segment", "video/iso.segment", token),
		master,
		media("/openapi.json", "Get this description", "application/json"),
		media("/docs", "Read this description", "text/html"),
	}
}

// answers are responses of which only the kind of the successful ones is told.
func answers(contentType string, statuses ...int) map[string]response {
	out := map[string]response{}
	for _, status := range statuses {
		r := response{Description: http.StatusText(status)}
		if status < http.StatusMultipleChoices {
			r.Content = map[string]mediaType{contentType: {}}
		}
		out[strconv.Itoa(status)] = r
	}
	return out
}
