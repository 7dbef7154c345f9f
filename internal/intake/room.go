package intake

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/keep/vault"
)

const (
	// roomLook is after how many bytes a download looks whether there still is room.
	roomLook = 8 << 20
	// The pause of an ingest that waits for room grows with how long it has waited.
	roomPauseMin = 4 * time.Second
	roomPauseMax = time.Minute
)

// rooms shares what is free among the ingests of this process, so that those which were let in come to their end.
type rooms struct {
	ask func() (free, total int64, known bool) // [vault.Vault.Room]
	// yield asks those who can do without it that so many bytes be free; it does not wait. May be nil.
	yield func(free int64)

	mu     sync.Mutex
	claims map[*claim]int64 // bytes that each is still going to write
}

// claim is the room that one ingest asked for. A nil one has all there is.
type claim struct {
	rooms *rooms
	since int64 // bytes written since the last look
}

func newRooms(ask func() (free, total int64, known bool)) *rooms {
	return &rooms{ask: ask, claims: map[*claim]int64{}}
}

// YieldTo names who is asked, without waiting, that so many bytes of the disk be free when an ingest lacks room: who
// keeps there what can be made again. It must be called before the first ingest.
func (in *Intake) YieldTo(ask func(free int64)) { in.rooms.yield = ask }

// lacks asks for room and says that there is none yet.
func (r *rooms) lacks(need int64, cause error) error {
	if r.yield != nil {
		r.yield(need)
	}
	return noRoom(cause)
}

// claim returns a claim to nothing yet, which must be dropped.
func (r *rooms) claim() *claim { return &claim{rooms: r} }

// want replaces the claim by one to so many bytes, or says that there is no room for them beside the other claims.
// Where the number is not known it is 0: then it is enough that there is some room.
func (c *claim) want(bytes int64) error {
	if c == nil {
		return nil
	}
	r := c.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.claims, c)
	free, total, known := r.ask()
	if !known {
		return nil
	}
	need := max(0, bytes) + vault.Reserve(total)
	for _, other := range r.claims {
		need += other
	}
	if need > free {
		return r.lacks(need, fmt.Errorf("%d bytes are free, %d needed", free, need))
	}
	r.claims[c] = max(0, bytes)
	return nil
}

// took notes that so many of the bytes were written, and looks from time to time whether there is still room: others
// take of it who do not ask.
func (c *claim) took(bytes int64) error {
	if c == nil {
		return nil
	}
	if c.since += bytes; c.since < roomLook {
		return nil
	}
	c.rooms.mu.Lock()
	left := max(0, c.rooms.claims[c]-c.since)
	c.rooms.claims[c], c.since = left, 0
	c.rooms.mu.Unlock()
	free, total, known := c.rooms.ask()
	if reserve := vault.Reserve(total); known && free < reserve {
		return c.rooms.lacks(left+reserve, fmt.Errorf("%d bytes are free, less than the reserve of %d", free, reserve))
	}
	return nil
}

// left says that no more than so many bytes are still to be written.
func (c *claim) left(bytes int64) {
	if c == nil {
		return
	}
	c.rooms.mu.Lock()
	defer c.rooms.mu.Unlock()
	if had, ok := c.rooms.claims[c]; ok && bytes < had {
		c.rooms.claims[c] = max(0, bytes)
	}
}

func (c *claim) drop() {
	c.rooms.mu.Lock()
	defer c.rooms.mu.Unlock()
	delete(c.rooms.claims, c)
}

// noRoom is the same that the vault and the catalog say when the disk is full.
func noRoom(cause error) error {
	return &film.Error{
		Code: film.CodeUnavailable, Fault: film.FaultTransient,
		Message: "There is no room to store this at the moment.", Cause: cause,
	}
}

// lacksRoom reports whether there was no room for bytes or rows.
func lacksRoom(err error) bool {
	return film.IsCode(err, film.CodeUnavailable) && film.FaultOf(err) == film.FaultTransient
}

// wait puts an ingest off until there may be room; that does not count as an attempt. After Config.Patience the asset is
// told that there was none.
func (in *Intake) wait(ctx context.Context, a film.Asset, err error) error {
	waited := time.Since(a.CreatedAt)
	if waited >= in.cfg.Patience {
		in.log.ErrorContext(ctx, "no room for an input, given up", "asset", a.ID, "waited", waited, "error", err)
		return in.refuse(ctx, a, noRoomLeft(a, in.cfg.Patience, err))
	}
	after := min(max(waited/4, roomPauseMin), roomPauseMax)
	after += rand.N(cmp.Or(after/4, 1)) //nolint:gosec // spreads load, protects nothing
	in.log.WarnContext(ctx, "no room for an input, it waits", "asset", a.ID, "waited", waited, "again", after, "error", err)
	return &film.Later{After: after}
}
