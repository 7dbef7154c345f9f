package queue

import (
	"context"
	"errors"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// riverLog returns the logger that River gets: what it calls information is detail for us, as the runs of jobs are
// logged here and not there.
func riverLog(log *slog.Logger) *slog.Logger {
	return slog.New(quiet{log.With("from", "river").Handler()})
}

type quiet struct{ slog.Handler }

func (h quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return h.Handler.Enabled(ctx, lowered(level))
}

func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	if stopped(r) {
		r.Level = slog.LevelDebug
		if !h.Handler.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// stopped reports whether what River complains of is that it was told to stop in the middle of something.
func stopped(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && errors.Is(err, context.Canceled) || a.Value.String() == context.Canceled.Error()
		return !found
	})
	return found
}

func (h quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{h.Handler.WithAttrs(attrs)} }
func (h quiet) WithGroup(name string) slog.Handler       { return quiet{h.Handler.WithGroup(name)} }

func lowered(level slog.Level) slog.Level {
	if level < slog.LevelWarn {
		return slog.LevelDebug
	}
	return level
}

// errorLog logs the failures that never reached a handler: args that cannot be read, kinds that nobody knows.
type errorLog struct{ log *slog.Logger }

// HandleError implements [river.ErrorHandler].
func (l *errorLog) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if _, ok := errors.AsType[reported](err); !ok {
		l.log.ErrorContext(ctx, "job failed before its handler", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "error", err)
	}
	return nil
}

// HandlePanic implements [river.ErrorHandler]. Panics of handlers are caught before.
func (l *errorLog) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	l.log.ErrorContext(ctx, "job panicked before its handler", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt,
		"panic", value, "stack", trace)
	return nil
}
