// Package clients runs the official clients against the real program: the Node SDK, the CLI, and the players in a real
// Chromium. `make test-clients` installs what it needs; without FILMCAN_TEST_CLIENTS the tests are skipped.
package clients

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

func TestMain(m *testing.M) {
	code := m.Run()
	rig.CleanBinaries()
	os.Exit(code)
}

// scripts is the folder of the clients and their tests, seen from here.
const scripts = "../../../test/clients"

// run runs one script of the folder with node's test runner, with a server of its own.
func run(t *testing.T, script string, env ...string) {
	t.Helper()
	wanted(t)
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--tls", "--tls-listen", "127.0.0.1:0"}})
	for name, value := range p.Env(t) {
		env = append(env, name+"="+value)
	}
	node(t, script, append(env, "CUSTOM_DOMAIN="+strings.TrimPrefix(p.TLS(), "https://"), "TLS_URL="+p.TLS(),
		"NODE_EXTRA_CA_CERTS="+filepath.Join(p.Data(), "tls", "ca.pem"), "DERIVED="+filepath.Join(p.Data(), "derived")))
}

// wanted skips the test where the clients are not there.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("FILMCAN_TEST_CLIENTS") == "" {
		t.Skip("needs FILMCAN_TEST_CLIENTS, Node and Chromium: make test-clients")
	}
}

// node runs a script with node's test runner.
func node(t *testing.T, script string, env []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", script)
	cmd.Dir = scripts
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%s: %v", script, err)
	}
}

// web serves a film, an HTML page, and the film that never comes to its end.
func web(t *testing.T, film string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/page.html":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><title>Not a film</title><p>Hello")
		case r.URL.Query().Has("slow"):
			w.Header().Set("Content-Length", "1000000")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			http.ServeFile(w, r, film)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestSDK(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 8 * time.Second})
	sum, _ := rig.Sum(t, film)
	s := web(t, film)
	run(t, "sdk.test.mjs", "FILM_URL="+s.URL+"/film.mp4", "FILM_SHA256="+sum, "PAGE_URL="+s.URL+"/page.html")
}

func TestCLI(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second})
	sum, _ := rig.Sum(t, film)
	s := web(t, film)
	run(t, "cli.test.mjs", "FILM_URL="+s.URL+"/film.mp4", "FILM="+film, "FILM_SHA256="+sum)
}

func TestPlayers(t *testing.T) {
	t.Parallel()
	s := web(t, films.Get(t, films.Spec{Duration: time.Minute, Width: 640, Height: 360, BFrames: 2, GOP: 2 * time.Second}))
	run(t, "player.test.mjs", "COUNTER_URL="+s.URL+"/film.mp4")
}

// TestRenditions plays films that are encoded for it in one way or another, at all their sizes.
func TestRenditions(t *testing.T) {
	t.Parallel()
	wanted(t)
	run(t, "renditions.test.mjs", served(t, screened())...)
}

// screened are the films of TestRenditions: 30 frames a second, of a whole number of seconds. Each is cut and encoded in
// another way.
func screened() map[string]films.Spec {
	const second = time.Second
	return map[string]films.Spec{
		// A made master, which is passed through, and a rung.
		"VP9": {Duration: 24 * second, Width: 640, Height: 360, Container: films.WebM, Video: films.VP9, Audio: films.Opus, GOP: 5 * second},
		// Passed through in segments of 8 s, and three rungs.
		"LONG": {Duration: 32 * second, Width: 1280, Height: 720, BFrames: 2, GOP: 8 * second},
		// An encoded base.
		"OPEN": {Duration: 24 * second, Width: 640, Height: 360, BFrames: 2, GOP: 2 * second, OpenGOP: true},
		// Nothing is passed through, and most segments begin inside a group of pictures.
		"SPARSE": {Duration: 32 * second, Width: 640, Height: 360, BFrames: 2, GOP: 14 * second},
		// Two pictures that stand for six seconds, up to a cut: see stills in the script.
		"STILLS": {Width: 640, Height: 360, BFrames: 2, GOP: 400 * time.Millisecond, Duration: 22 * second, Shown: stills()},
		// Passed through to players that know HEVC. Chromium gets rungs.
		"HEVC": {Duration: 16 * second, Width: 640, Height: 360, Video: films.HEVC, BFrames: 2, GOP: 2 * second},
	}
}

// stills are the times of five pictures a second, from 0 to 5, 11 to 15 and 21 to 22 s.
func stills() (shown []time.Duration) {
	for at := time.Duration(0); at < 22*time.Second; at += time.Second / 5 {
		if at <= 5*time.Second || at >= 11*time.Second && at <= 15*time.Second || at >= 21*time.Second {
			shown = append(shown, at)
		}
	}
	return shown
}

// served makes films and serves them: NAME_URL of each.
func served(t *testing.T, all map[string]films.Spec) (env []string) {
	t.Helper()
	for name, spec := range all {
		film := films.Get(t, spec)
		env = append(env, name+"_URL="+web(t, film).URL+"/"+filepath.Base(film))
	}
	return env
}

func TestUploaders(t *testing.T) {
	t.Parallel()
	run(t, "upload.test.mjs", uploads(t)...)
}

// TestUploadersOnTwoNodes sends the same films to two servers on one PostgreSQL: every connection goes to the other one.
func TestUploadersOnTwoNodes(t *testing.T) {
	t.Parallel()
	wanted(t)
	cluster := rig.NewCluster(t)
	a, client := cluster.Start(t)
	b, _ := cluster.Start(t)
	node(t, "upload.test.mjs", append(uploads(t), "MUX_BASE_URL="+a.Base(), "NODES="+a.Base()+","+b.Base(),
		"MUX_TOKEN_ID="+client.ID, "MUX_TOKEN_SECRET="+client.Secret))
}

// uploads are the films that are sent.
func uploads(t *testing.T) (env []string) {
	t.Helper()
	for name, spec := range map[string]films.Spec{
		"FILM":  {Duration: 14 * time.Second, Width: 1280, Height: 720, Grain: true, PadTo: 200_000_000},
		"SMALL": {Duration: 14 * time.Second, Width: 1280, Height: 720, Grain: true, PadTo: 10 << 20},
		"OTHER": {Duration: 13 * time.Second, Width: 1280, Height: 720, BFrames: 2, Grain: true, PadTo: 10 << 20},
	} {
		film := films.Get(t, spec)
		sum, _ := rig.Sum(t, film)
		env = append(env, name+"="+film, name+"_SHA256="+sum)
	}
	return env
}
