package rendition

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// desk takes orders for segments and decides which runs there are, and which of them are at work. It knows nothing of
// ffmpeg, files or times of films.
type desk struct {
	cfg Config
	log *slog.Logger

	mu     sync.Mutex
	closed bool
	tracks map[string]*track
	runs   []*run
	// turns has when a film was served last, in segments served; see forgetTurns.
	turns map[string]int64
	clock int64
	stats Stats

	running sync.WaitGroup
}

func newDesk(cfg Config, log *slog.Logger) *desk {
	return &desk{cfg: cfg.orDefault(), log: log, tracks: map[string]*track{}, turns: map[string]int64{}}
}

// ask waits for a segment. low is for who only wants it to be there later.
func (d *desk) ask(ctx context.Context, w work, n int, low bool) ([]byte, error) {
	wanted, bytes, err := d.order(ctx, w, n, low)
	if wanted == nil {
		return bytes, err
	}
	patience := time.NewTimer(d.cfg.Patience)
	defer patience.Stop()
	for {
		select {
		case <-wanted.done:
			return wanted.bytes, wanted.err
		case <-ctx.Done():
			d.leave(w.key, n, wanted)
			return nil, context.Cause(ctx)
		case <-patience.C:
			if !low && d.unbegun(wanted) {
				d.leave(w.key, n, wanted)
				return nil, refused()
			}
		}
	}
}

// order returns what to wait for, or the segment, or why there is none.
func (d *desk) order(ctx context.Context, w work, n int, low bool) (*want, []byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, errClosed
	}
	t := d.track(w)
	if b := t.fresh[n]; b != nil {
		d.touched(t, n)
		return nil, b, nil
	}
	if f := t.faults[n]; f != nil && time.Now().Before(f.until) {
		return nil, nil, f.err
	}
	wanted := t.wants[n]
	if wanted == nil {
		r := d.join(t, n)
		if r == nil {
			if !low && !d.room(w.film) {
				d.stats.Refused++
				return nil, nil, refused()
			}
			r = d.begin(ctx, t, n, low, false)
		} else {
			d.stats.Joins++
		}
		wanted = &want{run: r, low: low, done: make(chan struct{})}
		t.wants[n] = wanted
	} else {
		d.stats.Joins++
	}
	wanted.waiting++
	r := wanted.run
	if !low {
		wanted.low, r.low = false, false
	}
	d.viewed(r, n)
	return wanted, nil, nil
}

// join finds the run that will have segment n soon: it comes next, or right after what is asked for or fed already.
func (d *desk) join(t *track, n int) *run {
	var best *run
	for _, r := range d.runs {
		if r.track == t && r.state != over && n >= r.done && n < r.ending && n <= max(r.next, r.asked)+1 && (best == nil || r.done > best.done) {
			best = r
		}
	}
	return best
}

// begin puts a run into the queue.
func (d *desk) begin(ctx context.Context, t *track, from int, low, fresh bool) *run {
	// The run belongs to all who will watch, and does not end with the one who came first.
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &run{
		track: t, work: t.work, from: from, fresh: fresh, since: time.Now(), done: from, next: from, ending: t.segments, asked: from, low: low,
		changed: make(chan struct{}), cancel: cancel,
	}
	r.idle = time.AfterFunc(d.cfg.Idle, func() { d.expire(r) })
	r.watch = time.AfterFunc(d.cfg.Stall, func() { cancel(errStalled) })
	r.watch.Stop()
	d.runs = append(d.runs, r)
	d.running.Go(func() { d.conduct(inner, r) })
	return r
}

// viewed notes that somebody is at segment n of a run.
func (d *desk) viewed(r *run, n int) {
	r.asked, r.viewed, r.left = max(r.asked, n), time.Now(), false
	r.idle.Reset(d.cfg.Idle)
	d.dispatch()
}

// touch notes that a segment was handed out from the store: the run that made it may go on.
func (d *desk) touch(key string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tracks[key]; t != nil {
		d.touched(t, n)
	}
}

func (d *desk) touched(t *track, n int) {
	for _, r := range d.runs {
		// Who is far behind is in what is stored, and will be for a while.
		if r.track == t && r.state != over && n >= max(r.from, r.asked-2) && n < max(r.done, r.next) {
			d.viewed(r, n)
			return
		}
	}
}

// near is where a viewer of the film probably is who wants to begin with another rendition: behind the one who asked
// last, or at the start.
func (d *desk) near(w work) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, last := 0, time.Time{}
	for _, r := range d.runs {
		if r.track.film == w.film && !r.low && r.viewed.After(last) {
			at, last = r.asked+1, r.viewed
		}
	}
	return min(at, w.segments-1)
}

// leave takes one who waits away.
func (d *desk) leave(key string, n int, wanted *want) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted.waiting--
	t := d.tracks[key]
	if wanted.waiting > 0 || t == nil || t.wants[n] != wanted {
		return
	}
	delete(t.wants, n)
	r := wanted.run
	if d.wanted(r) {
		return
	}
	r.left = true
	if r.state == queued {
		d.kill(r, errIdle)
	}
	r.idle.Reset(d.cfg.Leave)
	d.dispatch()
}

func (d *desk) unbegun(wanted *want) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return wanted.run.state == queued
}

// expire ends a run for which nobody has asked for long.
func (d *desk) expire(r *run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted(r) {
		r.idle.Reset(d.cfg.Idle)
		return
	}
	d.kill(r, errIdle)
	d.dispatch()
}

// kill ends a run; its goroutine reports later. Nobody joins it any more.
func (d *desk) kill(r *run, cause error) {
	r.ending = min(r.ending, r.done)
	r.cancel(cause)
}

// snapshot returns the counts.
func (d *desk) snapshot() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Queued, s.Active, s.Parked = d.count(queued), d.count(active), d.count(parked)
	return s
}

// close ends all runs and waits for them.
func (d *desk) close() {
	d.mu.Lock()
	d.closed = true
	for _, r := range d.runs {
		d.kill(r, errClosed)
	}
	d.mu.Unlock()
	d.running.Wait()
}
