package derive

import (
	"context"
	"errors"
	"fmt"

	"filmcan/internal/blob"
	"filmcan/internal/film"
)

const (
	// spillAt is the size from which an artifact goes to the store while it is being made.
	spillAt = 1 << 20
	// spoolEach and spoolAll bound what is held in memory of artifacts that the store does not take: of one, and of all.
	spoolEach = 64 << 20
	spoolAll  = 256 << 20
	// roomLook is after how many bytes an artifact that is being written looks whether there still is room.
	roomLook = 8 << 20
)

// draft is an artifact that is being made. It is in memory while it is small, then in the store; when the store does not
// take it, it is in memory again as long as that is possible.
type draft struct {
	cache *Cache
	ctx   context.Context //nolint:containedctx // lives as long as one run of a maker
	key   string
	class class
	// strict: what the store does not take is not held in memory.
	strict bool

	memory  []byte
	file    blob.Creating // nil: it is in memory
	looked  int64         // size of the file when it was last looked whether there is room
	refused error         // why the store did not take it
	spooled int64         // what of Cache.spooled is this draft's
	lost    error         // why not even memory did
	kept    bool
	handed  bool // file belongs to the one who took the output
}

func (c *Cache) draft(ctx context.Context, a film.Artifact) *draft {
	return &draft{cache: c, ctx: ctx, key: a.Key(), class: c.ledger.class(a.Kind)}
}

// Write takes all of p, or fails and with it the artifact.
func (d *draft) Write(p []byte) (int, error) {
	if err := context.Cause(d.ctx); err != nil {
		return 0, err
	}
	if d.file == nil && d.refused == nil && len(d.memory)+len(p) > spillAt {
		if d.open(); d.file != nil {
			d.memory = nil
		}
	}
	if d.file != nil {
		err := d.append(p)
		if err == nil {
			return len(p), nil
		}
		d.refuse(err)
	}
	if err := d.spool(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// open writes what is in memory to the store.
func (d *draft) open() {
	err := d.cache.room(d.ctx, d.class, int64(len(d.memory)))
	if err == nil {
		err = d.cache.fit(d.ctx, int64(len(d.memory)), func() (err error) {
			d.file, err = d.cache.store.Create(d.ctx, d.key)
			return err
		})
	}
	if err != nil {
		d.file, d.refused = nil, err
		return
	}
	if err := d.append(d.memory); err != nil {
		_ = d.file.Close()
		d.file, d.refused = nil, err
	}
}

// append writes to the file.
func (d *draft) append(p []byte) error {
	if size := d.file.Size() + int64(len(p)); size-d.looked >= roomLook {
		d.looked = size
		if err := d.cache.room(d.ctx, d.class, int64(len(p))); err != nil {
			return err
		}
	}
	return d.cache.fit(d.ctx, int64(len(p)), func() error {
		_, err := d.file.Write(p)
		return err
	})
}

// refuse takes what was written back to memory.
func (d *draft) refuse(cause error) {
	file := d.file
	d.file, d.refused, d.memory = nil, cause, nil
	defer file.Close()
	if d.strict || file.Size() > spoolEach {
		d.lose(cause)
		return
	}
	held, err := read(file)
	if err != nil {
		d.lose(errors.Join(cause, err))
		return
	}
	_ = d.spool(held) // d.lost says what came of it
}

// spool holds bytes in memory, as far as there is memory for it.
func (d *draft) spool(p []byte) error {
	if d.lost == nil && d.refused != nil {
		size := int64(len(d.memory) + len(p))
		more := size - d.spooled
		d.spooled = size
		if d.cache.spooled.Add(more) > spoolAll || size > spoolEach || d.strict {
			d.lose(d.refused)
		}
	}
	if d.lost != nil {
		return d.lost
	}
	d.memory = append(d.memory, p...)
	return nil
}

// lose gives the artifact up: neither the store nor memory takes it.
func (d *draft) lose(cause error) {
	d.memory = nil
	if d.strict {
		d.lost = cause
		return
	}
	d.lost = &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "There is no room for this at the moment.", Cause: cause,
	}
}

// keep gives the whole draft to the store. An error says why it was not taken; then it can be had from output all the same.
func (d *draft) keep() error {
	d.ctx = context.WithoutCancel(d.ctx) // it is made: whether or not somebody still waits for it, it is of use
	if d.file == nil && d.refused == nil {
		d.open()
	}
	if d.refused != nil {
		return fmt.Errorf("keep %s: %w", d.key, d.refused)
	}
	if err := d.cache.fit(d.ctx, 1, func() error { return d.file.Publish(d.ctx) }); err != nil {
		return fmt.Errorf("keep %s: %w", d.key, err)
	}
	d.kept = true
	d.cache.put(d.key, d.file.Size())
	return nil
}

// output is what the draft became. A file among it belongs to the caller.
func (d *draft) output() output {
	if d.file == nil || d.memory != nil || d.file.Size() == 0 {
		return output{bytes: d.memory}
	}
	d.handed = true
	return output{file: d.file, kept: d.kept}
}

// close frees what is left. Unless it was kept or handed out, nothing stays behind.
func (d *draft) close() {
	d.cache.spooled.Add(-d.spooled)
	if d.file != nil && !d.handed {
		_ = d.file.Close()
	}
}
