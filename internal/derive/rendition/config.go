package rendition

import (
	"cmp"
	"runtime"
	"time"
)

// Config bounds an [Engine]. Zero values take those of [Default].
type Config struct {
	// Slots is how many processes may be at work at a time; the others wait in between, fed with nothing. One uses more
	// than one processor.
	Slots int
	// Processes is how many may be there at a time, those that wait included.
	Processes int
	// Queue is how many runs may wait for their first slot. Further ones are refused.
	Queue int
	// Ahead is how many segments are made beyond the one that was asked for last.
	Ahead int
	// Patience is how long a request waits for its run to be begun.
	Patience time.Duration
	// Idle is how long a run is kept for the next request, Leave how long once all who waited for it have left.
	Idle, Leave time.Duration
	// Stall is how long a process at work may give no sign of life.
	Stall time.Duration
	// Penalty is how long a segment that failed twice is not tried again.
	Penalty time.Duration
}

// Default returns the bounds for this machine.
func Default() Config {
	slots := (runtime.NumCPU() + 1) / 2
	return Config{
		Slots: slots, Processes: 2*slots + 4, Queue: 16 * slots, Ahead: 3,
		Patience: 20 * time.Second, Idle: 30 * time.Second, Leave: 5 * time.Second,
		Stall: 30 * time.Second, Penalty: time.Minute,
	}
}

func (c Config) orDefault() Config {
	d := Default()
	return Config{
		Slots: cmp.Or(c.Slots, d.Slots), Processes: max(cmp.Or(c.Processes, d.Processes), c.Slots), Queue: cmp.Or(c.Queue, d.Queue),
		Ahead: cmp.Or(c.Ahead, d.Ahead), Patience: cmp.Or(c.Patience, d.Patience), Idle: cmp.Or(c.Idle, d.Idle),
		Leave: cmp.Or(c.Leave, d.Leave), Stall: cmp.Or(c.Stall, d.Stall), Penalty: cmp.Or(c.Penalty, d.Penalty),
	}
}

// Stats count what an engine has done, and what it is doing.
type Stats struct {
	Starts    int64 // processes begun for runs
	Inits     int64 // processes begun for init segments alone
	Joins     int64 // requests that joined a run which was under way
	Made      int64 // segments made
	Discarded int64 // runs whose output was not what was asked for, or that ended badly
	Refused   int64 // requests that were told to come later
	Preempted int64 // times a run gave its slot to a more urgent one
	Unkept    int64 // segments that the store did not take

	Queued, Active, Parked int // runs now: before their first slot, at work, between two requests
}
