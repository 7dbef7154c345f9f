//go:build crashtest

package crash

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
)

// TestUploadsExpireThroughCrashes kills the program while it ends uploads whose time is over: all of them are timed out
// all the same, and nothing is left of their bytes. The least timeout is a minute, so all uploads share one.
func TestUploadsExpireThroughCrashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	ctx := t.Context()
	var kills []string
	for range min(*seeds, 10) { // all must have begun before the first one's time is over
		kills = append(kills, "queue.job-started:expire_upload", "catalog.committed:upload_expired", "queue.job-done:expire_upload",
			"queue.job-started:purge_film", "vault.deleting", "vault.deleted", "queue.job-done:purge_film")
	}
	p, c := w.current()
	began := time.Now()
	// More than one life brings to its end beside the one over which it is killed.
	uploads := make([]rig.Upload, 12*len(kills))
	for i := range uploads {
		uploads[i] = c.CreateUpload(t, map[string]any{"timeout": 60})
		if i%3 == 0 {
			continue // nothing comes
		}
		got, err := rig.Put(ctx, uploads[i].URL, fmt.Sprintf("bytes 0-%d/%d", 4095, 1<<20), io.LimitReader(film0{}, 4096), 4096)
		if err != nil || got.Status != 308 {
			t.Fatalf("first chunk: %+v %v", got, err)
		}
	}
	if took := time.Since(began); took > 50*time.Second {
		t.Fatalf("to begin %d uploads took %s", len(uploads), took)
	}
	w.conductor.arm(kills[0], 0)
	for i, point := range kills {
		select {
		case <-p.Ended():
		case <-time.After(time.Minute + patience):
			t.Fatalf("the program does not come to %s", point)
		}
		if i+1 < len(kills) {
			w.conductor.arm(kills[i+1], 0) // before it lives again: it has much to do at once
		}
		if err := w.restart(p); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
		p, _ = w.current()
	}
	if err := w.clean(ctx); err != nil {
		t.Fatal(err)
	}
	_, c = w.current()
	for deadline := time.Now().Add(patience); ; {
		waiting := slices.IndexFunc(uploads, func(u rig.Upload) bool { return c.GetUpload(t, u.ID).Status != "timed_out" })
		if waiting < 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after its time the upload is %+v", c.GetUpload(t, uploads[waiting].ID))
		}
	}
	if err := w.clean(ctx); err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads {
		if got := w.outside.Types(u.ID); !slices.Equal(got, []string{"video.upload.created"}) {
			t.Fatalf("events of an upload that timed out: %v", got)
		}
	}
	t.Logf("%d uploads, %d starts of the program\n%s", len(uploads), w.starts, w.conductor.table())
}
