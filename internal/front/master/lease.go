package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"filmcan/internal/film"
)

// Why a transfer is cut, or does not begin.
var (
	errRevoked = errors.New("access was revoked")
	errOver    = errors.New("the hour of grace is over")
	errStalled = errors.New("the reader takes nothing")
	errLapsed  = errors.New("the grant was not confirmed in time")
)

// Grants is what the leases need of keep/catalog.
type Grants interface {
	// Grant returns a grant's state as it is committed, or a [film.Error] with [film.CodeNotFound].
	Grant(ctx context.Context, id film.GrantID) (film.GrantState, error)
	// RevocationSeq is higher than before after any revocation that was committed when it was called.
	RevocationSeq(ctx context.Context) (int64, error)
}

// leases keeps the running transfers, of all grants, and lets each write only while its grant is known to be good.
//
// The rule: a question to the catalog that was asked at time t and found the grant good lets the transfer write until
// t + lease. A revocation is answered after its commit, and a question asked after the commit sees it. So the last
// good question was asked before the answer, and the last write ends within a lease of it, whatever happens to the
// watcher, the database or the node in between. A blocked write ends as well: the time is the connection's write
// deadline. Usually it goes faster, since the next question, one poll later, cuts at once. A transfer whose lease ran
// out although nobody cut it may ask once more by itself, and goes on when the answer is good.
//
// A transfer registers before its grant is read, so there is no moment at which a revocation could be missed: one
// committed before that reading is seen by it, one committed later changes the sequence that the watcher compares,
// and the transfer is in the list by then.
type leases struct {
	lease, poll, stall time.Duration
	grants             Grants
	log                *slog.Logger
	stats              counters

	// wake is given a token when the first transfer begins.
	wake chan struct{}

	mu      sync.Mutex
	running map[*transfer]struct{}
}

type counters struct {
	started, bytes, revoked, over, stalled, lapsed atomic.Int64
}

func newLeases(grants Grants, cfg Config, log *slog.Logger) *leases {
	return &leases{
		lease: cfg.Lease, poll: cfg.Poll, stall: cfg.Stall, grants: grants, log: log,
		wake: make(chan struct{}, 1), running: map[*transfer]struct{}{},
	}
}

// transfer is one running download.
type transfer struct {
	leases *leases
	grant  film.GrantID
	conn   deadliner
	reset  func() bool
	secure bool // TLS: after a deadline nothing goes any more

	// The rest belongs to leases.mu.

	admitted bool      // the deadline is set on the connection
	until    time.Time // the end of the lease
	end      time.Time // the end of it all, if not zero
	moved    time.Time // when bytes were taken last
	cause    error     // why it was cut; nil while it runs
	// lapse resets a TLS connection at the end of the lease. The deadline ends its writes, but the farewell that
	// net/http lets it say then may block for five seconds.
	lapse *time.Timer
}

// deadliner is a connection whose writes, also one that is blocked, fail once the time is past.
type deadliner interface{ SetWriteDeadline(t time.Time) error }

// begin registers a transfer that has not been admitted yet; [transfer.leave] must follow. Reset ends its connection
// from outside, if it can.
func (l *leases) begin(grant film.GrantID, conn deadliner, secure bool, reset func() bool) *transfer {
	t := &transfer{leases: l, grant: grant, conn: conn, secure: secure, reset: reset, moved: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running[t] = struct{}{}
	select {
	case l.wake <- struct{}{}:
	default: // it is awake, or will be
	}
	return t
}

// admit lets the transfer write: a question asked at that time found its grant good. It ends at the latest at end.
// An error is for the customer: refused, or that the catalog has not answered lately.
func (t *transfer) admit(asked, end time.Time) error {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if t.cause != nil {
		return refused()
	}
	t.end, t.moved = end, time.Now()
	t.until = later(t.until, asked.Add(t.leases.lease))
	if t.end.Before(t.until) {
		t.until = t.end
	}
	if !t.moved.Before(t.until) {
		return unavailable(errLapsed)
	}
	if err := t.conn.SetWriteDeadline(t.until); err != nil {
		return fmt.Errorf("limit download: %w", err)
	}
	t.admitted = true
	if t.secure {
		t.lapse = time.AfterFunc(time.Until(t.until), t.lapsed)
	}
	t.leases.stats.started.Add(1)
	return nil
}

// renew extends the lease after a question asked at that time. The lock is held.
func (t *transfer) renew(asked time.Time) {
	now := time.Now()
	switch {
	case t.cause != nil:
		return
	case !t.end.IsZero() && !now.Before(t.end):
		t.cut(errOver, &t.leases.stats.over)
		return
	case t.admitted && now.Sub(t.moved) > t.leases.stall:
		t.cut(errStalled, &t.leases.stats.stalled)
		return
	}
	until := later(t.until, asked.Add(t.leases.lease))
	if !t.end.IsZero() && t.end.Before(until) {
		until = t.end
	}
	if !until.After(t.until) {
		return
	}
	if t.until = until; t.admitted {
		// An error means that the connection is gone: its own write will say so.
		_ = t.conn.SetWriteDeadline(until)
		if t.lapse != nil {
			t.lapse.Reset(time.Until(until))
		}
	}
}

// lapsed is called when the lease of a TLS connection may have run out.
func (t *transfer) lapsed() {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if _, runs := t.leases.running[t]; runs && !time.Now().Before(t.until) {
		t.cut(errLapsed, &t.leases.stats.lapsed)
	}
}

// confirm asks about the transfer's own grant after its lease ran out: a busy machine may have held up the watcher,
// and an owner's download shall not suffer for that. Nothing is written until the answer is there. An error ends the
// transfer.
func (t *transfer) confirm(ctx context.Context) error {
	asked := time.Now()
	ctx, cancel := context.WithDeadline(ctx, asked.Add(t.leases.lease))
	defer cancel()
	state, err := t.leases.grants.Grant(ctx, t.grant)
	if err != nil && !film.IsCode(err, film.CodeNotFound) {
		t.leases.stats.lapsed.Add(1)
		return fmt.Errorf("%w: %w", errLapsed, err)
	}
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if err != nil || withdrawn(state) {
		t.cut(errRevoked, &t.leases.stats.revoked)
	}
	t.renew(asked)
	return t.cause
}

// cut ends a transfer at once, also in the middle of a write that is blocked. The lock is held.
func (t *transfer) cut(cause error, count *atomic.Int64) {
	if t.cause != nil {
		return
	}
	t.cause = cause
	count.Add(1)
	if t.admitted {
		_ = t.conn.SetWriteDeadline(time.Unix(1, 0)) // long past
		t.reset()
	}
}

// progress notes that n bytes were taken and returns why to stop, if there is a reason.
func (t *transfer) progress(n int64) error {
	t.leases.stats.bytes.Add(n)
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if n > 0 {
		t.moved = time.Now()
	}
	return t.cause
}

// leave takes the transfer out of the list and returns why it was cut, if it was. The deadline stays on the connection
// for what is still to be written of this answer; net/http takes it off before the next request.
func (t *transfer) leave() error {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	delete(t.leases.running, t)
	if t.lapse != nil {
		t.lapse.Stop()
	}
	return t.cause
}

// watch renews the leases until the context ends; afterwards they run out. It sleeps while there are no transfers.
func (l *leases) watch(ctx context.Context) {
	seen := int64(-1) // the sequence at which all grants were last known; none yet
	failing := false
	for {
		if l.count() == 0 {
			select {
			case <-ctx.Done():
				return
			case <-l.wake:
			}
			continue // the wake-up may be an old one
		}
		asked := time.Now()
		seq, err := l.look(ctx, asked, seen)
		if err == nil {
			seen = seq
		}
		if bad := err != nil && ctx.Err() == nil; bad != failing {
			failing = bad
			if bad {
				l.log.LogAttrs(ctx, slog.LevelError, "cannot read revocations: downloads of masters end", slog.Any("error", err))
			} else {
				l.log.LogAttrs(ctx, slog.LevelInfo, "revocations can be read again")
			}
		}
		pause := time.NewTimer(time.Until(asked.Add(l.poll)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// look asks the catalog once and renews what may go on. While nothing was revoked that is one question however many
// transfers there are; else one more for each grant that is being downloaded.
func (l *leases) look(ctx context.Context, asked time.Time, seen int64) (int64, error) {
	ctx, cancel := context.WithDeadline(ctx, asked.Add(l.lease))
	defer cancel() // a later answer would renew nothing
	seq, err := l.grants.RevocationSeq(ctx)
	if err != nil {
		return 0, err
	}
	if seq == seen {
		l.each("", func(t *transfer) { t.renew(asked) })
		return seq, nil
	}
	for _, grant := range l.grantIDs() {
		asked := time.Now()
		state, err := l.grants.Grant(ctx, grant)
		switch {
		case err != nil && !film.IsCode(err, film.CodeNotFound):
			return 0, err
		case err != nil || withdrawn(state):
			l.each(grant, func(t *transfer) { t.cut(errRevoked, &l.stats.revoked) })
		default:
			l.each(grant, func(t *transfer) { t.renew(asked) })
		}
	}
	return seq, nil
}

// withdrawn reports whether a grant ended before its time.
func withdrawn(g film.GrantState) bool { return g.Revoked || g.Master.Damage != "" }

// each calls f for the transfers of a grant, or for all where it is empty, under the lock.
func (l *leases) each(grant film.GrantID, f func(*transfer)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range l.running {
		if grant == "" || t.grant == grant {
			f(t)
		}
	}
}

func (l *leases) grantIDs() []film.GrantID {
	var ids []film.GrantID
	known := map[film.GrantID]bool{}
	l.each("", func(t *transfer) {
		if !known[t.grant] {
			known[t.grant] = true
			ids = append(ids, t.grant)
		}
	})
	return ids
}

func (l *leases) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.running)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
