package api

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"filmcan/internal/film"
	"filmcan/internal/filmtest"
)

// brokenCatalog lets everybody in and fails at what they ask for.
type brokenCatalog struct {
	Catalog
	err error
}

func (brokenCatalog) Authenticate(context.Context, film.TokenID, string) (film.Principal, error) {
	return film.Principal{
		Token: film.AccessToken{ID: "t", Permissions: film.AllPermissions()}, Environment: film.Environment{ID: "e"},
	}, nil
}

func (b brokenCatalog) Asset(context.Context, film.EnvironmentID, film.AssetID) (film.Asset, error) {
	if b.err == nil {
		panic("password=hunter2")
	}
	return film.Asset{}, b.err
}

// askBroken gets an asset from a door whose catalog fails so, and returns the answer and the log.
func askBroken(t *testing.T, err error) (answer, string) {
	t.Helper()
	log := &filmtest.Log{}
	api := New(Config{Catalog: brokenCatalog{err: err}, Links: testLinks{}, Log: slog.New(slog.NewTextHandler(log, nil))})
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	w := &world{server: server}
	return w.ask(t, caller{"t", "s"}, "GET", "/video/v1/assets/a", ""), log.String()
}

// What went wrong on our side is in the log, once, under the request's id, and nothing of it in the answer.
func TestInternalErrorsStayInside(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"an error":                     errors.New("dial postgres://root:hunter2@db: password=hunter2"),
		"an internal error with words": &film.Error{Code: film.CodeInternal, Message: "password=hunter2"},
		"a panic":                      nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, log := askBroken(t, err)
			a.refused(t, 500, "internal_error", a.header.Get("X-Request-Id"))
			if strings.Contains(fmt.Sprint(a.header, string(a.raw)), "hunter2") {
				t.Errorf("the answer tells: %v %s", a.header, a.raw)
			}
			if n := strings.Count(log, "level=ERROR"); n != 1 || !strings.Contains(log, "password=hunter2") || !strings.Contains(log, a.header.Get("X-Request-Id")) {
				t.Errorf("%d errors in the log: %s", n, log)
			}
		})
	}
}

// Each code of the house has its status and type (reference page, 1.6), also when it is wrapped.
func TestCodesAndStatuses(t *testing.T) {
	t.Parallel()
	for code, want := range map[film.Code]struct {
		status int
		kind   string
	}{
		film.CodeInvalid:      {http.StatusBadRequest, "invalid_parameters"},
		film.CodeUnauthorized: {http.StatusUnauthorized, "unauthorized"},
		film.CodeForbidden:    {http.StatusForbidden, "forbidden"},
		film.CodeNotFound:     {http.StatusNotFound, "not_found"},
		film.CodeNotReady:     {http.StatusPreconditionFailed, "failed_request"},
		film.CodeConflict:     {http.StatusConflict, "conflict"},
		film.CodeTooLarge:     {http.StatusRequestEntityTooLarge, "request_too_large"},
		film.CodeUnavailable:  {http.StatusServiceUnavailable, "unavailable"},
	} {
		err := &film.Error{Code: code, Fault: film.FaultTransient, Message: "in words", Cause: errors.New("the cause")}
		a, log := askBroken(t, fmt.Errorf("do something: %w", err))
		a.refused(t, want.status, want.kind, "in words")
		if strings.Contains(string(a.raw), "cause") || strings.Contains(string(a.raw), "do something") {
			t.Errorf("%s: the answer tells the cause: %s", code, a.raw)
		}
		if !strings.Contains(log, "the cause") {
			t.Errorf("%s: the log does not tell the cause: %s", code, log)
		}
		if (a.header.Get("Retry-After") != "") != (code == film.CodeUnavailable) {
			t.Errorf("%s: Retry-After is %q", code, a.header.Get("Retry-After"))
		}
	}
}

// slowCatalog answers when the caller has gone away.
type slowCatalog struct {
	brokenCatalog
	asked, left chan struct{}
}

func (s slowCatalog) Asset(ctx context.Context, _ film.EnvironmentID, _ film.AssetID) (film.Asset, error) {
	close(s.asked)
	<-ctx.Done()
	defer close(s.left)
	return film.Asset{}, fmt.Errorf("read asset: %w", ctx.Err())
}

// A client that goes away is no error of ours.
func TestClientsMayLeave(t *testing.T) {
	t.Parallel()
	log := &filmtest.Log{}
	slow := slowCatalog{asked: make(chan struct{}), left: make(chan struct{})}
	server := httptest.NewServer(New(Config{Catalog: slow, Links: testLinks{}, Log: slog.New(slog.NewTextHandler(log, nil))}).Handler())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/video/v1/assets/a", nil)
	must(t, err)
	r.SetBasicAuth("t", "s")
	go func() {
		<-slow.asked
		cancel()
	}()
	if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
		defer resp.Body.Close()
		t.Errorf("a cancelled request was answered with %d", resp.StatusCode)
	}
	<-slow.left
	server.Close() // waits for the handler and its log line
	if got := log.String(); strings.Contains(got, "ERROR") || !strings.Contains(got, "/video/v1/assets/{ASSET_ID}") {
		t.Errorf("the log of a client that left: %s", got)
	}
}

// A body that ends before its length is a refusal, not a wait.
func TestBodiesThatBreakOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", w.server.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /video/v1/assets HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nContent-Length: 1000\r\n\r\n{\"input\"",
		base64.StdEncoding.EncodeToString([]byte(w.caller.id+":"+w.caller.secret)))
	must(t, err)
	must(t, conn.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that breaks off: %d", resp.StatusCode)
	}
	if a := w.do(t, "GET", "/video/v1/assets", "", 200); string(a.raw) != `{"data":[]}` {
		t.Errorf("an asset was made of half a body: %s", a.raw)
	}
}
