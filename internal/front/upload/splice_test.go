package upload_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/front/upload"
	"filmcan/internal/keep/vault"
	"filmcan/internal/token"
)

var splices = flag.Int("splices", 4000, "how many stories of several films under one upload are told")

// rows is a catalog of one upload.
type rows struct {
	mu sync.Mutex
	u  film.Upload
}

func (c *rows) OpenUpload(context.Context, film.UploadID) (film.Upload, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.u, nil
}

func (c *rows) CompleteUpload(context.Context, film.UploadID) (film.Upload, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.u.Status, c.u.Asset = film.UploadAssetCreated, "asset"
	return c.u, nil
}

func (c *rows) FailUpload(context.Context, film.UploadID, film.UploadFailure) error { return nil }

// stage is two processes on one folder, in memory, without a network. Requests come one after the other, as the turns
// at an upload let them.
type stage struct {
	rng    *rand.Rand
	rows   *rows
	disk   *faultfs.Disk
	signer *token.Signer
	doors  [2]*upload.Door
	vault  *vault.Vault
	told   strings.Builder // what happened
}

func newStage(rng *rand.Rand) (*stage, error) {
	s := &stage{
		rng: rng, disk: faultfs.New(),
		rows: &rows{u: film.Upload{ID: "up", Film: "film", Status: film.UploadWaiting, CreatedAt: time.Now(), Timeout: time.Hour}},
	}
	var err error
	if s.signer, err = token.NewSigner(bytes.Repeat([]byte("k"), 32)); err != nil {
		return nil, err
	}
	for i := range s.doors {
		if err := s.start(i); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// start starts a process, again if it ran.
func (s *stage) start(i int) error {
	store, err := fs.OpenOn(s.disk.Boot(faultfs.Plan{}), "/keep")
	if err != nil {
		return err
	}
	if s.vault, err = vault.New(store, vault.Config{}); err != nil {
		return err
	}
	look := func([]byte, int64) error { return nil }
	s.doors[i] = upload.New(upload.Config{}, s.rows, s.vault, look, s.signer, slog.New(slog.DiscardHandler))
	return nil
}

// film is what the upload became; nil: nothing yet.
func (s *stage) film(ctx context.Context) ([]byte, error) {
	if s.rows.u.Asset == "" {
		return nil, nil
	}
	f, err := s.vault.Open(ctx, vault.Ref{Film: "film", Part: vault.Source})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
}

// connection leads to one of the processes.
type connection struct {
	door *upload.Door
	ctx  context.Context //nolint:containedctx // as net/http has it
}

func (s *stage) connect(ctx context.Context) *connection {
	return &connection{s.doors[s.rng.IntN(len(s.doors))], door.ConnContext(ctx, &net.TCPConn{})}
}

// deadlines is a recorder that takes deadlines, as a server's connection does.
type deadlines struct{ *httptest.ResponseRecorder }

func (deadlines) SetReadDeadline(time.Time) error  { return nil }
func (deadlines) SetWriteDeadline(time.Time) error { return nil }

// request sends a body; one that is cut ends too early, with an error.
func (c *connection) request(s *stage, agent, contentRange string, body []byte, cut, sized bool) *http.Response {
	var in io.Reader = bytes.NewReader(body)
	if cut {
		n := max(0, s.rng.IntN(len(body)*3/2)-len(body)/2) // often not a byte arrives
		in = io.MultiReader(bytes.NewReader(body[:n]), broken{})
	}
	r := httptest.NewRequestWithContext(c.ctx, http.MethodPut, s.signer.UploadURL("http://x", "up"), in)
	r.ContentLength = int64(len(body))
	if !sized {
		r.ContentLength = -1
	}
	r.Header.Set("User-Agent", agent)
	if contentRange != "" {
		r.Header.Set("Content-Range", "bytes "+contentRange)
	}
	w := deadlines{httptest.NewRecorder()}
	c.door.Handler().ServeHTTP(w, r)
	return w.Result()
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the line is cut") }

// client sends a film, as clients do.
type client struct {
	name  string
	agent string // as others', or its own
	film  []byte
	// chunk is how much it sends at once. Trusting, it goes on with its next chunk unless it is told that this one is
	// not there, and never asks: that is UpChunk. Else it goes where it is told, and asks after a failure.
	chunk    int
	trusting bool
	untold   bool // it tells the film's length with the last chunk alone
	restless bool // it changes its connection now and then
	whole    bool // it sends everything at once

	line  *connection
	at    int // -1: to be asked
	sent  bool
	tries int
	over  string // how it ended
}

// step sends one request and hears the answer, or does not.
func (c *client) step(ctx context.Context, s *stage) {
	if c.line == nil || c.restless && s.rng.IntN(4) == 0 {
		c.line = s.connect(ctx)
	}
	total := fmt.Sprint(len(c.film))
	text, from, to := "*/"+total, 0, 0
	if c.at >= 0 {
		from = min(c.at, len(c.film)-1)
		to = min(from+c.chunk, len(c.film))
		if c.untold && to < len(c.film) {
			total = "*"
		}
		text = fmt.Sprintf("%d-%d/%s", from, to-1, total)
	}
	if c.whole {
		text, from, to = "", 0, len(c.film)
	}
	cut := to > from && s.rng.IntN(8) == 0
	resp := c.line.request(s, c.agent, text, c.film[from:to], cut, !c.whole || !c.untold)
	lost := cut || s.rng.IntN(12) == 0
	fmt.Fprintf(&s.told, "%s %s %q (cut %t, lost %t): %d %s\n", c.name, c.agent, text, cut, lost, resp.StatusCode, resp.Header.Get("Range"))
	c.hear(resp, lost, to)
}

func (c *client) hear(resp *http.Response, lost bool, to int) {
	failed := func() {
		c.line = nil
		if !c.trusting && (c.sent || c.agent != "agent") {
			// Under a name that others have, one that asks must have been told something: see doc.go.
			c.at = -1
		}
	}
	var last int
	stored, _ := fmt.Sscanf(resp.Header.Get("Range"), "bytes=0-%d", &last)
	switch {
	case lost:
		failed()
	case resp.StatusCode == http.StatusOK:
		c.over = "whole"
	case resp.StatusCode == http.StatusServiceUnavailable:
		failed()
	case resp.StatusCode != http.StatusPermanentRedirect:
		c.over = resp.Status
	case c.trusting && stored > 0 && last+1 < to:
		c.tries++ // the same chunk again
	case c.trusting:
		c.at, c.sent = to, true
	default:
		c.at, c.sent = last+stored, true
	}
	if c.trusting && c.at >= len(c.film) && c.over == "" {
		c.over = "it thinks"
	}
}

// TestNoSplice lets two or three clients at one upload at once, with films of one length, in any order that there can
// be, with lines that break, answers that are lost and processes that start again. What becomes of it is one of their
// films, whole, or nothing.
func TestNoSplice(t *testing.T) {
	t.Parallel()
	const workers = 4
	var next, whole, refused, left atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for seed := next.Add(1); seed <= int64(*splices) && !t.Failed(); seed = next.Add(1) {
				end, gaveUp, err := splice(t.Context(), uint64(seed))
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				refused.Add(int64(gaveUp))
				if end {
					whole.Add(1)
				} else {
					left.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d films whole, %d uploads left unfinished, %d clients refused", whole.Load(), left.Load(), refused.Load())
	if whole.Load() < int64(*splices)/2 {
		t.Errorf("only %d of %d uploads came to an end", whole.Load(), *splices)
	}
}

func splice(ctx context.Context, seed uint64) (whole bool, refused int, err error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	s, err := newStage(rng)
	if err != nil {
		return false, 0, err
	}
	size, chunk := 20_000+rng.IntN(40_000), 8000+rng.IntN(12_000)
	alike, untold := rng.IntN(2) == 0, rng.IntN(3) == 0
	padding := rng.IntN(size - 3000) // where all films are alike
	clients := make([]*client, 2+rng.IntN(2))
	for i := range clients {
		c := &client{
			name: string(rune('A' + i)), agent: "agent", film: movie(byte(i+1), size), chunk: chunk,
			trusting: rng.IntN(2) == 0, untold: untold, restless: rng.IntN(3) == 0, whole: rng.IntN(10) == 0,
		}
		clear(c.film[padding : padding+3000])
		if !alike {
			c.agent += c.name
		}
		if rng.IntN(3) == 0 {
			c.chunk = 5000 + rng.IntN(size)
		}
		if untold && rng.IntN(3) == 0 {
			c.film = c.film[:size-rng.IntN(chunk)]
		}
		clients[i] = c
	}
	for range 200 {
		var busy []*client
		for _, c := range clients {
			if c.over == "" && c.tries < 20 {
				busy = append(busy, c)
			}
		}
		if len(busy) == 0 {
			break
		}
		if rng.IntN(30) == 0 {
			i := rng.IntN(len(s.doors))
			old := s.doors[i]
			if err := s.start(i); err != nil {
				return false, 0, err
			}
			for _, c := range clients {
				if c.line != nil && c.line.door == old {
					c.line = nil
				}
			}
			s.told.WriteString("a process starts again\n")
		}
		busy[rng.IntN(len(busy))].step(ctx, s)
	}
	got, err := s.film(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("%w\n%s", err, s.told.String())
	}
	is := ""
	for _, c := range clients {
		if strings.HasPrefix(c.over, "409") {
			refused++
		}
		if bytes.Equal(got, c.film) {
			is = c.name
		}
	}
	if got != nil && is == "" {
		return false, 0, fmt.Errorf("%d bytes that are nobody's film\n%s", len(got), s.told.String())
	}
	return got != nil, refused, nil
}
