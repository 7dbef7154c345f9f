package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"filmcan/internal/film"
)

// watched runs work with a context that ends with errGone when the asset is deleted, and notes the progress that the
// work's meter shows.
func (in *Intake) watched(ctx context.Context, a film.Asset, work func(context.Context, *meter) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var (
		m    meter
		wait sync.WaitGroup
	)
	wait.Go(func() {
		tick := time.NewTicker(in.cfg.WatchEvery)
		defer tick.Stop()
		for noted := 0.0; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := in.glance(ctx, a, &m, &noted); errors.Is(err, errGone) {
				cancel(err)
				return
			}
		}
	})
	err := work(ctx, &m)
	if gone := context.Cause(ctx); err != nil && errors.Is(gone, errGone) {
		err = gone // whatever the work made of it
	}
	cancel(nil)
	wait.Wait()
	return err
}

// progressStep is how many points of a hundred the progress must have moved to be worth a commit; an encoding takes
// longer.
const (
	progressStep = 5
	encodingStep = 1
	// toldStep is the same for a line in the log, which an encoding gets.
	toldStep = 10
)

// glance looks once. That the catalog could not be asked is no reason to end the work: it will ask it itself.
func (in *Intake) glance(ctx context.Context, a film.Asset, m *meter, noted *float64) error {
	now, err := in.catalog.AssetForWork(ctx, a.ID)
	if err == nil && now.Status != film.AssetPreparing {
		return errGone
	}
	if err != nil {
		return overIsGone(err)
	}
	total := m.total.Load()
	if total <= 0 {
		return nil
	}
	state, step := film.ProgressIngesting, float64(progressStep)
	if m.encoding.Load() {
		state, step = film.ProgressTranscoding, encodingStep
	}
	percent := float64(int64(100 * float64(m.done.Load()) / float64(total)))
	if percent < *noted+step {
		return nil
	}
	if state == film.ProgressTranscoding && int(percent)/toldStep > int(*noted)/toldStep {
		in.log.InfoContext(ctx, "asset is being encoded", "asset", a.ID, "percent", percent)
	}
	*noted = percent
	// Complete is said by the asset's readiness alone.
	return overIsGone(in.catalog.AssetProgress(ctx, a.ID, film.Progress{State: state, Percent: min(percent, 99)}))
}
