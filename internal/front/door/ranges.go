package door

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// Range is a piece of content, in bytes. N is never 0.
type Range struct{ Start, N int64 }

// maxRanges is how many pieces one answer gives: more of them are a nuisance, and the header is ignored (RFC 9110,
// 14.2 allows that).
const maxRanges = 32

// ranges returns the pieces that a request asks for, or none where it is to be answered whole: without a Range
// header, with one that is malformed or in another unit, with too many pieces or with pieces that overlap to more
// than the whole. Only GET has ranges, and If-Range must name the content by its strong ETag (RFC 9110, 13.1.5). It is
// not satisfiable when no piece that is asked for lies inside the content.
func ranges(r *http.Request, etag string, size int64) (pieces []Range, satisfiable bool) {
	header := r.Header.Get("Range")
	if r.Method != http.MethodGet || header == "" {
		return nil, true
	}
	if condition := r.Header.Get("If-Range"); condition != "" && condition != quote(etag) {
		return nil, true
	}
	pieces, satisfiable = parseRanges(header, size)
	var sum int64
	for _, one := range pieces {
		sum += one.N
	}
	if sum > size {
		return nil, true
	}
	return pieces, satisfiable
}

// Resumes reports whether a GET takes up a download of that content again, as opposed to beginning one: it asks for
// pieces behind the first byte, or proves by If-Range that it has a part of just this content.
func Resumes(r *http.Request, etag string, size int64) bool {
	all, _ := ranges(r, etag, size)
	if len(all) == 0 {
		return false
	}
	if r.Header.Get("If-Range") != "" {
		return true
	}
	for _, one := range all {
		if one.Start == 0 {
			return false
		}
	}
	return true
}

// parseRanges reads a Range header (RFC 9110, 14.1.2). A malformed one is ignored: no pieces, but satisfiable.
func parseRanges(header string, size int64) (pieces []Range, satisfiable bool) {
	unit, list, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || strings.Count(list, ",") >= 4*maxRanges {
		return nil, true
	}
	valid := 0
	for spec := range strings.SplitSeq(list, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue // empty list elements are allowed (RFC 9110, 5.6.1.2)
		}
		one, inside, ok := parseRange(spec, size)
		if !ok {
			return nil, true
		}
		valid++
		if inside {
			pieces = append(pieces, one)
		}
	}
	switch {
	case valid == 0 || len(pieces) > maxRanges:
		return nil, true
	case len(pieces) == 0:
		return nil, false
	}
	return pieces, true
}

// parseRange reads one `first-last`, `first-` or `-suffix`; inside says whether it touches the content.
func parseRange(spec string, size int64) (one Range, inside, ok bool) {
	first, last, found := strings.Cut(spec, "-")
	if !found || first == "" && last == "" {
		return Range{}, false, false
	}
	if first == "" {
		n, ok := digits(last)
		n = min(n, size)
		return Range{size - n, n}, n > 0, ok
	}
	start, ok := digits(first)
	if !ok {
		return Range{}, false, false
	}
	end := size - 1
	if last != "" {
		to, ok := digits(last)
		if !ok || to < start {
			return Range{}, false, false
		}
		end = min(end, to)
	}
	return Range{start, end - start + 1}, start < size, true
}

// digits reads a number without sign. One too large for an int64 is beyond any film, not malformed.
func digits(text string) (int64, bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 1<<63 - 1, true
	}
	return n, err == nil
}

func (r Range) contentRange(size int64) string {
	return "bytes " + strconv.FormatInt(r.Start, 10) + "-" + strconv.FormatInt(r.Start+r.N-1, 10) +
		"/" + strconv.FormatInt(size, 10)
}
