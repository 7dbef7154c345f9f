package rendition

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"filmcan/internal/film"
)

// work is a rendition of a film, as the desk needs to know it. Two with the same key are the same.
type work struct {
	key string
	// film shares the turns: films get slots in turn, whatever number of renditions and places are asked for of each.
	film     string
	segments int
	// beyond is the segment up to which a process must be fed so that segment n comes out of it.
	beyond func(n int) int
	// begin begins a process that makes consecutive segments from one on. pulse is to be called at each sign of life.
	begin func(ctx context.Context, from int, fresh bool, pulse func()) (take, error)
	// kept tells whether a segment is in the store; keep puts it there.
	kept func(ctx context.Context, n int) bool
	keep func(ctx context.Context, n int, b []byte) error
}

// take is one process at work. feed and finish are called by one goroutine, next by another; kill ends both and may be
// called beside them, close after them.
type take interface {
	// feed gives the process what it needs for the next segment. pass is called before each piece: it waits while the
	// process must not go on, and its error ends feed.
	feed(ctx context.Context, pass func() error) error
	// finish says that nothing follows.
	finish() error
	// next waits for the next segment; io.EOF after finish and the last one.
	next() ([]byte, error)
	kill()
	close()
}

var (
	errClosed  = errors.New("rendition: closed")
	errAgain   = errors.New("rendition: look into the store again")
	errIdle    = errors.New("rendition: nobody watches")
	errStalled = errors.New("rendition: the process gave no sign of life")
)

// refused is what a viewer is told for whom there is no room now.
func refused() error {
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "Too many renditions are being made at the moment",
	}
}

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

// track is a rendition of which something is being made, or was of late.
type track struct {
	work

	wants map[int]*want
	// fresh has segments that are made and not yet, or not at all, in the store.
	fresh map[int][]byte
	// unkept are those of fresh that the store did not take, oldest first.
	unkept []int
	faults map[int]*fault
}

// want is a segment that somebody waits for.
type want struct {
	run     *run
	waiting int
	low     bool // nobody but a prewarmer waits
	done    chan struct{}
	bytes   []byte // set before done is closed
	err     error
}

// fault is a segment whose runs failed.
type fault struct {
	times int
	until time.Time
	err   error
}

// state of a run.
type state int

const (
	queued state = iota // waits for its first slot; no process yet
	active              // has a slot
	parked              // has a process and no slot
	over
)

// run is one process that makes consecutive segments, or will be.
type run struct {
	track *track
	work  work // as it was when the run began
	from  int
	fresh bool // not by a process that waited
	state state
	since time.Time // in the queue

	done   int // the segment that comes out next
	next   int // the segment that is being fed, or will be
	mid    bool
	ending int // nothing from here on is fed
	asked  int // the furthest segment asked for
	viewed time.Time
	left   bool // all who waited have left
	low    bool // nobody but a prewarmer ever asked
	worked bool // has made a segment since it got its slot

	changed chan struct{} // closed at each change that its goroutines may wait for
	cancel  context.CancelCauseFunc
	idle    *time.Timer
	watch   *time.Timer // runs while it is at work
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

// viewed notes that somebody is at segment n of a run.
func (d *desk) viewed(r *run, n int) {
	r.asked, r.viewed, r.left = max(r.asked, n), time.Now(), false
	r.idle.Reset(d.cfg.Idle)
	d.dispatch()
}

// track returns the rendition's place at the desk.
func (d *desk) track(w work) *track {
	t := d.tracks[w.key]
	if t == nil {
		const many = 256
		if len(d.tracks) >= many {
			d.sweep()
		}
		t = &track{wants: map[int]*want{}, fresh: map[int][]byte{}, faults: map[int]*fault{}}
		d.tracks[w.key] = t
	}
	t.work = w
	return t
}

// sweep forgets renditions of which nothing is made and nothing is remembered that still holds.
func (d *desk) sweep() {
	now := time.Now()
	for key, t := range d.tracks {
		for n, f := range t.faults {
			if now.After(f.until) {
				delete(t.faults, n)
			}
		}
		if len(t.wants)+len(t.fresh)+len(t.faults) == 0 && !slices.ContainsFunc(d.runs, func(r *run) bool { return r.track == t }) {
			delete(d.tracks, key)
		}
	}
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

// wanted reports whether anybody waits for a segment of the run.
func (d *desk) wanted(r *run) bool {
	for _, w := range r.track.wants {
		if w.run == r {
			return true
		}
	}
	return false
}

// rank of a run: the lower the more urgent. ok is false where there is nothing for it to do.
func (d *desk) rank(r *run) (rank int, ok bool) {
	const requested, ahead, low = 0, 1, 2
	waiting := false
	for _, w := range r.track.wants {
		if w.run == r {
			if !w.low {
				return requested, true
			}
			waiting = true
		}
	}
	switch {
	case waiting:
		return low, true
	case r.left || r.low || r.next >= r.ending:
		return 0, false
	}
	return ahead, r.mid || r.next <= d.limit(r)
}

// limit is the last segment that may be fed to a run now.
func (d *desk) limit(r *run) int {
	last, waiting := r.asked, false
	for n, w := range r.track.wants {
		if w.run == r {
			last, waiting = max(last, n), true
		}
	}
	limit := -1
	if !r.left && !r.low {
		limit = r.asked + d.cfg.Ahead
	}
	if waiting {
		limit = max(limit, r.work.beyond(last))
	}
	return limit
}

// room reports whether one more run of a film may wait. Where all places are taken, a film that has more of them than
// this one would gives one up.
func (d *desk) room(film string) bool {
	waiting := map[string][]*run{}
	total := 0
	for _, r := range d.runs {
		if r.state == queued && r.ending > r.done && !r.low {
			waiting[r.track.film] = append(waiting[r.track.film], r)
			total++
		}
	}
	if total < d.cfg.Queue {
		return true
	}
	var most []*run
	for _, list := range waiting {
		if len(list) > len(most) {
			most = list
		}
	}
	if len(most) <= len(waiting[film])+1 {
		return false
	}
	last := most[len(most)-1]
	for n, w := range last.track.wants {
		if w.run == last {
			d.stats.Refused++
			d.settle(last.track, n, nil, refused())
		}
	}
	d.kill(last, errIdle)
	return true
}

// settle gives those who wait for a segment their answer.
func (d *desk) settle(t *track, n int, bytes []byte, err error) {
	if w := t.wants[n]; w != nil {
		w.bytes, w.err = bytes, err
		close(w.done)
		delete(t.wants, n)
	}
}

// dispatch gives the slots to the runs that need them most.
func (d *desk) dispatch() {
	for _, r := range d.runs {
		if _, ok := d.rank(r); !ok && r.state == active {
			d.park(r)
		}
	}
	passed := map[*run]bool{} // cannot get a process now
	reserved := 0             // slots for those of them that will get one at once
	for {
		best := d.first(passed)
		if best == nil {
			return
		}
		if d.count(active)+reserved >= d.cfg.Slots {
			victim := d.victim(best)
			if victim == nil {
				return
			}
			d.stats.Preempted++
			d.park(victim)
			continue
		}
		if best.state == queued && d.count(active)+d.count(parked) >= d.cfg.Processes {
			passed[best] = true
			if d.evict(reserved + 1) {
				reserved++
			}
			continue
		}
		d.grant(best)
	}
}

// before compares two runs that want the same slot.
func (d *desk) before(a, b *run) bool {
	ra, _ := d.rank(a)
	rb, _ := d.rank(b)
	if ra != rb {
		return ra < rb
	}
	if ta, tb := d.turns[a.track.film], d.turns[b.track.film]; ta != tb {
		return ta < tb
	}
	return a.since.Before(b.since)
}

// first is the run without a slot that needs one most.
func (d *desk) first(passed map[*run]bool) *run {
	var best *run
	for _, r := range d.runs {
		if (r.state == queued || r.state == parked) && r.ending > r.done && !passed[r] {
			if _, ok := d.rank(r); ok && (best == nil || d.before(r, best)) {
				best = r
			}
		}
	}
	return best
}

// victim is a run at work that gives way to another one: a less urgent one, or one that had its turn.
func (d *desk) victim(other *run) *run {
	rank, _ := d.rank(other)
	var worst *run
	for _, r := range d.runs {
		if r.state != active {
			continue
		}
		own, _ := d.rank(r)
		if own > rank || own == rank && rank == 0 && r.worked && d.turns[other.track.film] < d.turns[r.track.film] {
			if worst == nil || d.before(worst, r) {
				worst = r
			}
		}
	}
	return worst
}

// evict sees to it that so many processes are about to end, and reports whether they are. Those go that nobody waits for,
// the one that was at work longest ago first.
func (d *desk) evict(n int) bool {
	for {
		var oldest *run
		leaving := 0
		for _, r := range d.runs {
			switch {
			case r.state == queued || r.state == active && r.ending > r.done:
			case r.ending <= r.done:
				leaving++
			case !d.wanted(r) && (oldest == nil || r.since.Before(oldest.since)):
				oldest = r
			}
		}
		if leaving >= n {
			return true
		}
		if oldest == nil {
			return false
		}
		d.kill(oldest, errIdle)
	}
}

func (d *desk) count(s state) int {
	n := 0
	for _, r := range d.runs {
		if r.state == s {
			n++
		}
	}
	return n
}

func (d *desk) grant(r *run) {
	r.state, r.worked = active, false
	r.watch.Reset(d.cfg.Stall)
	r.wake()
}

func (d *desk) park(r *run) {
	r.state, r.since = parked, time.Now()
	r.watch.Stop()
	r.wake()
}

// wake lets the run's goroutines look again.
func (r *run) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// pulse is a sign of life.
func (d *desk) pulse(r *run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.state == active {
		r.watch.Reset(d.cfg.Stall)
	}
}

// await waits until ready, which is called with the lock held, says so.
func (d *desk) await(ctx context.Context, r *run, ready func() bool) error {
	for {
		d.mu.Lock()
		ok := ready()
		changed := r.changed // after ready, which may change it
		d.mu.Unlock()
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
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
