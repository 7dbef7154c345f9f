//go:build crashtest

package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/pgtest"
)

var seeds = flag.Int("seeds", 5, "how often the program is killed at each point")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

// world is a program that is killed and started again on one folder, and what stands around it.
type world struct {
	t         *testing.T
	options   rig.Options
	outside   *rig.World
	conductor *conductor

	mu      sync.Mutex
	process *rig.Process
	client  *rig.Client
	starts  int
	met     map[film.FilmID]bool // films whose bases were looked at
}

func newWorld(t *testing.T, broken string, args ...string) *world {
	t.Helper()
	w := &world{t: t, outside: rig.NewWorld(t), conductor: newConductor(t), met: map[film.FilmID]bool{}}
	w.options = rig.Options{
		Binary: rig.Binary(t, "crashtest"), Data: t.TempDir(),
		Args: append([]string{"--webhook", w.outside.WebhookURL()}, args...),
		Env:  []string{"FILMCAN_POINTS=" + w.conductor.path, "FILMCAN_BREAK=" + broken},
	}
	if os.Getenv(pgtest.Variable) != "" {
		w.options.Args = append(w.options.Args, "--database", pgtest.New(t))
	}
	if err := w.restart(nil); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) current() (*rig.Process, *rig.Client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process, w.client
}

// restart starts the program again after dead has ended; when somebody else did that already, nothing happens. A start
// may die at an armed point too: then it is started once more.
func (w *world) restart(dead *rig.Process) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != dead {
		return nil
	}
	var err error
	for range 3 {
		if err := w.alone(); err != nil {
			return err
		}
		w.starts++
		if w.process, err = rig.TryStart(w.t, w.options); err == nil {
			w.client = w.process.Client(w.t)
			w.client.HTTP = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			return nil
		}
	}
	return err
}

// dies waits until the program has died at the armed point, and starts it again.
func (w *world) dies() error {
	p, _ := w.current()
	select {
	case <-p.Ended():
		return w.restart(p)
	case <-time.After(patience):
		return errors.New("the program does not come to the armed point")
	}
}

// alive starts the program again if it has died.
func (w *world) alive() error {
	p, _ := w.current()
	select {
	case <-p.Ended():
		return w.restart(p)
	default:
		return nil
	}
}

// plot is how a story goes.
type plot struct {
	film   films.Spec
	direct bool // uploaded, in place of fetched
}

// plots are the three kinds of masters, one of them longer than several syncs, fetched and uploaded.
func plots() []plot {
	long, mov, mkv := films.Spec{Duration: 4 * time.Second, PadTo: 80 << 20}, films.Spec{Duration: 4 * time.Second, Container: films.MOV}, films.Spec{Duration: 4 * time.Second, Container: films.MKV}
	return []plot{{film: long}, {film: mov}, {film: mkv}, {film: long, direct: true}, {film: mkv, direct: true}}
}

func (w *world) story(n int) *story {
	list := plots()
	p := list[n%len(list)]
	s := &story{world: w, film: films.Get(w.t, p.film), tag: fmt.Sprintf("story %d", n), direct: p.direct}
	if p.film.Container == "" || p.film.Container == films.MP4 {
		s.sum, _ = rig.Sum(w.t, s.film)
	}
	return s
}

// clean waits until the program has nothing left to do and then compares rows and bytes to the last byte.
func (w *world) clean(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if err := w.alive(); err != nil {
			return err
		}
		err := w.agreed(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func (w *world) agreed(ctx context.Context) error {
	args := append([]string{"check", "--deep", "--data", w.options.Data}, databaseOf(w.options.Args)...)
	if out, stderr, code := rig.Run(w.t, w.options.Binary, nil, args...); code != 0 {
		return fmt.Errorf("rows and bytes disagree:\n%s%s", out, stderr)
	}
	_, client := w.current()
	_, text, err := client.Call(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "filmcan_jobs{") {
			continue
		}
		// Left over may be: the ends by time of grants and uploads that ended before, and housekeeping that comes round.
		if strings.Contains(line, `"expire_master"`) || strings.Contains(line, `"expire_upload"`) || strings.Contains(line, `"scrub_films"`) || strings.Contains(line, `"prune_events"`) {
			continue
		}
		return fmt.Errorf("work is left: %s", line)
	}
	return w.tidy()
}

func databaseOf(args []string) []string {
	for i, a := range args {
		if a == "--database" {
			return args[i : i+2]
		}
	}
	return nil
}

// housekeeping comes round by the hour and touches nobody's film.
func housekeeping(point string) bool {
	return strings.HasSuffix(point, ":prune_events") || strings.HasSuffix(point, ":scrub_films")
}

// TestCrash kills the program at every point that a calm run announces.
func TestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	ctx := t.Context()
	n := 0
	for range plots() { // calm: what points are there?
		if err := w.story(n).live(ctx); err != nil {
			t.Fatalf("without a crash: %v", err)
		}
		n++
	}
	if err := w.clean(ctx); err != nil {
		t.Fatalf("without a crash: %v", err)
	}
	points := slices.DeleteFunc(w.conductor.points(), housekeeping)
	if len(points) < 20 {
		t.Fatalf("only these points are announced: %v", points)
	}
	calm := w.conductor.counts()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d, %d points", seed, len(points))
	began := time.Now()
	for round := range *seeds {
		for _, point := range points {
			before := w.conductor.hitsOf(point)
			// Which of a story's announcements it is to be; some come in stories of one kind of film alone.
			w.conductor.arm(point, random.IntN(max(1, calm[point]/len(plots()))))
			for try := 0; w.conductor.hitsOf(point) == before; try++ {
				if try == 2*len(plots()) {
					t.Fatalf("round %d: %s was not reached in %d stories", round, point, try)
				}
				if err := w.story(n).live(ctx); err != nil {
					t.Fatalf("round %d, killed at %s: story %d: %v", round, point, n, err)
				}
				n++
			}
		}
		if err := w.clean(ctx); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	t.Logf("%d stories, %d starts of the program in %s\n%s", n, w.starts, time.Since(began).Round(time.Second), w.conductor.table())
}

// TestExpiryThroughCrashes kills the program around the end of a grant: the state goes back to none all the same.
func TestExpiryThroughCrashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "--master-ttl", "1s")
	ctx := t.Context()
	s := w.story(1)
	for _, step := range []func(context.Context) error{s.create, s.ready} {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range *seeds {
		for _, point := range []string{"queue.job-started:expire_master", "catalog.committed:expired", "queue.job-done:expire_master"} {
			if err := s.enable(ctx); err != nil {
				t.Fatalf("%s: enable: %v", point, err)
			}
			a, err := s.get(ctx)
			if err != nil {
				t.Fatal(err)
			}
			w.conductor.arm(point, 0)
			if err := w.dies(); err != nil {
				t.Fatalf("%s: %v", point, err)
			}
			if err := s.expired(ctx); err != nil {
				t.Fatalf("%s: %v", point, err)
			}
			if a.Master != nil && a.Master.URL != "" {
				_, now := w.current()
				link := now.Base + a.Master.URL[strings.Index(a.Master.URL, "/master/"):]
				if status, _, _, err := rig.Download(ctx, link); err != nil || status != http.StatusForbidden {
					t.Fatalf("%s: the expired link answers %d %v", point, status, err)
				}
			}
		}
	}
	t.Logf("\n%s", w.conductor.table())
}

// TestBrokenBuildsAreCaught breaks a rule on purpose; the same stories and the same look at the end must notice.
func TestBrokenBuildsAreCaught(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, point string }{
		{"ready-before-seal", "intake.after-ready"},
		{"record-before-send", "webhook.before-send"},
		{"complete-before-seal", "upload.completed"},
		{"ready-before-base", "export.frame"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.rule)
			var caught error
			for n := 0; n < 6 && caught == nil; n++ {
				w.conductor.arm(c.point, 0)
				s := w.story(n)
				if c.rule == "ready-before-base" {
					s = w.encodeStory(n)
				}
				if caught = s.live(t.Context()); caught == nil {
					caught = w.clean(t.Context())
				}
			}
			if caught == nil {
				t.Fatalf("the rule %s is broken and nobody noticed; killed %d times at %s", c.rule, w.conductor.hitsOf(c.point), c.point)
			}
			t.Logf("caught: %v", caught)
		})
	}
}
