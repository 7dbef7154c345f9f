package film

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// uploads has an upload in every state that the rules tell apart. Each call makes them anew.
func uploads() map[string]Upload {
	waiting := Upload{
		ID: "upload1", Environment: "abc123", CreatedAt: born, Revision: 3, Film: "film1",
		Settings: AssetSettings{
			MaxTier: Tier1080p, Quality: QualityPlus, Policies: []Policy{PolicyPublic, PolicySigned}, MasterAccess: AccessNone,
			Meta: Meta{Title: "Title"}, Passthrough: "pass",
		},
		CORSOrigin: "https://example.com", Timeout: 2 * time.Hour, Status: UploadWaiting,
	}
	with := func(change func(*Upload)) Upload {
		u := waiting.clone()
		change(&u)
		return u
	}
	failed := &UploadFailure{Type: "invalid_input", Message: "no film"}
	return map[string]Upload{
		"waiting":                    waiting,
		"waiting, over":              with(func(u *Upload) { u.Timeout = time.Hour }), // to the moment
		"asset_created":              with(func(u *Upload) { u.Status, u.Asset = UploadAssetCreated, "asset1" }),
		"errored":                    with(func(u *Upload) { u.Status, u.Failure = UploadErrored, new(*failed) }),
		"errored with its asset":     with(func(u *Upload) { u.Status, u.Asset, u.Failure = UploadErrored, "asset1", new(*failed) }),
		"cancelled":                  with(func(u *Upload) { u.Status = UploadCancelled }),
		"timed_out":                  with(func(u *Upload) { u.Status, u.Timeout = UploadTimedOut, time.Hour }),
		"asset_created in overtime":  with(func(u *Upload) { u.Status, u.Asset, u.Timeout = UploadAssetCreated, "asset1", time.Hour }),
		"cancelled before its end":   with(func(u *Upload) { u.Status, u.Timeout = UploadCancelled, time.Hour }),
		"errored before its timeout": with(func(u *Upload) { u.Status, u.Failure, u.Timeout = UploadErrored, new(*failed), time.Hour }),
	}
}

// uploadState names an upload's state by its fields alone.
func uploadState(u Upload) string {
	name := string(u.Status)
	switch {
	case u.Status == UploadWaiting && u.Asset == "" && u.Failure == nil:
	case u.Status == UploadAssetCreated && u.Asset != "" && u.Failure == nil:
	case u.Status == UploadErrored && u.Asset == "" && u.Failure != nil:
	case u.Status == UploadErrored && u.Asset != "" && u.Failure != nil:
		name += " with its asset"
	case (u.Status == UploadCancelled || u.Status == UploadTimedOut) && u.Asset == "" && u.Failure == nil:
	default:
		return fmt.Sprintf("impossible: %+v", u)
	}
	return name
}

type uploadTransition func(Upload, *UploadFailure, []Playback) (Upload, *Asset, Change, error)

// uploadTransitions has every method of Upload that causes a Change.
func uploadTransitions() map[string]uploadTransition {
	return map[string]uploadTransition{
		"Complete": func(u Upload, _ *UploadFailure, p []Playback) (Upload, *Asset, Change, error) {
			u, a, c, err := u.Complete("asset1", p, now)
			return u, &a, c, err
		},
		"Cancel": func(u Upload, _ *UploadFailure, _ []Playback) (Upload, *Asset, Change, error) {
			u, c, err := u.Cancel(now)
			return u, nil, c, err
		},
		"Expire": func(u Upload, _ *UploadFailure, _ []Playback) (Upload, *Asset, Change, error) {
			u, c := u.Expire(now)
			return u, nil, c, nil
		},
		"Fail": func(u Upload, f *UploadFailure, _ []Playback) (Upload, *Asset, Change, error) {
			u, c := u.Fail(*f, now)
			return u, nil, c, nil
		},
	}
}

// uploadRows is the table of the state machine of uploads, as transitionRows is for assets.
func uploadRows() map[string]map[string]string {
	const (
		completed = "→ asset_created; video.upload.asset_created[asset_created]; video.asset.created[preparing]; job ingest_uploaded at once"
		cancelled = "→ cancelled; video.upload.cancelled[cancelled]; job purge_film at once"
		failed    = "→ errored; video.upload.errored[errored]; job purge_film at once"
		with      = "→ errored with its asset; video.upload.errored[errored with its asset]"
		refused   = "refused: Upload is not waiting any more"
	)
	return map[string]map[string]string{
		"Complete": {
			"waiting": completed, "waiting, over": completed, "asset_created": refused, "errored": refused,
			"errored with its asset": refused, "cancelled": refused, "timed_out": refused,
			"asset_created in overtime": refused, "cancelled before its end": refused, "errored before its timeout": refused,
		},
		"Cancel": {
			"waiting": cancelled, "waiting, over": cancelled, "asset_created": refused, "errored": refused,
			"errored with its asset": refused, "cancelled": refused, "timed_out": refused,
			"asset_created in overtime": refused, "cancelled before its end": refused, "errored before its timeout": refused,
		},
		"Expire": {
			"waiting": "→ waiting", "waiting, over": "→ timed_out; job purge_film at once", "asset_created": "→ asset_created",
			"errored": "→ errored", "errored with its asset": "→ errored with its asset", "cancelled": "→ cancelled",
			"timed_out": "→ timed_out", "asset_created in overtime": "→ asset_created",
			"cancelled before its end": "→ cancelled", "errored before its timeout": "→ errored",
		},
		"Fail": {
			"waiting": failed, "waiting, over": failed, "asset_created": with, "asset_created in overtime": with,
			"errored": "→ errored", "errored with its asset": "→ errored with its asset", "cancelled": "→ cancelled",
			"timed_out": "→ timed_out", "cancelled before its end": "→ cancelled", "errored before its timeout": "→ errored",
		},
	}
}

// uploadOutcome says in one line what a transition did.
func uploadOutcome(next Upload, c Change, err error) string {
	if err != nil {
		if e := AsError(err); e.Code != CodeForbidden || e.Fault != FaultCustomer {
			return fmt.Sprintf("refused as %s, fault %d", e.Code, e.Fault)
		}
		return "refused: " + AsError(err).Message
	}
	parts := []string{"→ " + uploadState(next)}
	for _, e := range c.Events {
		state := ""
		switch shot := e.Snapshot; {
		case shot.Upload != nil && shot.Asset == nil && e.Object == (Object{ObjectUpload, string(shot.Upload.ID)}):
			state = uploadState(*shot.Upload)
		case shot.Asset != nil && shot.Upload == nil && e.Object == (Object{ObjectAsset, string(shot.Asset.ID)}):
			state = stateOf(*shot.Asset)
		default:
			state = fmt.Sprintf("impossible: %+v", e)
		}
		if !e.At.Equal(now) {
			state += " at another time"
		}
		parts = append(parts, fmt.Sprintf("%s[%s]", e.Type, state))
	}
	for _, j := range c.Jobs {
		at := "at once"
		if !j.At.IsZero() {
			at = "+" + j.At.Sub(now).String()
		}
		parts = append(parts, fmt.Sprintf("job %s %s", j.Args.Kind(), at))
	}
	if len(c.Granted) > 0 || c.Revoke {
		parts = append(parts, "grants")
	}
	return strings.Join(parts, "; ")
}

func TestUploadTransitions(t *testing.T) {
	t.Parallel()
	rules, moves := uploadRows(), uploadTransitions()
	for name, move := range moves {
		for state, u := range uploads() {
			want, ok := rules[name][state]
			if !ok {
				t.Errorf("%s of an upload that is %q has no row", name, state)
			}
			before := dump(t, u)
			next, a, c, err := move(u, &UploadFailure{Type: "invalid_input", Message: "an archive"}, nil)
			if got := uploadOutcome(next, c, err); got != want {
				t.Errorf("%s of an upload that is %q:\n got %s\nwant %s", name, state, got, want)
			}
			if err != nil && (dump(t, next) != before || a != nil && !reflect.DeepEqual(*a, Asset{})) {
				t.Errorf("%s was refused and changed the upload that is %q", name, state)
			}
			if len(c.Events) == 0 && len(c.Jobs) == 0 && uploadState(next) == uploadState(u) && dump(t, next) != before {
				t.Errorf("%s does nothing to an upload that is %q, but changed it to %s", name, state, dump(t, next))
			}
		}
	}
	for name, row := range rules {
		for state := range row {
			if _, ok := uploads()[state]; !ok || moves[name] == nil {
				t.Errorf("the row %q × %q is about nothing", name, state)
			}
		}
	}
	for method := range reflect.TypeFor[Upload]().Methods() {
		if slices.Contains(slices.Collect(method.Type.Outs()), reflect.TypeFor[Change]()) && moves[method.Name] == nil {
			t.Errorf("Upload.%s is a transition without a row", method.Name)
		}
	}
	for _, status := range constantsOf(t, "UploadStatus") {
		if !slices.ContainsFunc(slices.Collect(maps.Values(uploads())), func(u Upload) bool { return string(u.Status) == status }) {
			t.Errorf("status %q is in no state of the table", status)
		}
	}
}

func TestCompleteUpload(t *testing.T) {
	t.Parallel()
	u := uploads()["waiting"]
	u.Settings.MasterAccess = AccessTemporary
	playbacks := []Playback{{ID: "playback1", Policy: PolicyPublic}, {ID: "playback2", Policy: PolicySigned}}
	next, a, c, err := u.Complete("asset1", playbacks, now)
	if err != nil {
		t.Fatal(err)
	}
	want := Asset{
		ID: "asset1", Environment: u.Environment, CreatedAt: now, Settings: u.Settings, IngestType: IngestUpload,
		Film: u.Film, Upload: u.ID, Status: AssetPreparing, Progress: Progress{State: ProgressIngesting}, Playbacks: playbacks,
		Master: Master{Access: AccessTemporary, Status: MasterPreparing},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("the asset is %+v\nwant %+v", a, want)
	}
	if next.Asset != a.ID || c.Events[0].Snapshot.Upload.Asset != a.ID {
		t.Errorf("upload %+v, in its event %+v: want both to name the asset", next, c.Events[0].Snapshot.Upload)
	}
	if len(c.Jobs) != 1 || c.Jobs[0].Args != (IngestUploaded{Asset: a.ID}) {
		t.Errorf("jobs %+v", c.Jobs)
	}
}

func TestCreateUpload(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{0: UploadTimeout, UploadTimeoutMin: UploadTimeoutMin, UploadTimeoutMax: UploadTimeoutMax} {
		request := NewUpload{
			ID: "upload1", Environment: "abc123", Film: "film1", Timeout: timeout, CORSOrigin: "*",
			Settings: AssetSettings{MasterAccess: AccessNone, Policies: []Policy{PolicyPublic}},
		}
		u, c := CreateUpload(request, now)
		expected := fmt.Sprintf("→ waiting; video.upload.created[waiting]; job expire_upload +%s", want)
		if got := uploadOutcome(u, c, nil); got != expected {
			t.Errorf("timeout %s:\n got %s\nwant %s", timeout, got, expected)
		}
		if u.Timeout != want || !u.Deadline().Equal(now.Add(want)) || u.CORSOrigin != "*" || u.Film != "film1" || u.Environment != "abc123" {
			t.Errorf("timeout %s: got %+v", timeout, u)
		}
		before, shot := dump(t, u), dump(t, c.Events[0].Snapshot)
		request.Settings.Policies[0] = "scribbled"
		if dump(t, u) != before || dump(t, c.Events[0].Snapshot) != shot {
			t.Error("the upload shares memory with its request")
		}
	}
}

// TestUploadTransitionsShareNoMemory is TestTransitionsShareNoMemory for uploads.
func TestUploadTransitionsShareNoMemory(t *testing.T) {
	t.Parallel()
	for name, move := range uploadTransitions() {
		for state, in := range uploads() {
			failure := &UploadFailure{Type: "invalid_input", Message: "an archive"}
			playbacks := []Playback{{ID: "playback1", Policy: PolicyPublic}}
			next, a, c, err := move(in, failure, playbacks)
			if err != nil {
				continue
			}
			values := map[string]any{"input": &in, "output": &next, "failure": failure, "playbacks": &playbacks}
			if a != nil {
				values["asset"] = a
			}
			for i := range c.Events {
				values[fmt.Sprintf("snapshot %d", i)] = &c.Events[i].Snapshot
			}
			for scribbled, v := range values {
				before := map[string]string{}
				for other, w := range values {
					before[other] = dump(t, w)
				}
				scribble(reflect.ValueOf(v))
				for other, w := range values {
					if got := dump(t, w); other != scribbled && got != before[other] {
						t.Errorf("%s of an upload that is %q: %s shares memory with %s:\n%s\n%s", name, state, other, scribbled, before[other], got)
					}
				}
			}
		}
	}
}
