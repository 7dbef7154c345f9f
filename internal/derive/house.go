package derive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"filmcan/internal/blob"
)

const (
	// lookEvery is how often the disk's room is looked at.
	lookEvery = 2 * time.Second
	// speakEvery bounds how often the log hears of the same.
	speakEvery = time.Minute
	// batch is the least that is freed when there is no room, so that it is not for each object anew.
	batch = 16 << 20
	// inVain is for how long nothing more is looked for when nothing could be removed.
	inVain = time.Second
)

// house is what keeping house in the store needs.
type house struct {
	full    chan struct{} // says that there may be more than the budget
	yield   chan struct{} // says that wanted was set
	wanted  atomic.Int64
	listing sync.Mutex // one listing at a time

	evicting sync.Mutex // one eviction at a time
	vain     time.Time  // when nothing could be removed; guarded by evicting

	mu    sync.Mutex
	spoke time.Time
}

func newHouse() house {
	return house{full: make(chan struct{}, 1), yield: make(chan struct{}, 1)}
}

// signal says something to the one who keeps house, once.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it was said
	}
}

// speak reports whether the log should hear of it.
func (h *house) speak(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.spoke.IsZero() && now.Sub(h.spoke) < speakEvery {
		return false
	}
	h.spoke = now
	return true
}

// Run keeps house until the context ends: it learns what the store has, and removes what was of use longest ago when
// there is more than the budget or when the disk's room runs low. Nobody waits for it.
func (c *Cache) Run(ctx context.Context) error {
	var lists sync.WaitGroup
	defer lists.Wait()
	lists.Go(func() { c.keepList(ctx) })
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.house.full:
			c.keepBudget(ctx)
		case <-c.house.yield:
			c.keepRoom(ctx)
		case <-look.C:
			c.keepRoom(ctx)
			c.overBudget() // what could not go yet
		}
	}
}

// keepList lists the store, now and every once in a while; a store that takes long to be listed is listed more seldom.
func (c *Cache) keepList(ctx context.Context) {
	for {
		began := time.Now()
		if err := c.list(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "derived artifacts cannot be listed", "error", err)
		}
		next := time.NewTimer(max(c.cfg.ListEvery, 50*time.Since(began)))
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
	}
}

// list learns what the store has, and clears away what crashed writers left there.
func (c *Cache) list(ctx context.Context) error {
	c.house.listing.Lock()
	defer c.house.listing.Unlock()
	if sweeper, ok := c.store.(blob.Sweeper); ok {
		if err := sweeper.Sweep(ctx); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	c.ledger.begin()
	whole := false
	defer func() {
		c.ledger.end(whole)
		c.overBudget()
	}()
	for info, err := range c.store.List(ctx, "") {
		if err != nil {
			return err
		}
		if blob.CheckKey(info.Key) == nil {
			c.ledger.saw(info)
		}
	}
	whole = true
	return nil
}

// put notes an object that was stored.
func (c *Cache) put(key string, size int64) {
	c.ledger.put(key, size, c.cfg.Now())
	c.overBudget()
}

// overBudget has the house kept when there is more than the budget.
func (c *Cache) overBudget() {
	if c.cfg.Budget > 0 && c.ledger.loose() > c.cfg.Budget {
		signal(c.house.full)
	}
}

// keepBudget removes things until there is a tenth less than the budget.
func (c *Cache) keepBudget(ctx context.Context) {
	low := c.cfg.Budget - c.cfg.Budget/10
	c.house.evicting.Lock()
	defer c.house.evicting.Unlock()
	c.evict(ctx, func(int64) bool { return c.ledger.loose() <= low })
}

// Yield asks that so many bytes of the disk be free, for what is no derived thing. It returns at once.
func (c *Cache) Yield(free int64) {
	for {
		wanted := c.house.wanted.Load()
		if wanted >= free {
			return
		}
		if c.house.wanted.CompareAndSwap(wanted, free) {
			signal(c.house.yield)
			return
		}
	}
}

// keepRoom removes things while there is less room on the disk than there should be.
func (c *Cache) keepRoom(ctx context.Context) {
	wanted := c.house.wanted.Swap(0)
	free, total, known := c.free()
	if least := floor(total); known && free < max(least, wanted) {
		need := max(least+least/4, wanted) - free
		c.house.evicting.Lock()
		defer c.house.evicting.Unlock()
		c.evict(ctx, func(freed int64) bool { return freed >= need })
	}
}

// room returns ErrNoSpace when so many bytes more would take what the disk must have free, even after things were
// removed for them. What is pinned was worth an ingest, and may take as much as ingests may.
func (c *Cache) room(ctx context.Context, class class, n int64) error {
	free, total, known := c.free()
	least := floor(total)
	if !known || free-n >= least {
		return nil
	}
	freed := c.makeRoom(ctx, c.evicted.Load(), least+n-free)
	if now, _, known := c.free(); known {
		free = max(free+freed, now) // some file systems tell late what was freed
	}
	if class == pinned {
		least = reserve(total)
	}
	if free-n >= least {
		return nil
	}
	return fmt.Errorf("%w: %d bytes are free, %d needed, %d to be left free", blob.ErrNoSpace, free, n, least)
}

// free asks the store how much room there is.
func (c *Cache) free() (free, total int64, known bool) {
	roomer, ok := c.store.(blob.Roomer)
	if !ok {
		return 0, 0, false
	}
	free, total, err := roomer.Room()
	return free, total, err == nil
}

// fit does what needs so many bytes of room, and when there is none, removes things and does it once more.
func (c *Cache) fit(ctx context.Context, n int64, do func() error) error {
	mark := c.evicted.Load()
	err := do()
	if !errors.Is(err, blob.ErrNoSpace) {
		return err
	}
	if c.makeRoom(ctx, mark, n) == 0 && c.evicted.Load() == mark {
		return err
	}
	return do()
}

// makeRoom removes things of that many bytes together, and some more, unless others did so since the mark was taken. It
// returns how many bytes were freed.
func (c *Cache) makeRoom(ctx context.Context, mark, need int64) int64 {
	if !c.ledger.known() {
		_ = c.list(ctx) // what is known already must do
	}
	c.house.evicting.Lock()
	defer c.house.evicting.Unlock()
	now := c.cfg.Now()
	if c.evicted.Load() != mark || !c.house.vain.IsZero() && now.Sub(c.house.vain) < inVain {
		return 0
	}
	need = max(need, min(batch, c.ledger.loose()/16))
	freed := c.evict(ctx, func(freed int64) bool { return freed >= need })
	c.house.vain = time.Time{}
	if freed == 0 {
		c.house.vain = now
	}
	return freed
}

// evict removes what was of use longest ago until there is enough, and returns how many bytes that was. What was of use
// a moment ago stays. The caller holds house.evicting.
func (c *Cache) evict(ctx context.Context, enough func(freed int64) bool) int64 {
	var freed int64
	if enough(freed) {
		return 0
	}
	folders := map[string]bool{}
	for _, v := range c.ledger.victims(c.cfg.Now().Add(-c.cfg.Grace)) {
		if enough(freed) || ctx.Err() != nil {
			break
		}
		removed, err := c.evictOne(ctx, v)
		if err != nil {
			if c.house.speak(c.cfg.Now()) {
				c.log.WarnContext(ctx, "derived artifact cannot be removed", "artifact", v.key, "error", err)
			}
			continue
		}
		if removed {
			freed += v.size
			folders[path.Dir(v.key)] = true
		}
	}
	c.prune(ctx, folders)
	return freed
}

// evictOne removes one thing, unless it was of use meanwhile, and reports whether it did.
func (c *Cache) evictOne(ctx context.Context, v victim) (bool, error) {
	info, err := c.store.Stat(ctx, v.key)
	if errors.Is(err, blob.ErrNotFound) {
		c.ledger.remove(v.key) // somebody else did
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !c.ledger.take(v, info.Modified) {
		return false, nil
	}
	if err := c.store.Delete(ctx, v.key); err != nil {
		return false, err // the next listing finds it
	}
	c.evicted.Add(1)
	c.evictedBytes.Add(info.Size)
	return true, nil
}

// prune removes folders that became empty, and those above them.
func (c *Cache) prune(ctx context.Context, folders map[string]bool) {
	pruner, ok := c.store.(blob.Pruner)
	if !ok {
		return
	}
	for len(folders) > 0 {
		above := map[string]bool{}
		for folder := range folders {
			if folder == "." {
				continue
			}
			_ = pruner.Prune(ctx, folder+"/") // an empty folder more does no harm
			above[path.Dir(folder)] = true
		}
		folders = above
	}
}
