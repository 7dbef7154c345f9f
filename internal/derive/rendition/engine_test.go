package rendition

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/ladder"
)

func shortFilm(tb testing.TB) string {
	tb.Helper()
	return films.Get(tb, films.Spec{Duration: 17 * time.Second, BFrames: 3})
}

// TestTwentyViewersOneFFmpeg is the counter of the acceptance, with the init segment that each viewer asks for first.
func TestTwentyViewersOneFFmpeg(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := shortFilm(t)
	f := w.add(t, path)
	r := Rungs(f, ladder.Plus)[0]
	before := w.runner.Stats()
	var viewers sync.WaitGroup
	for range 20 {
		viewers.Go(func() { exact(t, f, r, w.whole(t, f, r, nil), path) })
	}
	viewers.Wait()
	if got := w.engine.Stats(); got.Starts != 1 || got.Inits != 0 || got.Made != 5 {
		t.Errorf("%+v", got)
	}
	if after := w.runner.Stats(); after.Encodes-before.Encodes != 1 {
		t.Errorf("%d starts of ffmpeg\n%s", after.Encodes-before.Encodes, w.log.String())
	}
}

// TestEmptiedWhileWatching: whatever is removed comes back, byte-compatible with what viewers have.
func TestEmptiedWhileWatching(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := shortFilm(t)
	f := w.add(t, path)
	r := Rungs(f, ladder.Plus)[0]
	head := w.init(t, f, r)
	got := bytes.Clone(head)
	for n := range f.Timeline().Segments() {
		w.empty(t)
		b, err := w.segment(t.Context(), f, r, n)
		must(t, err)
		got = append(got, b...)
		w.empty(t)
		if !bytes.Equal(w.init(t, f, r), head) {
			t.Error("another init segment")
		}
	}
	exact(t, f, r, got, path)
}

// TestEndsWhereTheStoreGoesOn: in a film that is cut inside its groups, too, where the process gets some pictures more.
func TestEndsWhereTheStoreGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := films.Get(t, films.Spec{Duration: 30 * time.Second, BFrames: 3, GOP: 30 * time.Second})
	f := w.add(t, path)
	r := Rungs(f, ladder.Plus)[0]
	for _, n := range []int{3, 4, 5} {
		_, err := w.segment(t.Context(), f, r, n)
		must(t, err)
	}
	first := w.engine
	first.Close()
	w.engine = New(first.tools, Config{})
	defer w.engine.Close()
	exact(t, f, r, w.whole(t, f, r, nil), path)
	if got := w.engine.Stats(); got.Discarded != 0 || got.Made+first.Stats().Made < 7 {
		t.Errorf("%+v after %+v\n%s", got, first.Stats(), w.log.String())
	}
}

// TestInitSegmentRemoved: segments without their init segment, in a process that never saw it.
func TestInitSegmentRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	want := w.init(t, f, r)
	w.whole(t, f, r, nil)
	w.engine.Close()
	target, err := w.engine.target(f, r)
	must(t, err)
	for name, spoil := range map[string]func(){
		"removed": func() { must(t, w.cache.Drop(t.Context(), target.init())) },
		"damaged": func() { must(t, w.cache.Put(t.Context(), target.init(), strings.NewReader(strings.Repeat("x", 700)))) },
		"empty":   func() { must(t, w.cache.Put(t.Context(), target.init(), strings.NewReader(""))) },
	} {
		spoil()
		next := New(w.engine.tools, Config{})
		got, _, err := next.Init(t.Context(), f, r)
		if err != nil || !bytes.Equal(got, want) || next.Stats().Inits != 1 {
			t.Errorf("%s: %d bytes, %v, %+v", name, len(got), err, next.Stats())
		}
		next.Close()
	}
}

// meddling stands between an engine and its processes.
type meddling struct {
	process

	out io.Reader
}

func (m meddling) Stdout() io.Reader { return m.out }

func (w *world) meddle(with func(start int64, args ffmpeg.EncodeArgs, p process) process) {
	inner := w.engine.start
	var starts atomic.Int64
	w.engine.start = func(ctx context.Context, a ffmpeg.EncodeArgs, fresh bool) (process, error) {
		p, err := inner(ctx, a, fresh)
		if err != nil {
			return nil, err
		}
		return with(starts.Add(1), a, p), nil
	}
}

// TestKilledInTheMiddle: a process that dies is replaced by another one, and nobody notices.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := shortFilm(t)
	f := w.add(t, path)
	r := Rungs(f, ladder.Plus)[0]
	w.meddle(func(start int64, _ ffmpeg.EncodeArgs, p process) process {
		if start > 1 {
			return p
		}
		return meddling{p, &killing{p.Stdout(), p, 120_000}}
	})
	exact(t, f, r, w.whole(t, f, r, nil), path)
	if got := w.engine.Stats(); got.Discarded == 0 || got.Starts < 2 {
		t.Errorf("%+v", got)
	}
}

// killing kills the process after so many bytes.
type killing struct {
	io.Reader

	p    process
	left int
}

func (k *killing) Read(b []byte) (int, error) {
	n, err := k.Reader.Read(b)
	if k.left -= n; k.left < 0 {
		_ = k.p.Close()
	}
	return n, err
}

// TestAFrameTooFew: what is not exactly the pictures of a segment is never handed out.
func TestAFrameTooFew(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(moof, mdat []byte) []byte{
		"lost":    func([]byte, []byte) []byte { return nil },
		"doubled": func(moof, mdat []byte) []byte { return bytes.Repeat(append(moof, mdat...), 2) },
		"moved": func(moof, mdat []byte) []byte {
			at := bytes.Index(moof, []byte("tfdt")) + 8
			binary.BigEndian.PutUint32(moof[at+4:], binary.BigEndian.Uint32(moof[at+4:])+1)
			return append(moof, mdat...)
		},
		"cut off": func(moof, _ []byte) []byte { return moof[:20] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := shortFilm(t)
			f := w.add(t, path)
			r := Rungs(f, ladder.Plus)[0]
			w.meddle(func(start int64, _ ffmpeg.EncodeArgs, p process) process {
				if start > 1 {
					return p
				}
				return meddling{p, spoiled(p.Stdout(), 200, spoil)}
			})
			exact(t, f, r, w.whole(t, f, r, nil), path)
			if got := w.engine.Stats(); got.Discarded != 1 || got.Starts < 2 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// spoiled changes the n-th fragment of a stream.
func spoiled(r io.Reader, n int, spoil func(moof, mdat []byte) []byte) io.Reader {
	out, in := io.Pipe()
	go func() { // ends with the stream, or with its reader
		var moof []byte
		for fragment := 0; ; {
			head := make([]byte, 8)
			if _, err := io.ReadFull(r, head); err != nil {
				_ = in.CloseWithError(io.EOF)
				return
			}
			b := make([]byte, binary.BigEndian.Uint32(head))
			copy(b, head)
			if _, err := io.ReadFull(r, b[8:]); err != nil {
				_ = in.CloseWithError(io.ErrUnexpectedEOF)
				return
			}
			switch string(head[4:]) {
			case "moof":
				moof = b
				continue
			case "mdat":
				if fragment++; fragment == n {
					b = spoil(moof, b)
				} else {
					b = append(moof, b...)
				}
			}
			if _, err := in.Write(b); err != nil {
				return
			}
		}
	}()
	return out
}

// TestOtherHeaders: a process with other parameter sets is refused.
func TestOtherHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	w.init(t, f, r)
	inner := w.engine.start
	w.engine.start = func(ctx context.Context, a ffmpeg.EncodeArgs, fresh bool) (process, error) {
		a.Settings.Preset = "ultrafast"
		return inner(ctx, a, fresh)
	}
	_, err := w.segment(t.Context(), f, r, 3)
	if !errors.Is(err, errInit) || !film.IsCode(err, film.CodeUnavailable) {
		t.Errorf("got %v", err)
	}
	if got := strings.Count(w.log.String(), "level=ERROR"); got != 1 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// TestProgramThatFails: no film is served, and no loop of processes begun.
func TestProgramThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	missing := ffmpeg.New(ffmpeg.Config{FFmpeg: "/nowhere/ffmpeg"})
	w.engine.start = func(ctx context.Context, a ffmpeg.EncodeArgs, _ bool) (process, error) { return missing.Start(ctx, a) }
	for range 3 {
		_, err := w.segment(t.Context(), f, r, 0)
		if e, ok := errors.AsType[*ffmpeg.Error](err); !ok || !e.Unstarted {
			t.Errorf("got %v", err)
		}
	}
	if got := w.engine.Stats(); got.Starts != 2 {
		t.Errorf("%+v", got)
	}
}

// TestDamagedFilm: samples that are no pictures give a segment of as many pictures as should be there, or an error; what
// is around them can be watched.
func TestDamagedFilm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, err := os.ReadFile(shortFilm(t))
	must(t, err)
	whole := w.add(t, shortFilm(t))
	track := whole.Timeline().Track()
	p := whole.Timeline().Segments()[1]
	for i := p.Key; i < p.Key+p.Samples; i++ {
		clear(b[track.Offset(i)+8:][:track.Size(i)-8])
	}
	path := t.TempDir() + "/damaged.mp4"
	must(t, os.WriteFile(path, b, 0o600))
	f := w.add(t, path)
	r := Rungs(f, ladder.Plus)[0]
	if _, err := w.segment(t.Context(), f, r, 1); err != nil && !film.IsCode(err, film.CodeUnavailable) {
		t.Errorf("the damaged segment: %v", err)
	}
	for _, n := range []int{0, 2, 3} {
		if _, err := w.segment(t.Context(), f, r, n); err != nil {
			t.Errorf("segment %d: %v", n, err)
		}
	}
}

func TestNoSuchSegment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	for _, n := range []int{-1, len(f.Timeline().Segments())} {
		if _, err := w.segment(t.Context(), f, r, n); !film.IsCode(err, film.CodeNotFound) {
			t.Errorf("segment %d: %v", n, err)
		}
	}
	sound := w.add(t, films.Get(t, films.Spec{Video: films.None}))
	if _, err := w.segment(t.Context(), sound, r, 0); !film.IsCode(err, film.CodeNotFound) || len(Rungs(sound, ladder.Plus)) != 0 {
		t.Errorf("pictures of a film without: %v", err)
	}
}

func TestPrewarmedFilm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, films.Get(t, films.Spec{Duration: 9 * time.Second, BFrames: 3, Width: 640, Height: 360}))
	rungs := Rungs(f, ladder.Plus)
	must(t, w.engine.Prewarm(t.Context(), f, rungs))
	starts := w.engine.Stats().Starts
	for _, r := range rungs {
		w.init(t, f, r)
		_, err := w.segment(t.Context(), f, r, 0)
		must(t, err)
	}
	must(t, w.engine.Prewarm(t.Context(), f, rungs))
	if got := w.engine.Stats(); got.Starts != starts || starts != int64(len(rungs)) {
		t.Errorf("%d starts, then %+v", starts, got)
	}
}

// TestSegmentByRange: a segment comes in pieces as it does whole, from memory and from the store.
func TestSegmentByRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	tag := ""
	for range 2 {
		s, err := w.engine.Segment(t.Context(), f, r, 1)
		must(t, err)
		var whole, pieces bytes.Buffer
		must(t, s.Copy(&whole, 0, s.Size))
		for off := int64(0); off < s.Size; off += 1000 {
			must(t, s.Copy(&pieces, off, min(1000, s.Size-off)))
		}
		if int64(whole.Len()) != s.Size || !bytes.Equal(whole.Bytes(), pieces.Bytes()) || tag != "" && s.ETag != tag {
			t.Errorf("%d bytes, %d in pieces, of %d; etag %s", whole.Len(), pieces.Len(), s.Size, s.ETag)
		}
		tag = s.ETag
		must(t, s.Close())
		w.engine.Close() // now it is in the store
	}
}

// TestOtherEncoder: what another encoder left is neither used nor in the way.
func TestOtherEncoder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := shortFilm(t)
	f := w.add(t, path)
	r := Rungs(f, ladder.Plus)[0]
	// The kept init segment is that of an encoder whose parameter sets are others.
	target, err := w.engine.target(f, r)
	must(t, err)
	other := []byte("what an encoder wrote that is gone")
	sum := sha256.Sum256(other)
	must(t, w.cache.Put(t.Context(), target.init(), io.MultiReader(bytes.NewReader(sum[:]), bytes.NewReader(other))))
	if _, err := w.segment(t.Context(), f, r, 0); err == nil {
		t.Error("a segment goes with an init segment of another encoder")
	}
	w.engine.Close()
	tools := w.engine.tools
	tools.Version += " x264-999"
	w.engine = New(tools, Config{})
	t.Cleanup(w.engine.Close)
	exact(t, f, r, w.whole(t, f, r, nil), path)
	if next, err := w.engine.target(f, r); err != nil || next.name == target.name {
		t.Errorf("both are called %s, %v", next.name, err)
	}
}
