package api

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/muxapi"
)

const (
	// maxBody is the largest request body. The largest that means something is a few kilobytes.
	maxBody = 1 << 20
	// bodyTime is how long a client may take to send it.
	bodyTime = 30 * time.Second
	// retryAfter is what an answer 503 asks for.
	retryAfter = 5 * time.Second
)

// call is one authenticated request to a route.
type call struct {
	film.Principal
	request *http.Request
	body    []byte
}

func (c call) env() film.EnvironmentID { return c.Environment.ID }

func (c call) asset() film.AssetID       { return film.AssetID(c.request.PathValue("ASSET_ID")) }
func (c call) playback() film.PlaybackID { return film.PlaybackID(c.request.PathValue("PLAYBACK_ID")) }

func (c call) upload() film.UploadID { return film.UploadID(c.request.PathValue("UPLOAD_ID")) }

func (c call) webhook() film.WebhookID { return film.WebhookID(c.request.PathValue("WEBHOOK_ID")) }

// serve is the way of every request: who is it, may they, what do they send; then the route's own handler; then the
// answer. Whoever may not is told that there is nothing, as by Mux.
func (a *API) serve(rt route) http.HandlerFunc {
	names := wildcards(rt.path)
	return func(w http.ResponseWriter, r *http.Request) {
		c := call{request: r}
		var err error
		if c.Principal, err = a.authenticate(r); err != nil {
			a.refuse(w, r, err)
			return
		}
		if rt.may != "" && !c.May(rt.may) {
			a.refuse(w, r, film.NotFound())
			return
		}
		for _, name := range names {
			if !validID(r.PathValue(name)) {
				a.refuse(w, r, film.NotFound())
				return
			}
		}
		if rt.stream != nil {
			if err := rt.stream(w, c); err != nil {
				a.refuse(w, r, err)
			}
			return
		}
		if c.body, err = readBody(w, r); err != nil {
			a.refuse(w, r, err)
			return
		}
		answer, err := rt.handle(r.Context(), c)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		a.answer(w, r, rt.status, answer)
	}
}

// authenticate finds out who calls: HTTP Basic with a token's id and secret, or the same two as a Bearer token,
// joined by a colon, as they are or in base64.
func (a *API) authenticate(r *http.Request) (film.Principal, error) {
	id, secret, ok := credentials(r)
	if !ok || !validID(id) {
		return film.Principal{}, unauthorized()
	}
	p, err := a.cfg.Catalog.Authenticate(r.Context(), film.TokenID(id), secret)
	if err == nil {
		door.Annotate(r.Context(), slog.String("token", id), slog.String("environment", string(p.Environment.ID)))
	}
	return p, err
}

func credentials(r *http.Request) (id, secret string, ok bool) {
	if id, secret, ok = r.BasicAuth(); ok {
		return id, secret, true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", "", false
	}
	token = strings.TrimSpace(token)
	if !strings.Contains(token, ":") {
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(token, "="))
		if err != nil {
			return "", "", false
		}
		token = string(raw)
	}
	return strings.Cut(token, ":")
}

func unauthorized() *film.Error {
	return &film.Error{Code: film.CodeUnauthorized, Fault: film.FaultCustomer, Message: "Unauthorized request"}
}

// validID reports whether the text can be an identifier at all. What cannot is not looked for: it is not found.
func validID(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// wildcards lists the names of a pattern's wildcards.
func wildcards(pattern string) []string {
	var names []string
	for part := range strings.SplitSeq(pattern, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// readBody reads the whole body, whatever its content type says.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	// The writers of some tests know no deadlines; servers do.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &film.Error{Code: film.CodeTooLarge, Fault: film.FaultCustomer, Message: "The request body is larger than 1 MiB"}
	}
	if err != nil {
		return nil, &film.Error{Code: film.CodeInvalid, Fault: film.FaultCustomer, Message: "The request body could not be read", Cause: err}
	}
	// What comes next on this connection is not the body's: an old deadline would cancel the request.
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

// answer writes what a handler returned; nil has no body.
func (a *API) answer(w http.ResponseWriter, r *http.Request, status int, v any) {
	commonHeader(w)
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := muxapi.Encode(v)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone away needs no answer
}

// commonHeader sets what Mux sets on every answer (reference page, 1.4).
func commonHeader(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "max-age=0, private, must-revalidate")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// refuse answers with an error. One of our own is noted for the request's log line and its text kept back.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := film.AsError(err)
	switch {
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the client is gone: there is nobody to tell and nothing wrong
	case e == nil || e.Code == film.CodeInternal:
		door.Fail(r.Context(), err)
		e = &film.Error{Code: film.CodeInternal}
	case e.Cause != nil && e.Fault != film.FaultCustomer:
		door.Fail(r.Context(), err)
	}
	a.answerError(w, r, e)
}

func (a *API) answerError(w http.ResponseWriter, r *http.Request, e *film.Error) {
	message := e.Message
	switch e.Code {
	case film.CodeInternal:
		message = "Something went wrong on the server; its log has the details of request " + door.RequestID(r.Context())
	case film.CodeUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="filmcan"`)
	case film.CodeUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	default:
	}
	a.answer(w, r, door.Status(e.Code), muxapi.Failed{Error: muxapi.FailedBody{Type: errorType(e.Code), Messages: []string{message}}})
}

// errorType is the API's error.type of a refusal (reference page, 1.6); the statuses are [door.Status]'s.
func errorType(code film.Code) string {
	switch code {
	case film.CodeInvalid:
		return "invalid_parameters"
	case film.CodeUnauthorized:
		return "unauthorized"
	case film.CodeForbidden:
		return "forbidden"
	case film.CodeNotFound:
		return "not_found"
	case film.CodeNotReady:
		return "failed_request"
	case film.CodeConflict:
		return "conflict"
	case film.CodeTooLarge:
		return "request_too_large"
	case film.CodeUnavailable:
		return "unavailable"
	case film.CodeInternal:
	}
	return "internal_error"
}
