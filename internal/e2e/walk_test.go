package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// start starts `filmcan dev` on a new folder and on the database of this run.
func start(t *testing.T, args ...string) *rig.Process {
	t.Helper()
	return rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: append(args, databaseArgs(t)...)})
}

// TestWalk is the walk of the master access guide, from outside.
func TestWalk(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 8 * time.Second})
	sum, size := rig.Sum(t, film)
	w := rig.NewWorld(t, film)
	p := start(t, "--webhook", w.WebhookURL())
	c := p.Client(t)

	a := c.Create(t, w.FilmURL(film), nil)
	if a.Status != "preparing" || a.MasterAccess != "none" {
		t.Errorf("right after creation: status %q master_access %q", a.Status, a.MasterAccess)
	}
	w.Wait(t, a.ID, "video.asset.ready")
	a = c.Ready(t, a.ID)
	if a.Duration < 7.9 || a.Duration > 8.1 {
		t.Errorf("duration %v of a film of 8 s", a.Duration)
	}
	if status, _, _, err := rig.Download(t.Context(), p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8"); err != nil || status != http.StatusOK {
		t.Errorf("playlist: %d %v", status, err)
	}

	read := c.Metric(t, "filmcan_vault_read_bytes_total")
	open := c.SetMaster(t, a.ID, "temporary")
	if after := c.Metric(t, "filmcan_vault_read_bytes_total"); after != read {
		t.Errorf("the PUT read %v bytes of films", after-read)
	}
	if open.Master == nil || open.Master.Status != "ready" || open.Master.SHA256 != sum || open.Master.Size != size {
		t.Fatalf("master after the PUT: %+v", open.Master)
	}
	ready := w.Wait(t, a.ID, "video.asset.master.ready")
	verify(t, ready, p.Env(t)["MUX_WEBHOOK_SECRET"])
	var data rig.Asset
	if err := json.Unmarshal(ready.Data, &data); err != nil || data.Master == nil || data.Master.URL != open.Master.URL {
		t.Errorf("the event's master is %+v (%v), the API's URL %s", data.Master, err, open.Master.URL)
	}
	if status, got, n, err := rig.Download(t.Context(), open.Master.URL); err != nil || status != http.StatusOK || got != sum || n != size {
		t.Errorf("download: %d, %d bytes, sha256 %s, %v; want %d bytes, %s", status, n, got, err, size, sum)
	}
	if status, text, _ := c.Call(t.Context(), http.MethodPut, "/video/v1/assets/"+a.ID+"/master-access", map[string]string{"master_access": "temporary"}, nil); status != http.StatusBadRequest || !strings.Contains(string(text), "Download already exists") {
		t.Errorf("a second enable: %d %s", status, text)
	}
	// Indexed, not copied; served as it lies: one copy on disk, and no ffmpeg anywhere.
	if written := c.Metric(t, "filmcan_vault_written_bytes_total"); written > 1.01*float64(size) {
		t.Errorf("%v bytes were written for a film of %d", written, size)
	}
	if starts := c.Metric(t, "filmcan_ffmpeg_starts_total"); starts != 0 {
		t.Errorf("ffmpeg was started %v times", starts)
	}
	closed := c.SetMaster(t, a.ID, "none")
	if closed.Master != nil || closed.MasterAccess != "none" {
		t.Errorf("after none: %+v", closed)
	}
	w.Wait(t, a.ID, "video.asset.master.deleted")
	if status, _, _, err := rig.Download(t.Context(), open.Master.URL); err != nil || status != http.StatusForbidden {
		t.Errorf("the revoked link: %d %v", status, err)
	}
	again := c.SetMaster(t, a.ID, "temporary")
	if again.Master.URL == open.Master.URL {
		t.Error("the new link is the old one")
	}
	c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, nil)
	w.Wait(t, a.ID, "video.asset.deleted")
	if status, _, _, _ := rig.Download(t.Context(), again.Master.URL); status != http.StatusForbidden && status != http.StatusNotFound {
		t.Errorf("the link of a deleted asset: %d", status)
	}
	c.Must(t, http.StatusNotFound, http.MethodGet, "/video/v1/assets/"+a.ID, nil, nil)
	want := []string{
		"video.asset.created", "video.asset.ready", "video.asset.master.preparing", "video.asset.master.ready",
		"video.asset.master.deleted", "video.asset.master.preparing", "video.asset.master.ready", "video.asset.deleted",
	}
	if got := w.Types(a.ID); !slices.Equal(got, want) {
		t.Errorf("events %v\nwant   %v", got, want)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// verify checks an event's signature (fact sheet, 4.5).
func verify(t *testing.T, e rig.Event, secret string) {
	t.Helper()
	stamp, v1, ok := strings.Cut(strings.TrimPrefix(e.Signature, "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", stamp, e.Body)
	if want := hex.EncodeToString(mac.Sum(nil)); !ok || v1 != want {
		t.Errorf("signature %q, want v1=%s", e.Signature, want)
	}
}

// TestRestartKeepsEverything stops the server and starts it again on the same folder.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second})
	sum, _ := rig.Sum(t, film)
	w := rig.NewWorld(t, film)
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: append([]string{"--webhook", w.WebhookURL()}, databaseArgs(t)...)}
	p := rig.Start(t, o)
	before := p.Env(t)
	a := p.Client(t).Create(t, w.FilmURL(film), map[string]any{"master_access": "temporary"})
	p.Client(t).Ready(t, a.ID)
	if err := p.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	p = rig.Start(t, o)
	after := p.Env(t)
	delete(before, "MUX_BASE_URL")
	delete(after, "MUX_BASE_URL")
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("the credentials changed")
	}
	got := p.Client(t).Get(t, a.ID)
	if got.Status != "ready" || got.Master == nil {
		t.Fatalf("after the restart: %+v", got)
	}
	if status, digest, _, err := rig.Download(t.Context(), got.Master.URL); err != nil || status != http.StatusOK || digest != sum {
		t.Errorf("download after the restart: %d %s %v", status, digest, err)
	}
}

// TestOneProcessPerFolder: SQLite belongs to one process; the second one is told so.
func TestOneProcessPerFolder(t *testing.T) {
	t.Parallel()
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir()}
	rig.Start(t, o)
	_, err := rig.TryStart(t, o)
	if err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("the second process: %v, want a sentence about another process", err)
	}
}

// TestExpiry: the link dies when its time is over, also across a restart, and the state goes back to none.
func TestExpiry(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second})
	w := rig.NewWorld(t, film)
	p := start(t, "--master-ttl", "2s", "--webhook", w.WebhookURL())
	c := p.Client(t)
	a := c.Create(t, w.FilmURL(film), nil)
	c.Ready(t, a.ID)
	open := c.SetMaster(t, a.ID, "temporary")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		if got := c.Get(t, a.ID); got.MasterAccess == "none" && got.Master == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("master access does not expire")
		}
	}
	if status, _, _, err := rig.Download(t.Context(), open.Master.URL); err != nil || status != http.StatusForbidden {
		t.Errorf("the expired link: %d %v", status, err)
	}
	again := c.SetMaster(t, a.ID, "temporary")
	if again.Master == nil || again.Master.URL == open.Master.URL {
		t.Errorf("enabled again: %+v", again.Master)
	}
}

// TestSourceCommand: the owner of the machine gets the film as it came.
func TestSourceCommand(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, Container: films.MOV})
	sum, _ := rig.Sum(t, film)
	w := rig.NewWorld(t, film)
	data := t.TempDir()
	args := databaseArgs(t)
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: data, Args: args})
	c := p.Client(t)
	a := c.Create(t, w.FilmURL(film), nil)
	c.Ready(t, a.ID)
	out := filepath.Join(t.TempDir(), "back.mov")
	if _, stderr, code := rig.Run(t, rig.Binary(t), nil, append([]string{"source", a.ID, "--data", data, "--output", out}, args...)...); code != 0 {
		t.Fatalf("source: exit %d: %s", code, stderr)
	}
	if got, _ := rig.Sum(t, out); got != sum {
		t.Errorf("the source came back as %s, want %s", got, sum)
	}
	if _, err := os.Stat(out + ".part"); err == nil {
		t.Error("a partial file is left")
	}
}
