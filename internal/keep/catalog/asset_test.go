package catalog

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestAssetLife(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			settings := film.AssetSettings{
				MaxTier: film.Tier1080p, Quality: film.QualityPlus, Policies: []film.Policy{film.PolicyPublic, film.PolicySigned},
				MasterAccess: film.AccessNone, Meta: film.Meta{Title: "Titel \x00 ñ"}, Passthrough: "p",
			}
			a := w.assetWith(t, settings)
			if !reflect.DeepEqual(w.shown(t, a.ID), a) {
				t.Errorf("read back as %+v, created as %+v", w.shown(t, a.ID), a)
			}
			if a.Status != film.AssetPreparing || len(a.Playbacks) != 2 || a.Playbacks[1].Policy != film.PolicySigned {
				t.Errorf("created as %+v", a)
			}
			wantJobs(t, take[film.IngestAsset](t, w), film.Job{Args: film.IngestAsset{Asset: a.ID}})

			must(t, w.AssetProgress(ctx, a.ID, film.Progress{State: film.ProgressTranscoding, Percent: 40}))
			must(t, w.AssetDetected(ctx, a.ID, film.Reasons{film.ReasonVideoGOPSize: "12"}))
			must(t, w.AssetDetected(ctx, a.ID, film.Reasons{film.ReasonVideoCodec: "again"}))
			if got := w.shown(t, a.ID); got.Progress.Percent != 40 || len(got.NonStandard) != 1 || got.Revision != 2 {
				t.Errorf("under way: %+v", got)
			}
			must(t, w.AssetReady(ctx, a.ID, found()))
			ready := w.shown(t, a.ID)
			if ready.Status != film.AssetReady || ready.Master.Size != 1000 || ready.Tracks[0].ID == "" || ready.Tracks[0].ID == ready.Tracks[1].ID {
				t.Errorf("ready: %+v", ready)
			}
			for what, err := range map[string]error{
				"ready twice":          w.AssetReady(ctx, a.ID, found()),
				"fail after ready":     w.AssetFailed(ctx, a.ID, film.Failure{Type: "invalid_input"}),
				"progress after ready": w.AssetProgress(ctx, a.ID, film.Progress{}),
				"reasons after ready":  w.AssetDetected(ctx, a.ID, film.Reasons{film.ReasonVideoCodec: "x"}),
			} {
				wantCode(t, what, err, film.CodeConflict)
			}
			if got := w.shown(t, a.ID); !reflect.DeepEqual(got, ready) {
				t.Errorf("refused transitions changed it to %+v", got)
			}

			patched, err := w.UpdateAsset(ctx, w.env, a.ID, film.AssetPatch{Passthrough: new("")})
			must(t, err)
			if patched.Settings.Passthrough != "" || patched.Revision != ready.Revision+1 || !reflect.DeepEqual(patched, w.shown(t, a.ID)) {
				t.Errorf("patched: %+v", patched)
			}
			same, err := w.UpdateAsset(ctx, w.env, a.ID, film.AssetPatch{Passthrough: new("")})
			must(t, err)
			if !reflect.DeepEqual(same, patched) {
				t.Errorf("a patch that changes nothing made it %+v", same)
			}

			must(t, w.DeleteAsset(ctx, w.env, a.ID))
			wantCode(t, "delete twice", w.DeleteAsset(ctx, w.env, a.ID), film.CodeNotFound)
			wantCode(t, "ready after delete", w.AssetReady(ctx, a.ID, found()), film.CodeNotFound)
			wantJobs(t, take[film.PurgeFilm](t, w), film.Job{Args: film.PurgeFilm{Film: a.Film}})
			if owned, err := w.HasFilm(ctx, a.Film); owned || err != nil {
				t.Errorf("the film of a deleted asset has a row: %v, %v", owned, err)
			}
			_, _, err = w.ResolvePlayback(ctx, a.Playbacks[0].ID)
			wantCode(t, "play a deleted asset", err, film.CodeNotFound)

			wantWords(t, "events", w.events(t, 0), "created", "non_standard_input_detected", "ready", "updated", "deleted")
			events, err := w.EventsAfter(ctx, w.env, 0, 10)
			must(t, err)
			for i, e := range events {
				shot := e.Snapshot.Asset
				if e.Seq != int64(i+1) || shot == nil || shot.ID != a.ID || e.Object.ID != string(a.ID) || e.Environment != w.env {
					t.Errorf("event %d: %+v", i, e)
				}
			}
			if shot := events[2].Snapshot.Asset; !reflect.DeepEqual(*shot, ready) {
				t.Errorf("the snapshot of ready is %+v, the asset was %+v", *shot, ready)
			}
			if shot := events[4].Snapshot.Asset; shot.Status != film.AssetReady || shot.Revision != patched.Revision+1 {
				t.Errorf("the snapshot of deleted is %+v", *shot)
			}
		})
	}
}

func TestAssetFails(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			a := w.assetWith(t, film.AssetSettings{MasterAccess: film.AccessTemporary})
			if shown := w.shown(t, a.ID); shown.Master.Access != film.AccessTemporary || shown.Master.Status != film.MasterPreparing {
				t.Errorf("with master access asked for it is %+v", shown.Master)
			}
			why := film.Failure{Type: "invalid_input", Messages: []string{"no film"}, Reasons: film.Reasons{film.ReasonVideoCodec: "vp9"}}
			must(t, w.AssetFailed(t.Context(), a.ID, why))
			got := w.shown(t, a.ID)
			if got.Status != film.AssetErrored || !reflect.DeepEqual(*got.Failure, why) || got.Master.Access != film.AccessNone {
				t.Errorf("failed: %+v", got)
			}
			wantCode(t, "fail twice", w.AssetFailed(t.Context(), a.ID, why), film.CodeConflict)
			wantCode(t, "ready after failure", w.AssetReady(t.Context(), a.ID, found()), film.CodeConflict)
			wantWords(t, "events", w.events(t, 0), "created", "errored")
		})
	}
}

func TestAssetList(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			var want []film.AssetID // newest first
			for i := range 13 {
				if i%4 != 0 { // some share their microsecond
					w.clock.Advance(time.Microsecond)
				}
				want = append(want, w.asset(t).ID)
			}
			all, next, err := w.Assets(ctx, w.env, AssetFilter{Limit: 13})
			must(t, err)
			if next != "" {
				t.Errorf("the last page has the cursor %q", next)
			}
			sorted := slices.IsSortedFunc(all, func(a, b film.Asset) int { return b.CreatedAt.Compare(a.CreatedAt) })
			got := ids(all)
			if !sorted || len(got) != 13 || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
				t.Fatalf("got %v, want those of %v, newest first", got, want)
			}
			want = got

			for limit := 1; limit <= 14; limit++ {
				var byCursor, byPage []film.AssetID
				for cursor, more := "", true; more; more = cursor != "" {
					var page []film.Asset
					page, cursor, err = w.Assets(ctx, w.env, AssetFilter{Limit: limit, Cursor: cursor, Page: 2 * len(cursor)}) // the cursor wins
					must(t, err)
					byCursor = append(byCursor, ids(page)...)
				}
				for n := 1; ; n++ {
					page, _, err := w.Assets(ctx, w.env, AssetFilter{Limit: limit, Page: n})
					must(t, err)
					if len(page) == 0 {
						break
					}
					byPage = append(byPage, ids(page)...)
				}
				if !slices.Equal(byCursor, want) || !slices.Equal(byPage, want) {
					t.Errorf("limit %d: by cursor %v, by page %v, want %v", limit, byCursor, byPage, want)
				}
			}

			// A page by key is not disturbed by what comes and goes before it.
			page, next, err := w.Assets(ctx, w.env, AssetFilter{Limit: 5})
			must(t, err)
			w.clock.Advance(time.Second)
			w.asset(t)
			must(t, w.DeleteAsset(ctx, w.env, page[4].ID))
			page, _, err = w.Assets(ctx, w.env, AssetFilter{Limit: 5, Cursor: next})
			must(t, err)
			if !slices.Equal(ids(page), want[5:10]) {
				t.Errorf("after changes the second page is %v, want %v", ids(page), want[5:10])
			}

			for _, cursor := range []string{"x", "!", "MTIz", "LmE", "LTEuYQ", "enp6enp6enp6enp6enp6enp6LmE", "MS4A"} {
				page, _, err := w.Assets(ctx, w.env, AssetFilter{Cursor: cursor})
				if len(page) != 0 || err != nil && !film.IsCode(err, film.CodeInvalid) {
					t.Errorf("cursor %q: %d assets, error %v", cursor, len(page), err)
				}
			}
			for name, f := range map[string]AssetFilter{
				"foreign upload": {Upload: "upload1"}, "foreign stream": {LiveStream: "live1"}, "both": {Upload: "u", LiveStream: "l"},
				"no text": {Upload: "\x00"}, "far page": {Page: 1 << 62, Limit: 100},
			} {
				if page, next, err := w.Assets(ctx, w.env, f); len(page) != 0 || next != "" || err != nil {
					t.Errorf("%s: %d assets, cursor %q, error %v", name, len(page), next, err)
				}
			}
			if page, _, err := w.Assets(ctx, w.env, AssetFilter{Limit: 1 << 40}); len(page) != 13 || err != nil {
				t.Errorf("with a giant limit: %d assets, error %v", len(page), err)
			}
		})
	}
}

func TestPlaybackIDs(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			a := w.asset(t, film.PolicyPublic)
			p, err := w.CreatePlayback(ctx, w.env, a.ID, film.PolicySigned)
			must(t, err)
			got, resolved, err := w.ResolvePlayback(ctx, p.ID)
			must(t, err)
			if got.ID != a.ID || resolved != p || len(got.Playbacks) != 2 {
				t.Errorf("resolved to %v of %+v", resolved, got)
			}
			owned, owner, err := w.PlaybackOwner(ctx, w.env, p.ID)
			must(t, err)
			if owned != p || owner != a.ID {
				t.Errorf("owner of %v is %v", owned, owner)
			}
			must(t, w.DeletePlayback(ctx, w.env, a.ID, p.ID))
			wantCode(t, "delete twice", w.DeletePlayback(ctx, w.env, a.ID, p.ID), film.CodeNotFound)
			_, _, err = w.ResolvePlayback(ctx, p.ID)
			wantCode(t, "play a deleted id", err, film.CodeNotFound)
			other := w.asset(t, film.PolicyPublic)
			wantCode(t, "delete another asset's", w.DeletePlayback(ctx, w.env, a.ID, other.Playbacks[0].ID), film.CodeNotFound)
			if _, _, err := w.ResolvePlayback(ctx, other.Playbacks[0].ID); err != nil {
				t.Errorf("the other asset's id is gone: %v", err)
			}
			wantWords(t, "events", w.events(t, 0), "created", "updated", "updated", "created")
		})
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		for form, id := range map[string]string{
			`^[A-Za-z0-9]{43}$`: drawLong[string](),
			`^[A-Za-z0-9]{22}$`: drawShort[string](),
			`^[a-z0-9]{6}$`:     draw[string](environmentID, lowerAndDigits),
			`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`: drawUUID[string](),
		} {
			if !regexp.MustCompile(form).MatchString(id) {
				t.Fatalf("%q does not look like %s", id, form)
			}
			if len(id) > environmentID && seen[id] {
				t.Fatalf("%q was drawn twice", id)
			}
			seen[id] = true
		}
	}
	// Each character is as likely as any other: 62,000 draws, 1000 expected of each.
	counts := map[rune]int{}
	for _, r := range draw[string](62_000, alphanumeric) {
		counts[r]++
	}
	for r, n := range counts {
		if len(counts) != 62 || n < 800 || n > 1200 {
			t.Errorf("%q was drawn %d times, and %d characters in all", r, n, len(counts))
		}
	}
}

// TestFailingEnqueuer shows that nothing is committed without its jobs.
func TestFailingEnqueuer(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			w.webhook(t, "https://example.com/hook")
			preparing, ready := w.asset(t, film.PolicyPublic), w.ready(t)
			enabled := w.ready(t)
			_, err := w.SetMasterAccess(ctx, w.env, enabled.ID, film.AccessTemporary)
			must(t, err)
			delivery := take[film.DeliverEvent](t, w)[0].Args.(film.DeliverEvent)
			broken := errors.New("the queue is broken")
			uses := map[string]func() error{
				"CreateAsset": func() error {
					_, err := w.CreateAsset(ctx, w.env, film.AssetSettings{Policies: []film.Policy{film.PolicyPublic}}, nil)
					return err
				},
				"AssetReady":    func() error { return w.AssetReady(ctx, preparing.ID, found()) },
				"AssetFailed":   func() error { return w.AssetFailed(ctx, preparing.ID, film.Failure{}) },
				"AssetDetected": func() error { return w.AssetDetected(ctx, preparing.ID, film.Reasons{film.ReasonVideoCodec: "x"}) },
				"UpdateAsset": func() error {
					_, err := w.UpdateAsset(ctx, w.env, ready.ID, film.AssetPatch{Title: new("t")})
					return err
				},
				"DeleteAsset":    func() error { return w.DeleteAsset(ctx, w.env, enabled.ID) },
				"CreatePlayback": func() error { _, err := w.CreatePlayback(ctx, w.env, ready.ID, film.PolicyPublic); return err },
				"DeletePlayback": func() error { return w.DeletePlayback(ctx, w.env, ready.ID, ready.Playbacks[0].ID) },
				"enable":         func() error { _, err := w.SetMasterAccess(ctx, w.env, ready.ID, film.AccessTemporary); return err },
				"disable":        func() error { _, err := w.SetMasterAccess(ctx, w.env, enabled.ID, film.AccessNone); return err },
				"DamageMaster":   func() error { return w.DamageMaster(ctx, enabled.ID, "torn") },
				"RecordAttempt": func() error {
					return w.RecordAttempt(ctx, delivery.Delivery, film.Attempt{Number: 2, At: w.clock.Now(), Status: 500}, w.clock.Now().Add(time.Minute))
				},
			}
			w.freeLanes(t)
			before := w.dump(t)
			for name, use := range uses {
				w.jobs.failWith(broken)
				if err := use(); !errors.Is(err, broken) {
					t.Errorf("%s: got error %v, want the queue's", name, err)
				}
				if after := w.dump(t); after != before {
					t.Errorf("%s committed without its jobs: %s", name, difference(before, after))
				}
				w.jobs.failWith(nil)
			}
			for _, name := range []string{"AssetReady", "CreatePlayback", "enable", "disable", "RecordAttempt"} { // as a check of the check
				if err := uses[name](); err != nil || w.dump(t) == before {
					t.Errorf("%s with a whole queue: error %v", name, err)
				}
			}
		})
	}
}

// freeLanes marks all first attempts as made, so that the next event of any object orders a job.
func (w *world) freeLanes(tb testing.TB) {
	tb.Helper()
	_, err := w.db.Write().ExecContext(tb.Context(), `UPDATE deliveries SET tries = 1`)
	must(tb, err)
}

func ids(assets []film.Asset) []film.AssetID {
	var ids []film.AssetID
	for _, a := range assets {
		ids = append(ids, a.ID)
	}
	return ids
}

func wantJobs(tb testing.TB, got []film.Job, want ...film.Job) {
	tb.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		tb.Errorf("jobs %v, want %v", got, want)
	}
}
