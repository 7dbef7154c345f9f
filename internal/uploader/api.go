package uploader

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20
	// apiTimeout is how long a call of the API may take.
	apiTimeout = time.Minute
)

// api is the part of Mux's API that uploads need.
type api struct {
	base, id, secret string
	http             *http.Client
}

// create begins an upload.
func (a api) create(ctx context.Context, s Settings) (u muxapi.Upload, err error) {
	asset := map[string]any{"playback_policies": s.Policies}
	if s.MasterAccess != "" {
		asset["master_access"] = s.MasterAccess
	}
	if s.Title != "" {
		asset["meta"] = map[string]any{"title": s.Title}
	}
	if s.Passthrough != "" {
		asset["passthrough"] = s.Passthrough
	}
	body := map[string]any{"timeout": int64(s.Timeout / time.Second), "new_asset_settings": asset}
	return u, a.call(ctx, http.MethodPost, "/video/v1/uploads", body, &u)
}

func (a api) upload(ctx context.Context, id film.UploadID) (u muxapi.Upload, err error) {
	return u, a.call(ctx, http.MethodGet, "/video/v1/uploads/"+url.PathEscape(string(id)), nil, &u)
}

func (a api) asset(ctx context.Context, id film.AssetID) (as muxapi.Asset, err error) {
	return as, a.call(ctx, http.MethodGet, "/video/v1/assets/"+url.PathEscape(string(id)), nil, &as)
}

// call makes one request and decodes the data of its answer into out. The error is a [*Refused], a [*broken], or that
// of the context.
func (a api) call(ctx context.Context, method, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(within, method, a.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.SetBasicAuth(a.id, a.secret)
	req.Header.Set("Content-Type", "application/json")
	res, err := a.http.Do(req)
	if err != nil {
		return failure(ctx, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return failure(ctx, err)
	}
	if res.StatusCode >= 300 {
		return refusal(res, answer)
	}
	if err := json.Unmarshal(answer, &muxapi.Data[any]{Data: out}); err != nil {
		return fmt.Errorf("%s answers what is not Mux's API: %w", a.base, err)
	}
	return nil
}

// Refused is an answer that trying again does not change.
type Refused struct {
	Status int
	// Message is the server's own sentence, where it gave one.
	Message string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("the server answers %d: %s", r.Status, cmp.Or(r.Message, http.StatusText(r.Status)))
}

// over reports whether the upload is no more: gone, timed out, cancelled, or with other bytes in it.
func (r *Refused) over() bool {
	switch r.Status {
	case http.StatusNotFound, http.StatusGone, http.StatusConflict, http.StatusForbidden:
		return true
	}
	return false
}

// refusal is the error of an answer of 300 and above: final, or one to try again after.
func refusal(res *http.Response, body []byte) error {
	r := &Refused{Status: res.StatusCode, Message: sentence(body)}
	switch {
	case r.Status == http.StatusRequestTimeout, r.Status == http.StatusTooManyRequests, r.Status >= 500:
		return &broken{cause: r, after: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	}
	return r
}

// sentence is what an error's body says to people, in the API's form or in that of the playback hosts.
func sentence(body []byte) string {
	var said muxapi.Failed
	if json.Unmarshal(body, &said) == nil && len(said.Error.Messages) > 0 {
		return strings.Join(said.Error.Messages, "; ")
	}
	return ""
}
