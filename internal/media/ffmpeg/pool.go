package ffmpeg

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// PoolConfig of a [Pool]. Zero values take the defaults.
type PoolConfig struct {
	// Idle is how many started processes may wait at once; by default as many as there are processors.
	Idle int
	// Linger is for how long after a use the same kind of process is kept ready; by default 90 s.
	Linger time.Duration
}

// PoolStats count what became of a pool's processes: Warm were there when they were asked for, Cold had to be started
// then, Ahead were started before anyone asked, and Ended were never asked for.
type PoolStats struct{ Warm, Cold, Ahead, Ended int64 }

// Pool keeps processes ready for renditions that are being watched: ffmpeg takes about as long to start as a short
// segment takes to encode. After each use one more of the same arguments is started. Those that wait are the pool's, and
// end with Run; those that were handed out are not. Safe for concurrent use.
type Pool struct {
	runner *Runner
	cfg    PoolConfig
	wake   chan struct{} // one: that there is something to look at is all it says

	mu    sync.Mutex
	kinds []*kind // the one used last first
	stats PoolStats
}

// kind are the processes of the same arguments.
type kind struct {
	key  string
	args EncodeArgs
	used time.Time
	idle *Session // nil where none waits
}

// NewPool returns a pool that starts nothing ahead until Run runs.
func NewPool(r *Runner, cfg PoolConfig) *Pool {
	return &Pool{
		runner: r, wake: make(chan struct{}, 1),
		cfg: PoolConfig{Idle: cmp.Or(cfg.Idle, runtime.NumCPU()), Linger: cmp.Or(cfg.Linger, 90*time.Second)},
	}
}

// Start is [Runner.Start], but may hand out a process that waits. It is the caller's then, like any other.
func (p *Pool) Start(ctx context.Context, a EncodeArgs) (*Session, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s := p.take(a); s != nil {
		s.follow(ctx)
		return s, nil
	}
	return p.runner.Start(ctx, a)
}

// take returns the process of these arguments that waits, if there is one.
func (p *Pool) take(a EncodeArgs) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.look()
	key := a.key(p.runner.cfg.Threads)
	i := slices.IndexFunc(p.kinds, func(k *kind) bool { return k.key == key })
	k := &kind{key: key, args: a}
	if i >= 0 {
		k = p.kinds[i]
		p.kinds = slices.Delete(p.kinds, i, i+1)
	}
	p.kinds = slices.Insert(p.kinds, 0, k)
	k.used = time.Now()
	s := k.idle
	if s != nil && s.ended() {
		_ = p.dismiss(k).Close() // at once: it is over
		s = nil
	}
	k.idle = nil
	if s == nil {
		p.stats.Cold++
		return nil
	}
	p.stats.Warm++
	return s
}

// look wakes Run.
func (p *Pool) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run keeps processes ready until the context ends, and then ends all that wait.
func (p *Pool) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer p.clear()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		case <-timer.C:
		}
		timer.Reset(p.tend(ctx))
	}
}

// tend ends what has waited too long, starts what is missing, and says when to look again.
func (p *Pool) tend(ctx context.Context) time.Duration {
	over, next := p.review(ctx)
	for _, s := range over { // without the lock: whoever takes another one must not wait for their end
		_ = s.Close()
	}
	return next
}

// review returns the processes that are to be ended, and when to look again.
func (p *Pool) review(ctx context.Context) (over []*Session, next time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	next = p.cfg.Linger
	for i, k := range p.kinds {
		left := p.cfg.Linger - now.Sub(k.used)
		if k.idle != nil && (k.idle.ended() || left <= 0 || i >= p.cfg.Idle) {
			if k.idle.ended() {
				k.used = time.Time{} // what dies by itself is not started over and over
			}
			over = append(over, p.dismiss(k))
			continue
		}
		if left <= 0 || i >= p.cfg.Idle {
			continue
		}
		next = min(next, left)
		if k.idle == nil {
			// Who takes it keeps it beyond the end of Run: a server that stops finishes what its viewers wait for.
			if s, err := p.runner.open(context.WithoutCancel(ctx), p.runner.encode(k.args), p.look); err == nil {
				k.idle = s
				p.stats.Ahead++
			}
		}
	}
	p.kinds = slices.DeleteFunc(p.kinds, func(k *kind) bool { return k.idle == nil && now.Sub(k.used) >= p.cfg.Linger })
	return over, max(next, time.Millisecond)
}

// dismiss takes the process of the kind that waits out of the pool, to be ended.
func (p *Pool) dismiss(k *kind) *Session {
	s := k.idle
	k.idle = nil
	p.stats.Ended++
	return s
}

// clear ends all that wait.
func (p *Pool) clear() {
	p.mu.Lock()
	var over []*Session
	for _, k := range p.kinds {
		if k.idle != nil {
			over = append(over, p.dismiss(k))
		}
	}
	p.kinds = nil
	p.mu.Unlock()
	for _, s := range over {
		_ = s.Close()
	}
}

// Stats returns the counts so far.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}
