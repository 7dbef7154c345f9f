package door

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"filmcan/internal/film"
)

// retryAfter is what an answer 503 asks for.
const retryAfter = 5 * time.Second

// Status returns the HTTP status of a refusal.
func Status(code film.Code) int {
	switch code {
	case film.CodeInvalid:
		return http.StatusBadRequest
	case film.CodeUnauthorized:
		return http.StatusUnauthorized
	case film.CodeForbidden:
		return http.StatusForbidden
	case film.CodeNotFound:
		return http.StatusNotFound
	case film.CodeNotReady:
		return http.StatusPreconditionFailed
	case film.CodeConflict:
		return http.StatusConflict
	case film.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case film.CodeUnavailable:
		return http.StatusServiceUnavailable
	case film.CodeInternal:
	}
	return http.StatusInternalServerError
}

// kind is the type and the gRPC number by which playback hosts name a status.
func kind(status int) (string, int) {
	switch status {
	case http.StatusBadRequest:
		return "invalid_parameters", 3
	case http.StatusUnauthorized:
		return "unauthorized", 16
	case http.StatusForbidden:
		return "forbidden", 7
	case http.StatusNotFound:
		return "not_found", 5
	case http.StatusMethodNotAllowed:
		return "method_not_allowed", 12
	case http.StatusConflict:
		return "conflict", 10
	case http.StatusGone:
		return "gone", 5
	case http.StatusPreconditionFailed:
		return "failed_request", 9
	case http.StatusRequestEntityTooLarge:
		return "too_large", 11
	case http.StatusRequestedRangeNotSatisfiable:
		return "invalid_range", 11
	case http.StatusServiceUnavailable:
		return "unavailable", 14
	}
	return "internal_error", 13
}

// playbackError is the body of an error of the hosts that serve media (reference page, 1.6): the newer form and,
// beside it, the older.
type playbackError struct {
	Error struct {
		Message  string   `json:"message"`
		Messages []string `json:"messages"`
		Type     string   `json:"type"`
		Code     int      `json:"code"`
	} `json:"error"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error answers with a status of 400 or more in the form of playback hosts. The message is for the customer; without
// one it is the status's own text. Caches must not keep it.
func Error(w http.ResponseWriter, status int, message string) {
	if message == "" {
		message = http.StatusText(status)
	}
	var body playbackError
	body.Error.Type, body.Code = kind(status)
	body.Error.Code = body.Code
	body.Message, body.Error.Message, body.Error.Messages = message, message, []string{message}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	h := w.Header()
	for _, name := range []string{"ETag", "Content-Disposition", "Content-Encoding", "Accept-Ranges"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// statusLeft is what the log shows where the client left before it was answered; many servers call it so.
const statusLeft = 499

// Refuse answers with an error of the house. One without a meaning for the outside is noted for the log and shown as
// an internal error, without its text.
func Refuse(ctx context.Context, w http.ResponseWriter, err error) {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		// Who asked has left: players do that with each switch and seek. No error of ours, and nobody reads the answer.
		Error(w, statusLeft, "")
		return
	}
	e := film.AsError(err)
	if e == nil || e.Code == film.CodeInternal {
		Fail(ctx, err)
		Error(w, http.StatusInternalServerError, "")
		return
	}
	if e.Cause != nil && e.Fault != film.FaultCustomer {
		Fail(ctx, err)
	}
	Error(w, Status(e.Code), e.Message)
}
