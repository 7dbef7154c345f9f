package rendition

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"filmcan/internal/derive/reel"
	"filmcan/internal/media/ladder"
)

// errInit: the process writes other headers than those before it. Its segments would not go with theirs.
var errInit = errors.New("rendition: the encoder's parameter sets are not those of the init segment")

// Init returns the init segment of a rendition and its strong entity tag. Where there is none yet, it is that of a run
// that is begun where the viewer probably is.
func (e *Engine) Init(ctx context.Context, f *reel.Film, rung ladder.Rung) ([]byte, string, error) {
	t, err := e.target(f, rung)
	if err != nil {
		return nil, "", err
	}
	b, err := e.initOf(ctx, t)
	if err != nil {
		return nil, "", fmt.Errorf("init segment of %s: %w", t.key(), err)
	}
	sum := sha256.Sum256(b)
	return b, hex.EncodeToString(sum[:16]), nil
}

func (e *Engine) initOf(ctx context.Context, t target) ([]byte, error) {
	known := e.known(t)
	select {
	case <-known.done:
		return known.bytes, nil
	default:
	}
	if b, ok := e.stored(ctx, t); ok {
		return e.learn(t, b), nil
	}
	work := e.work(t)
	asking, leave := context.WithCancel(ctx)
	near := e.desk.near(work)
	asked := make(chan error, 1)
	var order sync.WaitGroup
	order.Go(func() {
		_, err := e.desk.ask(asking, work, near, false)
		asked <- err
	})
	defer order.Wait()
	defer leave()
	for {
		select {
		case <-known.done:
			return known.bytes, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case err := <-asked:
			asked = nil
			if err != nil && !errors.Is(err, errAgain) {
				return nil, err
			}
			// The segment is there, its init segment is not: somebody removed that.
			if err := e.sample(ctx, t, near); err != nil {
				return nil, err
			}
		}
	}
}

// known is the place of an init segment in memory. There are few, and they are small.
func (e *Engine) known(t target) *initSegment {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.inits[t.key()]
	if known == nil {
		known = &initSegment{done: make(chan struct{})}
		const many = 4096
		if len(e.inits) >= many {
			for key, i := range e.inits {
				if i.bytes != nil {
					delete(e.inits, key)
				}
			}
		}
		e.inits[t.key()] = known
	}
	return known
}

// learn keeps an init segment in memory, and returns the one that is there: the first.
func (e *Engine) learn(t target, b []byte) []byte {
	known := e.known(t)
	e.mu.Lock()
	defer e.mu.Unlock()
	if known.bytes == nil {
		known.bytes = b
		close(known.done)
	}
	return known.bytes
}

// stored looks for an init segment in the store. It is kept behind its digest: a damaged one would stop every run.
func (e *Engine) stored(ctx context.Context, t target) ([]byte, bool) {
	object, ok := e.tools.Store.Find(ctx, t.init())
	if !ok {
		return nil, false
	}
	defer object.Close()
	const most = 64 << 10
	b := make([]byte, min(object.Size(), most))
	if n, err := object.ReadAt(b, 0); n < len(b) && err != nil && !errors.Is(err, io.EOF) || len(b) <= sha256.Size {
		return nil, false
	}
	if sum := sha256.Sum256(b[sha256.Size:]); !bytes.Equal(sum[:], b[:sha256.Size]) {
		return nil, false
	}
	return b[sha256.Size:], true
}

// agree compares the sample entry of a process with the rendition's init segment, which it makes where there is none.
func (e *Engine) agree(ctx context.Context, t target, entry []byte) error {
	own := t.line.Init(entry, t.args.Settings.Width, t.args.Settings.Height)
	known := e.known(t)
	select {
	case <-known.done:
	default:
		if b, ok := e.stored(ctx, t); ok {
			e.learn(t, b)
			break
		}
		sum := sha256.Sum256(own)
		if err := e.tools.Store.Put(ctx, t.init(), io.MultiReader(bytes.NewReader(sum[:]), bytes.NewReader(own))); err != nil {
			e.tools.Log.WarnContext(ctx, "init segment is not kept", "rendition", t.key(), "error", err)
		}
		e.learn(t, own)
	}
	if !bytes.Equal(own, known.bytes) {
		return errInit
	}
	return nil
}

// sample starts a process for the init segment alone: it encodes a picture or two.
func (e *Engine) sample(ctx context.Context, t target, n int) error {
	e.mu.Lock()
	e.begun++
	e.mu.Unlock()
	made, err := e.begin(ctx, t, n, false, func() {})
	if err != nil {
		return err
	}
	defer made.close()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_ = made.feed(ctx, func() error { return context.Cause(ctx) }) // the process tells why it did not take it
		_ = made.finish()
	}()
	err = made.open()
	made.kill()
	<-fed
	return err
}
