package door

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// Content is something that can be served whole or in pieces.
type Content struct {
	// Type is its media type.
	Type string
	// ETag names exactly these bytes, without quotes; it is a strong one. Empty: no conditional requests.
	ETag string
	// CacheControl is sent as it is.
	CacheControl string
	// Size is its length in bytes.
	Size int64
	// Copy writes the n bytes from off to dst. Dst may be an io.ReaderFrom that knows sendfile.
	Copy func(dst io.Writer, off, n int64) error
}

// Bytes is content in memory; etag may be empty.
func Bytes(b []byte, contentType, etag, cacheControl string) Content {
	return Section(bytes.NewReader(b), int64(len(b)), contentType, etag, cacheControl)
}

// Section is the content of a reader of that size.
func Section(from io.ReaderAt, size int64, contentType, etag, cacheControl string) Content {
	return Content{
		Type: contentType, ETag: etag, CacheControl: cacheControl, Size: size,
		Copy: func(dst io.Writer, off, n int64) error {
			_, err := io.CopyN(dst, io.NewSectionReader(from, off, n), n)
			return err
		},
	}
}

// Serve answers a GET or HEAD with the content: whole, as one or several ranges, 304, 412 or 416, whatever the
// request's headers ask for (RFC 9110, 13 and 14). Further headers are set by the caller beforehand.
//
// An error is that of Copy or of the connection: the answer has begun by then and is not whole, which the server
// shows the client by ending the connection.
func Serve(w http.ResponseWriter, r *http.Request, c Content) error {
	h := w.Header()
	if c.CacheControl != "" {
		h.Set("Cache-Control", c.CacheControl)
	}
	if c.ETag != "" {
		h.Set("ETag", quote(c.ETag))
		if condition := r.Header.Get("If-Match"); condition != "" && !matches(condition, c.ETag, true) {
			Error(w, http.StatusPreconditionFailed, "")
			return nil
		}
		if condition := r.Header.Get("If-None-Match"); condition != "" && matches(condition, c.ETag, false) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Content-Type-Options", "nosniff")
	pieces, satisfiable := ranges(r, c.ETag, c.Size)
	if !satisfiable {
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(c.Size, 10))
		Error(w, http.StatusRequestedRangeNotSatisfiable, "")
		return nil
	}
	switch len(pieces) {
	case 0:
		return c.send(w, r, http.StatusOK, Range{0, c.Size})
	case 1:
		h.Set("Content-Range", pieces[0].contentRange(c.Size))
		return c.send(w, r, http.StatusPartialContent, pieces[0])
	}
	return c.sendPieces(w, pieces)
}

func (c Content) send(w http.ResponseWriter, r *http.Request, status int, piece Range) error {
	w.Header().Set("Content-Type", c.Type)
	w.Header().Set("Content-Length", strconv.FormatInt(piece.N, 10))
	w.WriteHeader(status)
	if r.Method == http.MethodHead || piece.N == 0 {
		return nil
	}
	return c.Copy(w, piece.Start, piece.N)
}

// sendPieces answers with multipart/byteranges (RFC 9110, 14.6). The length is known beforehand: the parts' heads
// are written twice, the first time into nothing but a count.
func (c Content) sendPieces(w http.ResponseWriter, pieces []Range) error {
	var length counter
	heads := multipart.NewWriter(&length)
	for _, piece := range pieces {
		_, _ = heads.CreatePart(c.partHead(piece)) // a counter takes everything
		length += counter(piece.N)
	}
	_ = heads.Close()

	parts := multipart.NewWriter(w)
	if err := parts.SetBoundary(heads.Boundary()); err != nil {
		return fmt.Errorf("set boundary: %w", err)
	}
	w.Header().Set("Content-Type", "multipart/byteranges; boundary="+heads.Boundary())
	w.Header().Set("Content-Length", strconv.FormatInt(int64(length), 10))
	w.WriteHeader(http.StatusPartialContent)
	for _, piece := range pieces {
		part, err := parts.CreatePart(c.partHead(piece))
		if err != nil {
			return err
		}
		if err := c.Copy(part, piece.Start, piece.N); err != nil {
			return err
		}
	}
	return parts.Close()
}

func (c Content) partHead(piece Range) textproto.MIMEHeader {
	return textproto.MIMEHeader{
		"Content-Range": {piece.contentRange(c.Size)},
		"Content-Type":  {c.Type},
	}
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func quote(etag string) string { return `"` + etag + `"` }

// matches reports whether a list of entity tags names the one (RFC 9110, 13.1.1 and 13.1.2). Our tags hold no commas.
func matches(list, etag string, strong bool) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.Trim(tag, " \t")
		if tag == "*" {
			return true
		}
		weak, isWeak := strings.CutPrefix(tag, "W/")
		if isWeak && strong {
			continue
		}
		if weak == quote(etag) {
			return true
		}
	}
	return false
}

// MethodNotAllowed answers a method that a door that only gives does not have.
func MethodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	Error(w, http.StatusMethodNotAllowed, "")
}
