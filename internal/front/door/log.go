package door

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"filmcan/internal/film"
)

// RequestIDHeader carries the request's id in each answer.
const RequestIDHeader = "X-Request-Id"

// requestIDSize is the length of Mux's own request ids (reference page, 1.4): here 100 random bits.
const requestIDSize = 20

// Log gives each request an id and writes one line when it is done: method, path template, status, bytes, duration.
// Never the path itself or its query: signatures and playback tokens stand there. A handler's panic becomes an
// answer by internal, or by [Error] when that is nil, as long as nothing was sent; [http.ErrAbortHandler] passes
// through, as the server needs it.
func Log(log *slog.Logger, internal http.HandlerFunc, next http.Handler) http.Handler {
	if internal == nil {
		internal = func(w http.ResponseWriter, _ *http.Request) { Error(w, http.StatusInternalServerError, "") }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		line := &line{id: rand.Text()[:requestIDSize]}
		r = r.WithContext(context.WithValue(r.Context(), lineKey{}, line))
		out := &writer{ResponseWriter: w}
		out.Header().Set(RequestIDHeader, line.id)
		defer func() {
			cause := recover()
			aborted := isAbort(cause)
			if cause != nil && !aborted {
				line.add(slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
				if out.status == 0 {
					internal(out, r)
				} else {
					aborted = true // too late for an answer: the connection must not look whole
				}
			}
			line.write(log, r, out, time.Since(begin), cause != nil)
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(out, r)
	})
}

func isAbort(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// RequestID returns the id of the request that the context belongs to, or "" outside of one.
func RequestID(ctx context.Context) string {
	if l, ok := ctx.Value(lineKey{}).(*line); ok {
		return l.id
	}
	return ""
}

// Annotate adds attributes to the request's log line, such as the asset it was about.
func Annotate(ctx context.Context, attrs ...slog.Attr) {
	if l, ok := ctx.Value(lineKey{}).(*line); ok {
		l.add(attrs...)
	}
}

// Fail notes an error that the customer is not shown: the line is logged as an error, with its text; or as a warning, where
// all that the customer must do is to come again.
func Fail(ctx context.Context, err error) {
	if l, ok := ctx.Value(lineKey{}).(*line); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.level = slog.LevelError
		if e := film.AsError(err); e != nil && e.Code == film.CodeUnavailable && e.Fault == film.FaultTransient {
			l.level = slog.LevelWarn
		}
		l.attrs = append(l.attrs, slog.Any("error", err))
	}
}

type lineKey struct{}

// line is what is known of a request for its log line.
type line struct {
	id string

	mu    sync.Mutex
	attrs []slog.Attr
	level slog.Level // INFO when zero
}

func (l *line) add(attrs ...slog.Attr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attrs = append(l.attrs, attrs...)
}

func (l *line) write(log *slog.Logger, r *http.Request, w *writer, took time.Duration, panicked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := r.Pattern
	if path == "" {
		path = "unmatched"
	}
	level := l.level
	if panicked && w.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	// The request may be cancelled by now; its line is written all the same.
	ctx := context.WithoutCancel(r.Context())
	if !log.Enabled(ctx, level) {
		return
	}
	// No place in the source, which is this one for every line and takes as long to find as the line to write.
	record := slog.NewRecord(time.Now(), level, "request", 0)
	record.AddAttrs(slog.String("request", l.id), slog.String("method", r.Method), slog.String("path", path),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("dur", took))
	record.AddAttrs(l.attrs...)
	_ = log.Handler().Handle(ctx, record) // as slog itself does
}
