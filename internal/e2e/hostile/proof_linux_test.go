package hostile

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	files "filmcan/internal/filmtest/hostile"
)

// TestHarmIsReal runs ffmpeg as one who trusts files would: it goes where they point, and the bait notices. So the silence
// in TestCorpus is the server's doing, not the files'.
func TestHarmIsReal(t *testing.T) {
	t.Parallel()
	const trusting = "file,http,tcp,crypto,data,subfile,concat"
	playlist := []string{"-extension_picky", "0", "-allowed_segment_extensions", "ALL", "-allowed_extensions", "ALL", "-protocol_whitelist", trusting}
	for _, tt := range []struct {
		file   string
		args   []string
		opened bool
		called bool
	}{
		{"hls-file.mp4", playlist, true, false},
		{"hls-http.mov", playlist, false, true},
		{"hls-key.ts", playlist, true, false},
		{"concat.mp4", []string{"-safe", "0", "-protocol_whitelist", trusting}, true, false},
		{"concat-bare.mp4", []string{"-f", "concat", "-safe", "0", "-protocol_whitelist", trusting}, true, false},
		{"dref-alis.mov", []string{"-enable_drefs", "1", "-use_absolute_path", "1"}, true, false},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			b := newBait(t)
			corpus := files.Corpus(t, b.Places)
			f := corpus[slices.IndexFunc(corpus, func(f files.File) bool { return f.Name == tt.file })]
			path := filepath.Join(t.TempDir(), "film")
			if err := f.Write(path); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			out, _ := exec.CommandContext(ctx, "ffmpeg", slices.Concat([]string{"-nostdin", "-v", "error"}, tt.args, []string{"-i", path, "-t", "1", "-f", "null", "-"})...).CombinedOutput()
			deadline := time.Now().Add(5 * time.Second)
			for tick := time.NewTicker(10 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
				if (b.opened.Load() > 0 || !tt.opened) && (b.called.Load() > 0 || !tt.called) {
					return
				}
			}
			t.Errorf("opened %d times, called %d times; want %v, %v\n%s", b.opened.Load(), b.called.Load(), tt.opened, tt.called, out)
		})
	}
}

// TestCheckerNotices gives the server a prober that does all that it should not, and no sandbox: the checks of TestCorpus
// find each of it.
func TestCheckerNotices(t *testing.T) {
	t.Parallel()
	b := newBait(t)
	host, port, _ := strings.Cut(b.Host, ":")
	script := fmt.Sprintf("#!/bin/bash\ncase \"$*\" in *-version*) exec ffprobe \"$@\";; esac\ncat %s >&2\nexec 9<>/dev/tcp/%s/%s\nhead -c 600000000 /dev/zero | tail -n 1 | wc -c >&2\nexit 1\n", b.Canary, host, port)
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, b, "--no-sandbox", "--ffprobe", bad)
	corpus := files.Corpus(t, b.Places)
	f := corpus[slices.IndexFunc(corpus, func(f files.File) bool { return f.Name == "hls-in-flv.flv" })]
	r := s.play(f, false)
	s.judge(r)
	r.Took, r.Status, r.Message = maxTime+1, "errored", "exit status 1"
	s.judge(r)
	r.Status = "preparing"
	s.judge(r)
	if err := os.MkdirAll(filepath.Join(s.p.Data(), "work", "film"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"work/film/left", "derived/left"} {
		if err := os.WriteFile(filepath.Join(s.p.Data(), name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.settle()
	found := strings.Join(s.faults, "\n")
	for _, want := range []string{
		"the canary was opened", "the listener was called", "MB of memory", "took 30", "says nothing", "preparing, want errored", "left behind: /film/left",
		"/derived/left has the canary's words", "the log has the canary's words",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("%q was not noticed", want)
		}
	}
	t.Logf("noticed:\n%s", found)
}

// TestServerIsGuarded: the server of TestCorpus has its sandbox, or says at its start that it has none.
func TestServerIsGuarded(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Serve: true})
	status, text, err := (&rig.Client{Base: p.Base(), HTTP: http.DefaultClient}).Call(t.Context(), http.MethodGet, "/readyz", nil, nil)
	if err != nil || !strings.Contains(string(text), "active (Landlock") {
		t.Errorf("%d %s %v", status, text, err)
	}
}
