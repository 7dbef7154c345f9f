package upload

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
)

// TestTimeout waits out the least time that an upload can have. One to which nothing came, one that was left half done
// and one whose client drips are timed out then, without an event, and their URLs take nothing more; one that was
// completed is what it was.
func TestTimeout(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute")
	}
	const timeout = time.Minute
	outside := rig.NewWorld(t)
	_, c := server(t, "--webhook", outside.WebhookURL())
	f := filmA(t)
	began := time.Now()
	create := func() rig.Upload { return c.CreateUpload(t, map[string]any{"timeout": int(timeout.Seconds())}) }
	done, empty, half, drip := create(), create(), create(), create()
	rest(t, done.URL, f, 8*mib)
	chunk(t, half.URL, f, 0, mib, 308, mib)
	conn := raw(t, drip.URL, fmt.Sprintf("Content-Range: bytes 0-%d/%d\r\nContent-Length: %d\r\n", f.size()-1, f.size(), f.size()), f.bytes[:mib])
	stop := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for at := mib; ; at++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := conn.Write(f.bytes[at : at+1]); err != nil {
					return
				}
			}
		}
	})
	defer dripping.Wait()
	defer close(stop)
	for _, u := range []struct {
		what string
		rig.Upload

		latest time.Duration
	}{
		{"nothing came", empty, timeout + 10*time.Second},
		{"half done", half, timeout + 10*time.Second},
		{"dripping", drip, timeout + 25*time.Second},
	} {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		now := c.GetUpload(t, u.ID)
		for ; now.Status == "waiting" && time.Since(began) < u.latest; now = c.GetUpload(t, u.ID) {
			<-tick.C
		}
		after := time.Since(began)
		if now.Status != "timed_out" || now.URL != "" || now.AssetID != "" || now.Error != nil || after < timeout {
			t.Fatalf("%s: %+v after %s", u.what, now, after)
		}
		t.Logf("%s: timed out after %s", u.what, after.Round(100*time.Millisecond))
		got, err := rig.Chunk(t.Context(), u.URL, f, mib, 2*mib, f.size())
		check(t, "a chunk after the end", got, err, http.StatusGone, 0)
		got, err = rig.Ask(t.Context(), u.URL, f.size())
		check(t, "a question after the end", got, err, http.StatusGone, 0)
		c.Must(t, http.StatusForbidden, http.MethodPut, "/video/v1/uploads/"+u.ID+"/cancel", nil, nil)
		if got := outside.Types(u.ID); !slices.Equal(got, []string{"video.upload.created"}) {
			t.Errorf("%s: events %v", u.what, got)
		}
	}
	became(t, c, done, f)
}
