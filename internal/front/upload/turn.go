package upload

import (
	"context"
	"sync"
	"time"

	"filmcan/internal/film"
)

// turns lets one request at a time write to an upload, in this process; the vault's lock does so among processes. Who
// comes while another one's line is silent takes its turn: most often that is the same client, whose old connection
// died without a word.
type turns struct {
	mu      sync.Mutex
	uploads map[film.UploadID]*turn
}

type turn struct {
	token  chan struct{} // holds one while it is nobody's turn
	users  int           // who has it or waits for it
	holder *line         // whose it is, nil: nobody's
}

// look is how often one who waits looks at the line of the one whose turn it is.
const look = 100 * time.Millisecond

// take waits for the turn at an upload until the context ends, and returns how to give it back. A holder whose line
// has been silent for that long is cut off.
func (t *turns) take(ctx context.Context, id film.UploadID, l *line, silent time.Duration) (leave func(), err error) {
	one := t.join(id)
	leave = func() { t.leave(id, one, l) }
	select {
	case <-one.token:
	default:
		if err := t.wait(ctx, one, silent); err != nil {
			leave()
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	one.holder = l
	return leave, nil
}

func (t *turns) wait(ctx context.Context, one *turn, silent time.Duration) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-one.token:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			t.mu.Lock()
			holder := one.holder
			t.mu.Unlock()
			if holder != nil && holder.silentFor() >= silent {
				holder.cut(errReplaced)
			}
		}
	}
}

func (t *turns) join(id film.UploadID) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.uploads[id]
	if one == nil {
		one = &turn{token: make(chan struct{}, 1)}
		one.token <- struct{}{}
		t.uploads[id] = one
	}
	one.users++
	return one
}

// leave gives the turn back, if it is l's, and forgets the upload when nobody wants it.
func (t *turns) leave(id film.UploadID, one *turn, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.holder == l {
		one.holder = nil
		one.token <- struct{}{}
	}
	if one.users--; one.users == 0 {
		delete(t.uploads, id)
	}
}
