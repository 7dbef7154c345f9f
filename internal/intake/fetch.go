package intake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"filmcan/internal/media/sniff"
	"filmcan/internal/outbound"
	"filmcan/internal/point"
)

// Fetch bounds a download.
type Fetch struct {
	// Tries is how often in a row a download may break off before it is given up. Each Headway of new bytes makes the
	// count begin anew.
	Tries   int
	Headway int64
	// Pause is the wait before the second try; it doubles with each further one, up to 32 times.
	Pause time.Duration
	// MaxTime bounds the whole download, MaxSize its bytes.
	MaxTime time.Duration
	MaxSize int64
	// MinRate in bytes per second must be reached in each Window.
	MinRate int64
	Window  time.Duration
}

// sink is what a download needs of a [vault.Writer].
type sink interface {
	io.Writer
	io.ReaderAt
	// Size is how many bytes are there, Synced how many of them survive anything.
	Size() int64
	Synced() int64
	// Note keeps a small value with the bytes; it is durable with the next sync.
	Note(key string, value []byte) error
	Notes() map[string][]byte
	// Restart goes back to no bytes.
	Restart() error
}

// meter shows how far a download is in bytes, or, where encoding is set, an encoding in nanoseconds of film.
type meter struct {
	done, total atomic.Int64
	encoding    atomic.Bool
}

// download is one file on its way into a sink.
type download struct {
	cfg    Fetch
	client *outbound.Client
	url    *url.URL
	to     sink
	// vet sees the file's beginning once, as soon as it is there; its error ends the download.
	vet   func(head []byte) error
	meter *meter
	room  *claim

	known  known
	vetted bool
}

var (
	errTooLong = errors.New("the download takes too long")
	errSlow    = errors.New("the download is too slow")
	errStalled = errors.New("the download stands still")
)

// fetch brings the file into the sink, or goes on where an earlier fetch left it. Errors that are the input's doing are
// *failure; others come from the sink or are the cause of the context's end.
func fetch(ctx context.Context, cfg Fetch, client *outbound.Client, raw string, to sink, m *meter, room *claim, vet func([]byte) error) error {
	u, err := outbound.Parse(raw)
	if err != nil {
		return sayOutbound(err)
	}
	limited, cancel := context.WithTimeoutCause(ctx, cfg.MaxTime, errTooLong)
	defer cancel()
	d := &download{cfg: cfg, client: client, url: u, to: to, meter: m, room: room, vet: vet, known: restoreKnown(to.Notes())}
	err = d.run(limited)
	if ctx.Err() == nil && errors.Is(context.Cause(limited), errTooLong) && err != nil {
		return fail(whyTooLong, err, "The download of the input was not done after %s.", cfg.MaxTime)
	}
	return err
}

func (d *download) run(ctx context.Context) error {
	best := d.to.Size()
	for tries := 1; ; tries++ {
		if size := d.to.Size(); size > 0 && size == d.known.Total {
			return d.look(true) // all of it was there before a crash
		}
		err := d.try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f, ok := errors.AsType[*failure](err)
		if !ok || !f.again {
			return err
		}
		if d.to.Size() >= best+d.cfg.Headway {
			best, tries = d.to.Size(), 1
		}
		if tries >= d.cfg.Tries {
			return err
		}
		if err := pause(ctx, max(f.pause, d.cfg.Pause<<min(tries-1, 5))); err != nil {
			return err
		}
	}
}

// try makes one request and takes what comes of it.
func (d *download) try(ctx context.Context) error {
	have := d.to.Size()
	if have > 0 && d.known.Validator == "" {
		// Nothing would tell whether the rest belongs to the same file.
		if err := d.to.Restart(); err != nil {
			return err
		}
		have = 0
	}
	if d.known.Total > 0 {
		if err := d.room.want(d.known.Total - have); err != nil {
			return err // nobody needs to be asked for bytes that cannot be kept
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://-/", http.NoBody)
	if err != nil {
		return err
	}
	req.URL, req.Host = d.url, ""
	d.known.ask(req.Header, have)
	resp, err := d.client.Do(req)
	if err != nil {
		return sayOutbound(err)
	}
	defer resp.Body.Close()
	course, now, err := d.known.judge(resp, have)
	if err != nil {
		return err
	}
	if now.Total > d.cfg.MaxSize {
		return tooLarge(d.cfg.MaxSize)
	}
	if course == complete {
		return d.look(true)
	}
	if course == begin {
		if have > 0 {
			if err := d.to.Restart(); err != nil {
				return err
			}
		}
		d.known, d.vetted = now, false
		if err := d.known.note(d.to); err != nil {
			return err
		}
	}
	d.known.Total = now.Total
	d.meter.total.Store(now.Total)
	return d.take(ctx, cancel, resp.Body)
}

// take copies an answer's body into the sink.
func (d *download) take(ctx context.Context, cancel context.CancelCauseFunc, body io.Reader) error {
	var moved atomic.Int64
	stop := d.pace(&moved, cancel)
	defer stop()
	buf := make([]byte, 256<<10)
	asked := false
	for {
		n, err := body.Read(buf)
		if n > 0 {
			moved.Add(int64(n))
			if d.to.Size()+int64(n) > d.cfg.MaxSize {
				return tooLarge(d.cfg.MaxSize)
			}
			synced := d.to.Synced()
			if _, err := d.to.Write(buf[:n]); err != nil {
				return err
			}
			if d.to.Synced() != synced {
				point.Hit("intake.fetching")
			}
			d.meter.done.Store(d.to.Size())
			if err := d.room.took(int64(n)); err != nil {
				return err
			}
			if err := d.look(false); err != nil {
				return err
			}
			if d.vetted && !asked {
				// Now that it may be a film. What the server says of its length is worth a wait then.
				asked = true
				if err := d.room.want(d.known.Total - d.to.Size()); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return d.broken(ctx, err)
		}
	}
	if size, total := d.to.Size(), d.known.Total; total > 0 && size < total {
		return d.broken(ctx, io.ErrUnexpectedEOF)
	}
	return d.look(true)
}

// pace watches that the download keeps its rate, and ends it through cancel where it does not. It looks four times in
// each window, so that a line which stands still is told from one that is slow.
func (d *download) pace(moved *atomic.Int64, cancel context.CancelCauseFunc) (stop func()) {
	const parts = 4
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(d.cfg.Window / parts)
		defer tick.Stop()
		var at [parts + 1]int64 // how many bytes there were at the last looks, the newest first
		for looks := 1; ; looks++ {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			copy(at[1:], at[:])
			at[0] = moved.Load()
			if looks < parts || float64(at[0]-at[parts]) >= float64(d.cfg.MinRate)*d.cfg.Window.Seconds() {
				continue
			}
			if at[0] == at[parts/2] {
				cancel(errStalled)
			} else {
				cancel(errSlow)
			}
			return
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// broken puts the end of a body before its time into words.
func (d *download) broken(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errStalled):
		return fail(whyStalled, err, "The download of the input stood still again and again: no more bytes came after the first %d.", d.to.Size()).transient()
	case errors.Is(cause, errSlow):
		return fail(whySlow, err, "The download of the input is too slow: less than %d bytes per second.", d.cfg.MinRate).transient()
	case cause != nil:
		return cause
	}
	f := fail(whyCutOff, err, "The input was cut off: the connection broke after %d bytes", d.to.Size()).transient()
	if d.known.Total > 0 {
		f.message += " of " + plainNumber(d.known.Total)
	}
	f.message += ", again and again."
	return f
}

// look shows the beginning of the file to vet, once there is enough of it.
func (d *download) look(whole bool) error {
	if d.vetted || !whole && d.to.Size() < sniff.HeadSize {
		return nil
	}
	d.vetted = true
	head := make([]byte, min(d.to.Size(), sniff.HeadSize))
	if n, err := d.to.ReadAt(head, 0); n < len(head) {
		return err
	}
	return d.vet(head)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
