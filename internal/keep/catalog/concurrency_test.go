package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
)

// TestOneAssetManyWriters changes one asset from many goroutines: no change is lost, and each is one commit.
func TestOneAssetManyWriters(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			a := w.ready(t)
			seq := w.lastSeq(t)
			const writers = 100
			var group sync.WaitGroup
			for i := range writers {
				group.Go(func() {
					var err error
					if i%2 == 0 {
						_, err = w.CreatePlayback(t.Context(), w.env, a.ID, film.PolicyPublic)
					} else {
						_, err = w.UpdateAsset(t.Context(), w.env, a.ID, film.AssetPatch{Passthrough: new(fmt.Sprint(i))})
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			got := w.shown(t, a.ID)
			if len(got.Playbacks) != 1+writers/2 || got.Revision != a.Revision+writers {
				t.Errorf("%d playback ids at revision %d, want %d at %d", len(got.Playbacks), got.Revision, 1+writers/2, a.Revision+writers)
			}
			events, err := w.EventsAfter(t.Context(), w.env, seq, writers+1)
			must(t, err)
			for i, e := range events {
				if e.Snapshot.Asset.Revision != a.Revision+int64(i)+1 || e.Seq != seq+int64(i)+1 {
					t.Errorf("event %d has revision %d: the events are not in the order of the commits", e.Seq, e.Snapshot.Asset.Revision)
				}
			}
			if len(events) != writers {
				t.Errorf("%d events of %d changes", len(events), writers)
			}
		})
	}
}

// TestEventsAreSeenInOrder reads the events as the stream does while many write: no number is ever seen before a lower
// one, and none is missing.
func TestEventsAreSeenInOrder(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			const writers, each = 6, 5
			var group sync.WaitGroup
			for range writers {
				group.Go(func() {
					for range each {
						a, err := w.CreateAsset(t.Context(), w.env, film.AssetSettings{MasterAccess: film.AccessTemporary}, nil)
						if err == nil {
							err = w.AssetReady(t.Context(), a.ID, found())
						}
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			done := make(chan struct{})
			go func() { group.Wait(); close(done) }()
			seen := int64(0)
			for finished := false; ; {
				events, err := w.EventsAfter(t.Context(), w.env, seen, 7)
				must(t, err)
				for _, e := range events {
					if seen++; e.Seq != seen {
						t.Fatalf("event %d is seen where %d is next", e.Seq, seen)
					}
				}
				if len(events) > 0 {
					continue
				}
				if finished {
					break
				}
				select {
				case <-done:
					finished = true
				default:
				}
			}
			if want := int64(writers * each * 4); seen != want || w.lastSeq(t) != want {
				t.Errorf("%d events are seen and the last is %d, want %d", seen, w.lastSeq(t), want)
			}
		})
	}
}

// TestLanesUnderLoad works deliveries from several goroutines, with failures and jobs done twice, while events keep
// coming and webhooks come and go: in each lane first attempts arrive in order, each once or, where the job was
// doubled, right after itself; everything is delivered; nobody deadlocks.
func TestLanesUnderLoad(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			for i := range 3 {
				w.webhook(t, fmt.Sprint("https://example.com/", i))
			}
			var assets []film.AssetID
			for range 4 {
				assets = append(assets, w.ready(t).ID)
			}
			const writers, each, workers = 3, 5, 3
			var (
				writing, working sync.WaitGroup
				mu               sync.Mutex
				lanes            = map[string][]int64{}
			)
			written := make(chan struct{})
			for range writers {
				writing.Go(func() {
					for i := range each {
						id := assets[rand.IntN(len(assets))]
						if _, err := w.CreatePlayback(ctx, w.env, id, film.PolicyPublic); err != nil {
							t.Error(err)
						}
						if i%5 == 0 { // webhooks change under the events' feet
							hook, err := w.CreateWebhook(ctx, w.env, "https://example.com/"+drawShort[string]())
							if err == nil {
								_, err = w.UpdateWebhook(ctx, w.env, hook.ID, film.WebhookPatch{Enabled: new(false)})
							}
							if err == nil {
								err = w.DeleteWebhook(ctx, w.env, hook.ID)
							}
							if err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			go func() { writing.Wait(); close(written) }()
			attempt := func(job film.DeliverEvent) {
				d, err := w.Delivery(ctx, job.Delivery)
				if film.IsCode(err, film.CodeNotFound) || err == nil && !d.Due(job) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				status := 200
				if rand.IntN(3) == 0 {
					status = 500
				}
				if job.Attempt == 1 {
					mu.Lock()
					lane := d.Webhook.Address + " " + d.Event.Object.ID
					lanes[lane] = append(lanes[lane], d.Event.Seq)
					mu.Unlock()
				}
				err = w.RecordAttempt(ctx, job.Delivery, film.Attempt{Number: job.Attempt, At: w.clock.Now(), Status: status}, w.clock.Now())
				if err != nil && !film.IsCode(err, film.CodeNotFound) {
					t.Error(err)
				}
			}
			for range workers {
				working.Go(func() {
					for idle := false; ; {
						jobs := take[film.DeliverEvent](t, w)
						for _, j := range jobs {
							attempt(j.Args.(film.DeliverEvent))
							if rand.IntN(4) == 0 {
								attempt(j.Args.(film.DeliverEvent)) // its worker died after the commit
							}
						}
						if len(jobs) > 0 {
							idle = false
							continue
						}
						if idle {
							return // nothing in two looks since the writers ended: what is left is in others' hands
						}
						select {
						case <-written:
							idle = true
						default:
						}
					}
				})
			}
			working.Wait()
			for _, j := range take[film.DeliverEvent](t, w) { // ordered after the last worker's last look
				for job := j.Args.(film.DeliverEvent); ; job.Attempt++ {
					if d, err := w.Delivery(ctx, job.Delivery); err != nil || d.Done {
						break
					}
					attempt(job)
				}
			}
			for lane, seqs := range lanes {
				if !slices.IsSorted(seqs) {
					t.Errorf("in lane %s first attempts were in the order %v", lane, seqs)
				}
			}
			hooks, err := w.Webhooks(ctx, w.env, 10, 1)
			must(t, err)
			if len(hooks) != 3 {
				t.Errorf("%d webhooks are left", len(hooks))
			}
			total := int(w.lastSeq(t))
			for _, hook := range hooks {
				all, err := w.DeliveriesOfWebhook(ctx, w.env, hook.ID, 1000, 1)
				must(t, err)
				for _, d := range all {
					if d.Outcome != film.OutcomeDelivered {
						t.Errorf("event %d is %q after %d tries", d.Event.Seq, d.Outcome, d.Tries)
					}
				}
				if len(all) != total {
					t.Errorf("%d deliveries of %d events", len(all), total)
				}
			}
		})
	}
}

// TestNoDeadlock mixes every kind of writing on a few objects. sqldb would run a deadlocked transaction again; here
// PostgreSQL is asked whether there was any.
func TestNoDeadlock(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			w.webhook(t, "https://example.com/hook")
			assets := []film.AssetID{w.ready(t).ID, w.ready(t).ID, w.ready(t).ID}
			var group sync.WaitGroup
			for worker := range 8 {
				group.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(worker)))
					for range 15 {
						id := assets[r.IntN(len(assets))]
						var err error
						switch r.IntN(9) {
						case 0, 1:
							_, err = w.SetMasterAccess(ctx, w.env, id, film.AccessTemporary)
						case 2, 3:
							_, err = w.SetMasterAccess(ctx, w.env, id, film.AccessNone)
						case 4:
							err = w.DamageMaster(ctx, id, "x")
						case 5:
							err = w.RepairMaster(ctx, id)
						case 6:
							for _, j := range take[film.DeliverEvent](t, w) {
								job := j.Args.(film.DeliverEvent)
								a := film.Attempt{Number: job.Attempt, At: w.clock.Now(), Status: 500 - 300*r.IntN(2)}
								err = w.RecordAttempt(ctx, job.Delivery, a, w.clock.Now().Add(time.Minute))
							}
						case 7:
							var a film.Asset
							if a, err = w.CreateAsset(ctx, w.env, film.AssetSettings{Policies: []film.Policy{film.PolicyPublic}}, nil); err == nil {
								err = w.DeleteAsset(ctx, w.env, a.ID)
							}
						case 8:
							_, err = w.PruneEvents(ctx, w.clock.Now().Add(-time.Hour))
						}
						if err != nil && !film.IsCode(err, film.CodeInvalid) {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			if w.db.Pool() == nil {
				return
			}
			w.db.Pool().Reset() // a connection's counts are sure to be seen once it is gone
			for others := 1; others > 0; {
				must(t, w.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&others))
			}
			var deadlocks int
			must(t, w.db.Read().QueryRowContext(ctx, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&deadlocks))
			if deadlocks > 0 {
				t.Errorf("%d deadlocks", deadlocks)
			}
		})
	}
}
