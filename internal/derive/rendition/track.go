package rendition

import (
	"context"
	"slices"
	"time"
)

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

// wanted reports whether anybody waits for a segment of the run.
func (d *desk) wanted(r *run) bool {
	for _, w := range r.track.wants {
		if w.run == r {
			return true
		}
	}
	return false
}

// settle gives those who wait for a segment their answer.
func (d *desk) settle(t *track, n int, bytes []byte, err error) {
	if w := t.wants[n]; w != nil {
		w.bytes, w.err = bytes, err
		close(w.done)
		delete(t.wants, n)
	}
}

// store keeps a segment. One that the store does not take stays in memory for as long as a viewer might come for it.
func (d *desk) store(ctx context.Context, r *run, n int, b []byte) {
	err := r.work.keep(ctx, n, b)
	t := r.track
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		delete(t.fresh, n)
		return
	}
	d.stats.Unkept++
	if len(t.unkept) == 0 {
		d.log.WarnContext(ctx, "segments are not kept", "rendition", t.key, "segment", n, "error", err)
	}
	t.unkept = append(t.unkept, n)
	if len(t.unkept) > d.cfg.Ahead+2 {
		d.drop(t, t.unkept[0])
	}
	time.AfterFunc(d.cfg.Idle, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.drop(t, n)
	})
}

func (d *desk) drop(t *track, n int) {
	if i := slices.Index(t.unkept, n); i >= 0 {
		t.unkept = slices.Delete(t.unkept, i, i+1)
		delete(t.fresh, n)
	}
}
