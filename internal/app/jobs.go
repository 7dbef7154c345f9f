package app

import (
	"context"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/queue"
)

// jobs pairs every kind of job with the room that does it.
func (a *App) jobs() {
	q := a.store.queue
	ingest := queue.Options{Lane: queue.Fetch, MaxAttempts: 5, Closing: true, Timeout: 24 * time.Hour, Backoff: queue.Exponential(2*time.Second, time.Minute)}
	queue.Handle(q, ingest, func(ctx context.Context, args film.IngestAsset, at queue.Attempt) error {
		defer a.warm(args.Asset)
		return a.intake.Ingest(ctx, args, at.Number, at.Max)
	})
	ingest.Lane = queue.Media
	queue.Handle(q, ingest, func(ctx context.Context, args film.IngestUploaded, at queue.Attempt) error {
		defer a.warm(args.Asset)
		return a.intake.Ingest(ctx, film.IngestAsset(args), at.Number, at.Max)
	})
	ingest.Lane = queue.Encode
	ingest.Timeout = 10 * 24 * time.Hour
	ingest.Resumes = true // at the last chunk
	queue.Handle(q, ingest, func(ctx context.Context, args film.EncodeAsset, at queue.Attempt) error {
		defer a.warm(args.Asset)
		return a.intake.Encode(ctx, args, at.Number, at.Max)
	})
	queue.Handle(q, queue.Options{Lane: queue.Encode, MaxAttempts: 5, Timeout: 24 * time.Hour, Backoff: queue.Exponential(2*time.Second, time.Minute), Resumes: true},
		func(ctx context.Context, args film.MakeBase, _ queue.Attempt) error {
			return a.intake.MakeBase(ctx, args)
		})
	queue.Handle(q, queue.Options{Lane: queue.Short, MaxAttempts: 200, Timeout: time.Minute, Backoff: queue.Exponential(time.Second, 10*time.Minute)},
		func(ctx context.Context, args film.DeliverEvent, _ queue.Attempt) error {
			return a.webhooks.Deliver(ctx, args)
		})
	queue.Handle(q, queue.Options{Lane: queue.Short, MaxAttempts: 25, Timeout: time.Minute},
		func(ctx context.Context, args film.ExpireMaster, _ queue.Attempt) error {
			return a.catalog.HandleExpireMaster(ctx, args)
		})
	queue.Handle(q, queue.Options{Lane: queue.Short, MaxAttempts: 25, Timeout: time.Minute},
		func(ctx context.Context, args film.ExpireUpload, _ queue.Attempt) error {
			return a.intake.HandleExpireUpload(ctx, args)
		})
	queue.Handle(q, queue.Options{Lane: queue.Short, MaxAttempts: 25, Timeout: 10 * time.Minute},
		func(ctx context.Context, args film.PurgeFilm, _ queue.Attempt) error {
			return a.intake.PurgeFilm(ctx, args)
		})
	queue.Handle(q, queue.Options{Lane: queue.Slow, MaxAttempts: 3, Timeout: 24 * time.Hour},
		func(ctx context.Context, args film.ScrubFilms, _ queue.Attempt) error {
			return a.intake.Scrub(ctx, args)
		})
	queue.Handle(q, queue.Options{Lane: queue.Slow, MaxAttempts: 3, Timeout: time.Hour},
		func(ctx context.Context, args film.PruneEvents, _ queue.Attempt) error {
			return a.catalog.HandlePruneEvents(ctx, args)
		})
	q.Every(film.ScrubFilms{}, min(a.cfg.ScrubEvery, scrubRound))
	q.Every(film.PruneEvents{}, pruneEvery)
}

const (
	// scrubRound is how often films whose verification is due are looked for.
	scrubRound = time.Hour
	pruneEvery = time.Hour
)
