package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// sourceFile finds the one file in the vault with a film of that size.
func sourceFile(t *testing.T, data string, size int64) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(filepath.Join(data, "keep"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() == size {
			found = path
		}
		return nil
	})
	if err != nil || found == "" {
		t.Fatalf("no file of %d bytes in the vault: %v", size, err)
	}
	return found
}

// TestDamageIsFound: bytes rot on the disk; the scrub finds it, the event is sent, running transfers are cut and nobody
// gets the film any more. When the bytes are whole again the operator's check clears the mark.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 64 << 20})
	w := rig.NewWorld(t, film)
	args := databaseArgs(t)
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: append([]string{"--scrub-every", "1s", "--webhook", w.WebhookURL()}, args...)}
	p := rig.Start(t, o)
	c := p.Client(t)
	a := c.Ready(t, c.Create(t, w.FilmURL(film), nil).ID)
	open := c.SetMaster(t, a.ID, "temporary")
	conn, _ := slowly(t, open.Master.URL)
	defer conn.Close()

	path := sourceFile(t, p.Data(), 64<<20)
	flip(t, path)
	w.Wait(t, a.ID, "video.asset.master.errored")
	if got := c.Get(t, a.ID); got.MasterAccess != "temporary" || got.Master == nil || got.Master.Status != "errored" || got.Master.URL != "" {
		t.Errorf("the damaged master shows as %+v", got.Master)
	}
	if status, _, _, err := rig.Download(t.Context(), open.Master.URL); err != nil || status != http.StatusForbidden {
		t.Errorf("the link of a damaged master: %d %v", status, err)
	}
	if err := ends(conn); err != nil {
		t.Errorf("the running transfer: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	check := func(want int, say string, more ...string) {
		t.Helper()
		out, stderr, code := rig.Run(t, o.Binary, nil, append(append([]string{"check", "--data", o.Data}, more...), args...)...)
		if code != want || !strings.Contains(out, say) {
			t.Errorf("check %v: exit %d, want %d with %q\n%s%s", more, code, want, say, out, stderr)
		}
	}
	check(3, "damaged", "--deep")
	flip(t, path) // as a backup would put it back
	check(0, "healed", "--deep", "--repair")
	check(0, "0 findings open", "--deep")
	p = rig.Start(t, o)
	if got := p.Client(t).SetMaster(t, a.ID, "temporary"); got.Master.Status != "ready" {
		t.Errorf("after the repair: %+v", got.Master)
	}
}

// flip turns one bit in the middle of a file over.
func flip(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 30<<20); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], 30<<20); err != nil {
		t.Fatal(err)
	}
}

// ends reads until the connection ends, which it must soon.
func ends(conn interface {
	Read(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
},
) error {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buffer := make([]byte, 64<<10)
	for n := 0; ; {
		got, err := conn.Read(buffer)
		if n += got; os.IsTimeout(err) {
			return fmt.Errorf("still open after %d bytes more", n)
		}
		if err != nil {
			return nil //nolint:nilerr // its end is what is wanted
		}
	}
}

// TestBackupUnderLoad copies a keep while films come and go, and makes a server of the copy.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	if rig.Postgres() {
		t.Skip("with PostgreSQL the rows are pg_dump's")
	}
	film := films.Get(t, films.Spec{Duration: 4 * time.Second, PadTo: 24 << 20})
	sum, _ := rig.Sum(t, film)
	w := rig.NewWorld(t, film)
	o := rig.Options{Binary: rig.Binary(t), Data: t.TempDir()}
	p := rig.Start(t, o)
	c := p.Client(t)
	var stay []string
	for range 3 {
		stay = append(stay, c.Ready(t, c.Create(t, w.FilmURL(film), map[string]any{"passthrough": "stays"}).ID).ID)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() { // films come and go
			for {
				select {
				case <-stop:
					return
				default:
				}
				a := c.Settled(t, c.Create(t, w.FilmURL(film), nil).ID)
				c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, nil)
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "backup")
	for range 3 { // the second and third time into the same folder
		if _, stderr, code := rig.Run(t, o.Binary, nil, "backup", "--data", o.Data, dir); code != 0 {
			t.Errorf("backup: exit %d: %s", code, stderr)
		}
	}
	close(stop)
	load.Wait()
	restored := rig.Options{Binary: o.Binary, Data: filepath.Join(t.TempDir(), "data")}
	if _, stderr, code := rig.Run(t, o.Binary, nil, "restore", dir, "--data", restored.Data); code != 0 {
		t.Fatalf("restore: exit %d: %s", code, stderr)
	}
	out, stderr, _ := rig.Run(t, o.Binary, nil, "check", "--deep", "--data", restored.Data)
	for line := range strings.Lines(out) {
		// Films that were deleted while the last backup ran lie in it without a row: that is the order's price.
		if !strings.HasPrefix(line, "orphan") && !strings.Contains(line, "films checked") {
			t.Errorf("check of the restored keep: %s%s", line, stderr)
		}
	}
	r := rig.Start(t, restored)
	rc := r.Client(t)
	for _, id := range stay {
		open := rc.SetMaster(t, id, "temporary")
		if open.Master == nil || open.Master.Status != "ready" {
			t.Fatalf("restored asset %s: %+v", id, open)
		}
		if status, got, _, err := rig.Download(t.Context(), open.Master.URL); err != nil || status != http.StatusOK || got != sum {
			t.Errorf("restored film %s: %d %s %v", id, status, got, err)
		}
	}
}
