package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// delivery is what GET …/deliveries tells of one.
type delivery struct {
	EventID  string `json:"event_id"`
	Object   struct{ ID string }
	Status   string
	Attempts []attempt
}

type attempt struct {
	CreatedAt time.Time `json:"created_at"`
	Status    int       `json:"response_status_code"`
	Error     string    `json:"error"`
}

// tried is what an event's body tells of earlier attempts.
type tried struct {
	Attempts []struct {
		Address string
		Status  int `json:"response_status_code"`
	}
}

func addWebhook(t *testing.T, c *rig.Client, url string) (id string) {
	t.Helper()
	var hook struct{ ID string }
	c.Must(t, http.StatusCreated, http.MethodPost, "/system/v1/webhooks", map[string]string{"address": url}, &hook)
	return hook.ID
}

// TestBadReceivers: receivers that are dead, silent, broken or sorry for themselves for a while get their events again,
// later and later, in the order of each object; one that is well notices nothing of them.
func TestBadReceivers(t *testing.T) {
	t.Parallel()
	const objects, changes, more = 10, 20, 2 // 200 events beside one dead receiver, and some for the others
	film := films.Get(t, films.Spec{Duration: 2 * time.Second})
	well, sorry := rig.NewWorld(t, film), rig.NewWorld(t)
	sorry.Answer(func(e rig.Event) int {
		if strings.Contains(string(e.Body), `"attempts":[]`) {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--webhook", well.WebhookURL()}})
	c := p.Client(t)
	var assets []string
	for range objects {
		assets = append(assets, c.Create(t, well.FilmURL(film), nil).ID)
	}
	for _, id := range assets {
		c.Ready(t, id)
		well.Wait(t, id, "video.asset.ready")
	}
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	answer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("thanks ", 300)))
	}))
	t.Cleanup(answer.Close)
	hooks := map[string]string{"silent": addWebhook(t, c, newLine(t, answer.URL, fault{stall, 0}).url("/"))}

	sent := map[string]time.Time{}
	change := func(n int) {
		for _, id := range assets {
			note := fmt.Sprintf("%s %d", id, n)
			sent[note] = time.Now()
			c.Must(t, http.StatusOK, http.MethodPatch, "/video/v1/assets/"+id, map[string]string{"passthrough": note}, nil)
		}
	}
	for n := range changes {
		change(n)
		arrivals(t, well, assets, len(sent)) // ten at a time: this is about delay, not about throughput
	}
	delays := make([]time.Duration, 0, len(sent))
	arrived := arrivals(t, well, assets, len(sent))
	for note, at := range arrived {
		delays = append(delays, at.Sub(sent[note]))
	}
	slices.Sort(delays)
	p99 := delays[len(delays)*99/100]
	t.Logf("%d events beside a receiver that never answers: median %s, p99 %s, longest %s", len(delays), delays[len(delays)/2], p99, delays[len(delays)-1])
	if p99 > time.Second {
		t.Errorf("p99 of the delay is %s", p99)
	}
	hooks["dead"] = addWebhook(t, c, dead.URL)
	hooks["broken"] = addWebhook(t, c, newLine(t, answer.URL, fault{cut, 500}).url("/"))
	hooks["sorry"] = addWebhook(t, c, sorry.WebhookURL())
	for n := range more {
		change(changes + n)
	}
	arrivals(t, well, assets, len(sent))
	inOrder(t, well, assets, changes+more)

	// The one that is sorry takes each event at its second try, with the same id, told of the first.
	until(t, time.Minute, "the receiver that is sorry has taken an event", func() bool {
		return slices.ContainsFunc(assets, func(id string) bool {
			return slices.ContainsFunc(sorry.Deliveries(id), func(e rig.Event) bool { return !strings.Contains(string(e.Body), `"attempts":[]`) })
		})
	})
	for _, id := range assets {
		checkRetries(t, sorry, id, changes)
	}
	for name, hook := range hooks {
		checkRecord(t, c, name, hook)
	}
}

// arrivals waits until that many changes have arrived and returns when each did.
func arrivals(t *testing.T, w *rig.World, assets []string, want int) map[string]time.Time {
	t.Helper()
	at := map[string]time.Time{}
	until(t, time.Minute, "all events have arrived", func() bool {
		for _, id := range assets {
			for _, e := range w.Events(id) {
				if e.Type == "video.asset.updated" {
					at[passthrough(t, e)] = e.At
				}
			}
		}
		return len(at) == want
	})
	return at
}

func passthrough(t *testing.T, e rig.Event) string {
	t.Helper()
	var a rig.Asset
	if err := json.Unmarshal(e.Data, &a); err != nil {
		t.Fatal(err)
	}
	return a.Passthrough
}

func inOrder(t *testing.T, w *rig.World, assets []string, changes int) {
	t.Helper()
	for _, id := range assets {
		n := 0
		for _, e := range w.Events(id) {
			if e.Type != "video.asset.updated" {
				continue
			}
			if want := fmt.Sprintf("%s %d", id, n); passthrough(t, e) != want {
				t.Errorf("out of order: %q came where %q is due", passthrough(t, e), want)
			}
			n++
		}
		if n != changes {
			t.Errorf("%d changes of %s came, want %d", n, id, changes)
		}
	}
}

// checkRetries looks at what a receiver got that refuses first tries: first tries in order, second ones that name them.
func checkRetries(t *testing.T, w *rig.World, asset string, n int) {
	t.Helper()
	first := map[string]string{}
	for _, e := range w.Deliveries(asset) {
		var told tried
		if err := json.Unmarshal(e.Body, &told); err != nil {
			t.Fatal(err)
		}
		note := passthrough(t, e)
		if len(told.Attempts) == 0 {
			if want := fmt.Sprintf("%s %d", asset, n); note != want {
				t.Errorf("first tries out of order: %q where %q is due", note, want)
			}
			first[e.ID] = note
			n++
			continue
		}
		if told.Attempts[0].Status != http.StatusInternalServerError || told.Attempts[0].Address != w.WebhookURL() {
			t.Errorf("the second try tells of the first: %+v", told.Attempts)
		}
		if first[e.ID] != note {
			t.Errorf("the second try of %q has the id of %q", note, first[e.ID])
		}
	}
}

// checkRecord looks at the attempts that are recorded of a bad receiver: why they failed, and that the pauses grow.
func checkRecord(t *testing.T, c *rig.Client, name, hook string) {
	t.Helper()
	var tries []delivery
	until(t, 50*time.Second, "a delivery to the receiver that is "+name+" was tried often enough", func() bool {
		tries = nil
		for page := range 3 {
			var some []delivery
			c.Must(t, http.StatusOK, http.MethodGet, fmt.Sprintf("/system/v1/webhooks/%s/deliveries?limit=100&page=%d", hook, page+1), nil, &some)
			tries = append(tries, some...)
		}
		enough := 2
		if name == "silent" {
			enough = 1 // each try costs it five seconds, and its line is long
		}
		return slices.ContainsFunc(tries, func(d delivery) bool { return len(d.Attempts) >= enough || d.Status == "delivered" })
	})
	for _, d := range tries {
		if name == "sorry" && len(d.Attempts) > 0 && d.Attempts[0].Status != http.StatusInternalServerError ||
			name != "sorry" && slices.ContainsFunc(d.Attempts, func(a attempt) bool { return a.Error == "" }) {
			t.Errorf("%s: the record does not say what was wrong: %+v", name, d.Attempts)
		}
		least := 3750 * time.Millisecond // 5 s, less the jitter, and doubled each time
		for i := 1; i < len(d.Attempts); i++ {
			if gap := d.Attempts[i].CreatedAt.Sub(d.Attempts[i-1].CreatedAt); gap < least {
				t.Errorf("%s: attempt %d came %s after the one before", name, i+1, gap)
			}
			least *= 2
		}
	}
}
