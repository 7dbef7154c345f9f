package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestUploadLife(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			settings := film.AssetSettings{
				MaxTier: film.Tier1080p, Quality: film.QualityPlus, Policies: []film.Policy{film.PolicyPublic, film.PolicySigned},
				MasterAccess: film.AccessTemporary, Meta: film.Meta{Title: "Titel ñ"}, Passthrough: "p",
			}
			u, err := w.CreateUpload(ctx, w.env, settings, "https://example.com", 10*time.Minute)
			must(t, err)
			w.wantUpload(t, u)
			if u.Status != film.UploadWaiting || u.Asset != "" || len(u.ID) != longID || !reflect.DeepEqual(u.Settings, settings) {
				t.Errorf("created as %+v", u)
			}
			wantJobs(t, take[film.ExpireUpload](t, w), film.Job{Args: film.ExpireUpload{Upload: u.ID}, At: w.clock.Now().Add(10 * time.Minute)})
			if owned, err := w.HasFilm(ctx, u.Film); !owned || err != nil {
				t.Errorf("a waiting upload's film has a row: %v, %v", owned, err)
			}

			w.clock.Advance(time.Minute)
			done, err := w.CompleteUpload(ctx, u.ID)
			must(t, err)
			w.wantUpload(t, done)
			a := w.shown(t, done.Asset)
			if done.Status != film.UploadAssetCreated || done.Revision != 1 {
				t.Errorf("completed as %+v", done)
			}
			if a.Status != film.AssetPreparing || a.IngestType != film.IngestUpload || a.Upload != u.ID || a.Film != u.Film ||
				!reflect.DeepEqual(a.Settings, settings) || !a.CreatedAt.Equal(w.clock.Now()) {
				t.Errorf("the asset is %+v", a)
			}
			for i, policy := range settings.Policies {
				_, p, err := w.ResolvePlayback(ctx, a.Playbacks[i].ID)
				if err != nil || p.Policy != policy {
					t.Errorf("playback id %d: %+v, %v", i, p, err)
				}
			}
			wantJobs(t, take[film.IngestUploaded](t, w), film.Job{Args: film.IngestUploaded{Asset: a.ID}})

			// The last answer was lost; the asset's later life does not matter.
			again := func() {
				t.Helper()
				got, err := w.CompleteUpload(ctx, u.ID)
				if err != nil || got.Asset != a.ID {
					t.Errorf("completed again: %+v, %v", got, err)
				}
			}
			again()
			must(t, w.AssetReady(ctx, a.ID, found()))
			again()
			listed, _, err := w.Assets(ctx, w.env, AssetFilter{Upload: u.ID})
			must(t, err)
			if !slices.Equal(ids(listed), []film.AssetID{a.ID}) {
				t.Errorf("assets of the upload: %v", ids(listed))
			}

			// Whatever else comes too late.
			_, err = w.CancelUpload(ctx, w.env, u.ID)
			wantCode(t, "cancel after completion", err, film.CodeForbidden)
			must(t, w.FailUpload(ctx, u.ID, film.UploadFailure{Type: "invalid_input"}))
			w.clock.Advance(time.Hour)
			must(t, w.ExpireUpload(ctx, u.ID))
			w.wantUpload(t, done)
			if owned, err := w.HasFilm(ctx, u.Film); !owned || err != nil {
				t.Errorf("an asset's film has a row: %v, %v", owned, err)
			}
			must(t, w.DeleteAsset(ctx, w.env, a.ID))
			again()
			wantWords(t, "events", w.events(t, 0), "video.upload.created", "video.upload.asset_created", "created", "ready",
				"master.preparing", "master.ready", "deleted")
			events, err := w.EventsAfter(ctx, w.env, 0, 3)
			must(t, err)
			for i, want := range []film.Upload{u, done} {
				e := events[i]
				if e.Seq != int64(i+1) || e.Object != (film.Object{Type: film.ObjectUpload, ID: string(u.ID)}) ||
					!reflect.DeepEqual(e.Snapshot, film.Snapshot{Upload: &want}) {
					t.Errorf("event %d is %+v of %+v", i, e, e.Snapshot.Upload)
				}
			}
		})
	}
}

// TestUploadEndsWithoutAsset takes each of the ways: the film's row goes, a purge is ordered once, and nothing that comes
// later changes anything.
func TestUploadEndsWithoutAsset(t *testing.T) {
	t.Parallel()
	failure := film.UploadFailure{Type: "invalid_input", Message: "The input is not a film: it is an archive."}
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			for _, c := range []struct {
				how    string
				end    func(film.UploadID) error
				status film.UploadStatus
				events []string
			}{
				{"cancelled", func(id film.UploadID) error { _, err := w.CancelUpload(ctx, w.env, id); return err }, film.UploadCancelled, []string{"video.upload.cancelled"}},
				{"failed", func(id film.UploadID) error { return w.FailUpload(ctx, id, failure) }, film.UploadErrored, []string{"video.upload.errored"}},
				{"expired", func(id film.UploadID) error { w.clock.Advance(film.UploadTimeout); return w.ExpireUpload(ctx, id) }, film.UploadTimedOut, nil},
			} {
				u := w.upload(t)
				seq := w.lastSeq(t)
				must(t, c.end(u.ID))
				got, err := w.Upload(ctx, w.env, u.ID)
				must(t, err)
				if got.Status != c.status || got.Asset != "" || got.Revision != 1 || (got.Failure != nil) != (c.how == "failed") {
					t.Errorf("%s: %+v", c.how, got)
				}
				if got.Failure != nil && *got.Failure != failure {
					t.Errorf("%s: %+v", c.how, *got.Failure)
				}
				if owned, err := w.HasFilm(ctx, u.Film); owned || err != nil {
					t.Errorf("%s: its film has a row: %v, %v", c.how, owned, err)
				}
				wantJobs(t, take[film.PurgeFilm](t, w), film.Job{Args: film.PurgeFilm{Film: u.Film}})
				wantWords(t, c.how, w.events(t, seq), c.events...)

				before := w.dump(t)
				_, err = w.CompleteUpload(ctx, u.ID)
				wantCode(t, c.how+", then completed", err, film.CodeForbidden)
				_, err = w.CancelUpload(ctx, w.env, u.ID)
				wantCode(t, c.how+", then cancelled", err, film.CodeForbidden)
				must(t, w.FailUpload(ctx, u.ID, film.UploadFailure{Type: "other"}))
				w.clock.Advance(film.UploadTimeout)
				must(t, w.ExpireUpload(ctx, u.ID))
				if after := w.dump(t); after != before {
					t.Errorf("%s: what came later changed something: %s", c.how, difference(before, after))
				}
			}
			must(t, w.ExpireUpload(ctx, "nothing"))
		})
	}
}

func TestUploadExpiresInTime(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			u := w.upload(t)
			before := w.dump(t)
			w.clock.Advance(film.UploadTimeout - time.Second)
			err := w.ExpireUpload(t.Context(), u.ID)
			if later, ok := errors.AsType[*film.Later](err); !ok || later.After != time.Second {
				t.Errorf("a second before its time: got %v", err)
			}
			if after := w.dump(t); after != before {
				t.Errorf("before its time something changed: %s", difference(before, after))
			}
			// Late, but nobody has ended it: the last byte counts.
			w.clock.Advance(time.Hour)
			if got, err := w.CompleteUpload(t.Context(), u.ID); err != nil || got.Asset == "" {
				t.Errorf("completed late: %+v, %v", got, err)
			}
		})
	}
}

// TestAssetTakesUploadWithIt errors an upload's asset.
func TestAssetTakesUploadWithIt(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			u, err := w.CompleteUpload(ctx, w.upload(t).ID)
			must(t, err)
			seq := w.lastSeq(t)
			must(t, w.AssetFailed(ctx, u.Asset, film.Failure{Type: "invalid_input", Messages: []string{"No film.", "Not at all."}}))
			got, err := w.Upload(ctx, w.env, u.ID)
			must(t, err)
			want := u
			want.Status, want.Revision = film.UploadErrored, u.Revision+1
			want.Failure = &film.UploadFailure{Type: "invalid_input", Message: "No film. Not at all."}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the upload is %+v, want %+v", got, want)
			}
			if a := w.shown(t, u.Asset); a.Status != film.AssetErrored {
				t.Errorf("the asset is %+v", a)
			}
			wantWords(t, "events", w.events(t, seq), "errored", "video.upload.errored")
			if purges := take[film.PurgeFilm](t, w); len(purges) > 0 {
				t.Errorf("the bytes are the asset's, but a purge is ordered: %v", purges)
			}
			if owned, err := w.HasFilm(ctx, u.Film); !owned || err != nil {
				t.Errorf("its film has a row: %v, %v", owned, err)
			}
			wantCode(t, "failed twice", w.AssetFailed(ctx, u.Asset, film.Failure{}), film.CodeConflict)
			if again, err := w.CompleteUpload(ctx, u.ID); err != nil || !reflect.DeepEqual(again, want) {
				t.Errorf("completed again: %+v, %v", again, err)
			}
			wantWords(t, "events in the end", w.events(t, seq), "errored", "video.upload.errored")
		})
	}
}

func TestUploadList(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			var all []film.Upload // newest first
			for i := range 7 {
				if i%3 != 0 { // some share their microsecond
					w.clock.Advance(time.Microsecond)
				}
				all = append(all, w.upload(t))
			}
			slices.SortFunc(all, func(a, b film.Upload) int {
				if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
					return c
				}
				return strings.Compare(string(b.ID), string(a.ID))
			})
			for limit := range 9 {
				var got []film.Upload
				for page := 1; ; page++ {
					part, err := w.Uploads(ctx, w.env, limit, page)
					must(t, err)
					if len(part) == 0 {
						break
					}
					got = append(got, part...)
				}
				if !reflect.DeepEqual(got, all) {
					t.Errorf("in pages of %d: %d uploads %+v, want %d, newest first", limit, len(got), got, len(all))
				}
			}
		})
	}
}

// TestManyCompletions brings the last byte of one upload a hundred times at once.
func TestManyCompletions(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			u := w.upload(t)
			const at = 100
			assets := make([]film.AssetID, at)
			var group sync.WaitGroup
			for i := range at {
				group.Go(func() {
					got, err := w.CompleteUpload(t.Context(), u.ID)
					if err != nil {
						t.Error(err)
					}
					assets[i] = got.Asset
				})
			}
			group.Wait()
			if one := slices.Compact(assets); len(one) != 1 || one[0] == "" {
				t.Errorf("the answers name the assets %q", one)
			}
			if all, _, err := w.Assets(t.Context(), w.env, AssetFilter{}); err != nil || len(all) != 1 || all[0].ID != assets[0] {
				t.Errorf("there are %d assets, %v", len(all), err)
			}
			wantWords(t, "events", w.events(t, 0), "video.upload.created", "video.upload.asset_created", "created")
			wantJobs(t, take[film.IngestUploaded](t, w), film.Job{Args: film.IngestUploaded{Asset: assets[0]}})
		})
	}
}

// TestUploadRaces lets everything that can end an upload loose on many at once: each ends in one way, everybody is told
// the same, and events, jobs and films are those of that way.
func TestUploadRaces(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			const races = 40
			var uploads []film.Upload
			for range races {
				uploads = append(uploads, w.upload(t))
			}
			w.clock.Advance(film.UploadTimeout)
			var completed, cancelled [races]atomic.Bool
			var group sync.WaitGroup
			for i, u := range uploads {
				enders := []func(){
					func() {
						got, err := w.CompleteUpload(ctx, u.ID)
						if err != nil && !film.IsCode(err, film.CodeForbidden) {
							t.Error(err)
						}
						completed[i].Store(err == nil && got.Status == film.UploadAssetCreated)
					},
					func() {
						_, err := w.CancelUpload(ctx, w.env, u.ID)
						if err != nil && !film.IsCode(err, film.CodeForbidden) {
							t.Error(err)
						}
						cancelled[i].Store(err == nil)
					},
					func() {
						if err := w.ExpireUpload(ctx, u.ID); err != nil {
							t.Error(err)
						}
					},
					func() {
						if err := w.FailUpload(ctx, u.ID, film.UploadFailure{Type: "invalid_input"}); err != nil {
							t.Error(err)
						}
					},
				}
				rand.Shuffle(len(enders), func(a, b int) { enders[a], enders[b] = enders[b], enders[a] })
				for _, end := range enders[:2+i%3] {
					group.Go(end)
				}
			}
			group.Wait()

			events, err := w.EventsAfter(ctx, w.env, 0, 1000)
			must(t, err)
			words := map[film.UploadID][]string{}
			for i, e := range events {
				if e.Seq != int64(i+1) {
					t.Errorf("event %d has number %d", i+1, e.Seq)
				}
				id := film.UploadID(e.Object.ID)
				if a := e.Snapshot.Asset; a != nil {
					id = a.Upload
					if before := events[i-1]; before.Type != film.EventUploadAssetCreated || before.Object.ID != string(id) {
						t.Errorf("before asset.created comes %s of %s", before.Type, before.Object.ID)
					}
				}
				words[id] = append(words[id], string(e.Type))
			}
			purged := map[film.FilmID]int{}
			for _, j := range take[film.PurgeFilm](t, w) {
				purged[j.Args.(film.PurgeFilm).Film]++
			}
			ways := map[film.UploadStatus][]string{
				film.UploadAssetCreated: {"video.upload.created", "video.upload.asset_created", "video.asset.created"},
				film.UploadCancelled:    {"video.upload.created", "video.upload.cancelled"},
				film.UploadErrored:      {"video.upload.created", "video.upload.errored"},
				film.UploadTimedOut:     {"video.upload.created"},
			}
			ended := map[film.UploadStatus]int{}
			for i, u := range uploads {
				got, err := w.Upload(ctx, w.env, u.ID)
				must(t, err)
				ended[got.Status]++
				if got.Revision != 1 || completed[i].Load() != (got.Status == film.UploadAssetCreated) || cancelled[i].Load() != (got.Status == film.UploadCancelled) {
					t.Errorf("it is %+v, but told: completed %v, cancelled %v", got, completed[i].Load(), cancelled[i].Load())
				}
				wantWords(t, fmt.Sprintf("events of an upload that is %s", got.Status), words[u.ID], ways[got.Status]...)
				owned, err := w.HasFilm(ctx, u.Film)
				must(t, err)
				if keeps := got.Asset != ""; owned != keeps || purged[u.Film] == 0 != keeps || purged[u.Film] > 1 {
					t.Errorf("of an upload that is %s: film has a row: %v, purges: %d", got.Status, owned, purged[u.Film])
				}
			}
			if len(ended) < 2 {
				t.Errorf("all races ended alike: %v", ended)
			}
			t.Log(ended)
		})
	}
}

// TestUploadAndAssetTogether completes, fails and deletes assets of uploads from many sides: nobody deadlocks, and an
// upload is errored exactly where its asset's failure was committed.
func TestUploadAndAssetTogether(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			var group sync.WaitGroup
			for i := range 20 {
				u, err := w.CompleteUpload(ctx, w.upload(t).ID)
				must(t, err)
				var failed atomic.Bool
				var both sync.WaitGroup
				for _, do := range []func() error{
					func() error {
						err := w.AssetFailed(ctx, u.Asset, film.Failure{Type: "invalid_input", Messages: []string{"x"}})
						failed.Store(err == nil)
						return err
					},
					func() error { _, err := w.CompleteUpload(ctx, u.ID); return err },
					func() error {
						if i%2 == 0 {
							return w.AssetReady(ctx, u.Asset, found())
						}
						return w.DeleteAsset(ctx, w.env, u.Asset)
					},
				} {
					run := func() {
						if err := do(); err != nil && !film.IsCode(err, film.CodeConflict) && !film.IsCode(err, film.CodeNotFound) {
							t.Error(err)
						}
					}
					both.Go(run)
				}
				group.Go(func() {
					both.Wait()
					got, err := w.OpenUpload(ctx, u.ID)
					if want := failed.Load(); err != nil || (got.Status == film.UploadErrored) != want || (got.Failure != nil) != want {
						t.Errorf("the asset failed: %v, the upload is %+v, %v", want, got, err)
					}
				})
			}
			group.Wait()
		})
	}
}

// TestUploadWithoutItsJobs shows that nothing of an upload is committed without its jobs, and not in halves.
func TestUploadWithoutItsJobs(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			w.webhook(t, "https://example.com/hook")
			u := w.upload(t)
			done, err := w.CompleteUpload(ctx, w.upload(t).ID)
			must(t, err)
			w.freeLanes(t)
			w.clock.Advance(film.UploadTimeout)
			broken := errors.New("the queue is broken")
			uses := map[string]func() error{
				"CreateUpload":   func() error { _, err := w.CreateUpload(ctx, w.env, film.AssetSettings{}, "", 0); return err },
				"CompleteUpload": func() error { _, err := w.CompleteUpload(ctx, u.ID); return err },
				"CancelUpload":   func() error { _, err := w.CancelUpload(ctx, w.env, u.ID); return err },
				"FailUpload":     func() error { return w.FailUpload(ctx, u.ID, film.UploadFailure{}) },
				"ExpireUpload":   func() error { return w.ExpireUpload(ctx, u.ID) },
				"AssetFailed":    func() error { return w.AssetFailed(ctx, done.Asset, film.Failure{}) },
			}
			before := w.dump(t)
			w.jobs.failWith(broken)
			for name, use := range uses {
				if err := use(); !errors.Is(err, broken) {
					t.Errorf("%s: got error %v, want the queue's", name, err)
				}
				if after := w.dump(t); after != before {
					t.Errorf("%s committed without its jobs: %s", name, difference(before, after))
				}
			}
			w.jobs.failWith(nil)
			for _, name := range []string{"CreateUpload", "CompleteUpload", "AssetFailed"} { // as a check of the check
				before := w.dump(t)
				if err := uses[name](); err != nil || w.dump(t) == before {
					t.Errorf("%s with a whole queue: error %v", name, err)
				}
			}
		})
	}
}

// TestUploadFaults makes each statement that ends an upload fail, one after the other: all or nothing.
func TestUploadFaults(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			w.webhook(t, "https://example.com/hook")
			completing, cancelling := w.upload(t), w.upload(t)
			done, err := w.CompleteUpload(ctx, w.upload(t).ID)
			must(t, err)
			w.freeLanes(t)
			uses := map[string]struct {
				tables []string // where a write is lost
				use    func() error
			}{
				"CreateUpload": {[]string{"films", "uploads", "events", "deliveries", "test_jobs"}, func() error { _, err := w.CreateUpload(ctx, w.env, film.AssetSettings{}, "", 0); return err }},
				"CompleteUpload": {
					[]string{"uploads", "assets", "playback_ids", "events", "deliveries", "test_jobs"},
					func() error { _, err := w.CompleteUpload(ctx, completing.ID); return err },
				},
				"CancelUpload": {[]string{"uploads", "films", "events", "deliveries", "test_jobs"}, func() error { _, err := w.CancelUpload(ctx, w.env, cancelling.ID); return err }},
				"AssetFailed":  {[]string{"uploads", "assets", "events", "deliveries", "test_jobs"}, func() error { return w.AssetFailed(ctx, done.Asset, film.Failure{}) }},
			}
			for name, c := range uses {
				for _, table := range c.tables {
					before := w.dump(t)
					w.hide(t, table, true)
					if err := c.use(); err == nil || film.AsError(err) != nil {
						t.Errorf("%s without table %s: got error %v", name, table, err)
					}
					w.hide(t, table, false)
					if after := w.dump(t); after != before {
						t.Errorf("%s without table %s changed something: %s", name, table, difference(before, after))
					}
				}
				if err := c.use(); err != nil {
					t.Errorf("%s with all tables: %v", name, err)
				}
			}
		})
	}
}

// hide takes a table away from the statements, or gives it back.
func (w *world) hide(tb testing.TB, table string, away bool) {
	tb.Helper()
	from, to := table, "hidden_"+table
	if !away {
		from, to = to, from
	}
	_, err := w.db.Write().ExecContext(tb.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
	must(tb, err)
}

// TestUploadConstraints tries to store what cannot be.
func TestUploadConstraints(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			u := w.upload(t)
			for _, statement := range []string{
				`UPDATE uploads SET status = 'asset_created'`, `UPDATE uploads SET asset_id = 'a'`, `UPDATE uploads SET status = 'done'`,
				`UPDATE uploads SET status = 'cancelled', asset_id = 'a'`, `UPDATE uploads SET environment_id = 'nobody'`,
			} {
				if _, err := w.db.Write().ExecContext(t.Context(), statement); err == nil {
					t.Errorf("possible: %s", statement)
				}
			}
			w.wantUpload(t, u)
		})
	}
}

// wantUpload wants an upload to be shown and opened as it was returned.
func (w *world) wantUpload(tb testing.TB, want film.Upload) {
	tb.Helper()
	shown, err := w.Upload(tb.Context(), w.env, want.ID)
	must(tb, err)
	opened, err := w.OpenUpload(tb.Context(), want.ID)
	must(tb, err)
	if !reflect.DeepEqual(shown, want) || !reflect.DeepEqual(opened, want) {
		tb.Errorf("shown as %+v, opened as %+v, want %+v", shown, opened, want)
	}
}
