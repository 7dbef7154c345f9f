package catalog

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestMasterAccess(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			preparing := w.asset(t)
			for _, access := range []film.Access{film.AccessTemporary, film.AccessNone} {
				_, err := w.SetMasterAccess(ctx, w.env, preparing.ID, access)
				wantCode(t, "before ready", err, film.CodeNotReady)
			}
			if w.keep.asked != 0 {
				t.Error("the keep was asked for an asset that is not ready")
			}
			a := w.ready(t)
			seq := w.lastSeq(t)
			_, err := w.SetMasterAccess(ctx, w.env, a.ID, "full")
			wantCode(t, "another value", err, film.CodeInvalid)

			on, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary)
			must(t, err)
			g := on.Master.Grant
			if on.Master.Access != film.AccessTemporary || on.Master.Status != film.MasterReady || g == nil ||
				!g.ExpiresAt.Equal(w.clock.Now().Add(24*time.Hour)) || !reflect.DeepEqual(on, w.shown(t, a.ID)) {
				t.Fatalf("enabled: %+v", on.Master)
			}
			wantJobs(t, take[film.ExpireMaster](t, w), film.Job{Args: film.ExpireMaster{Asset: a.ID, Grant: g.ID}, At: g.ExpiresAt})
			state, err := w.Grant(ctx, g.ID)
			must(t, err)
			want := film.GrantState{Grant: *g, Asset: a.ID, Film: a.Film, Master: on.Master}
			if !reflect.DeepEqual(state, want) {
				t.Errorf("grant %+v, want %+v", state, want)
			}
			must(t, w.GrantOpened(ctx, g.ID))
			first := w.clock.Now()
			w.clock.Advance(time.Minute)
			must(t, w.GrantOpened(ctx, g.ID))
			if state, _ = w.Grant(ctx, g.ID); !state.OpenedAt.Equal(first) {
				t.Errorf("opened at %v, want the first time %v", state.OpenedAt, first)
			}

			_, err = w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary)
			if !film.IsCode(err, film.CodeInvalid) || film.AsError(err).Message != "Download already exists" {
				t.Errorf("enable twice: %v", err)
			}
			if got := w.shown(t, a.ID); !reflect.DeepEqual(got, on) {
				t.Errorf("enabling twice changed it to %+v", got)
			}

			clock := w.revocations(t)
			off, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessNone)
			must(t, err)
			if off.Master.Access != film.AccessNone || off.Master.Grant != nil || off.Master.Status != "" {
				t.Errorf("disabled: %+v", off.Master)
			}
			if state, _ = w.Grant(ctx, g.ID); !state.Revoked || w.revocations(t) != clock+1 {
				t.Errorf("after the PUT of none the grant is %+v, the clock %d after %d", state, w.revocations(t), clock)
			}
			again, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessNone)
			must(t, err)
			if !reflect.DeepEqual(again, off) || w.revocations(t) != clock+1 {
				t.Errorf("none again: %+v, the clock is %d", again, w.revocations(t))
			}
			on, err = w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary)
			must(t, err)
			if on.Master.Grant.ID == g.ID {
				t.Error("the second grant has the first one's id")
			}
			// The first grant's job does nothing to the second.
			w.clock.Advance(24*time.Hour - time.Minute)
			must(t, w.HandleExpireMaster(ctx, film.ExpireMaster{Asset: a.ID, Grant: g.ID}))
			if got := w.shown(t, a.ID); !reflect.DeepEqual(got, on) {
				t.Errorf("the first grant's job changed it to %+v", got)
			}
			wantWords(t, "events", w.events(t, seq), "master.preparing", "master.ready", "master.deleted", "master.preparing", "master.ready")
		})
	}
}

func TestMasterAccessAtCreation(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			a := w.assetWith(t, film.AssetSettings{MasterAccess: film.AccessTemporary})
			must(t, w.AssetReady(t.Context(), a.ID, found()))
			g := w.shown(t, a.ID).Master.Grant
			if g == nil {
				t.Fatalf("ready with %+v", w.shown(t, a.ID).Master)
			}
			if _, err := w.Grant(t.Context(), g.ID); err != nil {
				t.Errorf("read its grant: %v", err)
			}
			wantJobs(t, take[film.ExpireMaster](t, w), film.Job{Args: film.ExpireMaster{Asset: a.ID, Grant: g.ID}, At: g.ExpiresAt})
			wantWords(t, "events", w.events(t, 0), "created", "ready", "master.preparing", "master.ready")
		})
	}
}

func TestMasterExpires(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			a := w.ready(t)
			on, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary)
			must(t, err)
			g := *on.Master.Grant
			job := film.ExpireMaster{Asset: a.ID, Grant: g.ID}
			must(t, w.GrantOpened(ctx, g.ID))

			w.clock.Advance(23 * time.Hour)
			var later *film.Later
			if err := w.HandleExpireMaster(ctx, job); !errors.As(err, &later) || later.After != time.Hour {
				t.Errorf("an hour early the job ends with %v, want to come back in an hour", err)
			}
			w.clock.Advance(time.Hour)
			// Over, and the job has not run yet: it is not shown any more, in no way of reading.
			playback := a.Playbacks[0].ID
			list, _, err := w.Assets(ctx, w.env, AssetFilter{})
			must(t, err)
			resolved, _, err := w.ResolvePlayback(ctx, playback)
			must(t, err)
			for way, got := range map[string]film.Asset{"Asset": w.shown(t, a.ID), "Assets": list[0], "ResolvePlayback": resolved} {
				if got.Master.Access != film.AccessNone || got.Master.Grant != nil || got.Master.Status != "" {
					t.Errorf("%s shows a grant that is over: %+v", way, got.Master)
				}
			}
			before := w.revocations(t)
			must(t, w.HandleExpireMaster(ctx, job))
			must(t, w.HandleExpireMaster(ctx, job))
			state, err := w.Grant(ctx, g.ID)
			must(t, err)
			if state.Revoked || !state.MayGoOn(w.clock.Now()) || state.MayBegin(w.clock.Now()) || w.revocations(t) != before {
				t.Errorf("expiry takes the grace away: %+v", state)
			}
			// Another PUT of none, while nothing is shown, still cuts what is in its grace.
			_, err = w.SetMasterAccess(ctx, w.env, a.ID, film.AccessNone)
			must(t, err)
			if state, _ = w.Grant(ctx, g.ID); !state.Revoked || w.revocations(t) != before+1 {
				t.Errorf("a PUT of none in the grace leaves %+v", state)
			}
			wantWords(t, "events", w.events(t, 2), "master.preparing", "master.ready")

			must(t, w.DeleteAsset(ctx, w.env, a.ID))
			must(t, w.HandleExpireMaster(ctx, job))
			_, err = w.Grant(ctx, g.ID)
			wantCode(t, "the grant of a deleted asset", err, film.CodeNotFound)
		})
	}
}

func TestDeletionRevokes(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			a := w.ready(t)
			_, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary)
			must(t, err)
			before := w.revocations(t)
			w.clock.Advance(24*time.Hour + 59*time.Minute) // in the grace
			must(t, w.DeleteAsset(ctx, w.env, a.ID))
			if got := w.revocations(t); got != before+1 {
				t.Errorf("the revocation clock went from %d to %d", before, got)
			}
			events, err := w.EventsAfter(ctx, w.env, 0, 100)
			must(t, err)
			if last := events[len(events)-1]; last.Type != film.EventAssetDeleted || last.Snapshot.Asset.Master.Access != film.AccessNone {
				t.Errorf("the last event is %+v", last)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			a := w.ready(t)
			enable := func() film.Master {
				t.Helper()
				got, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary)
				must(t, err)
				return got.Master
			}
			wantErrored := func(what string, m film.Master) {
				t.Helper()
				if m.Access != film.AccessTemporary || m.Status != film.MasterErrored || m.Grant != nil || m.Damage == "" {
					t.Errorf("%s: %+v", what, m)
				}
			}
			broken := errors.New("no answer")
			w.keep.say(broken)
			before := w.dump(t)
			if _, err := w.SetMasterAccess(ctx, w.env, a.ID, film.AccessTemporary); !errors.Is(err, broken) {
				t.Errorf("with a keep that cannot tell: %v", err)
			}
			if after := w.dump(t); after != before {
				t.Errorf("with a keep that cannot tell something is stored: %s", difference(before, after))
			}
			w.keep.say(fmt.Errorf("%w: 3 bytes of 1000", ErrDamaged))
			wantErrored("missing at the PUT", enable())
			wantErrored("missing at a second PUT", enable())
			w.keep.say(nil)
			wantErrored("there again, but not verified", enable())
			must(t, w.RepairMaster(ctx, a.ID))
			must(t, w.RepairMaster(ctx, a.ID))
			whole := enable()
			if whole.Status != film.MasterReady || whole.Damage != "" {
				t.Fatalf("repaired: %+v", whole)
			}
			wantWords(t, "events", w.events(t, 2), "master.preparing", "master.errored", "master.preparing", "master.errored",
				"master.preparing", "master.errored", "master.preparing", "master.ready")

			seq, clock := w.lastSeq(t), w.revocations(t)
			must(t, w.DamageMaster(ctx, a.ID, "the digest is wrong"))
			must(t, w.DamageMaster(ctx, a.ID, "found twice"))
			wantErrored("found while access is on", w.shown(t, a.ID).Master)
			if state, err := w.Grant(ctx, whole.Grant.ID); err != nil || !state.Revoked || w.revocations(t) != clock+1 {
				t.Errorf("damage leaves the grant %+v, error %v", state, err)
			}
			wantWords(t, "events", w.events(t, seq), "master.errored")
			wantCode(t, "damage of nothing", w.DamageMaster(ctx, "nothing", "x"), film.CodeNotFound)
		})
	}
}

// TestTwoEnables lets many ask at once: one begins, the others are told that it exists.
func TestTwoEnables(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			a := w.ready(t)
			seq := w.lastSeq(t)
			var (
				mu      sync.Mutex
				enabled int
				group   sync.WaitGroup
			)
			for range 20 {
				group.Go(func() {
					_, err := w.SetMasterAccess(t.Context(), w.env, a.ID, film.AccessTemporary)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						enabled++
					} else if !film.IsCode(err, film.CodeInvalid) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if enabled != 1 {
				t.Errorf("%d of 20 enabled it", enabled)
			}
			wantWords(t, "events", w.events(t, seq), "master.preparing", "master.ready")
		})
	}
}

func (w *world) revocations(tb testing.TB) int64 {
	tb.Helper()
	seq, err := w.RevocationSeq(tb.Context())
	must(tb, err)
	return seq
}
