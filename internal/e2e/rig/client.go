package rig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pollEvery is how often states are asked for that no event tells.
const pollEvery = 25 * time.Millisecond

// Client is an API client with one token.
type Client struct {
	Base, ID, Secret string
	HTTP             *http.Client
}

// Asset is the part of the API's asset that tests look at.
type Asset struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	Passthrough string `json:"passthrough"`
	PlaybackIDs []struct {
		ID     string `json:"id"`
		Policy string `json:"policy"`
	} `json:"playback_ids"`
	Duration     float64 `json:"duration"`
	MasterAccess string  `json:"master_access"`
	Master       *Master `json:"master"`
	Errors       *struct {
		Type     string   `json:"type"`
		Messages []string `json:"messages"`
	} `json:"errors"`
	NonStandard map[string]string `json:"non_standard_input_reasons"`
	Tracks      []map[string]any  `json:"tracks"`
}

// Master is the master object of an asset.
type Master struct {
	Status string `json:"status"`
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Client returns a client of a `filmcan dev`.
func (p *Process) Client(tb testing.TB) *Client {
	tb.Helper()
	env := p.Env(tb)
	return &Client{Base: p.Base(), ID: env["MUX_TOKEN_ID"], Secret: env["MUX_TOKEN_SECRET"], HTTP: &http.Client{Timeout: time.Minute}}
}

// Call makes a request and decodes the `data` of its answer into out; it returns the status and the whole body. An
// error means that no answer came.
func (c *Client) Call(ctx context.Context, method, path string, body, out any) (status int, text []byte, err error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, r)
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth(c.ID, c.Secret)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		return 0, nil, err
	}
	if out != nil && res.StatusCode < 300 && len(text) > 0 {
		err = json.Unmarshal(text, &struct {
			Data any `json:"data"`
		}{out})
	}
	return res.StatusCode, text, err
}

// Must is Call for requests that have to be answered with that status.
func (c *Client) Must(tb testing.TB, want int, method, path string, body, out any) {
	tb.Helper()
	status, text, err := c.Call(tb.Context(), method, path, body, out)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	if status != want {
		tb.Fatalf("%s %s answered %d, want %d: %s", method, path, status, want, text)
	}
}

// Create creates an asset from a URL with a public playback id.
func (c *Client) Create(tb testing.TB, url string, more map[string]any) Asset {
	tb.Helper()
	body := map[string]any{"input": url, "playback_policy": "public"}
	maps.Copy(body, more)
	var a Asset
	c.Must(tb, http.StatusCreated, http.MethodPost, "/video/v1/assets", body, &a)
	return a
}

// Get reads an asset.
func (c *Client) Get(tb testing.TB, id string) Asset {
	tb.Helper()
	var a Asset
	c.Must(tb, http.StatusOK, http.MethodGet, "/video/v1/assets/"+id, nil, &a)
	return a
}

// Settled waits until the asset is no longer preparing.
func (c *Client) Settled(tb testing.TB, id string) Asset {
	tb.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); <-tick.C {
		if a := c.Get(tb, id); a.Status != "preparing" {
			return a
		}
	}
	tb.Fatalf("asset %s is preparing for two minutes", id)
	return Asset{}
}

// Ready waits until the asset is ready and fails when it becomes anything else.
func (c *Client) Ready(tb testing.TB, id string) Asset {
	tb.Helper()
	a := c.Settled(tb, id)
	if a.Status != "ready" {
		tb.Fatalf("asset %s is %s: %+v", id, a.Status, a.Errors)
	}
	return a
}

// SetMaster sets master access and returns the asset as answered.
func (c *Client) SetMaster(tb testing.TB, id, access string) Asset {
	tb.Helper()
	var a Asset
	c.Must(tb, http.StatusOK, http.MethodPut, "/video/v1/assets/"+id+"/master-access", map[string]string{"master_access": access}, &a)
	return a
}

// Metric reads a counter or gauge without labels from /metrics.
func (c *Client) Metric(tb testing.TB, name string) float64 {
	tb.Helper()
	_, text, err := c.Call(tb.Context(), http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				tb.Fatal(err)
			}
			return value
		}
	}
	tb.Fatalf("there is no metric %s", name)
	return 0
}

// Download fetches a link and returns its status and the digest and length of its body.
func Download(ctx context.Context, link string) (status int, sum string, n int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return 0, "", 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", 0, err
	}
	defer res.Body.Close()
	h := sha256.New()
	n, err = io.Copy(h, res.Body)
	if err != nil {
		err = fmt.Errorf("after %d bytes: %w", n, err)
	}
	return res.StatusCode, hex.EncodeToString(h.Sum(nil)), n, err
}
