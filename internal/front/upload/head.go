package upload

import (
	"context"
	"log/slog"

	"filmcan/internal/film"
)

// A film is looked at when that many bytes are there: enough to see what kind of file it is, and enough to have the
// tables of most films that begin with them.
const (
	kindMark   = 64 << 10
	tablesMark = 4 << 20
)

// nextMark is the first mark behind size; 0: there is none.
func nextMark(size int64) int64 {
	switch {
	case size < kindMark:
		return kindMark
	case size < tablesMark:
		return tablesMark
	}
	return 0
}

// head looks at a film as it grows.
type head struct {
	visit *visit
	next  int64 // mark
}

func (v *visit) newHead() *head { return &head{visit: v, next: nextMark(v.had)} }

// passed looks when the film has grown past a mark.
func (h *head) passed(ctx context.Context, size int64) error {
	for h.next > 0 && size >= h.next {
		mark := h.next
		h.next = nextMark(mark)
		if err := h.look(ctx, mark); err != nil {
			return err
		}
	}
	return nil
}

// all looks at a film that is too short to have been looked at before.
func (h *head) all(ctx context.Context, size int64) error {
	if size >= kindMark {
		return nil
	}
	return h.look(ctx, size)
}

// look asks about the film's first size bytes. If they are surely none of a film, the upload fails, and that is the
// error.
func (h *head) look(ctx context.Context, size int64) error {
	v := h.visit
	refusal, err := v.door.lookAt(ctx, v, size)
	if err != nil || refusal == nil {
		return err
	}
	v.door.stats.refused.Add(1)
	why := film.UploadFailure{Type: "invalid_input", Message: refusal.Message}
	if err := v.door.catalog.FailUpload(ctx, v.upload.ID, why); err != nil {
		return err
	}
	return film.Invalid("%s", refusal.Message)
}

func (d *Door) lookAt(ctx context.Context, v *visit, size int64) (*film.Error, error) {
	<-d.looking
	defer func() { d.looking <- struct{}{} }()
	first := make([]byte, size)
	if n, err := v.film.ReadAt(first, 0); n < len(first) {
		return nil, passing("read head", err)
	}
	err := d.look(first, v.have().total)
	if err == nil {
		return nil, nil
	}
	if film.FaultOf(err) != film.FaultCustomer {
		// Whoever prepares the asset will look again.
		d.log.LogAttrs(ctx, slog.LevelError, "cannot look at an upload", slog.String("upload", string(v.upload.ID)), slog.Any("error", err))
		return nil, nil
	}
	return film.AsError(err), nil
}
