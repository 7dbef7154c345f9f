package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"filmcan/internal/blob/fs"
	"filmcan/internal/derive"
	"filmcan/internal/derive/export"
	"filmcan/internal/derive/passthrough"
	"filmcan/internal/derive/reel"
	"filmcan/internal/derive/rendition"
	"filmcan/internal/derive/still"
	"filmcan/internal/film"
	"filmcan/internal/front/api"
	"filmcan/internal/front/master"
	"filmcan/internal/front/play"
	"filmcan/internal/front/upload"
	"filmcan/internal/front/webhook"
	"filmcan/internal/intake"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/outbound"
	"filmcan/internal/scratch"
	"filmcan/internal/token"
)

// App is a server: open, but not serving until [App.Run].
type App struct {
	cfg   Config
	log   *slog.Logger
	store *Store

	catalog  *catalog.Catalog
	ffmpeg   *ffmpeg.Runner
	outbound *outbound.Client
	intake   *intake.Intake
	derived  *derive.Cache
	reels    *reel.Reels
	pool     *ffmpeg.Pool

	renditions *rendition.Engine
	stills     *still.Maker
	toWarm     chan film.AssetID
	export     *export.Exporter
	webhooks   *webhook.Deliverer

	api     *api.API
	masters *master.Door
	uploads *upload.Door
	play    *play.Door

	listeners []net.Listener
	url       string
	tlsURL    string
	caFile    string
	// sandbox is the state of ffmpeg's, in words; noSandbox why there is none although it was wanted.
	ffmpegVersion string

	sandbox   string
	noSandbox error
}

// Open opens everything that a server stands on: data folder, database, listeners. Requests are accepted from then on
// and answered once [App.Run] runs.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (_ *App, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: log, toWarm: make(chan film.AssetID, prewarming)}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	if err := a.openFFmpeg(ctx); err != nil {
		return nil, err
	}
	if a.store, err = openStore(ctx, cfg, log, true); err != nil {
		return nil, err
	}
	a.catalog = a.store.Catalog
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	if err := a.components(ctx); err != nil {
		return nil, err
	}
	a.jobs()
	return a, nil
}

// components makes the graph, from the ground up.
func (a *App) components(ctx context.Context) error {
	secret, err := a.catalog.Secret(ctx, "master-url")
	if err != nil {
		return err
	}
	signer, err := token.NewSigner(secret)
	if err != nil {
		return err
	}
	addresses := links{base: a.publicURL(), signer: signer}

	out := outbound.Default()
	out.Policy = outbound.Policy{Private: a.cfg.Development, Allow: a.cfg.Allow}
	out.UserAgent = "filmcan"
	a.outbound = outbound.New(out)

	derived, err := fs.OpenDisposable(filepath.Join(a.cfg.Data, derivedDir))
	if err != nil {
		return err
	}
	a.derived = derive.New(derived, map[string]derive.Maker{
		reel.IndexKind: derive.Bytes(reel.IndexMaker(a.store.Vault, mp4.Limits{})),
		film.KindBase:  a.encoded, film.KindSound: a.encoded,
		still.Kind: a.sheet,
	}, derivedConfig(a.cfg, derived), a.log)
	folders, err := scratch.Open(filepath.Join(a.cfg.Data, workDir))
	if err != nil {
		return err
	}
	a.export = export.New(export.Config{Jobs: a.cfg.MediaJobs}, a.store.Vault, a.ffmpeg, folders, a.derived, a.log)
	a.intake = intake.New(intake.Config{MaxInput: a.cfg.MaxInput, ScrubEvery: a.cfg.ScrubEvery, Jobs: a.cfg.MediaJobs},
		a.catalog, a.store.Vault, a.outbound, a.ffmpeg, a.export, folders, a.log)
	a.intake.YieldTo(a.derived.Yield)
	a.watching()

	a.api = api.New(api.Config{Catalog: a.catalog, Links: addresses, Log: a.log, Version: a.cfg.Version})
	a.masters = master.New(a.catalog, master.FromVault(a.store.Vault), signer, master.Default(), a.log)
	if a.play, err = play.New(a.catalog, passthrough.New(a.reels), a.renditions, a.derived, play.Config{PublicURL: a.publicURL()}); err != nil {
		return err
	}
	uploads := upload.Default()
	uploads.MaxInput = a.cfg.MaxInput
	a.uploads = upload.New(uploads, a.catalog, a.store.Vault, a.intake.Recognize, signer, a.log)
	a.uploads.YieldTo(a.derived.Yield)
	a.webhooks = webhook.New(a.catalog, a.outbound, addresses, webhook.Default(), a.log)
	return nil
}

// encoded makes what is encoded of whole films anew, where the store has lost it.
func (a *App) encoded(ctx context.Context, artifact film.Artifact, w io.Writer) error {
	return a.export.Make(ctx, artifact, w)
}

// Run serves and works until the context ends, then drains: it stops accepting, lets requests and jobs finish for as
// long as the configuration allows, and returns when nothing of it is left.
func (a *App) Run(ctx context.Context) error {
	g := newGroup(ctx)
	// Downloads need their leases renewed until the last of them has drained.
	leases := newGroup(context.WithoutCancel(ctx))
	g.Go(a.derived.Run)
	g.Go(a.pool.Run)
	if a.cfg.HTTP {
		leases.Go(a.masters.Run)
		for _, l := range a.listeners {
			g.Go(func(ctx context.Context) error { return a.serve(ctx, a.server(), l) })
		}
	}
	if a.cfg.Work {
		g.Go(a.prewarm)
		g.Go(a.store.queue.Run)
	}
	a.log.InfoContext(ctx, "serving", "url", a.url, "data", a.cfg.Data, "work", a.cfg.Work, "http", a.cfg.HTTP, "sandbox", a.sandbox)
	err := g.Wait()
	leases.Stop()
	a.log.InfoContext(ctx, "stopped")
	return errors.Join(err, leases.Wait())
}

// Close frees what Open opened.
func (a *App) Close() error {
	var errs []error
	for _, l := range a.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.renditions != nil {
		a.renditions.Close()
	}
	if a.export != nil {
		a.export.Close()
	}
	if a.derived != nil {
		a.derived.Close()
	}
	if a.outbound != nil {
		a.outbound.Close()
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(errs...)
}

// serve serves one listener until the context ends, and then finishes what was begun.
func (a *App) serve(ctx context.Context, server *http.Server, l net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }() // waited for below
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	// The time to finish in begins when the context has ended.
	a.log.InfoContext(ctx, "draining: requests and jobs that were begun are finished, encodings go on at the next start; a second signal ends at once", "listener", l.Addr(), "timeout", a.cfg.DrainTimeout)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.DrainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.WarnContext(ctx, "requests were cut at the end of the drain", "timeout", a.cfg.DrainTimeout)
		err = server.Close()
	}
	<-ended
	return err
}

// listen opens the listeners: the one of all doors, and the one with TLS of `dev --tls`.
func (a *App) listen(ctx context.Context) error {
	if !a.cfg.HTTP {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s (another program may have it: choose one with --listen): %w", a.cfg.Listen, err)
	}
	scheme := "http"
	if a.cfg.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(a.cfg.TLSCert, a.cfg.TLSKey)
		if err != nil {
			_ = l.Close()
			return fmt.Errorf("read --tls-cert and --tls-key: %w", err)
		}
		l, scheme = tls.NewListener(l, tlsConfig(pair)), "https"
	}
	a.listeners = append(a.listeners, l)
	a.url = scheme + "://" + reachable(l.Addr())
	if !a.cfg.TLSOwn || a.cfg.TLSCert != "" {
		return nil
	}
	pair, caFile, err := ownCertificate(filepath.Join(a.cfg.Data, "tls"), time.Now())
	if err != nil {
		return err
	}
	secure, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.TLSListen)
	if err != nil {
		return fmt.Errorf("listen on %s (choose another with --tls-listen): %w", a.cfg.TLSListen, err)
	}
	a.listeners = append(a.listeners, tls.NewListener(secure, tlsConfig(pair)))
	_, port, _ := net.SplitHostPort(secure.Addr().String())
	a.tlsURL, a.caFile = "https://localhost:"+port, caFile
	return nil
}

// tlsConfig offers HTTP/1.1 alone: the lease of a master's transfer is the deadline of its connection
// (docs/decisions/0002-http1.md).
func tlsConfig(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// reachable is an address as a client on this machine writes it.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func (a *App) publicURL() string {
	if a.cfg.PublicURL != "" {
		return a.cfg.PublicURL
	}
	return a.url
}

// URL is where the server is reached on this machine.
func (a *App) URL() string { return a.url }

// TLSURL is the https address of `dev --tls`; empty without.
func (a *App) TLSURL() string { return a.tlsURL }

// CAFile is the certificate of the authority behind TLSURL.
func (a *App) CAFile() string { return a.caFile }

// CustomDomain is what mux-player takes as custom-domain: it puts stream. and image. before it.
func (a *App) CustomDomain() string {
	if a.tlsURL == "" {
		return ""
	}
	return a.tlsURL[len("https://"):]
}
