package rendition

import (
	"context"
	"errors"

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
