package rig

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// Upload is the API's direct upload.
type Upload struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	URL     string `json:"url"`
	AssetID string `json:"asset_id"`
	Error   *struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
}

// CreateUpload begins an upload of an asset with a public playback id and master access; more is put into the request.
func (c *Client) CreateUpload(tb testing.TB, more map[string]any) Upload {
	tb.Helper()
	body := map[string]any{
		"cors_origin":        "*",
		"new_asset_settings": map[string]any{"playback_policies": []string{"public"}, "master_access": "temporary"},
	}
	maps.Copy(body, more)
	var u Upload
	c.Must(tb, http.StatusCreated, http.MethodPost, "/video/v1/uploads", body, &u)
	return u
}

// GetUpload reads an upload.
func (c *Client) GetUpload(tb testing.TB, id string) Upload {
	tb.Helper()
	var u Upload
	c.Must(tb, http.StatusOK, http.MethodGet, "/video/v1/uploads/"+id, nil, &u)
	return u
}

// Sent is the answer to a request of the upload protocol.
type Sent struct {
	Status     int
	Stored     int64 // what the Range of a 308 says; 0 without one
	RetryAfter string
	Text       string
}

// Line is a client that keeps one connection from request to request, as a browser does.
func Line() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: 1}}
}

// Put makes one request of the upload protocol, on any connection. A body of unknown length has n −1; no contentRange, the whole file.
func Put(ctx context.Context, link, contentRange string, body io.Reader, n int64) (Sent, error) {
	return PutOn(ctx, http.DefaultClient, link, contentRange, body, n)
}

// PutOn is Put with that client.
func PutOn(ctx context.Context, on *http.Client, link, contentRange string, body io.Reader, n int64) (Sent, error) {
	if n == 0 {
		body = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, link, body)
	if err != nil {
		return Sent{}, err
	}
	req.ContentLength = n
	if contentRange != "" {
		req.Header.Set("Content-Range", contentRange)
	}
	client := http.Client{Transport: on.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return Sent{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return Sent{}, err
	}
	s := Sent{Status: res.StatusCode, RetryAfter: res.Header.Get("Retry-After"), Text: string(text)}
	if last, ok := strings.CutPrefix(res.Header.Get("Range"), "bytes=0-"); ok && s.Status == http.StatusPermanentRedirect {
		if s.Stored, err = strconv.ParseInt(last, 10, 64); err != nil {
			return s, fmt.Errorf("range of a 308: %w", err)
		}
		s.Stored++
	}
	if location := res.Header.Get("Location"); location != "" {
		return s, fmt.Errorf("the answer %d has a Location: %s", s.Status, location)
	}
	return s, nil
}

// Chunk sends film[from:to] as part of the whole film.
func Chunk(ctx context.Context, link string, film io.ReaderAt, from, to, total int64) (Sent, error) {
	return Put(ctx, link, fmt.Sprintf("bytes %d-%d/%d", from, to-1, total), io.NewSectionReader(film, from, to-from), to-from)
}

// ChunkOn is Chunk with that client.
func ChunkOn(ctx context.Context, on *http.Client, link string, film io.ReaderAt, from, to, total int64) (Sent, error) {
	return PutOn(ctx, on, link, fmt.Sprintf("bytes %d-%d/%d", from, to-1, total), io.NewSectionReader(film, from, to-from), to-from)
}

// Ask is the status query.
func Ask(ctx context.Context, link string, total int64) (Sent, error) {
	return Put(ctx, link, fmt.Sprintf("bytes */%d", total), nil, 0)
}
