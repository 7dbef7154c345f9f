package upload

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/vault"
	"filmcan/internal/token"
)

// Catalog is what the door needs of keep/catalog.
type Catalog interface {
	// OpenUpload returns an upload as it is committed, or a [film.Error] with [film.CodeNotFound].
	OpenUpload(ctx context.Context, id film.UploadID) (film.Upload, error)
	// CompleteUpload makes an asset of an upload whose film is sealed. One that has its asset is returned as it is; one
	// that is over is refused with [film.CodeForbidden].
	CompleteUpload(ctx context.Context, id film.UploadID) (film.Upload, error)
	// FailUpload ends a waiting upload whose bytes are no film.
	FailUpload(ctx context.Context, id film.UploadID, why film.UploadFailure) error
}

// Look says whether bytes can be a film's first. An error whose fault is the customer's is why they surely are not, in
// a sentence for the customer. Size is the film's length, -1 while it is not known. It does not keep the head.
type Look func(head []byte, size int64) error

// Config of a [Door]. Zero values take the defaults.
type Config struct {
	// MaxInput is how many bytes a film may have; 0: any number.
	MaxInput int64
	// Stall is how long a client may send nothing in the middle of a body.
	Stall time.Duration
	// Patience is how long a request waits for another one on the same upload.
	Patience time.Duration
	// Takeover is how long the other one may send nothing while somebody waits for it.
	Takeover time.Duration
	// Answer is how long a client may take to take its answer.
	Answer time.Duration
	// SyncAfter is how long bytes of a slow line may wait to be synced.
	SyncAfter time.Duration
	// Grace is how long after an upload's deadline what is still coming may come. Then its line is cut, or one that
	// drips would keep the upload open for as long as it likes.
	Grace time.Duration
}

// Default returns the configuration that production uses.
func Default() Config {
	return Config{
		Stall: 30 * time.Second, Patience: 10 * time.Second, Takeover: 2 * time.Second,
		Answer: 30 * time.Second, SyncAfter: 5 * time.Second, Grace: 10 * time.Second,
	}
}

func (c Config) withDefaults() Config {
	def := Default()
	for _, one := range []struct{ value, def *time.Duration }{
		{&c.Stall, &def.Stall},
		{&c.Patience, &def.Patience},
		{&c.Takeover, &def.Takeover},
		{&c.Answer, &def.Answer},
		{&c.SyncAfter, &def.SyncAfter},
		{&c.Grace, &def.Grace},
	} {
		if *one.value == 0 {
			*one.value = *one.def
		}
	}
	return c
}

// Door takes direct uploads in. It may be used by any number of requests at once.
type Door struct {
	cfg     Config
	catalog Catalog
	vault   *vault.Vault
	look    Look
	signer  *token.Signer
	log     *slog.Logger
	// room is asked how much room the films have, yield that so much of it be free.
	room  func() (free, total int64, known bool)
	yield func(free int64)

	turns   turns
	buffers sync.Pool
	// looking has a token while nobody looks at a head: that takes memory, so one does at a time.
	looking chan struct{}
	stats   counters

	mu       sync.Mutex
	draining bool
	lines    map[*line]struct{} // that are being read
}

// New returns a door that verifies URLs with the signer and keeps bytes in the vault.
func New(cfg Config, catalog Catalog, v *vault.Vault, look Look, signer *token.Signer, log *slog.Logger) *Door {
	d := &Door{
		cfg: cfg.withDefaults(), catalog: catalog, vault: v, look: look, signer: signer, log: log,
		room: v.Room, yield: func(int64) {},
		turns: turns{uploads: map[film.UploadID]*turn{}}, looking: make(chan struct{}, 1), lines: map[*line]struct{}{},
	}
	d.looking <- struct{}{}
	return d
}

// YieldTo names who is asked, without waiting, that so many bytes of the disk be free when an upload lacks room. It must
// be called before the first request.
func (d *Door) YieldTo(ask func(free int64)) { d.yield = ask }

// fits says that there is no room for so many more bytes beside the reserve.
func (d *Door) fits(bytes int64) error {
	free, total, known := d.room()
	if need := bytes + vault.Reserve(total); known && free < need {
		d.yield(need)
		return &film.Error{
			Code: film.CodeUnavailable, Fault: film.FaultTransient,
			Message: "There is no room to store this at the moment.",
			Cause:   fmt.Errorf("%d bytes are free, %d needed", free, need),
		}
	}
	return nil
}

// Handler serves everything under /upload/.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/upload/{id}", d.serve)
	mux.HandleFunc("/upload/", func(w http.ResponseWriter, r *http.Request) {
		openTo(w.Header(), r, "*")
		door.Error(w, http.StatusNotFound, "Not Found")
	})
	return mux
}

// Drain ends the reading of bodies, now and from now on: what has arrived is kept and reported, and clients come
// again. It is for the server's shutdown, and returns at once.
func (d *Door) Drain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draining = true
	for l := range d.lines {
		l.cut(errDraining)
	}
}

// Stats says what the door has done and is doing.
type Stats struct {
	Running int // requests with a body, now
	// Bytes that came and were kept, and those that had been there already.
	Stored, Compared int64
	// Requests that added bytes, and uploads that became assets, began anew with another film, were refused for what
	// they are.
	Chunks, Completed, Anew, Refused int64
}

type counters struct {
	stored, compared, chunks, completed, anew, refused atomic.Int64
}

// Stats returns the counters.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	running := len(d.lines)
	d.mu.Unlock()
	s := &d.stats
	return Stats{
		Running: running, Stored: s.stored.Load(), Compared: s.compared.Load(), Chunks: s.chunks.Load(),
		Completed: s.completed.Load(), Anew: s.anew.Load(), Refused: s.refused.Load(),
	}
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), film.UploadID(r.PathValue("id"))
	if err := d.signer.VerifyUpload(id, r.URL.Query().Get("token")); err != nil {
		d.turnAway(w, r, &film.Error{
			Code: film.CodeForbidden, Fault: film.FaultCustomer, Message: "This URL is not that of an upload.", Cause: err,
		})
		return
	}
	u, err := d.catalog.OpenUpload(ctx, id)
	if err != nil {
		d.turnAway(w, r, err)
		return
	}
	door.Annotate(ctx, slog.String("upload", string(id)))
	openTo(w.Header(), r, u.CORSOrigin)
	switch r.Method {
	case http.MethodOptions:
		preflight(w, r)
	case http.MethodPut, http.MethodPost, http.MethodPatch:
		d.receive(w, r, u)
	default:
		w.Header().Set("Allow", methods)
		door.Error(w, http.StatusMethodNotAllowed, "")
	}
}

// turnAway answers a request that leads to no upload. A page may read that, too, and its preflight succeeds, so that
// it comes to read it.
func (d *Door) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	openTo(w.Header(), r, "*")
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	l := d.line(w, r)
	defer d.forget(l)
	d.reply(w, r, l, answer{}, err)
}

// line begins the reading of a request's body; [Door.forget] must follow.
func (d *Door) line(w http.ResponseWriter, r *http.Request) *line {
	l := newLine(w, r, d.cfg.Stall)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines[l] = struct{}{}
	if d.draining {
		l.cut(errDraining)
	}
	return l
}

func (d *Door) forget(l *line) {
	l.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lines, l)
}

// bufferSize is how much of a body is compared at once. Twice that is what a request takes of memory for it.
const bufferSize = 128 << 10

type buffer [bufferSize]byte

func (d *Door) takeBuffer() *buffer {
	if b, ok := d.buffers.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (d *Door) giveBuffer(b *buffer) { d.buffers.Put(b) }

// ref is where an upload's bytes are.
func ref(u film.Upload) vault.Ref { return vault.Ref{Film: u.Film, Part: vault.Source} }

// passing is the error of something that a client should simply try again: UpChunk gives up on any status but 503 and
// a few like it.
func passing(act string, cause error) error {
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient, Message: "Try again in a moment.",
		Cause: fmt.Errorf("%s: %w", act, cause),
	}
}
