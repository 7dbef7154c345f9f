package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// film is the demonstrated film: what goes in, and must come back.
type film struct {
	path, sha256 string
	size         int64
	file         *os.File
}

func openFilm(path string) (*film, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return nil, err
	}
	return &film{path: path, sha256: hex.EncodeToString(sum.Sum(nil)), size: n, file: f}, nil
}

func (f *film) close() { _ = f.file.Close() }

// event is a webhook event as it arrived.
type event struct {
	Type   string `json:"type"`
	Object struct {
		ID string `json:"id"`
	} `json:"object"`
	raw       []byte
	signature string
	at        time.Time
}

// world is what stands around the server: a web server with the film, and the customer's webhook receiver.
type world struct {
	listener net.Listener
	server   *http.Server
	path     string
	done     sync.WaitGroup
	events   chan event
}

func startWorld(ctx context.Context, f *film) (*world, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	// The walk causes fewer events than the channel holds, so the receiver never waits.
	w := &world{listener: listener, events: make(chan event, 64), path: "/" + url.PathEscape(filepath.Base(f.path))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{film}", func(rw http.ResponseWriter, r *http.Request) { http.ServeFile(rw, r, f.path) })
	mux.HandleFunc("POST /webhook", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		e := event{raw: body, signature: r.Header.Get("Mux-Signature"), at: time.Now()}
		if err := json.Unmarshal(body, &e); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		w.events <- e
	})
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	w.done.Go(func() { _ = w.server.Serve(listener) })
	return w, nil
}

func (w *world) stop() {
	_ = w.server.Close()
	w.done.Wait()
}

func (w *world) filmURL() string    { return "http://" + w.listener.Addr().String() + w.path }
func (w *world) webhookURL() string { return "http://" + w.listener.Addr().String() + "/webhook" }

// verify checks the event's signature as Mux's SDKs do.
func (e event) verify(secret string) error {
	var stamp, given string
	for part := range strings.SplitSeq(e.signature, ",") {
		if v, ok := strings.CutPrefix(part, "t="); ok {
			stamp = v
		}
		if v, ok := strings.CutPrefix(part, "v1="); ok {
			given = v
		}
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", stamp, e.raw)
	if want := hex.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(given)) {
		return fmt.Errorf("the signature of %s is wrong: %q", e.Type, e.signature)
	}
	return nil
}

// refusedError is a film that the server would not take: its own words, no log.
type refusedError struct{ reasons []string }

func (r refusedError) Error() string {
	return "the film was refused: " + strings.Join(r.reasons, " ")
}

// refused says why the asset of an errored event is errored.
func (e event) refused() error {
	var body struct {
		Data struct {
			Errors struct {
				Messages []string `json:"messages"`
			} `json:"errors"`
		} `json:"data"`
	}
	if err := json.Unmarshal(e.raw, &body); err != nil {
		return err
	}
	return refusedError{body.Data.Errors.Messages}
}
