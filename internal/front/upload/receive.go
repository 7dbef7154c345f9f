package upload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/keep/vault"
	"filmcan/internal/point"
)

// The notes that are kept beside the bytes.
const (
	// noteTotal is the film's length in digits, once a client has told it.
	noteTotal = "upload.total"
	// noteHistory is who has brought bytes of this film and of those before it, see history.
	noteHistory = "upload.history"
)

// receive takes a request that adds bytes or asks about them.
func (d *Door) receive(w http.ResponseWriter, r *http.Request, u film.Upload) {
	l := d.line(w, r)
	defer d.forget(l)
	want, err := parse(r)
	if limit := d.cfg.MaxInput; err == nil && limit > 0 && want.most() > limit {
		err = tooLarge(limit)
	}
	var a answer
	if err == nil {
		a, err = d.take(r.Context(), u, want, l, senderOf(r, u.ID))
	}
	d.reply(w, r, l, a, err)
}

// take waits for the upload to be free and does what is asked. When it returns, the upload is free again, and what it
// says is durable.
func (d *Door) take(ctx context.Context, u film.Upload, want request, l *line, from sender) (answer, error) {
	if u.Status != film.UploadWaiting {
		return d.again(ctx, u, want, l)
	}
	v := &visit{door: d, upload: u, want: want, line: l, from: from}
	patience, cancel := context.WithTimeoutCause(ctx, d.cfg.Patience, vault.ErrBusy)
	defer cancel()
	leave, err := d.turns.take(patience, u.ID, l, d.cfg.Takeover)
	if errors.Is(err, vault.ErrBusy) {
		return v.busy(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	defer leave()
	// What has arrived is kept even if its client is gone.
	kept := context.WithoutCancel(ctx)
	switch err := v.open(patience, kept); {
	case errors.Is(err, vault.ErrSealed):
		// All bytes are there: they were before, and what was to follow did not.
		if u, err = d.complete(kept, u); err != nil {
			return answer{}, err
		}
		return d.again(ctx, u, want, l)
	case errors.Is(err, vault.ErrBusy):
		return v.busy(ctx)
	case err != nil:
		return answer{}, err
	}
	defer func() { _ = v.film.Close() }()
	late := time.AfterFunc(d.left(u), func() { l.cut(errGone) })
	defer late.Stop()
	return v.do(kept)
}

// left is how long bytes of an upload are taken.
func (d *Door) left(u film.Upload) time.Duration { return time.Until(u.Deadline()) + d.cfg.Grace }

// visit is one request at work on an upload that is waiting.
type visit struct {
	door   *Door
	upload film.Upload
	want   request
	line   *line
	from   sender

	film    *vault.Writer
	had     int64     // bytes that were there when it began, of this film
	checked time.Time // when the upload was found waiting
}

// open opens the film for writing, under a context that does not end with the request. Another process may be at it,
// for which it has patience.
func (v *visit) open(patience, ctx context.Context) error { //nolint:revive // the first one is the bound
	for {
		w, err := v.door.vault.Append(ctx, ref(v.upload))
		if errors.Is(err, vault.ErrBusy) {
			pause := time.NewTimer(look)
			select {
			case <-patience.Done():
				pause.Stop()
				return context.Cause(patience)
			case <-pause.C:
			}
			continue
		}
		if err != nil {
			return err
		}
		v.film = w
		if err := v.stillWaiting(ctx); err != nil {
			_ = w.Close()
			if v.upload.Status != film.UploadWaiting && v.upload.Asset == "" {
				// It may have been purged a moment ago, and Append has put it there again.
				_ = v.door.vault.Delete(ctx, v.upload.Film) // `filmcan check` finds what this leaves
			}
			return err
		}
		return nil
	}
}

// busy answers while another request does not end: a question with what is known to be safe, else to come again.
func (v *visit) busy(ctx context.Context) (answer, error) {
	if v.want.query {
		if g, err := v.door.vault.Growing(ctx, ref(v.upload)); err == nil {
			switch decide(v.state(g.Safe, g.Notes), v.want, notSeen) {
			case reportNone:
				return answer{}, nil
			case reportLess:
				return answer{stored: less(g.Safe)}, nil
			case report, compare, extend, anew, refuse, finish:
			}
			return answer{stored: g.Safe}, nil
		}
	}
	return answer{}, &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "Another request is sending to this upload. Try again in a moment.",
	}
}

// stillWaiting asks whether the upload has ended meanwhile.
func (v *visit) stillWaiting(ctx context.Context) error {
	u, err := v.door.catalog.OpenUpload(ctx, v.upload.ID)
	if film.IsCode(err, film.CodeNotFound) {
		return errGone
	}
	if err != nil {
		return err
	}
	v.upload, v.checked = u, time.Now()
	if u.Status != film.UploadWaiting {
		return over(u)
	}
	if v.door.left(u) <= 0 {
		return errGone // its end is noted as soon as nobody is at it
	}
	return nil
}

func (v *visit) have() state { return v.state(v.film.Size(), v.film.Notes()) }

// state is what is stored, as this request must see it.
func (v *visit) state(size int64, notes map[string][]byte) state {
	h := historyOf(notes)
	s := state{stored: size, total: totalOf(notes), doubt: h.doubtful(v.want.total)}
	s.known = h.knows(v.from, size, s.doubt)
	return s
}

// overlap is how many bytes a client that is not known is made to send again.
const overlap = 4 << 10

func less(stored int64) int64 { return max(0, stored-overlap) }

// do follows the decisions. All of it happens while nobody else writes to the upload.
func (v *visit) do(ctx context.Context) (answer, error) {
	have := v.have()
	v.had = have.stored
	next, seen := decide(have, v.want, notSeen), notSeen
	var pending []byte // of the body, read but not stored
	switch next {
	case compare:
		buf := v.door.takeBuffer()
		defer v.door.giveBuffer(buf)
		c, err := v.door.compare(v.line, v.film, buf, v.want, have.stored)
		if err != nil {
			// Nothing is told of bytes that were not compared: they may be another film's, whose client would go on.
			return v.cut(ctx, err, v.want.start+c.same)
		}
		seen, pending = c.verdict(), c.rest
		next = decide(have, v.want, seen)
		if v.want.end == unknown && v.line.eof && seen != different && c.same < have.stored {
			if c.same == 0 {
				return answer{}, errEmpty() // no film, for which nothing is forgotten
			}
			next = anew // it ended before what is stored does: a shorter film
		}
		if next == anew {
			have.stored = c.same
		}
	case anew:
		have.stored = 0
	case report, reportLess, reportNone, extend, refuse, finish:
	}
	switch next {
	case reportNone:
		return answer{}, nil
	case reportLess:
		return answer{stored: less(have.stored)}, nil
	case report:
		if seen == notSeen {
			return answer{stored: have.stored}, nil
		}
		return v.shown(have, seen)
	case refuse:
		return answer{}, conflict()
	case anew:
		if err := v.beginAnew(have.stored); err != nil {
			return answer{}, err
		}
	case extend, finish, compare:
	}
	return v.extend(ctx, pending)
}

// shown answers a request all of whose bytes were there already. It is told of no more than it has shown: a client
// whose film is another one further on is not led behind where they part.
func (v *visit) shown(have state, seen verdict) (answer, error) {
	if seen == equal || have.known || !have.doubt || v.want.start == 0 {
		if err := v.count(); err != nil {
			return answer{}, err
		}
		if err := v.film.Sync(); err != nil {
			return answer{}, err
		}
		v.from.stand(historyOf(v.film.Notes()).Begun, v.want.end)
	}
	return answer{stored: v.want.end}, nil
}

// count notes who has brought something of this film.
func (v *visit) count() error {
	return v.film.Note(noteHistory, historyOf(v.film.Notes()).with(v.from.mark).encode())
}

// comparison is what came of comparing a body with what is stored in the same places.
type comparison struct {
	same    int64  // bytes from the first
	rest    []byte // from the first that differs, what was read
	changes int    // how often one byte was not like that before it, up to telling
}

// telling is how many changes from byte to byte there must be in what is equal, so that it tells one film from another:
// films share padding, and a single byte is right one time in 256.
const telling = 16

func (c comparison) verdict() verdict {
	switch {
	case len(c.rest) > 0:
		return different
	case c.changes < telling:
		return faint
	}
	return equal
}

func (c *comparison) add(p []byte) {
	c.same += int64(len(p))
	for i := 1; i < len(p) && c.changes < telling; i++ {
		if p[i] != p[i-1] {
			c.changes++
		}
	}
}

// compare holds the bytes of a body against those that are stored in the same places, up to the end of either.
func (d *Door) compare(body io.Reader, film io.ReaderAt, buf *buffer, want request, stored int64) (c comparison, err error) {
	other := d.takeBuffer()
	defer d.giveBuffer(other)
	end := stored
	if want.end != unknown {
		end = min(end, want.end)
	}
	defer func() { d.stats.compared.Add(c.same) }()
	for at := want.start; at < end; {
		n, err := body.Read(buf[:min(bufferSize, end-at)])
		if n > 0 {
			if m, err := film.ReadAt(other[:n], at); m < n {
				return c, passing("compare", err)
			}
			if !bytes.Equal(buf[:n], other[:n]) {
				i := 0
				for buf[i] == other[i] {
					i++
				}
				c.add(buf[:i])
				c.rest = buf[i:n]
				return c, nil
			}
			c.add(buf[:n])
			at += int64(n)
		}
		if errors.Is(err, io.EOF) && want.end == unknown {
			return c, nil
		}
		if err != nil && at < end {
			return c, err
		}
	}
	return c, nil
}

// beginAnew forgets what is stored behind the first size bytes, which the film that is coming shares.
func (v *visit) beginAnew(size int64) error {
	notes := v.film.Notes()
	kept := map[string][]byte{noteHistory: historyOf(notes).anew(v.from.mark, totalOf(notes)).encode()}
	if err := v.film.Rewind(size, kept); err != nil {
		return err
	}
	v.had = size
	v.door.stats.anew.Add(1)
	return nil
}

// extend appends what pending and the body have, until the end of the request, and then answers.
func (v *visit) extend(ctx context.Context, pending []byte) (answer, error) {
	err := v.note()
	if err == nil && !v.want.query {
		err = v.room(int64(len(pending)))
	}
	if err == nil && !v.want.query {
		err = v.append(ctx, pending)
	}
	if err != nil {
		return v.cut(ctx, err, v.film.Size())
	}
	if err := v.settle(); err != nil {
		return answer{}, err
	}
	if v.want.whole && v.want.total == unknown {
		if v.film.Size() == 0 {
			return answer{}, errEmpty()
		}
		return v.finish(ctx)
	}
	if have := v.have(); have.reached() != finish {
		v.from.stand(historyOf(v.film.Notes()).Begun, have.stored)
		return answer{stored: have.stored}, nil
	}
	return v.finish(ctx)
}

// room asks whether what is still to come of the film has room, as far as that is known.
func (v *visit) room(read int64) error {
	end := v.want.total
	if end == unknown {
		end = v.want.end
	}
	switch {
	case end == unknown:
		return v.door.fits(read)
	case end <= v.film.Size(): // it is there
		return nil
	}
	return v.door.fits(end - v.film.Size())
}

// note keeps the film's length once it is told. A body without a length takes back what another one said of it, and so
// does the first of a film: who was told of may have brought not a byte.
func (v *visit) note() error {
	switch {
	case v.want.total != unknown:
		return v.film.Note(noteTotal, strconv.AppendInt(nil, v.want.total, 10))
	case v.want.whole, v.film.Size() == 0:
		return v.film.Note(noteTotal, nil)
	}
	return nil
}

// roomLook is after how many bytes an upload looks whether there still is room.
const roomLook = 8 << 20

// append stores pending and the rest of the body. The error is that of the line, of the vault, or of the look at the
// film's head; what came before it is stored.
func (v *visit) append(ctx context.Context, pending []byte) error {
	left := func() int64 {
		if v.want.end == unknown {
			return math.MaxInt64
		}
		return v.want.end - v.film.Size()
	}
	head := v.newHead()
	synced, looked := time.Now(), v.film.Size()
	if err := v.store(ctx, pending, head); err != nil {
		return err
	}
	for left() > 0 {
		var readErr error
		n, err := v.film.Fill(func(p []byte) (n int) {
			n, readErr = readMuch(v.line, p[:min(int64(len(p)), left())], synced.Add(v.door.cfg.SyncAfter))
			if err := v.admit(n); err != nil {
				n, readErr = 0, err
			}
			return n
		})
		if err == nil {
			err = v.stored(ctx, n, head)
		}
		if err != nil {
			return err
		}
		if errors.Is(readErr, io.EOF) && (v.want.end == unknown || left() == 0) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
		if size := v.film.Size(); size-looked >= roomLook {
			if err := v.door.fits(0); err != nil { // others take of it who do not ask
				return err
			}
			looked = size
		}
		if now := time.Now(); now.Sub(synced) >= v.door.cfg.SyncAfter {
			if err := v.film.Sync(); err != nil {
				return err
			}
			synced = now
			if err := v.stillWaiting(ctx); err != nil {
				return err
			}
		}
	}
	if more(v.line) {
		return film.Invalid("The body has more bytes than its Content-Range says")
	}
	return nil
}

func (v *visit) store(ctx context.Context, p []byte, head *head) error {
	if len(p) == 0 {
		return nil
	}
	if err := v.admit(len(p)); err != nil {
		return err
	}
	if _, err := v.film.Write(p); err != nil {
		return err
	}
	return v.stored(ctx, len(p), head)
}

// admit refuses bytes that would make the film longer than allowed, and notes with the first who brings them.
func (v *visit) admit(n int) error {
	if limit := v.door.cfg.MaxInput; limit > 0 && v.film.Size()+int64(n) > limit {
		return tooLarge(limit)
	}
	if n > 0 && v.film.Size() == v.had {
		return v.count()
	}
	return nil
}

// stored counts n bytes and looks at the film.
func (v *visit) stored(ctx context.Context, n int, head *head) error {
	v.door.stats.stored.Add(int64(n))
	return head.passed(ctx, v.film.Size())
}

// settle makes durable what this request has brought.
func (v *visit) settle() error {
	if err := v.film.Sync(); err != nil {
		return err
	}
	if v.film.Size() > v.had {
		v.door.stats.chunks.Add(1)
		point.Hit("upload.chunk-stored")
	}
	return nil
}

// cut answers a request that did not come to its end: what arrived is kept, and the first size bytes are told of. An
// error that is not the line's is told instead, once what arrived is safe.
func (v *visit) cut(ctx context.Context, cause error, size int64) (answer, error) {
	if err := v.settle(); err != nil {
		return answer{}, err
	}
	if film.AsError(cause) != nil || errors.Is(cause, errGone) || errors.Is(cause, vault.ErrDamaged) {
		return answer{}, cause
	}
	door.Annotate(ctx, slog.String("cut", cause.Error()))
	if size == 0 {
		return answer{}, tooEarly()
	}
	return answer{stored: size}, nil
}

// tooEarly is the answer to a line that broke before there was anything to report. It is not a 308: without a Range
// UpChunk would go on behind this chunk.
func tooEarly() error {
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient, Message: "The body ended too early. Try again.",
	}
}

// finish makes an asset of the film, all of which is there and synced.
func (v *visit) finish(ctx context.Context) (answer, error) {
	if err := v.newHead().all(ctx, v.film.Size()); err != nil {
		return answer{}, err
	}
	if point.Broken("complete-before-seal") {
		if _, err := v.door.complete(ctx, v.upload); err != nil {
			return answer{}, err
		}
	}
	if _, err := v.film.Seal(); err != nil {
		return answer{}, err
	}
	_, err := v.door.complete(ctx, v.upload)
	v.from.leave()
	return answer{whole: err == nil}, err
}

// readMuch reads until p is full, the time has come, or the reader fails; what came before that is there. A line that
// drips would not fill p in hours.
func readMuch(r io.Reader, p []byte, until time.Time) (n int, err error) {
	for n < len(p) && err == nil && (n == 0 || time.Now().Before(until)) {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

func totalOf(notes map[string][]byte) int64 {
	if text, ok := notes[noteTotal]; ok {
		return number64(text)
	}
	return unknown
}

// number64 reads a note of ours; one that is missing is 0.
func number64(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n
}
