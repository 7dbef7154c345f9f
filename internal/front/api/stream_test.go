package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest"
)

// reader reads an event stream as a client does.
type reader struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

func (w *world) follow(t *testing.T, lastID string) *reader {
	t.Helper()
	r := w.request(t, "GET", "/system/v1/webhook-events/stream", "")
	r.SetBasicAuth(w.caller.id, w.caller.secret)
	r.Header.Set("Accept", "*/*")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %d %v", resp.StatusCode, resp.Header)
	}
	s := &reader{body: resp.Body, lines: bufio.NewScanner(resp.Body)}
	s.lines.Buffer(nil, 1<<20)
	if kind, _, data := s.next(t); kind != "connected" || !json.Valid([]byte(data)) {
		t.Fatalf("a stream begins with %q %q", kind, data)
	}
	return s
}

// next reads the next event, skipping comments.
func (s *reader) next(t *testing.T) (kind, id, data string) {
	t.Helper()
	for s.lines.Scan() {
		switch name, value, _ := strings.Cut(s.lines.Text(), ": "); name {
		case "event":
			kind = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" {
				return kind, id, data
			}
		}
	}
	t.Fatalf("the stream ended: %v", s.lines.Err())
	return "", "", ""
}

func TestStreamFollowsAndResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(t, w.caller, filmBody) // before anybody listens
	s := w.follow(t, "")
	asset, a := w.create(t, w.caller, filmBody)
	w.makeReady(t, a.text("data.id"))
	w.do(t, "PUT", asset+"/master-access", `{"master_access":"temporary"}`, 200)
	w.create(t, w.token(t, w.environment(t, "Production").ID, film.AllPermissions()...), filmBody)

	want := []string{"video.asset.created", "video.asset.ready", "video.asset.master.preparing", "video.asset.master.ready"}
	var ids, bodies []string
	for _, kind := range want {
		gotKind, id, data := s.next(t)
		var body struct {
			Type        string
			ID          string
			Environment struct{ Name string }
			Attempts    []any
			Data        struct{ ID string }
		}
		if err := json.Unmarshal([]byte(data), &body); err != nil {
			t.Fatal(err)
		}
		if gotKind != kind || body.Type != kind || body.ID == "" || body.Data.ID != a.text("data.id") ||
			body.Environment.Name != "Development" || body.Attempts == nil {
			t.Errorf("got %s %s, want %s", gotKind, data, kind)
		}
		ids, bodies = append(ids, id), append(bodies, data)
	}

	again := w.follow(t, ids[1])
	for i := 2; i < len(want); i++ {
		if kind, id, data := again.next(t); kind != want[i] || id != ids[i] || data != bodies[i] {
			t.Errorf("after a resumption: %s %s %s, want %s %s %s", kind, id, data, want[i], ids[i], bodies[i])
		}
	}
	for _, nonsense := range []string{"x", "-1", "99999", "99999999999999999999"} {
		fresh := w.follow(t, nonsense)
		w.do(t, "PATCH", asset, `{"passthrough":"`+nonsense+`"}`, 200)
		if kind, _, data := fresh.next(t); kind != "video.asset.updated" || !strings.Contains(data, `"passthrough":"`+nonsense+`"`) {
			t.Errorf("Last-Event-ID %s: the stream began with %s %s", nonsense, kind, data)
		}
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	streams := []*reader{w.follow(t, ""), w.follow(t, "")}
	w.server.Config.RegisterOnShutdown(w.api.EndStreams)
	must(t, w.server.Config.Shutdown(t.Context()))
	for _, s := range streams {
		if rest, err := io.ReadAll(s.body); err != nil {
			t.Errorf("the stream did not end well: %q, %v", rest, err)
		}
	}
	if n := w.api.streams.Load(); n != 0 {
		t.Errorf("%d streams are still counted", n)
	}
}

// quietCatalog has one token, which can be revoked, and events that are given to it.
type quietCatalog struct {
	brokenCatalog
	mu      sync.Mutex
	revoked bool
	events  []film.Event
}

func (q *quietCatalog) Authenticate(ctx context.Context, id film.TokenID, secret string) (film.Principal, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.revoked {
		return film.Principal{}, unauthorized()
	}
	return q.brokenCatalog.Authenticate(ctx, id, secret)
}

func (q *quietCatalog) LastEventSeq(context.Context, film.EnvironmentID) (int64, error) {
	return 0, nil
}

func (q *quietCatalog) EventsAfter(_ context.Context, _ film.EnvironmentID, seq int64, limit int) ([]film.Event, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.events[min(int(seq), len(q.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (q *quietCatalog) happen(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range n {
		q.events = append(q.events, film.Event{
			ID: "e", Seq: int64(len(q.events) + 1), Type: film.EventAssetCreated, Snapshot: film.Snapshot{Asset: &film.Asset{ID: "a"}},
		})
	}
}

func (q *quietCatalog) revoke() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.revoked = true
}

// listen runs a stream in the bubble of synctest; written tells what it has sent so far, done is closed at its end.
func listen(ctx context.Context, handler http.Handler) (written func() string, done chan struct{}) {
	out := &filmtest.Log{}
	r := httptest.NewRequestWithContext(ctx, "GET", "/system/v1/webhook-events/stream", nil)
	r.SetBasicAuth("t", "s")
	done = make(chan struct{})
	go func() {
		defer close(done)
		handler.ServeHTTP(&bubbleWriter{header: http.Header{}, out: out}, r)
	}()
	return out.String, done
}

type bubbleWriter struct {
	header http.Header
	out    io.Writer
}

func (b *bubbleWriter) Header() http.Header         { return b.header }
func (b *bubbleWriter) WriteHeader(int)             {}
func (b *bubbleWriter) Write(p []byte) (int, error) { return b.out.Write(p) }
func (b *bubbleWriter) Flush()                      {}

func TestStreamWakesBeatsAndLosesItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &quietCatalog{}
		api := New(Config{Catalog: q, Links: testLinks{}, Log: slog.New(slog.DiscardHandler)})
		written, done := listen(t.Context(), api.Handler())
		synctest.Wait()
		if got := written(); !strings.HasPrefix(got, "event: connected\n") {
			t.Fatalf("a stream begins with %q", got)
		}
		q.happen(250)
		time.Sleep(250 * time.Millisecond) // of the bubble's clock
		synctest.Wait()
		if n := strings.Count(written(), "event: video.asset.created\n"); n != 250 {
			t.Errorf("after 250 ms %d of 250 events were sent", n)
		}
		if strings.Contains(written(), ":\n\n") {
			t.Error("a heartbeat before its time")
		}
		time.Sleep(streamHeartbeat)
		synctest.Wait()
		if !strings.HasSuffix(written(), "\n\n:\n\n") {
			t.Error("a silent stream has no heartbeat")
		}
		q.revoke()
		time.Sleep(streamHeartbeat)
		<-done
		if n := api.streams.Load(); n != 0 {
			t.Errorf("%d streams are still counted", n)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := New(Config{Catalog: &quietCatalog{}, Links: testLinks{}, Log: slog.New(slog.DiscardHandler)})
		handler := api.Handler()
		var open []chan struct{}
		for range maxStreams {
			_, done := listen(ctx, handler)
			open = append(open, done)
		}
		synctest.Wait()
		written, done := listen(ctx, handler)
		<-done
		if got := written(); !strings.Contains(got, "too many event streams") {
			t.Errorf("one stream too many got %q", got)
		}
		cancel()
		for _, done := range open {
			<-done
		}
		if n := api.streams.Load(); n != 0 {
			t.Errorf("%d streams are still counted", n)
		}
	})
}
