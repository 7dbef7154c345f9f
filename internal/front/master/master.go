package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/vault"
	"filmcan/internal/token"
)

// Catalog is what the door needs of keep/catalog.
type Catalog interface {
	Grants
	// GrantOpened notes the first download of a grant, durably.
	GrantOpened(ctx context.Context, id film.GrantID) error
	// DamageMaster notes that an asset's master cannot be trusted.
	DamageMaster(ctx context.Context, id film.AssetID, why string) error
}

// Film is an open master.
type Film interface {
	Size() int64
	// CopyRange writes the n bytes from off to dst, by dst's io.ReaderFrom where it has one.
	CopyRange(dst io.Writer, off, n int64) (int64, error)
	Close() error
}

// Config of a [Door]. Zero values take the defaults.
type Config struct {
	// Lease is how long a download may write after its grant was known to be good. The promise is that a revocation
	// counts within one second of its answer; the default leaves the rest of that second to a write that the kernel
	// has begun.
	Lease time.Duration
	// Poll is how often grants are looked at while downloads run.
	Poll time.Duration
	// Stall is how long a reader may take nothing. What it takes is noticed by the piece, 1 MB.
	Stall time.Duration
	// Now is the clock by which grants expire.
	Now func() time.Time
}

// Default returns the configuration that production uses.
func Default() Config {
	return Config{Lease: 950 * time.Millisecond, Poll: 200 * time.Millisecond, Stall: 15 * time.Minute, Now: time.Now}
}

func (c Config) withDefaults() Config {
	def := Default()
	if c.Lease == 0 {
		c.Lease = def.Lease
	}
	if c.Poll == 0 {
		c.Poll = def.Poll
	}
	if c.Stall == 0 {
		c.Stall = def.Stall
	}
	if c.Now == nil {
		c.Now = def.Now
	}
	return c
}

// Door serves masters. It may be used by any number of requests at once; downloads live only while Run runs.
type Door struct {
	cfg     Config
	catalog Catalog
	open    Opener
	signer  *token.Signer
	leases  *leases
}

// New returns a door that verifies URLs with the signer and takes films from open.
func New(catalog Catalog, open Opener, signer *token.Signer, cfg Config, log *slog.Logger) *Door {
	cfg = cfg.withDefaults()
	return &Door{cfg: cfg, catalog: catalog, open: open, signer: signer, leases: newLeases(catalog, cfg, log)}
}

// Run renews the leases of downloads until the context ends. A server that drains keeps it running until its last
// request is done: without it downloads end within a lease.
func (d *Door) Run(ctx context.Context) error {
	d.leases.watch(ctx)
	return nil
}

// Handler serves everything under /master/.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /master/{grant}/{file}", d.serve) // HEAD too
	mux.HandleFunc("/master/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			door.MethodNotAllowed(w, r)
			return
		}
		door.Error(w, http.StatusNotFound, "Not Found")
	})
	return door.CORS(mux)
}

// Stats says what the door has done and is doing.
type Stats struct {
	Running int   // downloads now
	Started int64 // downloads that were let through
	Bytes   int64 // of masters, handed out
	// Downloads that were cut: by a revocation, by the end of the hour of grace, for a reader that took nothing, and
	// because the catalog did not confirm the grant in time.
	Revoked, Over, Stalled, Lapsed int64
}

// Stats returns the counters.
func (d *Door) Stats() Stats {
	s := &d.leases.stats
	return Stats{
		Running: d.leases.count(), Started: s.started.Load(), Bytes: s.bytes.Load(),
		Revoked: s.revoked.Load(), Over: s.over.Load(), Stalled: s.stalled.Load(), Lapsed: s.lapsed.Load(),
	}
}

// refused is the one answer to a URL that is altered, expired, revoked or unknown: which, is nobody's business.
func refused() error {
	return &film.Error{
		Code: film.CodeForbidden, Fault: film.FaultCustomer, Message: "This URL is not valid, or no longer valid.",
	}
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	grant, file := film.GrantID(r.PathValue("grant")), r.PathValue("file")
	query := r.URL.Query()
	expires, err := d.signer.VerifyMaster(grant, file, query.Get("skid"), query.Get("signature"))
	if err != nil || !d.cfg.Now().Before(expires.Add(film.MasterGrace)) {
		door.Refuse(r.Context(), w, refused())
		return
	}
	if name := query.Get("download"); name != "" {
		w.Header().Set("Content-Disposition", disposition(name, file))
	}
	if r.Method == http.MethodHead {
		d.head(w, r, grant, file)
		return
	}
	d.get(w, r, grant, file)
}

// head answers what a download would be like. It gives no byte, so it needs no lease.
func (d *Door) head(w http.ResponseWriter, r *http.Request, grant film.GrantID, file string) {
	state, err := d.allowed(r, grant, file)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	f, err := d.film(r.Context(), state)
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	defer func() { _ = f.Close() }()
	if err := door.Serve(w, r, content(state.Master, nil)); err != nil {
		door.Fail(r.Context(), err)
	}
}

func (d *Door) get(w http.ResponseWriter, r *http.Request, grant film.GrantID, file string) {
	conn := http.NewResponseController(w)
	ctx := r.Context()
	t := d.leases.begin(grant, conn, r.TLS != nil, func() bool { return door.Reset(ctx) })
	defer func() { _ = t.leave() }() // also in a panic
	f, state, err := d.begin(r, t, file)
	if err != nil {
		door.Refuse(ctx, w, err)
		return
	}
	defer func() { _ = f.Close() }()
	err = door.Serve(w, r, content(state.Master, t.copyFrom(ctx, f)))
	if err == nil {
		// What lies in the server's buffers belongs to the master, too: out with it while the lease guards it.
		err = conn.Flush()
	}
	cause := t.leave()
	if cause != nil {
		door.Annotate(ctx, slog.String("cut", cause.Error()))
	} else if err != nil {
		door.Annotate(ctx, slog.String("ended", err.Error()))
	}
	if errors.Is(err, vault.ErrDamaged) {
		door.Fail(ctx, d.damage(ctx, state, err))
	}
	if cause != nil || err != nil {
		sever(ctx, conn)
	}
}

// begin asks for leave to send the film and opens it. On success the transfer is admitted.
func (d *Door) begin(r *http.Request, t *transfer, file string) (Film, film.GrantState, error) {
	ctx := r.Context()
	asked := time.Now()
	state, err := d.allowed(r, t.grant, file)
	if err != nil {
		return nil, state, err
	}
	f, err := d.film(ctx, state)
	if err != nil {
		return nil, state, err
	}
	if state.OpenedAt.IsZero() {
		if err = d.opened(ctx, t.grant); err == nil {
			asked = time.Now() // that was a write, and may have taken long
			state, err = d.allowed(r, t.grant, file)
		}
	}
	if err == nil {
		err = t.admit(asked, time.Now().Add(state.Grant.ExpiresAt.Add(film.MasterGrace).Sub(d.cfg.Now())))
	}
	if err != nil {
		_ = f.Close()
		return nil, state, err
	}
	return f, state, nil
}

func (d *Door) opened(ctx context.Context, grant film.GrantID) error {
	err := d.catalog.GrantOpened(ctx, grant)
	if film.IsCode(err, film.CodeNotFound) {
		return refused()
	}
	if film.FaultOf(err) == film.FaultTransient {
		// The catalog has no room. The download does not depend on the note, only its right to be taken up again in the
		// hour of grace does.
		door.Annotate(ctx, slog.String("unnoted", err.Error()))
		return nil
	}
	if err != nil {
		return unavailable(fmt.Errorf("note first download: %w", err))
	}
	return nil
}

// allowed reads the grant and decides whether this request may be served now. Beginning needs a grant that lasts; in
// the hour of grace only what was begun may be asked about (HEAD) or taken up again.
func (d *Door) allowed(r *http.Request, grant film.GrantID, file string) (film.GrantState, error) {
	state, err := d.catalog.Grant(r.Context(), grant)
	if film.IsCode(err, film.CodeNotFound) {
		return state, refused()
	}
	if err != nil {
		return state, unavailable(fmt.Errorf("read grant: %w", err))
	}
	door.Annotate(r.Context(), slog.String("asset", string(state.Asset)))
	now, m := d.cfg.Now(), state.Master
	goesOn := r.Method == http.MethodHead || door.Resumes(r, m.ETag, m.Size)
	switch {
	case withdrawn(state), file != m.Filename():
	case state.MayBegin(now), goesOn && state.MayGoOn(now):
		return state, nil
	}
	return state, refused()
}

func unavailable(cause error) error {
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient, Message: "Try again in a moment.", Cause: cause,
	}
}
