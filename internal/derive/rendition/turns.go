package rendition

import (
	"maps"
	"time"
)

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

// forgetTurns drops those of films of which nothing is made, once there are many. A film's turn outlives its runs: else it
// would be the first again each time that it lost its process.
func (d *desk) forgetTurns() {
	const many = 64
	if len(d.turns) <= many {
		return
	}
	running := map[string]bool{}
	for _, r := range d.runs {
		running[r.track.film] = true
	}
	maps.DeleteFunc(d.turns, func(film string, _ int64) bool { return !running[film] })
}
