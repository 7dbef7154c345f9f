package intake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// known is what the first answer said of the file; later answers must not contradict it. It is kept with the bytes in
// the vault.
type known struct {
	// Validator names the content: a strong ETag, or else the date of its last change. Without one, a broken download
	// cannot be continued, only begun again.
	Validator string
	// Total is the file's length, 0 where the server did not say.
	Total int64
}

const noteKey = "fetch"

func restoreKnown(notes map[string][]byte) known {
	var k known
	if json.Unmarshal(notes[noteKey], &k) != nil {
		return known{} // no note, or an unknown one: nothing is known
	}
	return k
}

func (k known) note(to sink) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return to.Note(noteKey, b)
}

// ask makes the request continue behind the bytes that are there.
func (k known) ask(h http.Header, have int64) {
	if have > 0 {
		h.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
		h.Set("If-Range", k.Validator)
	}
}

// course is what to do with an answer.
type course int

const (
	// begin: its body is the file from its first byte.
	begin course = iota
	// goOn: its body continues what is there.
	goOn
	// complete: everything is there already.
	complete
)

// judge decides what an answer means when have bytes are there, and what it says of the file.
func (k known) judge(resp *http.Response, have int64) (course, known, error) {
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") && resp.StatusCode/100 == 2 {
		return 0, k, fail(whyEncoded, nil, "The input's server sent the file compressed (Content-Encoding), although it was asked not to.")
	}
	now := known{Validator: validator(resp.Header), Total: max(0, resp.ContentLength)}
	switch {
	case resp.StatusCode == http.StatusOK:
		if have > 0 && k.contradicts(now) {
			return 0, k, changed()
		}
		return begin, now, nil
	case have > 0 && resp.StatusCode == http.StatusPartialContent:
		start, total, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || start != have {
			return 0, k, fail(whyRange, nil, "The input's server answered with another part of the file than it was asked for.")
		}
		now.Total = total
		if k.contradicts(now) {
			return 0, k, changed()
		}
		k.Total = max(k.Total, total)
		return goOn, k, nil
	case have > 0 && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		if total, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes */"); ok && total == strconv.FormatInt(have, 10) {
			return complete, k, nil
		}
		return 0, k, changed()
	case have > 0 && resp.StatusCode == http.StatusPreconditionFailed:
		return 0, k, changed()
	}
	f := sayStatus(resp.StatusCode)
	if f.again {
		f.pause = retryAfter(resp.Header)
	}
	return 0, k, f
}

// contradicts reports whether a later answer speaks of another content. What an answer does not say contradicts nothing.
func (k known) contradicts(now known) bool {
	return k.Validator != "" && now.Validator != "" && k.Validator != now.Validator ||
		k.Total > 0 && now.Total > 0 && k.Total != now.Total
}

func changed() *failure {
	return fail(whyChanged, nil, "The input changed while it was downloaded: the server's file is not the one that the download began with.")
}

// validator returns what If-Range may be given (RFC 9110, 13.1.5).
func validator(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	if _, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		return h.Get("Last-Modified")
	}
	return ""
}

// contentRange reads "bytes 5-9/10". The total is 0 where it is "*".
func contentRange(s string) (start, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, size, ok2 := strings.Cut(s, "/")
	first, last, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, false
	}
	start, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	if size != "*" {
		var err error
		if total, err = strconv.ParseInt(size, 10, 64); err != nil || total <= end {
			return 0, 0, false
		}
	}
	return start, total, err1 == nil && err2 == nil && start >= 0 && end >= start
}

// maxRetryAfter is the longest pause that a server is granted.
const maxRetryAfter = time.Minute

// retryAfter reads a pause in seconds; a date is not worth a clock here.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxRetryAfter)
}
