package ffmpeg

import (
	"fmt"
	"strings"
)

// Limit names what a process ran out of.
type Limit string

// The limits.
const (
	LimitWall   Limit = "wall time"
	LimitCPU    Limit = "CPU time"
	LimitOutput Limit = "output size"
	LimitMemory Limit = "memory"
	// LimitErrors: it complained on and on, and made nothing of its input.
	LimitErrors Limit = "errors"
)

// Error is a process that did not do its work. It says nothing for customers: what ffmpeg prints names paths of ours.
type Error struct {
	Program string // "ffmpeg" or "ffprobe"
	// Unstarted: the program is missing or could not be started, which says nothing of the film.
	Unstarted bool
	// NoRoom: the disk was full, which says nothing of the film either.
	NoRoom bool
	// Killed: somebody else ended it, such as a system that ran out of memory.
	Killed bool
	// Limit is set where a limit ended it.
	Limit Limit
	// Lines are the last ones that it printed.
	Lines []string
	Cause error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Program)
	if e.Limit != "" {
		fmt.Fprintf(&b, " reached its limit of %s", e.Limit)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	if len(e.Lines) > 0 {
		fmt.Fprintf(&b, ": %s", strings.Join(e.Lines, " / "))
	}
	return b.String()
}

// Ours reports whether the film has nothing to do with it, so that another run may go well.
func (e *Error) Ours() bool { return e.Unstarted || e.Killed }

func (e *Error) Unwrap() error { return e.Cause }
