package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

// making is an artifact that is being made for who asked for it.
type making struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error // set before done is closed
}

var (
	errClosed    = errors.New("export: closed")
	errForgotten = errors.New("export: the film is forgotten")
)

// Make is the maker of bases and sound for a cache of derived things. They are put into the store where they are made, and
// nothing is written to w. Encoding takes long: the work goes on when those who asked have left.
func (e *Exporter) Make(ctx context.Context, a film.Artifact, _ io.Writer) error {
	m, err := e.begin(ctx, a)
	if err != nil {
		return err
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if m.err != nil {
		return m.err
	}
	return derive.ErrKept
}

// Ensure makes the artifact if the store does not have it, however long that takes.
func (e *Exporter) Ensure(ctx context.Context, a film.Artifact) error {
	if object, ok := e.store.Find(ctx, a); ok {
		return object.Close()
	}
	m, err := e.begin(ctx, a)
	if err != nil {
		return err
	}
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin starts the making of an artifact, unless it is under way.
func (e *Exporter) begin(ctx context.Context, a film.Artifact) (*making, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errClosed
	}
	if m := e.making[a]; m != nil {
		return m, nil
	}
	// It belongs to everybody who will want it, not to the one who asked first.
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	m := &making{cancel: cancel, done: make(chan struct{})}
	e.making[a] = m
	e.running.Go(func() {
		began := time.Now()
		err := e.demanded(run, a)
		switch {
		case err == nil:
			e.log.InfoContext(run, "derived artifact encoded", "artifact", a.Key(), "dur", time.Since(began))
		case run.Err() == nil:
			e.log.WarnContext(run, "derived artifact not encoded", "artifact", a.Key(), "error", err, "dur", time.Since(began))
		}
		e.mu.Lock()
		delete(e.making, a)
		e.mu.Unlock()
		m.err = err
		close(m.done)
		cancel(nil)
	})
	return m, nil
}

// demanded makes an artifact from its part of the film.
func (e *Exporter) demanded(ctx context.Context, a film.Artifact) error {
	ref := vault.Ref{Film: a.Film, Part: vault.Part(a.Part)}
	err := guarded(ctx, func(ctx context.Context) error { return e.encoded(ctx, ref, a) })
	// Another process may have deleted the film meanwhile. What is left of it here would be nobody's.
	if _, gone := e.vault.Stat(ctx, ref); errors.Is(gone, vault.ErrNotFound) {
		_, clearErr := e.store.Clear(ctx, derive.Selection{Film: a.Film, Pinned: true})
		return errors.Join(gone, clearErr)
	}
	return err
}

func (e *Exporter) encoded(ctx context.Context, ref vault.Ref, a film.Artifact) error {
	part, err := e.vault.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer part.Close()
	f, err := e.Indexed(ctx, a.Film, a.Part, part, part.Size(), localPath(part))
	if err != nil {
		return err
	}
	switch a.Kind {
	case film.KindBase:
		return e.Base(ctx, f, nil)
	case film.KindSound:
		return e.Sound(ctx, f, nil)
	default:
		return fmt.Errorf("export: nothing of the kind %q is made here", a.Kind)
	}
}

func localPath(f *vault.Film) string {
	path, _ := f.LocalPath()
	return path
}

// Forget stops what is made of a film, and removes everything derived from it.
func (e *Exporter) Forget(ctx context.Context, id film.FilmID) error {
	e.mu.Lock()
	var stopped []*making
	for a, m := range e.making {
		if a.Film == id {
			m.cancel(errForgotten)
			stopped = append(stopped, m)
		}
	}
	e.mu.Unlock()
	for _, m := range stopped {
		select {
		case <-m.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	_, err := e.store.Clear(ctx, derive.Selection{Film: id, Pinned: true})
	return err
}

// Close stops everything that is made for viewers, and returns when it has ended.
func (e *Exporter) Close() {
	e.mu.Lock()
	e.closed = true
	for _, m := range e.making {
		m.cancel(errClosed)
	}
	e.mu.Unlock()
	e.running.Wait()
}
