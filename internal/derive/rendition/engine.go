package rendition

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/ladder"
)

// recipe changes when segments are made in another way from the same settings; it stands in URLs with cmaf.Recipe.
const recipe = 3

// The kinds of artifacts.
const (
	SegmentKind = "segment"
	InitKind    = "init"
)

// Store keeps segments (derive.Cache).
type Store interface {
	Find(ctx context.Context, a film.Artifact) (derive.Object, bool)
	Put(ctx context.Context, a film.Artifact, r io.Reader) error
}

// Starter starts processes: ffmpeg.Runner, and ffmpeg.Pool which has some of them ready.
type Starter interface {
	Start(ctx context.Context, a ffmpeg.EncodeArgs) (*ffmpeg.Session, error)
}

// Tools are what an engine works with.
type Tools struct {
	Films *reel.Reels
	Store Store
	// Cold starts a process, Warm may hand out one that waits.
	Cold, Warm Starter
	// Version is ffmpeg's and that of its encoder: what was made by others is not mixed with what these make.
	Version string
	Log     *slog.Logger
}

// Engine makes renditions. It may be used by any number of goroutines.
type Engine struct {
	tools Tools
	desk  *desk
	hot   *hot
	// start starts a process; fresh: one that did not wait.
	start func(ctx context.Context, a ffmpeg.EncodeArgs, fresh bool) (process, error)

	mu    sync.Mutex
	inits map[string]*initSegment
	begun int64 // processes for init segments alone
}

// initSegment is one that is known, or waited for.
type initSegment struct {
	done  chan struct{}
	bytes []byte // set before done is closed
}

// New returns an engine. It must be closed.
func New(tools Tools, cfg Config) *Engine {
	return &Engine{
		tools: tools, desk: newDesk(cfg, tools.Log), hot: newHot(time.Now), inits: map[string]*initSegment{},
		start: func(ctx context.Context, a ffmpeg.EncodeArgs, fresh bool) (process, error) {
			if fresh {
				return tools.Cold.Start(ctx, a)
			}
			return tools.Warm.Start(ctx, a)
		},
	}
}

// Close ends all runs and returns when nothing of them is left.
func (e *Engine) Close() { e.desk.close() }

// Stats returns the counts.
func (e *Engine) Stats() Stats {
	s := e.desk.snapshot()
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Inits = e.begun
	return s
}

// Rungs are the renditions of a film that can be encoded, highest first; none where it has no pictures.
func Rungs(f *reel.Film, quality ladder.Quality) []ladder.Rung {
	line := f.Timeline()
	if line == nil {
		return nil
	}
	width, height := ffmpeg.PictureOf(line.Track()).Displayed()
	rungs := ladder.Rungs(ladder.Film{Width: width, Height: height, Rate: f.VideoRate(), Bandwidth: f.VideoBandwidth()}, quality)
	for i := range rungs {
		rungs[i].Ordered = f.HasStills()
	}
	return rungs
}

// target is a rendition of a film.
type target struct {
	ref  reel.Ref
	tag  string // of the bytes that the pictures are cut from
	rung ladder.Rung
	line *cmaf.Timeline
	args ffmpeg.EncodeArgs
	// name tells this rendition from all others of the same film's part, those of other settings and encoders too.
	name string
}

func (e *Engine) target(f *reel.Film, rung ladder.Rung) (target, error) {
	line := f.Timeline()
	if line == nil {
		return target{}, film.NotFound()
	}
	args := ffmpeg.EncodeArgs{Picture: ffmpeg.PictureOf(line.Track()), Settings: rung.Encode, Rate: ffmpeg.Ratio(f.PeakRate())}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%+v\n%s\n%+v", recipe, cmaf.Recipe, e.tools.Version, args, f.VideoTag(), f.Ref().Base))
	return target{ref: f.Ref(), tag: f.VideoTag(), rung: rung, line: line, args: args, name: rung.Name + "_" + hex.EncodeToString(sum[:8])}, nil
}

func (t target) key() string { return string(t.ref.Film) + "/" + t.ref.Base.Part + "/" + t.name }

func (t target) artifact(kind, parameters string) film.Artifact {
	return film.Artifact{Film: t.ref.Film, Part: t.ref.Base.Part, Kind: kind, Parameters: parameters, Recipe: recipe}
}

func (t target) segment(n int) film.Artifact {
	return t.artifact(SegmentKind, fmt.Sprintf("%s_%d", t.name, n))
}

func (t target) init() film.Artifact { return t.artifact(InitKind, t.name) }

// beyond is the segment up to which an encoder must be fed so that segment n comes out of it: it holds some pictures back,
// to see what follows.
func (t target) beyond(n int) int {
	const held = 48
	pieces := t.line.Segments()
	frames := 0
	for n++; n < len(pieces); n++ {
		if frames += pieces[n].Frames; frames >= held {
			break
		}
	}
	return n
}

func (e *Engine) work(t target) work {
	return work{
		key: t.key(), film: string(t.ref.Film), segments: len(t.line.Segments()), beyond: t.beyond,
		begin: func(ctx context.Context, from int, fresh bool, pulse func()) (take, error) {
			return e.begin(ctx, t, from, fresh, pulse)
		},
		kept: func(ctx context.Context, n int) bool {
			object, ok := e.tools.Store.Find(ctx, t.segment(n))
			if ok {
				_ = object.Close()
			}
			return ok
		},
		keep: func(ctx context.Context, n int, b []byte) error {
			return e.tools.Store.Put(ctx, t.segment(n), bytes.NewReader(b))
		},
	}
}

// begin starts a process at a segment. It has the film open for itself: it outlives the request that it was begun for.
func (e *Engine) begin(ctx context.Context, t target, from int, fresh bool, pulse func()) (*encoding, error) {
	f, err := e.tools.Films.Open(ctx, t.ref, reel.Patience)
	if err != nil {
		return nil, err
	}
	free := sync.OnceFunc(func() { _ = f.Close() }) // nothing was written
	if f.VideoTag() != t.tag || f.Timeline() == nil {
		free()
		return nil, fmt.Errorf("rendition: film %s was made anew meanwhile", t.ref)
	}
	p, err := e.start(ctx, t.args, fresh)
	if err != nil {
		free()
		return nil, err
	}
	check := func(entry []byte) error { return e.agree(ctx, t, entry) }
	made, err := newEncoding(f.Timeline(), f.Pictures(), from, p, check, pulse, free)
	if err != nil {
		free()
		return nil, errors.Join(err, p.Close())
	}
	return made, nil
}

// Segment returns segment n of a rendition, which must be closed. It waits while the segment is made. A film.Error of code
// unavailable says that there is no room for that now, or that it cannot be made.
func (e *Engine) Segment(ctx context.Context, f *reel.Film, rung ladder.Rung, n int) (*Segment, error) {
	t, err := e.target(f, rung)
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(t.line.Segments()) {
		return nil, film.NotFound()
	}
	name := t.segment(n)
	const rounds = 4 // the store may be emptied between two looks, but not for ever
	for range rounds {
		if object, ok := e.tools.Store.Find(ctx, name); ok {
			e.desk.touch(t.key(), n)
			return newSegment(name, object)
		}
		b, err := e.desk.ask(ctx, e.work(t), n, false)
		if err == nil {
			return inMemory(name, b), nil
		}
		if !errors.Is(err, errAgain) {
			return nil, fmt.Errorf("segment %d of %s: %w", n, t.key(), err)
		}
	}
	return nil, fmt.Errorf("segment %d of %s: the store loses what it is given", n, t.key())
}

// maxName is more than any rendition's name has.
const maxName = 64

// Kept returns segment n of the rendition of that name, as [Rendition] tells it, if the store has it: the film need not be
// open for that.
func (e *Engine) Kept(ctx context.Context, ref reel.Ref, name string, n int) (*Segment, bool) {
	if len(name) > maxName {
		return nil, false
	}
	t := target{ref: ref, name: name}
	artifact := t.segment(n)
	key := artifact.Key()
	one, again := e.hot.get(key)
	if one != nil {
		e.desk.touch(t.key(), n)
		return e.lent(one), true
	}
	object, ok := e.tools.Store.Find(ctx, artifact)
	if !ok {
		e.hot.drop(key)
		return nil, false
	}
	e.desk.touch(t.key(), n)
	s, err := newSegment(artifact, object)
	if err != nil {
		return nil, false // told by Segment
	}
	if !again || !e.hot.claim(key, s.Size) {
		return s, true
	}
	defer s.Close()
	b, err := s.read()
	if err != nil {
		e.hot.leave(key, s.Size)
		return nil, false
	}
	return e.lent(e.hot.put(key, s.ETag, b)), true
}

// lent is a segment of what is held in memory.
func (e *Engine) lent(one *held) *Segment {
	return &Segment{Size: int64(len(one.bytes)), ETag: one.etag, bytes: one.bytes, given: func() { e.hot.give(one) }}
}

// Prewarm makes the first segment of each of the renditions when there is nothing more urgent to do.
func (e *Engine) Prewarm(ctx context.Context, f *reel.Film, rungs []ladder.Rung) error {
	for _, rung := range rungs {
		t, err := e.target(f, rung)
		if err != nil {
			return err
		}
		if w := e.work(t); !w.kept(ctx, 0) {
			if _, err := e.desk.ask(ctx, w, 0, true); err != nil && !errors.Is(err, errAgain) {
				return fmt.Errorf("prewarm %s: %w", t.key(), err)
			}
		}
	}
	return nil
}
