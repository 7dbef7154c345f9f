package uploader

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

// DefaultChunk is how many bytes one request carries. After a cut inside of it the server is asked what it kept, so
// it is large: each request costs a round trip and the server a sync.
const DefaultChunk = 32 << 20

// Config is where films are sent, and how.
type Config struct {
	// Server is the base URL of the API; TokenID and Secret are those of an access token that may write.
	Server, TokenID, Secret string
	// States is the folder in which unfinished uploads are remembered.
	States string
	// Chunk is the size of a request in bytes.
	Chunk int64
	// Patience is how long it is tried again while nothing moves.
	Patience time.Duration
}

// Settings are what becomes of the film.
type Settings struct {
	Policies     []film.Policy `json:"policies,omitempty"`
	MasterAccess film.Access   `json:"master_access,omitempty"`
	Title        string        `json:"title,omitempty"`
	Passthrough  string        `json:"passthrough,omitempty"`
	// Timeout is how long the server waits for all bytes, from a minute to a week.
	Timeout time.Duration `json:"-"`
}

// Reporter is told what happens to one file. Sent and Retry may come from other goroutines, one at a time.
type Reporter interface {
	// Started names the upload that a file of that size goes to.
	Started(upload film.UploadID, size int64)
	// Sent says how far the line has taken the file; it goes back where bytes were lost.
	Sent(n int64)
	// Retry says what failed, and when it is tried again.
	Retry(why error, pause time.Duration)
	// Waiting says that the server has the file and prepares the asset.
	Waiting(asset film.AssetID)
	// Encoded says how much of the film is encoded, in percent, where it must be before it is ready.
	Encoded(percent float64)
}

// Result is what became of a file.
type Result struct {
	Upload   film.UploadID
	Asset    film.AssetID
	Status   film.AssetStatus
	Playback film.PlaybackID // the first one
	Size     int64
	// Before says that an earlier run had brought the whole file; nothing was sent.
	Before bool
}

// Client sends files.
type Client struct {
	cfg    Config
	api    api
	states states
	http   *http.Client
}

// New returns a client. It does no I/O.
func New(cfg Config) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.WriteBufferSize = 256 << 10
	// A 308 of this protocol is an answer; nothing else is to lead a film somewhere else either.
	line := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	cfg.Server = strings.TrimRight(cfg.Server, "/")
	return &Client{
		cfg: cfg, http: line, states: states{dir: cfg.States},
		api: api{base: cfg.Server, id: cfg.TokenID, secret: cfg.Secret, http: line},
	}
}

// Upload sends the file at path and returns when the server has all of it, or with wait when its asset is ready. An
// earlier run that was interrupted is taken up where it ended. The result holds what is known, also beside an error.
func (c *Client) Upload(ctx context.Context, path string, s Settings, wait bool, r Reporter) (Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return Result{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Result{}, err
	}
	switch {
	case !info.Mode().IsRegular():
		return Result{}, errors.New("it is no file")
	case info.Size() == 0:
		return Result{}, errors.New("it is empty")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Result{}, err
	}
	one := &run{
		Client: c, file: f, info: info, settings: s, report: r, result: Result{Size: info.Size()},
		key: key{Server: c.cfg.Server, File: absolute, Size: info.Size(), Modified: info.ModTime().UTC(), Settings: s},
	}
	err = one.bring(ctx)
	if err == nil && wait {
		err = one.ready(ctx)
	}
	// What an interrupted run leaves behind is taken up by the next one; what is over is not.
	if ctx.Err() == nil && (err == nil || errors.As(err, new(*AssetError))) {
		err = errors.Join(err, c.states.drop(one.key))
	}
	return one.result, err
}

// AssetError is an upload, or the asset that came of it, that the server has given up.
type AssetError struct{ Message string }

func (e *AssetError) Error() string { return e.Message }

// run is one file on its way.
type run struct {
	*Client

	file     *os.File
	info     os.FileInfo
	settings Settings
	report   Reporter
	key      key

	result Result
}

func (r *run) patience() patience {
	return patience{limit: r.cfg.Patience, tell: r.report.Retry}
}

// bring gets the file to the server, in the upload of an earlier run or in a new one.
func (r *run) bring(ctx context.Context) error {
	u, err := r.earlier(ctx)
	if err != nil {
		return err
	}
	if u.ID != "" {
		err := r.fill(ctx, u, -1)
		if refused, ok := errors.AsType[*Refused](err); !ok || !refused.over() {
			return err
		}
		// The old upload ended meanwhile, or holds what somebody else has sent: a new one.
	}
	if u, err = persist(ctx, r.patience(), func(ctx context.Context) (muxapi.Upload, error) { return r.api.create(ctx, r.settings) }); err != nil {
		return err
	}
	if u.URL == "" {
		return fmt.Errorf("the server gives no URL for upload %s", u.ID)
	}
	if err := r.states.save(r.key, u.ID); err != nil {
		return err
	}
	return r.fill(ctx, u, 0)
}

// earlier finds the upload of an earlier run that is of use: one that waits, or one that became an asset which is
// still there. Its id is empty when there is none.
func (r *run) earlier(ctx context.Context) (muxapi.Upload, error) {
	id, err := r.states.load(r.key)
	if err != nil || id == "" {
		return muxapi.Upload{}, err
	}
	u, err := persist(ctx, r.patience(), func(ctx context.Context) (muxapi.Upload, error) { return r.api.upload(ctx, id) })
	switch {
	case notFound(err):
		return muxapi.Upload{}, nil
	case err != nil:
		return muxapi.Upload{}, err
	case u.Status == film.UploadWaiting && u.URL != "":
		return u, nil
	case u.Status == film.UploadAssetCreated:
		_, err := r.look(ctx, u.AssetID)
		if notFound(err) {
			return muxapi.Upload{}, nil
		}
		return u, err
	}
	return muxapi.Upload{}, nil
}

func notFound(err error) bool {
	refused, ok := errors.AsType[*Refused](err)
	return ok && refused.Status == http.StatusNotFound
}

// fill sends the file into an upload, from offset or where the server says, and learns what it became.
func (r *run) fill(ctx context.Context, u muxapi.Upload, offset int64) error {
	r.result.Upload = u.ID
	if u.Status == film.UploadWaiting {
		r.report.Started(u.ID, r.info.Size())
		s := &sender{
			http: r.http, url: u.URL, file: r.file, info: r.info, chunk: r.cfg.Chunk, report: r.report, patience: r.patience(),
			stalledLine: stalledLine, stalledAnswer: stalledAnswer,
		}
		if err := s.send(ctx, offset); err != nil {
			return err
		}
	} else {
		r.result.Before = true
	}
	u, err := persist(ctx, r.patience(), func(ctx context.Context) (muxapi.Upload, error) { return r.api.upload(ctx, u.ID) })
	if err != nil {
		return err
	}
	r.result.Asset = u.AssetID
	if u.Status == film.UploadErrored && u.AssetID == "" && u.Error != nil {
		return &AssetError{Message: u.Error.Message}
	}
	_, err = r.look(ctx, u.AssetID)
	return err
}

// look reads the asset and notes what is to be told of it.
func (r *run) look(ctx context.Context, id film.AssetID) (muxapi.Asset, error) {
	a, err := persist(ctx, r.patience(), func(ctx context.Context) (muxapi.Asset, error) { return r.api.asset(ctx, id) })
	if err != nil {
		return a, err
	}
	r.result.Asset, r.result.Status = film.AssetID(a.ID), a.Status
	if len(a.PlaybackIDs) > 0 {
		r.result.Playback = a.PlaybackIDs[0].ID
	}
	return a, nil
}

// ready waits until the asset is prepared.
func (r *run) ready(ctx context.Context) error {
	r.report.Waiting(r.result.Asset)
	for pause := 50 * time.Millisecond; ; pause = min(pause*3/2, 2*time.Second) {
		a, err := r.look(ctx, r.result.Asset)
		switch {
		case err != nil:
			return err
		case a.Status == film.AssetReady:
			return nil
		case a.Status == film.AssetErrored && a.Errors != nil:
			return &AssetError{Message: strings.Join(a.Errors.Messages, "; ")}
		case a.Status == film.AssetErrored:
			return &AssetError{Message: "the asset is errored"}
		case a.Progress.State == film.ProgressTranscoding:
			r.report.Encoded(a.Progress.Progress)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
