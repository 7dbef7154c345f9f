package rendition

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/film"
)

// scene runs a test in a world of its own time. What is still running at its end is ended before.
func scene(t *testing.T, cfg Config, play func(s *studio)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, cfg)
		play(s)
		s.desk.close()
		synctest.Wait()
		if n := s.processes(); n != 0 {
			t.Errorf("%d processes are left", n)
		}
		if got := s.desk.snapshot(); got.Active+got.Parked+got.Queued != 0 {
			t.Errorf("left: %+v", got)
		}
	})
}

func (s *studio) must(t *testing.T, w work, n int) {
	t.Helper()
	if err := s.watch(t.Context(), w, n); err != nil {
		t.Errorf("%s/%d: %v", w.key, n, err)
	}
}

func (s *studio) wantBegun(t *testing.T, want string) {
	t.Helper()
	if got := s.begun(); got != want {
		t.Errorf("started %q, want %q", got, want)
	}
}

func since(start time.Time) time.Duration { return time.Since(start).Round(each / 10) }

// TestTwentyViewersOneStart is the counter of the acceptance.
func TestTwentyViewersOneStart(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 40)
		var viewers sync.WaitGroup
		for range 20 {
			viewers.Go(func() {
				for n := range 10 {
					s.must(t, w, n)
				}
			})
		}
		viewers.Wait()
		s.wantBegun(t, "film/480p@0")
		if got := s.desk.snapshot(); got.Joins < 19 || got.Starts != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestOneProcessForAWholeFilm: a viewer who takes a segment every four seconds never waits after the first, and no
// second process is needed.
func TestOneProcessForAWholeFilm(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 30)
		for n := range 30 {
			start := time.Now()
			s.must(t, w, n)
			if waited := time.Since(start); n > 0 && waited > each*2 {
				t.Errorf("waited %v for segment %d", waited, n)
			}
			time.Sleep(4 * time.Second)
		}
		synctest.Wait()
		s.wantBegun(t, "film/480p@0")
		if s.processes() != 0 {
			t.Error("the process outlives the film")
		}
		if s.desk.snapshot().Made != 30 {
			t.Errorf("%+v", s.desk.snapshot())
		}
	})
}

// TestLookAheadIsBounded: what nobody asked for is made up to Ahead, then the process waits; the next request lets it go
// on, and without one it ends.
func TestLookAheadIsBounded(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 100)
		s.must(t, w, 0)
		time.Sleep(20 * time.Second)
		if got := s.desk.snapshot(); got.Made != 3 || got.Parked != 1 || got.Active != 0 {
			t.Errorf("after the first: %+v", got)
		}
		s.must(t, w, 1) // from the store
		time.Sleep(20 * time.Second)
		if got := s.desk.snapshot(); got.Made != 4 || got.Parked != 1 {
			t.Errorf("after the second: %+v", got)
		}
		time.Sleep(11 * time.Second)
		if got := s.desk.snapshot(); got.Parked != 0 || s.processes() != 0 {
			t.Errorf("after 31 idle seconds: %+v", got)
		}
		s.wantBegun(t, "film/480p@0")
	})
}

func TestSeekStartsThere(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 100)
		s.must(t, w, 0)
		start := time.Now()
		s.must(t, w, 50)
		if waited := since(start); waited > each*12/10 {
			t.Errorf("the seek took %v", waited)
		}
		s.must(t, w, 51)
		s.must(t, w, 30) // back
		s.wantBegun(t, "film/480p@0 film/480p@50 film/480p@30")
	})
}

// TestStopsWhereTheStoreGoesOn: nothing is made twice where the next segments exist.
func TestStopsWhereTheStoreGoesOn(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 100)
		s.must(t, w, 5)
		time.Sleep(time.Minute) // 5, 6 and 7 are there
		for n := range 8 {
			s.must(t, w, n)
		}
		time.Sleep(10 * time.Second)
		if got := s.desk.snapshot(); got.Made != 8 {
			t.Errorf("%+v", got)
		}
		s.wantBegun(t, "film/480p@5 film/480p@0")
		if s.processes() != 0 {
			t.Error("the process waits where it has nothing to do")
		}
	})
}

// TestEmptiedStore: what was made ahead is made again when it is gone.
func TestEmptiedStore(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 20)
		for n := range 20 {
			s.must(t, w, n)
			time.Sleep(2 * time.Second)
			s.forget()
		}
	})
}

// TestStoreThatTakesNothing costs memory for what was made ahead, and no process more.
func TestStoreThatTakesNothing(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		s.refuse = errors.New("full")
		w := s.work("film", 20)
		for n := range 15 {
			s.must(t, w, n)
			time.Sleep(2 * time.Second)
		}
		s.wantBegun(t, "film/480p@0")
		if got := strings.Count(s.log.String(), "segments are not kept"); got != 1 {
			t.Errorf("logged %d times", got)
		}
		time.Sleep(2 * time.Minute)
		s.desk.mu.Lock()
		defer s.desk.mu.Unlock()
		for _, track := range s.desk.tracks {
			if len(track.fresh)+len(track.unkept) > 0 {
				t.Errorf("%d segments stay in memory", len(track.fresh))
			}
		}
	})
}

// TestFiveFilmsDegradeEvenly: nobody waits much longer than anybody else.
func TestFiveFilmsDegradeEvenly(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		var viewers sync.WaitGroup
		ends := make([]time.Duration, 5)
		start := time.Now()
		for i := range 5 {
			viewers.Go(func() {
				w := s.work(fmt.Sprint("film", i), 100)
				for n := range 8 {
					s.must(t, w, n)
				}
				ends[i] = time.Since(start)
			})
		}
		viewers.Wait()
		least, most := ends[0], ends[0]
		for _, e := range ends {
			least, most = min(least, e), max(most, e)
		}
		if most > least*12/10 || most > 5*9*each*12/10 {
			t.Errorf("done after %v", ends)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.crowd > 2 { // one that gives way finishes the piece it has in hand
			t.Errorf("%d at work at once", s.crowd)
		}
		if s.most > 4 {
			t.Errorf("%d processes at once", s.most)
		}
	})
}

// TestManyPlacesOfOneFilmStarveNobody: a film of which everything is asked for at once does not keep another one out.
func TestManyPlacesOfOneFilmStarveNobody(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		greedy := s.work("greedy", 1000)
		ctx, stop := context.WithCancel(t.Context())
		var crowd sync.WaitGroup
		refusals := make(chan error, 100)
		for i := range 30 {
			crowd.Go(func() {
				if err := s.watch(ctx, greedy, i*20); err != nil && ctx.Err() == nil {
					refusals <- err
				}
			})
		}
		synctest.Wait()
		modest := s.work("modest", 100)
		for n := range 5 {
			start := time.Now()
			s.must(t, modest, n)
			if waited := time.Since(start); waited > 4*each {
				t.Errorf("waited %v for segment %d", waited, n)
			}
		}
		stop()
		crowd.Wait()
		close(refusals)
		n := 0
		for err := range refusals {
			n++
			if e := film.AsError(err); e == nil || e.Code != film.CodeUnavailable || e.Fault != film.FaultTransient {
				t.Errorf("refused with %v", err)
			}
		}
		if n < 20 {
			t.Errorf("%d refused", n)
		}
	})
}

// TestPatience: who waits too long for a first slot is told to come later.
func TestPatience(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Stall = time.Hour
	scene(t, cfg, func(s *studio) {
		t := s.t
		s.spoil = func(string, int, int) error { return errHang }
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = s.watch(ctx, s.work("hanging", 10), 0) }()
		synctest.Wait()
		start := time.Now()
		err := s.watch(t.Context(), s.work("film", 10), 0)
		if !film.IsCode(err, film.CodeUnavailable) || since(start) != 20*time.Second {
			t.Errorf("got %v after %v", err, since(start))
		}
	})
}

// TestFilmThatIsNotThere: what the film is cut from is being made. That is no fault of the segment's: who comes again when
// it is there gets it at once.
func TestFilmThatIsNotThere(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 10)
		begin := w.begin
		missing := true
		w.begin = func(ctx context.Context, from int, fresh bool, pulse func()) (take, error) {
			if missing {
				return nil, fmt.Errorf("open: %w", &film.Error{Code: film.CodeUnavailable, Fault: film.FaultTransient})
			}
			return begin(ctx, from, fresh, pulse)
		}
		for range 3 {
			if err := s.watch(t.Context(), w, 0); !film.IsCode(err, film.CodeUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		if got := s.desk.snapshot(); got.Discarded != 0 || s.log.Len() != 0 {
			t.Errorf("%+v\n%s", got, s.log.String())
		}
		missing = false
		s.must(t, w, 0)
	})
}

// TestRequestedGoesBeforeLookAhead: what somebody waits for takes the slot of what nobody does.
func TestRequestedGoesBeforeLookAhead(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		a, b := s.work("a", 100), s.work("b", 100)
		s.must(t, a, 0)
		start := time.Now()
		s.must(t, b, 0) // while a looks ahead
		if waited := since(start); waited > each*13/10 {
			t.Errorf("waited %v", waited)
		}
		if got := s.desk.snapshot(); got.Preempted == 0 {
			t.Errorf("%+v", got)
		}
		time.Sleep(20 * time.Second)
		if got := s.desk.snapshot(); got.Made != 6 {
			t.Errorf("look-ahead did not go on: %+v", got)
		}
	})
}

// TestProcessesAreBounded: those that wait for nobody make room.
func TestProcessesAreBounded(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		for i := range 10 {
			s.must(t, s.work(fmt.Sprint("film", i), 100), 0)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.most > 4 {
			t.Errorf("%d processes at once", s.most)
		}
	})
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 100)
		ctx, leave := context.WithCancel(t.Context())
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- s.watch(ctx, w, 0) }()
		}
		time.Sleep(each / 2)
		leave()
		for range 3 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		synctest.Wait()
		if got := s.desk.snapshot(); got.Parked != 1 {
			t.Errorf("nobody waits: %+v", got)
		}
		time.Sleep(4 * time.Second)
		s.must(t, w, 0) // somebody came back in time
		s.wantBegun(t, "film/480p@0")

		ctx, leave = context.WithCancel(t.Context())
		go func() { errs <- s.watch(ctx, w, 90) }()
		time.Sleep(each / 2)
		leave()
		<-errs
		time.Sleep(6 * time.Second)
		if s.processes() != 1 { // that of the beginning is still kept
			t.Errorf("%d processes after all have left", s.processes())
		}
		time.Sleep(30 * time.Second)
		if s.processes() != 0 {
			t.Error("a process is left")
		}
	})
}

// TestLeavingTheQueue: a run that nobody waits for any more is not begun.
func TestLeavingTheQueue(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go s.must(t, s.work("a", 10), 0)
		synctest.Wait()
		go func() { done <- s.watch(ctx, s.work("b", 10), 0) }()
		synctest.Wait()
		leave()
		<-done
		time.Sleep(10 * time.Second)
		s.wantBegun(t, "a/480p@0")
	})
}

// TestTriedOnceMore: a run that fails is begun again, by a process that did not wait; those who wait notice nothing.
func TestTriedOnceMore(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		bad := errors.New("a frame too few")
		s.spoil = func(_ string, n, start int) error {
			if n == 2 && start == 1 {
				return bad
			}
			return nil
		}
		w := s.work("film", 100)
		for n := range 6 {
			s.must(t, w, n)
		}
		s.wantBegun(t, "film/480p@0 film/480p@2!")
		if got := s.desk.snapshot(); got.Discarded != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestFailsTwice: no loop of processes, one line in the log, an error for those who wait, and another try later.
func TestFailsTwice(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		bad := errors.New("a frame too few")
		s.spoil = func(_ string, n, _ int) error {
			if n == 1 {
				return bad
			}
			return nil
		}
		w := s.work("film", 10)
		s.must(t, w, 0)
		for range 5 {
			if err := s.watch(t.Context(), w, 1); !errors.Is(err, bad) || !film.IsCode(err, film.CodeUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		s.must(t, w, 2) // the rest can be watched
		s.wantBegun(t, "film/480p@0 film/480p@1! film/480p@2")
		if got := strings.Count(s.log.String(), "level=ERROR"); got != 1 {
			t.Errorf("logged %d times:\n%s", got, s.log.String())
		}
		time.Sleep(2 * time.Minute)
		s.mu.Lock()
		s.spoil = nil
		s.mu.Unlock()
		s.must(t, w, 1)
	})
}

// TestFailureOnTheWay: those who wait for what comes after the broken segment get theirs.
func TestFailureOnTheWay(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		s.spoil = func(_ string, n, _ int) error {
			if n == 1 {
				return errors.New("broken")
			}
			return nil
		}
		w := s.work("film", 10)
		var viewers sync.WaitGroup
		for n := range 4 {
			viewers.Go(func() {
				if err := s.watch(t.Context(), w, n); (err != nil) != (n == 1) {
					t.Errorf("segment %d: %v", n, err)
				}
			})
			synctest.Wait()
		}
		viewers.Wait()
	})
}

// TestHangingProcess is killed and replaced.
func TestHangingProcess(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		s.spoil = func(_ string, n, start int) error {
			if start == 1 && n == 0 {
				return errHang
			}
			return nil
		}
		start := time.Now()
		s.must(t, s.work("film", 3), 0)
		if waited := time.Since(start); waited < 10*time.Second || waited > 20*time.Second {
			t.Errorf("waited %v", waited)
		}
		s.wantBegun(t, "film/480p@0 film/480p@0!")
	})
}

// TestAPauseIsNoHang: a process that must wait is not taken for dead.
func TestAPauseIsNoHang(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Stall = 2 * time.Second
	scene(t, cfg, func(s *studio) {
		t := s.t
		w := s.work("film", 100)
		s.must(t, w, 0)
		time.Sleep(25 * time.Second)
		for n := range 8 {
			s.must(t, w, n)
		}
		s.wantBegun(t, "film/480p@0")
	})
}

func TestBeginFails(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		w := s.work("film", 10)
		begin, missing := w.begin, errors.New("no such program")
		tries := 0
		w.begin = func(context.Context, int, bool, func()) (take, error) { tries++; return nil, missing }
		if err := s.watch(t.Context(), w, 0); !errors.Is(err, missing) || tries != 2 {
			t.Errorf("got %v after %d tries", err, tries)
		}
		w.begin = func(context.Context, int, bool, func()) (take, error) { panic("a bug") }
		if err := s.watch(t.Context(), w, 4); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("got %v", err)
		}
		w.begin = begin
		s.must(t, w, 8)
	})
}

// TestPrewarm makes the first segment when nothing else is to be done, and no more.
func TestPrewarm(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		a, b := s.work("a", 100), s.work("b", 100)
		done := make(chan error, 1)
		go func() {
			_, err := s.desk.ask(t.Context(), a, 0, true)
			done <- err
		}()
		time.Sleep(each / 2)
		start := time.Now()
		s.must(t, b, 0)
		if waited := since(start); waited > each*13/10 {
			t.Errorf("a viewer waited %v for a prewarmer", waited)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(4 * time.Second)
		if got := s.desk.snapshot(); got.Made != 4 {
			t.Errorf("%+v", got)
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		done := make(chan error, 2)
		for i := range 2 {
			go func() { done <- s.watch(t.Context(), s.work(fmt.Sprint("film", i), 10), 0) }()
		}
		time.Sleep(each / 2)
		s.desk.close()
		for range 2 {
			if err := <-done; !errors.Is(err, errClosed) {
				t.Errorf("got %v", err)
			}
		}
		if err := s.watch(t.Context(), s.work("film", 10), 0); !errors.Is(err, errClosed) {
			t.Errorf("after close: %v", err)
		}
	})
}

// TestDesksOfManyRenditionsForget: what nobody watches is not remembered for ever.
func TestDesksOfManyRenditionsForget(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		for i := range 600 {
			s.must(t, s.work(fmt.Sprint("film", i), 1), 0)
		}
		s.desk.mu.Lock()
		defer s.desk.mu.Unlock()
		if n := len(s.desk.tracks); n > 300 {
			t.Errorf("%d renditions remembered", n)
		}
		if n := len(s.desk.turns); n > 70 {
			t.Errorf("%d turns remembered", n)
		}
	})
}

// hindered is a take of which a part fails.
type hindered struct {
	take

	feeds func() error
	nexts func() error
}

func (h hindered) feed(ctx context.Context, pass func() error) error {
	if err := h.feeds(); err != nil {
		return err
	}
	return h.take.feed(ctx, pass)
}

func (h hindered) next() ([]byte, error) {
	if err := h.nexts(); err != nil {
		return nil, err
	}
	return h.take.next()
}

func fine() error { return nil }

// TestNeitherHalfWaitsForTheOther: a process that dies while it need not be fed, and a film that cannot be read while the
// process waits for more: the run ends at once, not when it has given no sign of life for long.
func TestNeitherHalfWaitsForTheOther(t *testing.T) {
	t.Parallel()
	scene(t, small(), func(s *studio) {
		t := s.t
		killed, unreadable := errors.New("killed"), errors.New("unreadable")
		for name, h := range map[string]hindered{
			"killed":     {feeds: fine, nexts: func() error { time.Sleep(8 * each); return killed }}, // all that may be fed is
			"unreadable": {feeds: func() error { return unreadable }, nexts: fine},
		} {
			w := s.work(name, 10)
			begin := w.begin
			w.begin = func(ctx context.Context, from int, fresh bool, pulse func()) (take, error) {
				made, err := begin(ctx, from, fresh, pulse)
				if fresh { // the second
					return made, err
				}
				return hindered{made, h.feeds, h.nexts}, err
			}
			start := time.Now()
			s.must(t, w, 0)
			if waited := since(start); waited > 9*each+each/2 {
				t.Errorf("%s: waited %v", name, waited)
			}
			if !strings.Contains(s.log.String(), "error="+name) && !strings.Contains(s.log.String(), ": "+name) {
				t.Errorf("%s: logged\n%s", name, s.log.String())
			}
		}
	})
}
