package rendition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"filmcan/internal/film"
)

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

// wake lets the run's goroutines look again.
func (r *run) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// conduct is the life of a run.
func (d *desk) conduct(ctx context.Context, r *run) {
	err := guarded(func() error { return d.perform(ctx, r) })
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	d.end(ctx, r, err)
}

// guarded makes an error of a panic: what a stranger's film makes one run do must not take everybody's playback down.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// perform waits for a slot, and then makes segments until nothing more is to be made.
func (d *desk) perform(ctx context.Context, r *run) error {
	if err := d.await(ctx, r, func() bool { return r.state == active }); err != nil {
		return err
	}
	// Somebody else may have finished it between the request's look into the store and its place at the desk.
	if r.work.kept(ctx, r.from) {
		return errAgain
	}
	d.mu.Lock()
	d.stats.Starts++
	d.mu.Unlock()
	made, err := r.work.begin(ctx, r.from, r.fresh, func() { d.pulse(r) })
	if err != nil {
		return err
	}
	defer made.close()
	// Whichever of the two fails first ends the other: neither may wait for what will not come.
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(working, made.kill)()
	fed := make(chan struct{})
	go func() { // waited for below
		defer close(fed)
		if err := guarded(func() error { return d.feed(working, r, made) }); err != nil && !broken(err) {
			stop(err)
		}
	}()
	if err := guarded(func() error { return d.collect(working, r, made) }); err != nil {
		stop(err)
	}
	<-fed
	return context.Cause(working)
}

// broken reports whether a process did not take what it was fed. Why is in what it says itself.
func broken(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// feed feeds segment after segment, as far as is wanted.
func (d *desk) feed(ctx context.Context, r *run, made take) error {
	for n := r.from; ; n++ {
		if n < r.work.segments {
			if err := d.await(ctx, r, func() bool { return d.mayFeed(r, n) }); err != nil {
				return err
			}
		}
		if n == r.work.segments || d.ahead(ctx, r, n) {
			if d.conclude(r, n) {
				return made.finish()
			}
		}
		if err := made.feed(ctx, func() error { return d.await(ctx, r, func() bool { return r.state == active }) }); err != nil {
			return fmt.Errorf("feed segment %d: %w", n, err)
		}
	}
}

// mayFeed reports whether the run may be fed segment n now.
func (d *desk) mayFeed(r *run, n int) bool {
	r.next, r.mid = n, false
	d.dispatch()
	if _, ok := d.rank(r); !ok || r.state != active || n > d.limit(r) {
		return false
	}
	r.mid = true
	return true
}

// ahead reports whether the store has what comes next: then this run has nothing more to do.
func (d *desk) ahead(ctx context.Context, r *run, n int) bool {
	if n == r.from {
		return false
	}
	return r.work.kept(ctx, n) && (n+1 == r.work.segments || r.work.kept(ctx, n+1))
}

// conclude lets the run end before segment n, unless somebody waits there.
func (d *desk) conclude(r *run, n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n < r.work.segments {
		for wanted, w := range r.track.wants {
			if w.run == r && wanted >= n {
				return false
			}
		}
	}
	r.ending, r.next, r.mid = min(r.ending, n), n, false
	return true
}

// collect publishes what the process makes.
func (d *desk) collect(ctx context.Context, r *run, made take) error {
	const storing = 2 // segments of this run on their way into the store
	places := make(chan struct{}, storing)
	for n := r.from; ; n++ {
		b, err := made.next()
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			d.mu.Lock()
			ending := r.ending
			d.mu.Unlock()
			if n < ending {
				return fmt.Errorf("the process ended before segment %d of [%d, %d): %w", n, r.from, ending, err)
			}
			return nil
		case err != nil:
			return err
		}
		d.publish(r, n, b)
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		// A segment that is made is kept, whatever becomes of its run.
		d.running.Go(func() {
			defer func() { <-places }()
			d.store(context.WithoutCancel(ctx), r, n, b)
		})
	}
}

// publish hands a segment to all who wait for it.
func (d *desk) publish(r *run, n int, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := r.track
	d.stats.Made++
	t.fresh[n] = b
	delete(t.faults, n)
	r.done, r.worked = n+1, true
	if t.wants[n] != nil {
		d.clock++
		d.turns[t.film] = d.clock
		d.settle(t, n, b, nil)
	}
	if r.low && !d.wanted(r) {
		d.kill(r, errIdle)
	}
	if r.state == active {
		r.watch.Reset(d.cfg.Stall)
	}
	d.dispatch()
	r.wake() // there may be a reason less to wait
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

// pulse is a sign of life.
func (d *desk) pulse(r *run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.state == active {
		r.watch.Reset(d.cfg.Stall)
	}
}

// end takes a run off the desk, and looks after those who still wait for it.
func (d *desk) end(ctx context.Context, r *run, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	begun := r.state != queued
	r.state, r.ending = over, r.done
	r.idle.Stop()
	r.watch.Stop()
	r.cancel(nil)
	d.runs = slices.DeleteFunc(d.runs, func(o *run) bool { return o == r })
	var waiting []int
	for n, w := range r.track.wants {
		if w.run == r {
			waiting = append(waiting, n)
		}
	}
	slices.Sort(waiting)
	fresh := false
	switch {
	case err == nil, errors.Is(err, errIdle):
	case errors.Is(err, errAgain), errors.Is(err, errClosed), film.IsCode(err, film.CodeUnavailable):
		// The last: what the film is cut from is being made.
		for _, n := range waiting {
			d.settle(r.track, n, nil, err)
		}
		waiting = nil
	default:
		d.stats.Discarded++
		fresh = true
		waiting = d.failed(ctx, r, waiting, begun, err)
	}
	d.rebind(ctx, r.track, waiting, fresh)
	d.forgetTurns()
	d.dispatch()
}

// failed notes that a run ended badly, and returns the segments to try again.
func (d *desk) failed(ctx context.Context, r *run, waiting []int, begun bool, err error) []int {
	t, n := r.track, r.done
	f := t.faults[n]
	if f == nil {
		f = &fault{}
		t.faults[n] = f
	}
	f.times++
	if f.times < 2 {
		d.log.WarnContext(ctx, "rendition is tried again", "rendition", t.key, "segment", n, "begun", begun, "error", err)
		return waiting
	}
	f.until = time.Now().Add(d.cfg.Penalty)
	f.err = &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "This part of the film cannot be encoded at the moment", Cause: err,
	}
	if f.times == 2 {
		d.log.ErrorContext(ctx, "rendition cannot be made", "rendition", t.key, "segment", n, "error", err)
	}
	d.settle(t, n, nil, f.err)
	return slices.DeleteFunc(waiting, func(o int) bool { return o == n })
}

// rebind begins runs for segments whose run has ended without them.
func (d *desk) rebind(ctx context.Context, t *track, waiting []int, fresh bool) {
	for _, n := range waiting {
		w := t.wants[n]
		if d.closed {
			d.settle(t, n, nil, errClosed)
			continue
		}
		r := d.join(t, n)
		if r == nil {
			r = d.begin(context.WithoutCancel(ctx), t, n, w.low, fresh)
		}
		w.run = r
		r.asked = max(r.asked, n)
	}
}
