package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			const address = "https://example.com/hook"
			hook := w.webhook(t, address)
			if !hook.Enabled || len(hook.Secret) < 32 || hook.Environment != w.env || !hook.CreatedAt.Equal(w.clock.Now()) {
				t.Errorf("created as %+v", hook)
			}
			_, err := w.CreateWebhook(ctx, w.env, address)
			wantCode(t, "the same address again", err, film.CodeInvalid)
			if _, err := w.CreateWebhook(ctx, w.environment(t, "Production"), address); err != nil {
				t.Errorf("the same address in another environment: %v", err)
			}
			w.clock.Advance(time.Second)
			second := w.webhook(t, address+"2")
			for page, want := range map[int][]film.Webhook{0: {second}, 1: {second}, 2: {hook}, 3: nil} {
				got, err := w.Webhooks(ctx, w.env, 1, page)
				must(t, err)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("page %d: %+v, want %+v", page, got, want)
				}
			}
			_, err = w.UpdateWebhook(ctx, w.env, second.ID, film.WebhookPatch{Address: new(address)})
			wantCode(t, "take another one's address", err, film.CodeInvalid)
			off, err := w.UpdateWebhook(ctx, w.env, hook.ID, film.WebhookPatch{Enabled: new(false), Address: new(address + "3")})
			must(t, err)
			got, err := w.Webhook(ctx, w.env, hook.ID)
			must(t, err)
			if off.Enabled || off.Address != address+"3" || off != got {
				t.Errorf("updated to %+v, read as %+v", off, got)
			}
			again, err := w.EnsureWebhook(ctx, w.env, off.Address)
			must(t, err)
			if got, _ := w.Webhook(ctx, w.env, hook.ID); again.ID != hook.ID || !again.Enabled || !got.Enabled || again.Secret != hook.Secret {
				t.Errorf("ensured as %+v, read as %+v", again, got)
			}
			third, err := w.EnsureWebhook(ctx, w.env, address+"4")
			must(t, err)
			if third.ID == hook.ID || !third.Enabled {
				t.Errorf("ensured anew as %+v", third)
			}
			must(t, w.DeleteWebhook(ctx, w.env, hook.ID))
			wantCode(t, "delete twice", w.DeleteWebhook(ctx, w.env, hook.ID), film.CodeNotFound)
			w.webhook(t, off.Address) // free again
		})
	}
}

// receiver works the jobs of deliveries as a webhook's door would, with the test's answers.
type receiver struct {
	*world
	// got are the events in the order in which they came, as "number: attempt".
	got []string
}

// work makes all attempts that are ordered for now, and those which they order, until there are none. Jobs of later
// times are returned.
func (r *receiver) work(tb testing.TB, answer func(d film.Delivery, attempt int) int) (later []film.Job) {
	tb.Helper()
	for {
		jobs := take[film.DeliverEvent](tb, r.world)
		ready := slices.DeleteFunc(slices.Clone(jobs), func(j film.Job) bool { return j.At.After(r.clock.Now()) })
		later = append(later, slices.DeleteFunc(jobs, func(j film.Job) bool { return !j.At.After(r.clock.Now()) })...)
		if len(ready) == 0 {
			return later
		}
		for _, j := range ready {
			r.attempt(tb, j.Args.(film.DeliverEvent), answer)
		}
	}
}

func (r *receiver) attempt(tb testing.TB, job film.DeliverEvent, answer func(d film.Delivery, attempt int) int) {
	tb.Helper()
	d, err := r.Delivery(tb.Context(), job.Delivery)
	if film.IsCode(err, film.CodeNotFound) {
		return
	}
	must(tb, err)
	if !d.Due(job) {
		return
	}
	r.got = append(r.got, fmt.Sprintf("%d: %d", d.Event.Seq, job.Attempt))
	a := film.Attempt{Number: job.Attempt, At: r.clock.Now(), Status: answer(d, job.Attempt)}
	must(tb, r.RecordAttempt(tb.Context(), job.Delivery, a, r.clock.Now().Add(time.Minute)))
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			hook := w.webhook(t, "https://example.com/hook")
			w.ready(t)                                                                  // events 1, 2
			a := w.assetWith(t, film.AssetSettings{MasterAccess: film.AccessTemporary}) // event 3
			must(t, w.AssetReady(ctx, a.ID, found()))                                   // events 4, 5, 6
			if jobs := take[film.DeliverEvent](t, w); len(jobs) != 2 {
				t.Fatalf("%d first attempts are ordered, want one per object", len(jobs))
			} else {
				must(t, w.db.InTx(ctx, insertJobs(w, jobs)))
			}
			r := &receiver{world: w}
			later := r.work(t, func(d film.Delivery, _ int) int {
				if d.Event.Seq == 4 {
					return 500
				}
				return 200
			})
			var first, second []string
			for _, word := range r.got {
				if strings.HasPrefix(word, "1:") || strings.HasPrefix(word, "2:") {
					first = append(first, word)
				} else {
					second = append(second, word)
				}
			}
			wantWords(t, "the first object's lane", first, "1: 1", "2: 1")
			wantWords(t, "the second object's lane", second, "3: 1", "4: 1", "5: 1", "6: 1")
			if len(later) != 1 || !later[0].At.Equal(w.clock.Now().Add(time.Minute)) {
				t.Fatalf("retries %v, want one in a minute", later)
			}

			// Every try is visible, and the deadline counts from the first.
			retry := later[0].Args.(film.DeliverEvent)
			started := w.clock.Now()
			for n := range 3 {
				w.clock.Advance(time.Minute)
				r.attempt(t, retry, func(film.Delivery, int) int { return 503 })
				r.attempt(t, retry, func(film.Delivery, int) int { t.Error("a recorded attempt is made again"); return 0 })
				later = take[film.DeliverEvent](t, w)
				if len(later) != 1 || later[0].Args.(film.DeliverEvent).Attempt != n+3 {
					t.Fatalf("after %d retries: %v", n+1, later)
				}
				retry = later[0].Args.(film.DeliverEvent)
			}
			d, err := w.Delivery(ctx, retry.Delivery)
			must(t, err)
			if len(d.Attempts) != 4 || d.Tries != 4 || d.Done || d.Attempts[3].Status != 503 || !d.Deadline.Equal(started.Add(24*time.Hour)) ||
				d.Webhook != hook || d.Event.Seq != 4 || d.Event.Snapshot.Asset.ID != a.ID {
				t.Errorf("after four tries: %+v", d)
			}

			// The last try is at the deadline; then it is given up.
			w.clock.Advance(24*time.Hour - 3*time.Minute - 30*time.Second)
			r.attempt(t, retry, func(film.Delivery, int) int { return 500 })
			later = take[film.DeliverEvent](t, w)
			if len(later) != 1 || !later[0].At.Equal(d.Deadline) {
				t.Fatalf("near the deadline %v is ordered, want the last one at %v", later, d.Deadline)
			}
			w.clock.Advance(30 * time.Second)
			r.attempt(t, later[0].Args.(film.DeliverEvent), func(film.Delivery, int) int { return 500 })
			if d, _ = w.Delivery(ctx, retry.Delivery); !d.Done || d.Outcome != film.OutcomeGivenUp {
				t.Errorf("after the deadline: %+v", d)
			}
			if later = take[film.DeliverEvent](t, w); len(later) != 0 {
				t.Errorf("after the deadline %v is ordered", later)
			}

			all, err := w.DeliveriesOfWebhook(ctx, w.env, hook.ID, 4, 1)
			must(t, err)
			rest, err := w.DeliveriesOfWebhook(ctx, w.env, hook.ID, 4, 2)
			must(t, err)
			var listed []string
			for _, d := range append(all, rest...) {
				listed = append(listed, fmt.Sprintf("%d %s %d", d.Event.Seq, d.Outcome, len(d.Attempts)))
			}
			wantWords(t, "deliveries of the webhook", listed, "6 delivered 1", "5 delivered 1", "4 given_up 6", "3 delivered 1", "2 delivered 1", "1 delivered 1")
			ofEvent, err := w.DeliveriesOfEvent(ctx, w.env, d.Event.ID)
			must(t, err)
			if len(ofEvent) != 1 || !reflect.DeepEqual(ofEvent[0], d) {
				t.Errorf("deliveries of the event: %+v", ofEvent)
			}
		})
	}
}

// TestLanes shows that an event waits for the first attempt of the one before, and that it is released just once.
func TestLanes(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			w.webhook(t, "https://example.com/a")
			w.webhook(t, "https://example.com/b")
			a := w.asset(t)
			must(t, w.AssetReady(ctx, a.ID, found()))
			jobs := take[film.DeliverEvent](t, w)
			if len(jobs) != 2 {
				t.Fatalf("%d first attempts are ordered, want one per webhook", len(jobs))
			}
			head := jobs[0].Args.(film.DeliverEvent).Delivery
			fail := film.Attempt{Number: 1, At: w.clock.Now(), Failure: "no answer"}
			must(t, w.RecordAttempt(ctx, head, fail, w.clock.Now().Add(time.Minute)))
			ordered := take[film.DeliverEvent](t, w)
			if len(ordered) != 2 { // the retry and the next in the lane
				t.Fatalf("after a failed first attempt: %v", ordered)
			}
			next := ordered[0].Args.(film.DeliverEvent)
			if next.Delivery == head || next.Attempt != 1 || !ordered[0].At.IsZero() {
				t.Errorf("the next in the lane is ordered as %v", ordered[0])
			}
			// A second worker records the same attempt: seen, but nothing is ordered by it.
			must(t, w.RecordAttempt(ctx, head, fail, w.clock.Now().Add(time.Minute)))
			if ordered = take[film.DeliverEvent](t, w); len(ordered) != 0 {
				t.Errorf("the same attempt recorded twice orders %v", ordered)
			}
			d, err := w.Delivery(ctx, head)
			must(t, err)
			if len(d.Attempts) != 2 || d.Tries != 1 {
				t.Errorf("the same attempt recorded twice: %+v", d)
			}
			// An event that comes while the lane's next is under way waits for it, too.
			_, err = w.UpdateAsset(ctx, w.env, a.ID, film.AssetPatch{Title: new("t")})
			must(t, err)
			if ordered = take[film.DeliverEvent](t, w); len(ordered) != 0 {
				t.Errorf("an event overtakes: %v", ordered)
			}
			if err := w.RecordAttempt(ctx, head, film.Attempt{At: w.clock.Now()}, w.clock.Now()); err == nil {
				t.Error("an attempt without a number is recorded")
			}
			wantCode(t, "an unknown delivery", w.RecordAttempt(ctx, "nothing", fail, w.clock.Now()), film.CodeNotFound)
		})
	}
}

func TestDisabledWebhook(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			hook := w.webhook(t, "https://example.com/hook")
			a := w.ready(t)
			job := take[film.DeliverEvent](t, w)[0].Args.(film.DeliverEvent)
			_, err := w.UpdateWebhook(ctx, w.env, hook.ID, film.WebhookPatch{Enabled: new(false)})
			must(t, err)
			d, err := w.Delivery(ctx, job.Delivery)
			must(t, err)
			if !d.Done || d.Outcome != film.OutcomeDropped || d.Due(job) {
				t.Errorf("on its way to a disabled webhook: %+v", d)
			}
			// The attempt was under way: it is recorded, and orders nothing.
			must(t, w.RecordAttempt(ctx, job.Delivery, film.Attempt{Number: 1, At: w.clock.Now(), Status: 500}, w.clock.Now()))
			if jobs := take[film.DeliverEvent](t, w); len(jobs) != 0 {
				t.Errorf("a disabled webhook gets %v", jobs)
			}
			_, err = w.UpdateAsset(ctx, w.env, a.ID, film.AssetPatch{Title: new("while it was off")})
			must(t, err)
			_, err = w.UpdateWebhook(ctx, w.env, hook.ID, film.WebhookPatch{Enabled: new(true)})
			must(t, err)
			_, err = w.UpdateAsset(ctx, w.env, a.ID, film.AssetPatch{Title: new("on again")})
			must(t, err)
			r := &receiver{world: w}
			r.work(t, func(film.Delivery, int) int { return 200 })
			wantWords(t, "received after it is on again", r.got, "4: 1")

			_, err = w.UpdateAsset(ctx, w.env, a.ID, film.AssetPatch{Title: new("and gone")})
			must(t, err)
			job = take[film.DeliverEvent](t, w)[0].Args.(film.DeliverEvent)
			must(t, w.DeleteWebhook(ctx, w.env, hook.ID))
			_, err = w.Delivery(ctx, job.Delivery)
			wantCode(t, "a delivery to a deleted webhook", err, film.CodeNotFound)
			wantCode(t, "its attempt", w.RecordAttempt(ctx, job.Delivery, film.Attempt{Number: 1}, w.clock.Now()), film.CodeNotFound)
			if n := w.lastSeq(t); len(w.events(t, 0)) != int(n) {
				t.Errorf("%d of %d events are left without their webhook", len(w.events(t, 0)), n)
			}
		})
	}
}

func TestAttemptIsBounded(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.webhook(t, "https://example.com/hook")
			w.asset(t)
			id := take[film.DeliverEvent](t, w)[0].Args.(film.DeliverEvent).Delivery
			a := film.Attempt{
				Number: 1, At: w.clock.Now(), Took: 30 * time.Millisecond, Status: 200, Finished: true,
				Failure: "f", Body: "ñ\x00\xff" + strings.Repeat("ü", 1<<20), Header: map[string]string{"Content-Type": "text/plain"},
			}
			for i := range 1000 {
				a.Header[fmt.Sprintf("X-%d", i)] = strings.Repeat("h", 1<<10)
			}
			must(t, w.RecordAttempt(t.Context(), id, a, w.clock.Now()))
			d, err := w.Delivery(t.Context(), id)
			must(t, err)
			got := d.Attempts[0]
			if size := len(got.Body); size < 2000 || size > 2100 || !strings.HasPrefix(got.Body, "ñ\x00\ufffdü") {
				t.Errorf("%d bytes of the body are kept: %q", size, got.Body[:10])
			}
			if len(got.Header) != 32 || got.Header["Content-Type"] != "text/plain" || len(got.Header["X-0"]) != 256 {
				t.Errorf("%d headers are kept", len(got.Header))
			}
			got.Body, got.Header, a.Body, a.Header, a.ID = "", nil, "", nil, got.ID
			if !reflect.DeepEqual(got, a) || got.ID == "" {
				t.Errorf("kept %+v of %+v", got, a)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			must(t, w.db.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error { // more than one batch
				_, change := film.CreateAsset(film.NewAsset{}, w.clock.Now())
				_, err := w.storeEvents(ctx, tx, w.env, slices.Repeat(change.Events, pruneBatch+10))
				return err
			}))
			old := w.ready(t)
			_, err := w.SetMasterAccess(ctx, w.env, old.ID, film.AccessTemporary)
			must(t, err)
			w.webhook(t, "https://example.com/hook")
			open := w.asset(t) // still being delivered
			last := w.lastSeq(t)
			w.clock.Advance(DefaultRetention + 48*time.Hour)
			w.asset(t)
			n, err := w.PruneEvents(ctx, w.clock.Now().Add(-DefaultRetention))
			must(t, err)
			if n != last-1 {
				t.Errorf("%d events of %d are forgotten, want all but the one that is on its way", n, last)
			}
			events, err := w.EventsAfter(ctx, w.env, 0, 10)
			must(t, err)
			if len(events) != 2 || events[0].Object.ID != string(open.ID) || events[1].Seq != last+1 || w.lastSeq(t) != last+1 {
				t.Errorf("left are %+v", events)
			}
			var grants int
			must(t, w.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM grants`).Scan(&grants))
			if grants != 0 {
				t.Errorf("%d grants of old are left", grants)
			}
		})
	}
}

// TestOverdueDelivery loses a job and finds that its delivery goes on.
func TestOverdueDelivery(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			w.webhook(t, "https://example.com/hook")
			w.ready(t)
			lost := take[film.DeliverEvent](t, w)
			w.clock.Advance(24*time.Hour + 30*time.Minute)
			must(t, w.HandlePruneEvents(ctx, film.PruneEvents{}))
			if jobs := take[film.DeliverEvent](t, w); len(jobs) != 0 {
				t.Errorf("before its time %v is ordered", jobs)
			}
			w.clock.Advance(31 * time.Minute)
			must(t, w.HandlePruneEvents(ctx, film.PruneEvents{}))
			must(t, w.HandlePruneEvents(ctx, film.PruneEvents{}))
			jobs := take[film.DeliverEvent](t, w)
			wantJobs(t, jobs, lost...)
			must(t, w.db.InTx(ctx, insertJobs(w, jobs)))
			r := &receiver{world: w}
			r.work(t, func(film.Delivery, int) int { return 200 })
			wantWords(t, "received", r.got, "1: 1", "2: 1")
		})
	}
}
