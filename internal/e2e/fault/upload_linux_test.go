package fault

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// TestNoRoomForUpload: an upload for whose bytes there is no room is told to come again, with the one status that keeps
// UpChunk trying; what was promised stays, and when there is room it goes on. `filmcan upload` does so by itself.
func TestNoRoomForUpload(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 128*mib, 0)
	path := films.Get(t, films.Spec{Duration: 2 * time.Second, PadTo: 40 * mib})
	sum, size := rig.Sum(t, path)
	film, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: d.data()})
	c := p.Client(t)
	u := c.CreateUpload(t, nil)
	send := func(from, to int64) rig.Sent {
		t.Helper()
		got, err := rig.Chunk(t.Context(), u.URL, film, from, to, size)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const first = 8 * mib
	if got := send(0, first); got.Status != http.StatusPermanentRedirect || got.Stored != first {
		t.Fatalf("the first chunk: %+v", got)
	}
	d.leave(10 * mib)
	promised := int64(first)
	for promised < size {
		got := send(promised, min(promised+first, size))
		if got.Status == http.StatusServiceUnavailable && got.RetryAfter != "" {
			break
		}
		if got.Status != http.StatusPermanentRedirect || got.Stored <= promised {
			t.Fatalf("on a full disk at %d: %+v", promised, got)
		}
		promised = got.Stored
	}
	if promised == size {
		t.Fatal("the disk was not full")
	}
	if now := c.GetUpload(t, u.ID); now.Status != "waiting" {
		t.Fatalf("on a full disk the upload is %s", now.Status)
	}

	// A second one, by the command, which waits for the room.
	cmd := exec.CommandContext(t.Context(), rig.Binary(t), "upload", "--env-file", filepath.Join(d.data(), "mux.env"), "--wait", path)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	said := filepath.Join(t.TempDir(), "said")
	f, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.Stderr = f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text := func() string { b, _ := os.ReadFile(said); return string(b) }
	until(t, short, "the command is told that there is no room", func() bool { return strings.Contains(text(), "503") })
	d.relieve()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("filmcan upload: %v\n%s", err, text())
	}

	got, err := rig.Ask(t.Context(), u.URL, size)
	if err != nil || got.Status != http.StatusPermanentRedirect || got.Stored < promised {
		t.Fatalf("with room again: %+v %v, promised were %d", got, err, promised)
	}
	if got := send(got.Stored, size); got.Status != http.StatusOK {
		t.Fatalf("the rest: %+v", got)
	}
	ready := c.Ready(t, c.GetUpload(t, u.ID).AssetID)
	download(t.Context(), t, ready, sum)
}
