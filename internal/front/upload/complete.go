package upload

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/vault"
	"filmcan/internal/point"
)

// complete makes an asset of an upload whose film is sealed. It may be called again.
func (d *Door) complete(ctx context.Context, u film.Upload) (film.Upload, error) {
	point.Hit("upload.before-complete")
	done, err := d.catalog.CompleteUpload(ctx, u.ID)
	if film.IsCode(err, film.CodeForbidden) || film.IsCode(err, film.CodeNotFound) {
		return u, errGone // cancelled or timed out since
	}
	if err != nil {
		return u, err
	}
	d.stats.completed.Add(1)
	point.Hit("upload.completed")
	return done, nil
}

// over is why nothing can be sent to an upload that is not waiting; nil when it became an asset, also one that failed.
func over(u film.Upload) error {
	switch {
	case u.Status == film.UploadWaiting, u.Asset != "":
		return nil
	case u.Failure != nil:
		return film.Invalid("%s", u.Failure.Message)
	}
	return errGone
}

// again answers a request about an upload that is not waiting. The film's own bytes may come again: the answer to the
// last of them may have been lost.
func (d *Door) again(ctx context.Context, u film.Upload, want request, l *line) (answer, error) {
	if err := over(u); err != nil {
		return answer{}, err
	}
	f, err := d.vault.Open(ctx, ref(u))
	if errors.Is(err, vault.ErrNotFound) {
		return answer{}, errGone
	}
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = f.Close() }()
	have := state{stored: f.Size(), total: f.Size()}
	switch decide(have, want, notSeen) {
	case finish:
		return answer{whole: true}, nil
	case compare:
	case report, reportLess, reportNone, extend, anew, refuse:
		return answer{}, conflict()
	}
	buf := d.takeBuffer()
	defer d.giveBuffer(buf)
	c, err := d.compare(l, f, buf, want, have.stored)
	switch {
	case film.AsError(err) != nil:
		return answer{}, err
	case err != nil: // the line's, and no fault of ours
		door.Annotate(ctx, slog.String("cut", err.Error()))
		return answer{}, tooEarly()
	case len(c.rest) > 0, want.whole && (c.same < have.stored || more(l)):
		return answer{}, conflict()
	}
	return answer{whole: true}, nil
}

// more reports whether a body goes on.
func more(body io.Reader) bool {
	var one [1]byte
	n, _ := io.ReadFull(body, one[:])
	return n > 0
}
