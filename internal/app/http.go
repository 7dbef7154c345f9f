package app

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filmcan/internal/front/api"
	"filmcan/internal/front/door"
	"filmcan/internal/front/ops"
)

// handler hangs the doors on one listener, told apart by path; a proxy may give each a host name of its own.
func (a *App) handler() http.Handler {
	mux := http.NewServeMux()
	logged := func(h http.Handler) http.Handler { return door.Log(a.log, nil, h) }
	mux.Handle("/master/", logged(a.masters.Handler()))
	mux.Handle("/upload/", logged(a.uploads.Handler()))
	mux.Handle("/", logged(a.play.Handler()))
	mux.Handle("GET /{$}", http.RedirectHandler("/docs", http.StatusFound))
	health := ops.Handler(ops.Config{
		Checks: a.checks(), Gatherer: a.metrics(),
		Facts: map[string]string{"version": a.cfg.Version, "sandbox": a.sandbox},
	})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, health)
	}
	management := a.api.Handler() // logs its requests itself
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Asked before the mux, which would redirect what it finds untidy: API clients do not follow that.
		if api.Owns(r.URL.Path) {
			management.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

const (
	// bodyTime is how long a client may take to send a request's body, read or not: the server waits for the rest of
	// one that no door wanted before it takes the next request of the connection.
	bodyTime = 30 * time.Second
	// answerTime is how long a client may take to take an answer. Doors whose answers are long (segments, masters, event
	// streams) have bounds of their own.
	answerTime = time.Minute
)

// server is an HTTP server with the bounds that every door shares.
func (a *App) server() *http.Server {
	s := newServer(a.handler(), slog.NewLogLogger(a.log.Handler(), slog.LevelDebug))
	s.RegisterOnShutdown(a.api.EndStreams)
	s.RegisterOnShutdown(a.uploads.Drain)
	return s
}

func newServer(doors http.Handler, errors *log.Logger) *http.Server {
	return &http.Server{
		Handler:           bounded(doors),
		ReadHeaderTimeout: 15 * time.Second,
		WriteTimeout:      answerTime,
		IdleTimeout:       2 * time.Minute,
		ConnContext:       door.ConnContext,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          errors,
	}
}

// bounded gives bodies their time. It is no ReadTimeout: that one would end the contexts of long answers, too.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // every server of ours knows deadlines
		}
		next.ServeHTTP(w, r)
	})
}

// checks are the conditions under which this node can do its work.
func (a *App) checks() []ops.Check {
	checks := []ops.Check{
		{Name: "database", Test: func(ctx context.Context) error {
			return blurred(a.store.DB.Ping(ctx), "the database does not answer")
		}},
		{Name: "folder", Test: func(context.Context) error { return blurred(a.probeFolder(), "the data folder cannot be written") }},
	}
	if a.cfg.Work {
		checks = append(checks, ops.Check{Name: "queue", Test: func(context.Context) error {
			return blurred(a.store.queue.Ping(), "background work does not run")
		}})
	}
	return checks
}

// blurred hides an error's text, which may name addresses and paths, behind a sentence.
func blurred(err error, sentence string) error {
	if err == nil {
		return nil
	}
	return errors.New(sentence)
}

// probeFolder writes a small file: a full or broken disk shows here before a customer meets it.
func (a *App) probeFolder() error {
	f, err := os.CreateTemp(filepath.Join(a.cfg.Data, workDir), ".probe-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	_, err = strings.NewReader("filmcan\n").WriteTo(f)
	return err
}
