package upload

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/vault"
)

// answer is what a client is told when nothing is wrong.
type answer struct {
	whole  bool  // the film is all there, and has become an asset
	stored int64 // else: how many bytes of it are, durably
}

// errGone refuses an upload that was cancelled, timed out, or whose film is deleted.
var errGone = errors.New("upload is gone")

// reply answers, after what is left of the body was read as far as that makes sense: a client that still sends when
// the connection ends may not see the answer.
func (d *Door) reply(w http.ResponseWriter, r *http.Request, l *line, a answer, err error) {
	h := w.Header()
	if !d.readRest(r, l) {
		h.Set("Connection", "close")
	}
	// The server's own deadline was set before the body came, which may be long ago.
	_ = l.conn.SetWriteDeadline(time.Now().Add(d.cfg.Answer))
	h.Set("Cache-Control", "no-store")
	switch {
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		door.Error(w, http.StatusServiceUnavailable, "") // nobody is there to read it
	case errors.Is(err, errGone):
		door.Error(w, http.StatusGone, "This upload is over: it was cancelled, timed out, or its film was deleted.")
	case err != nil:
		door.Refuse(r.Context(), w, told(err))
	case a.whole:
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	default:
		// No Location: browsers would follow it.
		if a.stored > 0 {
			h.Set("Range", "bytes=0-"+strconv.FormatInt(a.stored-1, 10))
		}
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusPermanentRedirect)
	}
}

// told gives errors without a meaning for the outside the one that keeps an upload alive: the operator may repair what
// is wrong, and UpChunk gives up for good on a 500. Bytes that are lost are not repaired.
func told(err error) error {
	if film.AsError(err) != nil || errors.Is(err, vault.ErrDamaged) {
		return err
	}
	return passing("take upload", err)
}

// readRest reads what is left of the body, unless that is too much, and reports whether the connection can be used
// again.
func (d *Door) readRest(r *http.Request, l *line) bool {
	switch {
	case l.eof || r.ContentLength == 0:
		return true
	case l.lost:
		return false
	case l.read == 0 && r.Header.Get("Expect") != "":
		return false // it waits for leave to send, which it will not get
	case r.ContentLength > l.read+restBytes:
		return false
	}
	buf := d.takeBuffer()
	defer d.giveBuffer(buf)
	return l.drain(buf[:])
}

func conflict() error {
	return &film.Error{
		Code: film.CodeConflict, Fault: film.FaultCustomer,
		Message: "These bytes are not those of the film that this upload has begun with. Send the film from its beginning, or create another upload.",
	}
}

func tooLarge(limit int64) error {
	return &film.Error{
		Code: film.CodeTooLarge, Fault: film.FaultCustomer,
		Message: "The file is too large: this server takes files of up to " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}
