package door_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
)

var timeZero time.Time

func TestLogLine(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /thing/{id}", func(w http.ResponseWriter, r *http.Request) {
		door.Annotate(r.Context(), slog.String("asset", "a1"))
		if door.RequestID(r.Context()) != w.Header().Get("X-Request-Id") {
			t.Error("the request's id is not the answer's")
		}
		_, _ = io.WriteString(w, "hello")
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("secret text") })
	mux.HandleFunc("GET /late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		panic("too late")
	})
	mux.HandleFunc("GET /abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /refuse", func(w http.ResponseWriter, r *http.Request) {
		door.Refuse(r.Context(), w, errors.New("table assets is gone"))
	})
	mux.HandleFunc("GET /later", func(w http.ResponseWriter, r *http.Request) {
		door.Refuse(r.Context(), w, &film.Error{Code: film.CodeUnavailable, Fault: film.FaultTransient, Message: "Soon", Cause: errors.New("it is being made")})
	})
	mux.HandleFunc("GET /forbid", func(w http.ResponseWriter, r *http.Request) {
		door.Refuse(r.Context(), w, &film.Error{Code: film.CodeForbidden, Fault: film.FaultCustomer, Message: "No"})
	})
	var out bytes.Buffer
	handler := door.Log(slog.New(slog.NewJSONHandler(&out, nil)), nil, mux)
	get := func(path string) (*httptest.ResponseRecorder, map[string]any, bool) {
		out.Reset()
		w := httptest.NewRecorder()
		aborted := func() (aborted bool) {
			defer func() {
				err, ok := recover().(error)
				aborted = ok && errors.Is(err, http.ErrAbortHandler)
			}()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			return false
		}()
		if strings.Contains(out.String(), "hush") {
			t.Errorf("the query is in the log: %s", out.String())
		}
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("log is not one line: %q: %v", out.String(), err)
		}
		return w, line, aborted
	}

	w, line, _ := get("/thing/7?signature=hush")
	for key, want := range map[string]any{
		"msg": "request", "level": "INFO", "method": "GET", "path": "GET /thing/{id}", "status": 200.0, "bytes": 5.0, "asset": "a1",
		"request": w.Header().Get("X-Request-Id"),
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if len(w.Header().Get("X-Request-Id")) != 20 || line["dur"] == nil {
		t.Errorf("request id %q, dur %v", w.Header().Get("X-Request-Id"), line["dur"])
	}
	if _, line, _ = get("/nowhere?signature=hush"); line["path"] != "unmatched" || line["status"] != 404.0 {
		t.Errorf("unknown route: %v", line)
	}
	w, line, aborted := get("/panic")
	if aborted || w.Code != 500 || strings.Contains(w.Body.String(), "secret") || line["panic"] != "secret text" || line["level"] != "ERROR" {
		t.Errorf("panic: aborted %t, %d %s, %v", aborted, w.Code, w.Body, line)
	}
	if _, line, aborted = get("/late"); !aborted || line["panic"] != "too late" {
		t.Errorf("late panic: %v, %v", aborted, line)
	}
	if _, line, aborted = get("/abort"); !aborted || line["level"] != "INFO" {
		t.Errorf("abort: %v, %v", aborted, line)
	}
	w, line, _ = get("/refuse")
	if w.Code != 500 || strings.Contains(w.Body.String(), "table") || line["error"] != "table assets is gone" || line["level"] != "ERROR" {
		t.Errorf("internal error: %d %s, %v", w.Code, w.Body, line)
	}
	w, line, _ = get("/later")
	if w.Code != 503 || strings.Contains(w.Body.String(), "made") || line["level"] != "WARN" || !strings.Contains(fmt.Sprint(line["error"]), "it is being made") {
		t.Errorf("to come again: %d %s, %v", w.Code, w.Body, line)
	}
	w, line, _ = get("/forbid")
	want := `{"error":{"message":"No","messages":["No"],"type":"forbidden","code":7},"code":7,"message":"No"}`
	if w.Code != 403 || w.Body.String() != want || line["level"] != "INFO" {
		t.Errorf("refusal: %d %s, want %s; %v", w.Code, w.Body, want, line)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	called := false
	handler := door.CORS(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	for _, c := range []struct {
		method string
		status int
		called bool
	}{{"OPTIONS", 204, false}, {"GET", 200, true}} {
		called = false
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, "/", nil))
		h := w.Header()
		if w.Code != c.status || called != c.called || h.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(h.Get("Access-Control-Expose-Headers"), "Content-Range") ||
			(c.method == "OPTIONS") != strings.Contains(h.Get("Access-Control-Allow-Methods"), "HEAD") {
			t.Errorf("%s: %d, called %t, %v", c.method, w.Code, called, h)
		}
	}
}

// spyListener gives out connections that note what they are asked to read from.
type spyListener struct {
	net.Listener
	files *atomic.Int64
}

type spyConn struct {
	*net.TCPConn
	files *atomic.Int64
}

func (l spyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return spyConn{c.(*net.TCPConn), l.files}, nil
}

func (c spyConn) ReadFrom(src io.Reader) (int64, error) {
	if limited, ok := src.(*io.LimitedReader); ok {
		if _, ok := limited.R.(*os.File); ok {
			c.files.Add(1)
		}
	}
	return c.TCPConn.ReadFrom(src)
}

// TestSendfileSurvives: the file reaches the connection as a file, through everything that Log puts around it; the
// other powers of the response writer survive too.
func TestSendfileSurvives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	content := door.Content{Type: "video/mp4", ETag: "e", Size: 1 << 20, Copy: func(dst io.Writer, off, n int64) error {
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(dst, &io.LimitedReader{R: f, N: n})
		return err
	}}
	srv := httptest.NewUnstartedServer(door.Log(slog.New(slog.DiscardHandler), nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if r.URL.Path == "/hijack" {
			conn, _, err := rc.Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			_ = conn.Close()
			return
		}
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("write deadline: %v", err)
		}
		if err := door.Serve(w, r, content); err != nil {
			t.Errorf("serve: %v", err)
		}
	})))
	var files atomic.Int64
	srv.Listener = spyListener{srv.Listener, &files}
	srv.Start()
	defer srv.Close()
	for path, want := range map[string]int{"/": 1 << 20, "/hijack": 2} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || len(b) != want {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(b), err, want)
		}
		_ = resp.Body.Close()
	}
	if files.Load() != 1 {
		t.Errorf("the connection was given a file %d times, want once", files.Load())
	}
}

// TestLogOfThoseWhoLeave holds that a request which its client ended is no error of ours.
func TestLogOfThoseWhoLeave(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	handler := door.Log(slog.New(slog.NewJSONHandler(&out, nil)), nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door.Refuse(r.Context(), w, fmt.Errorf("segment 3: %w", r.Context().Err()))
	}))
	ctx, leave := context.WithCancel(t.Context())
	leave()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	if line := out.String(); !strings.Contains(line, `"level":"INFO"`) || !strings.Contains(line, `"status":499`) {
		t.Errorf("logged %s", line)
	}
}
