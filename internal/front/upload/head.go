package upload

import (
	"log/slog"

	"filmcan/internal/film"
)

// marks are how many bytes of a film must be there for it to be looked at: enough to see what kind of file it is, and
// enough to have the tables of a film that begins with them. Each is looked at once, when the film grows past it.
func marks() [2]int64 { return [...]int64{64 << 10, 4 << 20} }

// head looks at a film as it grows.
type head struct {
	visit *visit
	from  int64 // what the film had when the looking began
	next  int   // of the marks
}

func (v *visit) newHead() *head {
	h := &head{visit: v, from: v.had}
	for h.next < len(marks()) && marks()[h.next] <= h.from {
		h.next++
	}
	return h
}

// passed looks when the film has grown past a mark.
func (h *head) passed(size int64) error {
	for h.next < len(marks()) && size >= marks()[h.next] {
		h.next++
		if err := h.look(marks()[h.next-1]); err != nil {
			return err
		}
	}
	return nil
}

// all looks at a film that ends before the next mark.
func (h *head) all(size int64) error {
	if h.next == len(marks()) || size >= marks()[h.next] {
		return nil
	}
	return h.look(size)
}

// look asks about the film's first size bytes. If they are surely none of a film, the upload fails, and that is the
// error.
func (h *head) look(size int64) error {
	v := h.visit
	refusal, err := v.door.lookAt(v, size)
	if err != nil || refusal == nil {
		return err
	}
	v.door.stats.refused.Add(1)
	why := film.UploadFailure{Type: "invalid_input", Message: refusal.Message}
	if err := v.door.catalog.FailUpload(v.ctx, v.upload.ID, why); err != nil {
		return err
	}
	return film.Invalid("%s", refusal.Message)
}

func (d *Door) lookAt(v *visit, size int64) (*film.Error, error) {
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
		d.log.LogAttrs(v.ctx, slog.LevelError, "cannot look at an upload", slog.String("upload", string(v.upload.ID)), slog.Any("error", err))
		return nil, nil
	}
	return film.AsError(err), nil
}
