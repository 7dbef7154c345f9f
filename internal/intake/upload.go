package intake

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

// Recognize looks at the beginning of a film that is being uploaded: nil while it may become an asset. What certainly
// cannot is a [film.Error] with the words that [Intake.Ingest] would have for it; so nobody sends the rest in vain. Size
// is the length of the whole film, negative while that is not known. The longer the head, the more can be told: of an
// MP4 whose moov is all in it everything that tables say. Nothing is read but head, and nothing kept.
func (in *Intake) Recognize(head []byte, size int64) error {
	f, refused := errors.AsType[*failure](in.recognize(head, size))
	if !refused {
		return nil // whatever else it was: the ingest will look again
	}
	return &film.Error{Code: film.CodeInvalid, Fault: film.FaultCustomer, Message: f.message, Cause: f}
}

func (in *Intake) recognize(head []byte, size int64) error {
	if int64(len(head)) != size && len(head) < sniff.HeadSize {
		return nil
	}
	kind := sniff.Sniff(head)
	if kind.Demuxer() == "" {
		return sayKind(kind, film.IngestUpload)
	}
	if kind != sniff.MP4 && kind != sniff.MOV {
		return nil
	}
	h := readHead(head, size)
	if h.moov == nil {
		return nil
	}
	// An index is some ten times as large as the tables.
	in.heads.Lock()
	defer in.heads.Unlock()
	return in.judge(h)
}

// judge says of tables what [Intake.index] would say of them with the whole film at hand, as far as that is certain. What
// must be encoded, or is cut off, is taken.
func (in *Intake) judge(h filmHead) error {
	// It waits for nothing: all that it reads is in memory.
	_, err := mp4.Parse(context.Background(), h, h.size, in.cfg.Limits)
	if e, ok := errors.AsType[*mp4.Error](err); ok && e.Kind != mp4.Truncated &&
		(e.Kind != mp4.Empty || !bytes.Contains(h.moov, []byte("mvex"))) { // fragments may follow
		return sayParse(err)
	}
	return nil
}

// unknownSize stands for a length that is not known: none of the offsets in tables is beyond it.
const unknownSize = math.MaxInt64 >> 1

// filmHead is an MP4 of which the beginning is there. What is not reads as zeros, which no parser takes for a box.
type filmHead struct {
	boxes []byte // the whole boxes at its beginning, the last one at least
	moov  []byte // nil where it is not among them
	size  int64
}

// readHead finds the boxes that are all in head.
func readHead(head []byte, size int64) filmHead {
	h := filmHead{size: size}
	if size < 0 {
		h.size = unknownSize
	}
	for off := 0; len(head)-off >= 8; {
		b := head[off:]
		length := uint64(binary.BigEndian.Uint32(b))
		switch length {
		case 0:
			length = uint64(max(0, h.size-int64(off)))
		case 1:
			if len(b) < 16 {
				return h
			}
			length = binary.BigEndian.Uint64(b[8:])
		}
		if length < 8 || length > uint64(len(b)) {
			return h
		}
		if string(b[4:8]) == "moov" && h.moov == nil {
			h.moov = b[:length]
		}
		off += int(length)
		h.boxes = head[:off]
	}
	return h
}

// ReadAt is all there is of an [io.ReaderAt] of the film.
func (h filmHead) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(h.boxes)) {
		n = copy(p, h.boxes[off:])
	}
	clear(p[n:])
	return len(p), nil
}

// HandleExpireUpload is the handler of [film.ExpireUpload]. An upload of which every byte is there and sealed becomes its
// asset, though nobody came to say so: its server died over it. While somebody is sending, it comes back later.
func (in *Intake) HandleExpireUpload(ctx context.Context, job film.ExpireUpload) error {
	u, err := in.catalog.OpenUpload(ctx, job.Upload)
	if film.IsCode(err, film.CodeNotFound) || err == nil && u.Status != film.UploadWaiting {
		return nil
	}
	if err != nil {
		return err
	}
	ref := vault.Ref{Film: u.Film, Part: vault.Source}
	if _, err := in.vault.Stat(ctx, ref); errors.Is(err, vault.ErrNotFound) {
		return in.catalog.ExpireUpload(ctx, u.ID) // not a byte has come; nothing is made only to be removed
	}
	// While it is held nobody else brings it to its end.
	w, err := in.vault.Append(ctx, ref)
	switch {
	case errors.Is(err, vault.ErrSealed):
		_, err := in.catalog.CompleteUpload(ctx, u.ID)
		if film.IsCode(err, film.CodeForbidden) || film.IsCode(err, film.CodeNotFound) {
			return nil // ended otherwise meanwhile
		}
		return err
	case errors.Is(err, vault.ErrBusy):
		return &film.Later{After: busyPause}
	case errors.Is(err, vault.ErrDamaged):
		return in.catalog.ExpireUpload(ctx, u.ID)
	case err != nil:
		return fmt.Errorf("expire upload %s: %w", u.ID, err)
	}
	return errors.Join(in.catalog.ExpireUpload(ctx, u.ID), w.Close())
}
