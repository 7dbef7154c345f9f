package rendition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// studio stands in for ffmpeg, films and the store. A segment takes a second of one slot; it comes out of its process
// when the next one is being fed.
type studio struct {
	t    *testing.T
	desk *desk
	log  strings.Builder

	mu      sync.Mutex
	starts  []string // key@segment
	live    int      // processes
	most    int
	store   map[string][]byte
	refuse  error // of the store
	spoil   func(key string, n, start int) error
	puts    int
	feeding int // at work at once
	crowd   int
}

const each = time.Second

func newStudio(t *testing.T, cfg Config) *studio {
	t.Helper()
	s := &studio{t: t, store: map[string][]byte{}}
	s.desk = newDesk(cfg, slog.New(slog.NewTextHandler(&s.log, nil)))
	t.Cleanup(s.desk.close)
	return s
}

func small() Config {
	return Config{Slots: 1, Processes: 4, Queue: 8, Ahead: 3, Patience: 20 * time.Second, Idle: 30 * time.Second, Leave: 5 * time.Second, Stall: 10 * time.Second, Penalty: time.Minute}
}

func (s *studio) work(film string, segments int) work {
	key := film + "/480p"
	return work{
		key: key, film: film, segments: segments,
		beyond: func(n int) int { return n + 1 },
		begin: func(ctx context.Context, from int, fresh bool, pulse func()) (take, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			name := fmt.Sprintf("%s@%d", key, from)
			if fresh {
				name += "!"
			}
			s.starts = append(s.starts, name)
			s.live++
			s.most = max(s.most, s.live)
			return &fakeTake{studio: s, key: key, start: len(s.starts), fed: from, out: make(chan any, 100), gone: make(chan struct{}), pulse: pulse}, nil
		},
		kept: func(_ context.Context, n int) bool {
			_, ok := s.find(key, n)
			return ok
		},
		keep: func(_ context.Context, n int, b []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.puts++
			if s.refuse != nil {
				return s.refuse
			}
			s.store[fmt.Sprintf("%s/%d", key, n)] = b
			return nil
		},
	}
}

func (s *studio) find(key string, n int) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.store[fmt.Sprintf("%s/%d", key, n)]
	return b, ok
}

// watch is what the engine does for a viewer.
func (s *studio) watch(ctx context.Context, w work, n int) error {
	for {
		if b, ok := s.find(w.key, n); ok {
			s.desk.touch(w.key, n)
			return check(w, n, b)
		}
		b, err := s.desk.ask(ctx, w, n, false)
		if errors.Is(err, errAgain) {
			continue
		}
		if err != nil {
			return err
		}
		return check(w, n, b)
	}
}

func check(w work, n int, b []byte) error {
	if want := fmt.Sprintf("%s/%d", w.key, n); string(b) != want {
		return fmt.Errorf("got %q, want %q", b, want)
	}
	return nil
}

func (s *studio) begun() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.starts, " ")
}

func (s *studio) processes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

func (s *studio) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.store)
}

type fakeTake struct {
	studio *studio
	key    string
	start  int
	fed    int
	held   []any // in the encoder
	out    chan any
	pulse  func()
	once   sync.Once
	gone   chan struct{}
}

func (f *fakeTake) feed(ctx context.Context, pass func() error) error {
	for i := range 10 {
		if err := pass(); err != nil {
			return err
		}
		f.busy(1)
		select {
		case <-time.After(each / 10):
		case <-f.gone:
			f.busy(-1)
			return io.ErrClosedPipe
		case <-ctx.Done():
			f.busy(-1)
			return context.Cause(ctx)
		}
		f.busy(-1)
		f.pulse()
		if i == 0 {
			f.flush()
		}
	}
	f.studio.mu.Lock()
	spoil := f.studio.spoil
	f.studio.mu.Unlock()
	var result any = []byte(fmt.Sprintf("%s/%d", f.key, f.fed))
	if spoil != nil {
		if err := spoil(f.key, f.fed, f.start); err != nil {
			result = err
		}
	}
	f.fed++
	f.held = append(f.held, result)
	return nil
}

func (f *fakeTake) busy(n int) {
	f.studio.mu.Lock()
	defer f.studio.mu.Unlock()
	f.studio.feeding += n
	f.studio.crowd = max(f.studio.crowd, f.studio.feeding)
}

func (f *fakeTake) flush() {
	for _, r := range f.held {
		f.out <- r
	}
	f.held = nil
}

func (f *fakeTake) finish() error {
	f.flush()
	f.out <- io.EOF
	return nil
}

var errHang = errors.New("hang")

func (f *fakeTake) next() ([]byte, error) {
	for {
		select {
		case r := <-f.out:
			switch r := r.(type) {
			case error:
				if errors.Is(r, errHang) {
					<-f.gone
					return nil, io.ErrUnexpectedEOF
				}
				return nil, r
			case []byte:
				return r, nil
			}
		case <-f.gone:
			return nil, io.ErrUnexpectedEOF
		}
	}
}

func (f *fakeTake) close() { f.kill() }

func (f *fakeTake) kill() {
	f.once.Do(func() {
		close(f.gone)
		f.studio.mu.Lock()
		f.studio.live--
		f.studio.mu.Unlock()
	})
}
