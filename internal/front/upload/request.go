package upload

import (
	"net/http"
	"strconv"
	"strings"

	"filmcan/internal/film"
)

// unknown stands for a number that a client has not told.
const unknown = -1

// request is what a client wants: to add the bytes [start, end) of a film of total bytes, or to ask how far it is.
type request struct {
	start, end, total int64 // end and total may be unknown
	query             bool  // nothing to add
	// whole: the body is the film, from its first byte to its last. Its length may be known only when it is over.
	whole bool
}

// errEmpty refuses a film without bytes.
func errEmpty() error { return film.Invalid("The file is empty") }

// parse reads what a request wants from its headers. Its errors are the customer's.
func parse(r *http.Request) (request, error) {
	values := r.Header.Values("Content-Range")
	if len(values) == 0 {
		if r.ContentLength == 0 {
			return request{}, errEmpty()
		}
		// Without a length net/http says -1: unknown.
		return request{end: r.ContentLength, total: r.ContentLength, whole: true}, nil
	}
	q, ok := parseContentRange(values[0])
	switch {
	case !ok || len(values) > 1:
		return request{}, film.Invalid("Content-Range must be \"bytes FIRST-LAST/TOTAL\", \"bytes FIRST-LAST/*\" or \"bytes */TOTAL\"")
	case q.total == 0:
		return request{}, errEmpty()
	case q.query && r.ContentLength > 0:
		return request{}, film.Invalid("Content-Range \"bytes */TOTAL\" asks how far the upload is and takes no body")
	case !q.query && r.ContentLength >= 0 && r.ContentLength != q.end-q.start:
		return request{}, film.Invalid("Content-Range is about %d bytes, but the body has %d", q.end-q.start, r.ContentLength)
	}
	return q, nil
}

// parseContentRange reads a Content-Range as requests carry it: `bytes a-b/total`, `bytes a-b/*`, `bytes */total`,
// `bytes */*` (RFC 9110, 14.4, and the status query of resumable uploads).
func parseContentRange(header string) (request, bool) {
	unit, spec, found := strings.Cut(strings.Trim(header, " \t"), " ")
	if !found || !strings.EqualFold(unit, "bytes") {
		return request{}, false
	}
	piece, size, found := strings.Cut(strings.Trim(spec, " \t"), "/")
	if !found {
		return request{}, false
	}
	q := request{total: unknown}
	if size != "*" {
		var ok bool
		if q.total, ok = number(size); !ok {
			return request{}, false
		}
	}
	if piece == "*" {
		q.end, q.query = unknown, true
		return q, true
	}
	first, last, found := strings.Cut(piece, "-")
	if !found {
		return request{}, false
	}
	start, ok := number(first)
	end, ok2 := number(last)
	if !ok || !ok2 || end < start || q.total != unknown && end >= q.total {
		return request{}, false
	}
	q.start, q.end = start, end+1
	return q, true
}

// number reads digits. One that an int64 cannot hold, with one to spare, is no size of anything.
func number(text string) (int64, bool) {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n < 1<<63-1
}

// most is the least size that the film has if the request is right.
func (q request) most() int64 { return max(q.end, q.total) }
