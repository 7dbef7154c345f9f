package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"filmcan/internal/derive/export"
	"filmcan/internal/film"
	"filmcan/internal/keep/catalog"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/outbound"
	"filmcan/internal/point"
	"filmcan/internal/scratch"
)

// Config of an [Intake]. Zero values take those of [Default].
type Config struct {
	// MaxInput is how many bytes an input may have.
	MaxInput int64
	Fetch    Fetch // its MaxSize is MaxInput
	// WatchEvery is how often a running ingest looks whether its asset is still there, and notes its progress.
	WatchEvery time.Duration
	// ScrubEvery is after how long a film's bytes are read and verified again.
	ScrubEvery time.Duration
	// Patience is how long an input may wait for room, counted from the asset's creation.
	Patience time.Duration
	// Jobs is how many films are looked at and made into masters at a time: that takes processors and memory.
	// Downloads do not count. They wait most of the time, and one that hardly moves should keep nobody else waiting.
	Jobs   int
	Limits mp4.Limits
}

// Default is what production uses.
func Default() Config {
	return Config{
		MaxInput: 1 << 40,
		Fetch: Fetch{
			Tries: 5, Headway: 1 << 20, Pause: time.Second, MaxTime: 12 * time.Hour, MinRate: 8 << 10, Window: 30 * time.Second,
		},
		WatchEvery: time.Second,
		ScrubEvery: 30 * 24 * time.Hour,
		Patience:   24 * time.Hour,
		Jobs:       2,
	}
}

// Intake has the handlers of ingest, purge and scrub. Safe for concurrent use.
type Intake struct {
	cfg     Config
	catalog *catalog.Catalog
	vault   *vault.Vault
	client  *outbound.Client
	ffmpeg  *ffmpeg.Runner
	export  *export.Exporter
	log     *slog.Logger
	folders *scratch.Folders
	rooms   *rooms
	// turns are Jobs; tables is for one film: an index may take hundreds of megabytes.
	turns, tables turns
	heads         sync.Mutex // held while the tables of an upload that is under way are in memory
}

// New returns an intake. Files on their way into the vault lie in folders.
func New(cfg Config, c *catalog.Catalog, v *vault.Vault, client *outbound.Client, runner *ffmpeg.Runner,
	exporter *export.Exporter, folders *scratch.Folders, log *slog.Logger,
) *Intake {
	def := Default()
	f, d := cfg.Fetch, def.Fetch
	cfg.MaxInput = cmp.Or(cfg.MaxInput, def.MaxInput)
	cfg.Fetch = Fetch{
		Tries: cmp.Or(f.Tries, d.Tries), Headway: cmp.Or(f.Headway, d.Headway), Pause: cmp.Or(f.Pause, d.Pause),
		MaxTime: cmp.Or(f.MaxTime, d.MaxTime), MaxSize: cfg.MaxInput,
		MinRate: cmp.Or(f.MinRate, d.MinRate), Window: cmp.Or(f.Window, d.Window),
	}
	cfg.WatchEvery = cmp.Or(cfg.WatchEvery, def.WatchEvery)
	cfg.ScrubEvery = cmp.Or(cfg.ScrubEvery, def.ScrubEvery)
	cfg.Patience = cmp.Or(cfg.Patience, def.Patience)
	cfg.Jobs = cmp.Or(cfg.Jobs, def.Jobs)
	return &Intake{
		cfg: cfg, catalog: c, vault: v, client: client, ffmpeg: runner, export: exporter, log: log, folders: folders, rooms: newRooms(v.Room),
		turns: newTurns(cfg.Jobs), tables: newTurns(1),
	}
}

// errGone ends an ingest whose asset was deleted, or whose end another worker has told already.
var errGone = errors.New("the asset is no longer preparing")

// busyPause is how long to wait for another process that writes the same film.
const busyPause = 2 * time.Second

// Ingest is the handler of [film.IngestAsset]. Attempt counts the runs from 1; beyond last there was no more luck, and
// the asset becomes errored. What is the input's doing ends in an errored asset and no error. A film that must be encoded
// is ordered to be: [Intake.Encode] takes it from there.
func (in *Intake) Ingest(ctx context.Context, job film.IngestAsset, attempt, last int) error {
	return in.run(ctx, job.Asset, "", attempt, last, in.prepare)
}

// run does one step of an asset's preparation, and what is to be done about its end. made is the film of which an earlier
// run may have left something behind.
func (in *Intake) run(ctx context.Context, id film.AssetID, made film.FilmID, attempt, last int, step func(context.Context, film.Asset, *meter) error) error {
	a, err := in.catalog.AssetForWork(ctx, id)
	if film.IsCode(err, film.CodeNotFound) {
		return in.deleted(ctx, made)
	}
	if err != nil {
		return fmt.Errorf("ingest asset %s: %w", id, err)
	}
	if a.Status != film.AssetPreparing {
		// An earlier run has told the end, and died before it could say so; perhaps before it could clear up.
		return in.abandon(ctx, a)
	}
	if attempt > last {
		return in.refuse(ctx, a, gaveUp(a, nil))
	}
	began := time.Now()
	err = in.watched(ctx, a, func(ctx context.Context, m *meter) error { return step(ctx, a, m) })
	f, refused := errors.AsType[*failure](err)
	later, _ := errors.AsType[*film.Later](err)
	switch {
	case errors.Is(err, errOrdered):
		return nil
	case err == nil:
		in.log.InfoContext(ctx, "asset ready", "asset", a.ID, "dur", time.Since(began))
		return nil
	case errors.Is(err, errGone):
		return in.abandon(ctx, a)
	case ctx.Err() != nil || later != nil:
		return err
	case refused:
		in.log.InfoContext(ctx, "input refused", "asset", a.ID, "why", f.why, "message", f.message, "err", err, "dur", time.Since(began))
		return in.refuse(ctx, a, f)
	case errors.Is(err, vault.ErrBusy):
		return &film.Later{After: busyPause}
	case lacksRoom(err):
		return in.wait(ctx, a, err)
	case attempt >= last:
		return errors.Join(fmt.Errorf("ingest asset %s: %w", a.ID, err), in.refuse(ctx, a, gaveUp(a, err)))
	}
	return fmt.Errorf("ingest asset %s: %w", a.ID, err)
}

// errOrdered ends a look at a film that must be encoded.
var errOrdered = errors.New("the encoding is ordered")

// prepare does all of the work on a film that need not be encoded. It returns a *failure where the input is to blame.
func (in *Intake) prepare(ctx context.Context, a film.Asset, m *meter) error {
	if a.Progress.State == film.ProgressTranscoding {
		return errOrdered // by a run that died over it
	}
	src, err := in.source(ctx, a, m)
	if err != nil {
		return err
	}
	defer src.Close()
	done, err := in.turns.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	v, err := in.look(ctx, a, src)
	if err != nil {
		return err
	}
	if v.encodes() {
		err = in.order(ctx, a, src, v)
	} else {
		err = in.finish(ctx, a, src, v)
	}
	return errors.Join(err, v.close())
}

// look examines the film. One that is refused for what it is, and not for being something else, is kept: it is perhaps the
// only copy.
func (in *Intake) look(ctx context.Context, a film.Asset, src *source) (*view, error) {
	v, err := in.examine(ctx, a, src)
	if err == nil {
		return v, nil
	}
	if v != nil {
		err = errors.Join(err, v.close())
	}
	if f, ok := errors.AsType[*failure](err); ok && f.film() {
		_, sealErr := src.seal()
		return nil, errors.Join(sealErr, err)
	}
	return nil, err
}

// order makes everything durable that is there of a film that must be encoded, and orders that.
func (in *Intake) order(ctx context.Context, a film.Asset, src *source, v *view) error {
	if _, err := in.keep(src, v); err != nil {
		return err
	}
	point.Hit("intake.before-order")
	if err := overIsGone(in.catalog.AssetTranscoding(ctx, a.ID, v.plan.reasons)); err != nil {
		return err
	}
	in.log.InfoContext(ctx, "asset must be encoded", "asset", a.ID, "reasons", v.plan.reasons)
	return errOrdered
}

// keep seals the source, and the master where that can be had of it.
func (in *Intake) keep(src *source, v *view) (vault.Sealed, error) {
	sealed, err := src.seal()
	if err == nil && v.master != nil {
		sealed, err = v.master(sealed)
	}
	return sealed, err
}

// finish seals what is not sealed yet and tells the catalog, in this order: a film is never ready before its bytes are
// safe.
func (in *Intake) finish(ctx context.Context, a film.Asset, src *source, v *view) error {
	point.Hit("intake.looked")
	if point.Broken("ready-before-seal") {
		if err := in.tell(ctx, a, v.found); err != nil {
			return err
		}
	}
	sealed, err := in.keep(src, v)
	if err != nil {
		return err
	}
	if len(v.plan.reasons) > 0 {
		if err := overIsGone(in.catalog.AssetDetected(ctx, a.ID, v.plan.reasons)); err != nil {
			return err
		}
	}
	v.found.Master.Size, v.found.Master.SHA256, v.found.Master.ETag = sealed.Size, sealed.SHA256, sealed.ETag
	point.Hit("intake.before-ready")
	if err := in.tell(ctx, a, v.found); err != nil {
		return err
	}
	point.Hit("intake.after-ready")
	return nil
}

func (in *Intake) tell(ctx context.Context, a film.Asset, found film.Found) error {
	return overIsGone(in.catalog.AssetReady(ctx, a.ID, found))
}

// refuse ends the asset. The bytes of what is no film go, rows before bytes; a film that cannot be prepared is kept as
// it came until its asset is deleted, and so is an upload that failed through no fault of its own.
func (in *Intake) refuse(ctx context.Context, a film.Asset, f *failure) error {
	if len(f.reasons) > 0 {
		if err := overIsGone(in.catalog.AssetDetected(ctx, a.ID, f.reasons)); err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	err := overIsGone(in.catalog.AssetFailed(ctx, a.ID, f.stored()))
	if errors.Is(err, errGone) {
		return in.abandon(ctx, a)
	}
	if err != nil {
		return err
	}
	point.Hit("intake.refused")
	a.Status, a.Failure, a.NonStandard = film.AssetErrored, new(f.stored()), f.reasons
	if kept(a) {
		return in.export.Tidy(ctx, a.Film)
	}
	return in.remove(ctx, a.Film)
}

// kept reports whether the bytes of an asset that is no longer preparing stay: they may be the only copy. An input can be
// fetched again.
func kept(a film.Asset) bool {
	return a.Status != film.AssetErrored || len(a.NonStandard) > 0 ||
		a.IngestType == film.IngestUpload && a.Failure.Type == failedHere
}

// abandon clears up after an asset that is no longer preparing: its bytes go, unless another worker made it ready, or
// errored with its bytes kept.
func (in *Intake) abandon(ctx context.Context, a film.Asset) error {
	now, err := in.catalog.AssetForWork(ctx, a.ID)
	if err == nil && kept(now) {
		return in.export.Tidy(ctx, a.Film)
	}
	if film.IsCode(err, film.CodeNotFound) {
		return in.deleted(ctx, a.Film)
	}
	if err != nil {
		return err
	}
	return in.remove(ctx, a.Film)
}

// deleted clears up after work on a film whose row is gone. Its purge may have run before the work put its last into the
// store; while a backup holds purges off, the bytes are left to it.
func (in *Intake) deleted(ctx context.Context, id film.FilmID) error {
	if id == "" {
		return nil
	}
	held, err := in.catalog.PurgesHeld(ctx)
	if err != nil {
		return err
	}
	if held > 0 {
		return in.export.Forget(ctx, id)
	}
	return in.remove(ctx, id)
}

// remove deletes a film's bytes, and what is derived from them; where another process is still at them it comes back
// later.
func (in *Intake) remove(ctx context.Context, id film.FilmID) error {
	if err := in.export.Forget(ctx, id); err != nil {
		return err
	}
	err := in.vault.Delete(ctx, id)
	if errors.Is(err, vault.ErrBusy) {
		return &film.Later{After: busyPause}
	}
	if err != nil {
		return err
	}
	// Once more: another process may have kept in between what it encoded. From now on it finds the film gone.
	return in.export.Forget(ctx, id)
}

// overIsGone names the two answers of the catalog which mean that there is nothing left to do.
func overIsGone(err error) error {
	if film.IsCode(err, film.CodeNotFound) || film.IsCode(err, film.CodeConflict) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}
