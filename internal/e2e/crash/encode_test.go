//go:build crashtest

package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// encodePlot is a film that must be encoded, and what of.
type encodePlot struct {
	film films.Spec
	// standard: it is ready as it came, and its sound is encoded afterwards.
	standard bool
	// made: its master is another file.
	made bool
	// base and sound are encoded beside the master.
	base, sound bool
	// rest is how many frames stand behind two whole chunks.
	rest int
}

// small makes a film that is encoded in a moment, and yet in three chunks: 250 frames in 25 seconds.
func small(s films.Spec) films.Spec {
	s.Width, s.Height, s.Duration, s.Rate, s.GOP = 160, 90, 25*time.Second, films.Rate{Num: 10, Den: 1}, 5*time.Second
	return s
}

// Of a small film.
const (
	smallFrames = 250
	chunkFrames = 100 // of each chunk but the last
)

func encodePlots() []encodePlot {
	return []encodePlot{
		{film: small(films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.MP3}), made: true, rest: 51}, // one frame time is skipped at its start
		{film: small(films.Spec{OpenGOP: true, BFrames: 2}), base: true, rest: 50},
		{film: small(films.Spec{Container: films.MKV, OpenGOP: true, BFrames: 2, Audio: films.AC3, Channels: 6}), made: true, base: true, sound: true},
		{film: small(films.Spec{Channels: 6}), standard: true, sound: true},
	}
}

func (w *world) encodeStory(n int) *story {
	list := encodePlots()
	p := &list[n%len(list)]
	s := &story{world: w, film: films.Get(w.t, p.film), tag: fmt.Sprintf("story %d", n), encode: p}
	if !p.made {
		s.sum, _ = rig.Sum(w.t, s.film)
	}
	return s
}

// derivedFiles are the files of the folder of derived things.
func (w *world) derivedFiles() ([]string, error) {
	root := filepath.Join(w.options.Data, "derived")
	var list []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(root, path)
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	return list, err
}

// whole checks that a film that is ready is ready: what it is played from is there, with each of its frames.
func (s *story) whole(ctx context.Context) error {
	p := s.encode
	if p == nil || !p.base && !p.sound {
		return nil
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if err := s.world.alive(); err != nil {
			return err
		}
		list, err := s.world.derivedFiles()
		if err != nil {
			return err
		}
		// Films that were deleted may not be purged yet; the one that was never seen before is the story's.
		got := map[film.FilmID]map[string]string{}
		for _, key := range list {
			id, kind, ok := film.ArtifactOf(key)
			if ok && !s.world.met[id] && (kind == film.KindBase || kind == film.KindSound) {
				if got[id] == nil {
					got[id] = map[string]string{}
				}
				got[id][kind] = filepath.Join(s.world.options.Data, "derived", key)
			}
		}
		if len(got) > 1 {
			return fmt.Errorf("bases of more films than one: %v", got)
		}
		for id, of := range got {
			if (of[film.KindBase] != "") == p.base && (of[film.KindSound] != "") == p.sound {
				s.world.met[id] = true
				if p.base {
					return s.frames(of[film.KindBase])
				}
				return nil
			}
		}
		if !p.standard {
			return fmt.Errorf("it is ready, and what it is played from is not there: %v", got)
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("its sound is not encoded: %v", got)
		}
	}
}

// master downloads the master and looks at its frames.
func (s *story) master(ctx context.Context, link string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	file, err := os.Create(filepath.Join(s.world.t.TempDir(), "master.mp4"))
	if err != nil {
		return err
	}
	_, err = io.Copy(file, res.Body)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return s.frames(file.Name())
}

// frames wants each frame of the film once, in order.
func (s *story) frames(path string) error {
	got, want := films.Counters(s.world.t, path, s.encode.film.Width), make([]int, smallFrames)
	for i := range want {
		want[i] = i
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%d frames, want %d: %v", len(got), len(want), got)
	}
	return nil
}

// helpers are the processes that work on the world's films beside its server.
func (w *world) helpers() []string {
	var list []string
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range found {
		text, err := os.ReadFile(path)
		args := strings.Split(string(text), "\x00")
		if err != nil || !strings.Contains(string(text), w.options.Data+"/") || slices.Contains(args, "--data") {
			continue
		}
		list = append(list, filepath.Base(filepath.Dir(path))+" "+strings.Join(args, " "))
	}
	return list
}

// alone waits for the end of those that the dead server has left; the kernel ends them with it.
func (w *world) alone() error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := w.helpers()
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes outlive their server:\n%s", strings.Join(left, "\n"))
		}
	}
}

// tidy looks for what nobody will ever use again: what is derived from films that are gone, work files, processes.
func (w *world) tidy() error {
	if left := w.helpers(); len(left) > 0 {
		return fmt.Errorf("processes are left:\n%s", strings.Join(left, "\n"))
	}
	work, err := filepath.Glob(filepath.Join(w.options.Data, "work", "*"))
	if err != nil || len(work) > 0 {
		return fmt.Errorf("work files are left: %v %w", work, err)
	}
	derived, err := w.derivedFiles()
	if err != nil {
		return err
	}
	for _, key := range derived {
		if _, kind, ok := film.ArtifactOf(key); !ok || kind == film.KindChunk || kind == film.KindBase || kind == film.KindSound {
			return fmt.Errorf("derived things are left: %v", derived)
		}
	}
	return nil
}

// encoding tells the points that matter to encodings; [TestCrash] sees to the others.
func encoding(point string) bool {
	for _, p := range []string{
		"export.", "intake.before-order", "intake.master-made", "intake.looked", "intake.before-ready", "intake.after-ready",
		"catalog.committed:transcoding", "catalog.committed:ready", "vault.before-seal", "vault.sealed", "vault.before-compose", "vault.composed",
	} {
		if strings.HasPrefix(point, p) {
			return true
		}
	}
	return strings.HasSuffix(point, ":encode_asset") || strings.HasSuffix(point, ":make_base")
}

// TestCrashEncoding is TestCrash for films that must be encoded.
func TestCrashEncoding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	ctx := t.Context()
	n := 0
	for range encodePlots() { // calm: what points are there?
		if err := w.encodeStory(n).live(ctx); err != nil {
			t.Fatalf("without a crash: %v", err)
		}
		n++
	}
	if err := w.clean(ctx); err != nil {
		t.Fatalf("without a crash: %v", err)
	}
	points := slices.DeleteFunc(w.conductor.points(), func(p string) bool { return !encoding(p) })
	for _, p := range []string{
		"export.frame", "export.chunk", "export.before-sound", "export.sound", "export.composing", "export.base",
		"intake.before-order", "intake.master-made", "catalog.committed:transcoding",
		"queue.job-started:encode_asset", "queue.job-done:encode_asset", "queue.job-started:make_base", "queue.job-done:make_base",
	} {
		if !slices.Contains(points, p) {
			t.Fatalf("%s is not announced: %v", p, points)
		}
	}
	calm := w.conductor.counts()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d, %d points", seed, len(points))
	began := time.Now()
	for round := range max(1, *seeds/5) { // a story takes seconds
		for _, point := range points {
			before := w.conductor.hitsOf(point)
			w.conductor.arm(point, random.IntN(max(1, calm[point]/len(encodePlots()))))
			for try := 0; w.conductor.hitsOf(point) == before; try++ {
				if try == 2*len(encodePlots()) {
					t.Fatalf("round %d: %s was not reached in %d stories", round, point, try)
				}
				if err := w.encodeStory(n).live(ctx); err != nil {
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

// TestKilledEncodeLosesOneChunk: however often a process dies over an encoding, the next one goes on behind the last
// whole chunk.
func TestKilledEncodeLosesOneChunk(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1} { // a made master; a base
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			ctx := t.Context()
			s := w.encodeStory(n)
			// In the middle of the first chunk, of the second, and of the second once more: the process that is killed
			// there has begun with it. Then in the middle of the last.
			const half = chunkFrames / 2
			w.conductor.arm("export.frame", half)
			if err := s.create(ctx); err != nil {
				t.Fatal(err)
			}
			for _, next := range []int{chunkFrames + half, half, chunkFrames + half/2, -1} {
				p, _ := w.current()
				select {
				case <-p.Ended():
				case <-time.After(patience):
					t.Fatal("the program does not come to the armed point")
				}
				if next >= 0 {
					w.conductor.arm("export.frame", next)
				}
				if err := w.restart(p); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.goOn(ctx); err != nil {
				t.Fatal(err)
			}
			_, c := w.current()
			if got := c.Metric(t, "filmcan_encoded_frames_total"); got != float64(s.encode.rest) {
				t.Errorf("the last process encoded %v frames, want %d", got, s.encode.rest)
			}
			if got := c.Metric(t, "filmcan_encoded_chunks_reused_total"); got != 2 {
				t.Errorf("the last process found %v chunks, want 2", got)
			}
			if err := w.clean(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// long is a film that takes some seconds to encode, and not to make.
func long() films.Spec {
	return films.Spec{
		Container: films.MKV, Video: films.MPEG4, Audio: films.MP3, Width: 1280, Height: 720, Grain: true,
		Duration: 5 * time.Second, Loop: 24,
	}
}

// TestDeletedWhileEncoding: with the asset its encoder goes, within two seconds, and all that it had made.
func TestDeletedWhileEncoding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	ctx := t.Context()
	for _, at := range []string{"export.frame", "export.chunk"} {
		s := &story{world: w, film: films.Get(t, long()), tag: "deleted at " + at, encode: &encodePlot{film: long(), made: true}}
		before := w.conductor.counts()[at]
		if err := s.create(ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, func() bool { return w.conductor.counts()[at] > before })
		if len(w.helpers()) == 0 {
			t.Fatal("there is no encoder while a film is encoded")
		}
		if err := s.remove(ctx); err != nil {
			t.Fatal(err)
		}
		answered := time.Now()
		eventually(t, 5*time.Second, func() bool { return len(w.helpers()) == 0 })
		if took := time.Since(answered); took > 2*time.Second {
			t.Errorf("the encoder ended %s after its film", took)
		} else {
			t.Logf("the encoder ended %s after its film", took)
		}
		if err := w.clean(ctx); err != nil {
			t.Error(err)
		}
		want := []string{"video.asset.created", "video.asset.non_standard_input_detected", "video.asset.deleted"}
		eventually(t, patience, func() bool { return len(w.outside.Types(s.id)) >= len(want) })
		if got := w.outside.Types(s.id); !slices.Equal(got, want) {
			t.Errorf("events: %v", got)
		}
		if list, err := w.derivedFiles(); err != nil || len(list) > 0 {
			t.Errorf("left: %v %v", list, err)
		}
	}
}

func eventually(t *testing.T, within time.Duration, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s", within)
		}
	}
}

// TestEncodeOnTwoServers: what one server dies over another takes up, with the chunks that are there; and an asset that
// is deleted on one ends the encoder of the other.
func TestEncodeOnTwoServers(t *testing.T) {
	t.Parallel()
	if !rig.Postgres() {
		t.Skip("servers share a PostgreSQL")
	}
	outside, conductor := rig.NewWorld(t), newConductor(t)
	nodes := rig.NewCluster(t, "crashtest")
	nodes.Setenv("FILMCAN_POINTS=" + conductor.path)
	a, ca := nodes.Start(t)
	b, cb := nodes.Start(t)
	w := &world{t: t, options: rig.Options{Data: a.Data()}, outside: outside}

	for _, p := range encodePlots()[:2] {
		path := films.Get(t, p.film)
		conductor.arm("export.frame", chunkFrames+chunkFrames/2)
		asset := ca.Create(t, outside.FilmURL(path), nil)
		var alive *rig.Client
		select {
		case <-a.Ended():
			alive = cb
		case <-b.Ended():
			alive = ca
		case <-time.After(patience):
			t.Fatal("no server comes to the armed point")
		}
		died := time.Now()
		frames := alive.Metric(t, "filmcan_encoded_frames_total")
		alive.Ready(t, asset.ID)
		took := time.Since(died)
		t.Logf("ready %s after a server died over it", took.Round(time.Millisecond))
		if frames = alive.Metric(t, "filmcan_encoded_frames_total") - frames; frames != float64(p.rest+chunkFrames) {
			t.Errorf("the other server encoded %v frames, want %d", frames, p.rest+chunkFrames)
		}
		s := &story{world: w, encode: &p}
		if p.base {
			list, err := w.derivedFiles()
			if err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			for _, key := range list {
				if _, kind, _ := film.ArtifactOf(key); kind == film.KindBase {
					if err := s.frames(filepath.Join(a.Data(), "derived", key)); err != nil {
						t.Error(err)
					}
				}
			}
		}
		alive.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+asset.ID, nil, nil)
		eventually(t, patience, func() bool { list, err := w.derivedFiles(); return err == nil && len(list) == 0 })
		select { // the dead one comes back
		case <-a.Ended():
			a, ca = nodes.Start(t)
		default:
			b, cb = nodes.Start(t)
		}
	}

	path := films.Get(t, long())
	before := conductor.counts()["export.chunk"]
	had := cb.Metric(t, "filmcan_encoded_frames_total")
	asset := ca.Create(t, outside.FilmURL(path), nil)
	eventually(t, patience, func() bool { return conductor.counts()["export.chunk"] > before })
	deleter := cb
	if cb.Metric(t, "filmcan_encoded_frames_total") > had {
		deleter = ca // not the one that encodes
	}
	deleter.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+asset.ID, nil, nil)
	answered := time.Now()
	eventually(t, 5*time.Second, func() bool { return len(w.helpers()) == 0 })
	if took := time.Since(answered); took > 2*time.Second {
		t.Errorf("the encoder ended %s after its film", took)
	}
	eventually(t, patience, func() bool { return w.tidy() == nil })
}
