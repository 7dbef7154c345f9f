package hostile

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	files "filmcan/internal/filmtest/hostile"
)

func TestMain(m *testing.M) {
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

// all reports whether this run is for the whole corpus.
func all() bool { return os.Getenv("FILMCAN_TEST_HOSTILE") != "" }

// atOnce is how many files are with the server at a time: it has two processors in continuous integration.
const atOnce = 2

// maxRun is how long files are given to the server; the rest of six minutes is for what comes after.
const maxRun = 5 * time.Minute

// TestCorpus: each file ends as the corpus says, in time, in little memory, and without harm to anybody.
func TestCorpus(t *testing.T) {
	t.Parallel()
	b := newBait(t)
	corpus := files.Corpus(t, b.Places)
	if only := os.Getenv("FILMCAN_TEST_HOSTILE_ONLY"); only != "" {
		corpus = slices.DeleteFunc(corpus, func(f files.File) bool { return f.Name != only && string(f.Class) != only })
	} else if !all() {
		corpus = files.Sample(corpus, 2)
	}
	s := newStage(t, b)
	type turn struct {
		file   files.File
		upload bool
	}
	turns := make(chan turn)
	enough := time.NewTimer(maxRun)
	defer enough.Stop()
	var players sync.WaitGroup
	for range atOnce {
		players.Go(func() {
			for turn := range turns {
				r := s.play(turn.file, turn.upload)
				s.mu.Lock()
				s.rows = append(s.rows, r)
				if testing.Verbose() {
					fmt.Println(r) // as it happens
				}
				s.mu.Unlock()
			}
		})
	}
	go func() {
		defer close(turns)
		for _, f := range corpus {
			for _, upload := range []bool{false, true} {
				if upload && !f.Upload {
					continue
				}
				select {
				case turns <- turn{f, upload}:
				case <-enough.C:
					s.fault("the time is up at %s", f.Name)
					return
				case <-t.Context().Done():
					return
				}
			}
		}
	}()
	players.Wait()
	for i, r := range s.rows {
		if r.Memory.Sum > maxMemory || r.Took > maxTime {
			// It was not alone: once more, so that nobody is blamed for another.
			s.t.Logf("again, alone: %s", r)
			s.quiet()
			s.rows[i] = s.play(r.File, r.Upload)
		}
	}
	for _, r := range s.rows {
		s.judge(r)
	}
	s.settle()
	slowest := slices.MaxFunc(s.rows, func(a, b row) int { return int(a.Took - b.Took) })
	largest := slices.MaxFunc(s.rows, func(a, b row) int { return int(a.Memory.Sum - b.Memory.Sum) })
	t.Logf("%d files, the slowest:\n%s\nthe largest:\n%s", len(s.rows), slowest, largest)
	for _, f := range s.faults {
		t.Error(f)
	}
}
