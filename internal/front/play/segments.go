package play

import (
	"net/http"
	"strconv"
	"strings"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
)

// initSegment serves a rendition's init segment.
func initSegment(w http.ResponseWriter, r *http.Request, one *rendition) {
	content, err := one.init(r.Context())
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	serve(w, r, content)
}

// segment serves {n}.m4s.
func segment(w http.ResponseWriter, r *http.Request, one *rendition, file string) {
	n, ok := segmentNumber(file)
	if !ok || n >= len(one.cuts.ticks) {
		unknown(w, r)
		return
	}
	content, closer, err := one.segment(r.Context(), n)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	if closer != nil {
		defer closer.Close()
	}
	serve(w, r, content)
}

// kept serves {n}.m4s of an encoded rendition if it is stored: most are, and a film takes longer to open than a file to
// be sent.
func (d *Door) kept(w http.ResponseWriter, r *http.Request, asset film.Asset) bool {
	n, ok := segmentNumber(r.PathValue("file"))
	if !ok {
		return false
	}
	s, ok := d.engine.Kept(r.Context(), reel.Of(asset), r.PathValue("rendition"), n)
	if !ok {
		return false
	}
	defer s.Close()
	serve(w, r, encodedSegment(s))
	return true
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
