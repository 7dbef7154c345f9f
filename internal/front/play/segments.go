package play

import (
	"net/http"
	"strconv"
	"strings"

	"filmcan/internal/derive/passthrough"
	"filmcan/internal/front/door"
)

// initSegment serves a rendition's init segment.
func initSegment(w http.ResponseWriter, r *http.Request, rendition *passthrough.Rendition) {
	serve(w, r, door.Bytes(rendition.Init, rendition.ContentType(), rendition.InitETag, forever))
}

// segment serves {n}.m4s, streamed from the vault.
func segment(w http.ResponseWriter, r *http.Request, f *passthrough.Film, rendition *passthrough.Rendition, file string) {
	n, ok := segmentNumber(file)
	if !ok || n >= len(rendition.Durations) {
		unknown(w, r)
		return
	}
	s, err := f.Segment(rendition, n)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	serve(w, r, door.Content{
		Type: rendition.ContentType(), ETag: s.ETag, CacheControl: forever, Size: s.Size, Copy: s.Copy,
	})
}

// segmentNumber reads a segment's name. A number has one spelling: each segment has one URL.
func segmentNumber(file string) (int, bool) {
	digits, ok := strings.CutSuffix(file, segmentEnd)
	if !ok || len(digits) > 9 || len(digits) > 1 && digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}
