package ffmpeg

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"filmcan/internal/media/mp4"
)

// Session is a process that is fed and read by its owner. Reading and writing may happen in two goroutines; each end is
// for one. Its owner must call Close.
type Session struct {
	stdin  *os.File // nil where the process reads by itself
	stdout *os.File
	taken  atomic.Int64 // bytes of stdout

	stop context.CancelCauseFunc
	done chan struct{}
	err  error // set before done is closed

	closing sync.Once
	forget  func() bool // see follow
}

// errClosed is why a session that its owner closed ended.
var errClosed = errors.New("ffmpeg: the session was closed")

// start is what a session runs.
type start struct {
	args   []string
	limits Limits
	// fed: the caller writes the input; otherwise it is stdin, if that is not nil.
	fed     bool
	stdin   io.Reader
	started *atomic.Int64
	// earlier is about how many bytes it will skip, because an earlier process made them.
	earlier int64
}

// open starts a process whose output is read by the caller. ended, if it is not nil, is called when the process is gone.
func (r *Runner) open(ctx context.Context, st start, ended func()) (*Session, error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, &Error{Program: "ffmpeg", Unstarted: true, Cause: err}
	}
	s := &Session{stdout: outR, done: make(chan struct{})}
	var inR *os.File
	if st.fed {
		if inR, s.stdin, err = os.Pipe(); err != nil {
			_, _ = outR.Close(), outW.Close()
			return nil, &Error{Program: "ffmpeg", Unstarted: true, Cause: err}
		}
		st.stdin = inR
	}
	limited, stop := context.WithCancelCause(ctx)
	s.stop = stop
	// Its owner waits for it by Close.
	go func() {
		s.err = r.run(limited, job{
			program: r.cfg.FFmpeg, name: "ffmpeg", args: st.args, limits: st.limits, stdin: st.stdin, stdout: outW, started: st.started,
			made: func() int64 { return st.earlier + s.taken.Load() },
		})
		// Ours of the child's ends: now the other sides see the end of the file.
		_ = outW.Close()
		if inR != nil {
			_ = inR.Close()
		}
		close(s.done)
		if ended != nil {
			ended()
		}
	}()
	return s, nil
}

func (r *Runner) encode(a EncodeArgs) start {
	return start{args: a.args(r.cfg.Threads), limits: r.cfg.Encode, fed: true, started: &r.stats.encodes}
}

// Start starts the process of a rendition. It lives until its input is closed and all is encoded, until Close, or until
// ctx ends.
func (r *Runner) Start(ctx context.Context, a EncodeArgs) (*Session, error) {
	return r.open(ctx, r.encode(a), nil)
}

// follow ends the session with the context, too.
func (s *Session) follow(ctx context.Context) {
	s.forget = context.AfterFunc(ctx, func() { s.stop(context.Cause(ctx)) })
}

// Write feeds the process. It waits while the process is busy: no more than a pipe's worth lies between. When it fails
// the process has ended, and Wait says why.
func (s *Session) Write(p []byte) (int, error) { return s.stdin.Write(p) }

// Broken reports whether an error of Write means that the process took no more, and not something else that went wrong on
// the way to it.
func Broken(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) }

// CloseInput says that there is no more to come. What was fed is then encoded to its end.
func (s *Session) CloseInput() error { return s.stdin.Close() }

// Stdout is what the process writes: a fragmented MP4 with one frame per fragment, in the order of decoding. After its
// end, Wait tells whether the process ended well.
func (s *Session) Stdout() io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := s.stdout.Read(p)
		s.taken.Add(int64(n))
		return n, err
	})
}

// Packets reads Stdout packet by packet. It is called once.
func (s *Session) Packets() *mp4.FragmentReader { return mp4.NewFragmentReader(s.Stdout()) }

// Wait waits for the process to end. Its error is an [*Error], or the cause of the end of the context.
func (s *Session) Wait() error {
	<-s.done
	return s.err
}

// Close kills the process, if it still runs, and waits for its end. It may be called more than once, and beside Write
// and Read, which it ends.
func (s *Session) Close() error {
	s.closing.Do(func() {
		if s.forget != nil {
			s.forget()
		}
		s.stop(errClosed)
		if s.stdin != nil {
			_ = s.stdin.Close()
		}
		<-s.done
		_ = s.stdout.Close()
	})
	return nil
}

// ended reports whether the process is gone.
func (s *Session) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
