package film

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	born  = time.Date(2026, 3, 4, 12, 0, 0, 123456000, time.UTC)
	now   = born.Add(time.Hour)
	grant = Grant{ID: "grant1", CreatedAt: born, ExpiresAt: now.Add(23 * time.Hour)}
)

// states has an asset in every state that the rules tell apart. Each call makes them anew.
func states() map[string]Asset {
	preparing := Asset{
		ID: "asset1", Environment: "abc123", CreatedAt: born, Revision: 3, Film: "film1",
		Settings: AssetSettings{
			MaxTier: Tier1080p, Quality: QualityPlus, Policies: []Policy{PolicyPublic}, MasterAccess: AccessNone,
			Meta: Meta{Title: "Title"}, Passthrough: "pass",
		},
		Inputs: []Input{{URL: "https://example.com/film.mp4"}}, IngestType: IngestURL,
		Status: AssetPreparing, Progress: Progress{State: ProgressIngesting},
		Playbacks: []Playback{{ID: "playback1", Policy: PolicyPublic}},
		Master:    Master{Access: AccessNone},
	}
	with := func(a Asset, change func(*Asset)) Asset {
		a = a.clone()
		change(&a)
		return a
	}
	ready := with(preparing, func(a *Asset) {
		f := found()
		a.Status, a.Progress = AssetReady, Progress{State: ProgressCompleted, Percent: 100}
		a.Media, a.Tracks, a.Master = &f.Media, f.Tracks, f.Master
		a.Master.Access = AccessNone
	})
	access := func(status MasterStatus) func(*Asset) {
		return func(a *Asset) { a.Master.Access, a.Master.Status = AccessTemporary, status }
	}
	granted := with(with(ready, access(MasterReady)), func(a *Asset) { a.Master.Grant = new(grant) })
	return map[string]Asset{
		"preparing":        preparing,
		"preparing, asked": with(preparing, access(MasterPreparing)),
		"preparing, encoding": with(preparing, func(a *Asset) {
			a.NonStandard = Reasons{ReasonVideoCodec: "vp9"}
			a.Progress = Progress{State: ProgressTranscoding, Percent: 60}
		}),
		"preparing, detected":    with(preparing, func(a *Asset) { a.NonStandard = Reasons{ReasonVideoCodec: "vp9"} }),
		"ready":                  ready,
		"ready, access starting": with(ready, access(MasterPreparing)),
		"ready, access":          granted,
		"ready, access over":     with(granted, func(a *Asset) { a.Master.Grant.ExpiresAt = now }),
		"ready, damaged":         with(ready, func(a *Asset) { a.Master.Damage = "gone" }),
		"ready, access errored":  with(with(ready, access(MasterErrored)), func(a *Asset) { a.Master.Damage = "gone" }),
		"ready, access repaired": with(ready, access(MasterErrored)),
		"errored": with(preparing, func(a *Asset) {
			a.Status, a.Progress = AssetErrored, Progress{State: ProgressErrored, Percent: -1}
			a.Failure = &Failure{Type: "invalid_input", Messages: []string{"no film"}, Reasons: Reasons{ReasonVideoCodec: "vp9"}}
			a.NonStandard = Reasons{ReasonVideoCodec: "vp9"}
		}),
	}
}

// stateOf names an asset's state, as the keys of states do.
func stateOf(a Asset) string {
	name := string(a.Status)
	m := a.Master
	over := m.Grant != nil && !now.Before(m.Grant.ExpiresAt)
	switch {
	case a.Status == AssetPreparing && m.Access == AccessTemporary && m.Status == MasterPreparing && m.Grant == nil:
		name += ", asked"
	case m.Access == AccessTemporary && m.Status == MasterPreparing && m.Grant == nil:
		name += ", access starting"
	case m.Access == AccessTemporary && m.Status == MasterReady && m.Grant != nil && m.Damage == "" && over:
		name += ", access over"
	case m.Access == AccessTemporary && m.Status == MasterReady && m.Grant != nil && m.Damage == "":
		name += ", access"
	case m.Access == AccessTemporary && m.Status == MasterErrored && m.Grant == nil && m.Damage != "":
		name += ", access errored"
	case m.Access == AccessTemporary && m.Status == MasterErrored && m.Grant == nil:
		name += ", access repaired"
	case m.Access == AccessNone && m.Status == "" && m.Grant == nil && m.Damage != "":
		name += ", damaged"
	case m.Access == AccessNone && m.Status == "" && m.Grant == nil:
	default:
		return fmt.Sprintf("impossible: %+v", m)
	}
	switch {
	case a.Status == AssetPreparing && a.Progress.State == ProgressTranscoding:
		name += ", encoding"
	case a.Status == AssetPreparing && len(a.NonStandard) > 0:
		name += ", detected"
	}
	return name
}

func found() Found {
	return Found{
		Media: Media{
			Container: "mov,mp4,m4a,3gp,3g2,mj2", Duration: 60 * time.Second,
			Video: &VideoMedia{Codec: "h264", Width: 1920, Height: 1080, Rate: Rate{30000, 1001}, Duration: 60 * time.Second},
			Audio: &AudioMedia{Codec: "aac", Channels: 2, SampleRate: 48000, Duration: 60 * time.Second},
		},
		Tracks: []Track{
			{ID: "track1", Type: TrackVideo, Duration: 60 * time.Second, Width: 1920, Height: 1080, Rate: Rate{30000, 1001}},
			{ID: "track2", Type: TrackAudio, Primary: true, Duration: 60 * time.Second, Channels: 2},
		},
		Master: Master{Kind: MasterSource, Size: 1000, SHA256: "abc", ETag: "abc"},
		Grant:  "grant2", TTL: MasterTTL,
	}
}

// arguments are what a transition is called with; mutable ones are handed out so that the test of shared memory can
// change them afterwards.
type arguments struct {
	found   Found
	reasons Reasons
	failure Failure
	patch   AssetPatch
}

func newArguments() *arguments {
	return &arguments{
		found:   found(),
		reasons: Reasons{ReasonVideoGOPSize: "11.2"},
		failure: Failure{Type: "invalid_input", Messages: []string{"no film"}, Reasons: Reasons{ReasonVideoCodec: "vp9"}},
		patch:   AssetPatch{Passthrough: new("other")},
	}
}

type transition func(Asset, *arguments) (Asset, Change, error)

func sure(a Asset, c Change) (Asset, Change, error) { return a, c, nil }

// transitions has every method of Asset that causes a Change, with the arguments of the ordinary case. A name may
// have a further case in brackets.
func transitions() map[string]transition {
	return map[string]transition{
		"Advance": func(a Asset, _ *arguments) (Asset, Change, error) {
			return a.Advance(Progress{State: ProgressIngesting, Percent: 50})
		},
		"Advance (encoding)": func(a Asset, _ *arguments) (Asset, Change, error) {
			return a.Advance(Progress{State: ProgressTranscoding, Percent: 50})
		},
		"Detected":            func(a Asset, g *arguments) (Asset, Change, error) { return a.Detected(g.reasons, now) },
		"Detected (standard)": func(a Asset, _ *arguments) (Asset, Change, error) { return a.Detected(nil, now) },
		"Transcode":           func(a Asset, g *arguments) (Asset, Change, error) { return a.Transcode(g.reasons, now) },
		"Transcode (copied)":  func(a Asset, _ *arguments) (Asset, Change, error) { return a.Transcode(nil, now) },
		"Ready (encoded)": func(a Asset, g *arguments) (Asset, Change, error) {
			g.found.Base = Base{Part: PartSource, EncodedVideo: true, EncodedSound: true}
			return a.Ready(g.found, now)
		},
		"Ready": func(a Asset, g *arguments) (Asset, Change, error) { return a.Ready(g.found, now) },
		"Fail":  func(a Asset, g *arguments) (Asset, Change, error) { return a.Fail(g.failure, now) },
		"Patch": func(a Asset, g *arguments) (Asset, Change, error) { return sure(a.Patch(g.patch, now)) },
		"Patch (same)": func(a Asset, _ *arguments) (Asset, Change, error) {
			return sure(a.Patch(AssetPatch{Passthrough: new("pass"), Title: new("Title")}, now))
		},
		"Delete": func(a Asset, _ *arguments) (Asset, Change, error) { return a, a.Delete(now), nil },
		"AddPlayback": func(a Asset, _ *arguments) (Asset, Change, error) {
			return a.AddPlayback(Playback{ID: "playback2", Policy: PolicySigned}, now)
		},
		"RemovePlayback": func(a Asset, _ *arguments) (Asset, Change, error) { return a.RemovePlayback("playback1", now) },
		"RemovePlayback (unknown)": func(a Asset, _ *arguments) (Asset, Change, error) {
			return a.RemovePlayback("playback9", now)
		},
		"EnableMaster":  func(a Asset, _ *arguments) (Asset, Change, error) { return a.EnableMaster("grant2", MasterTTL, now) },
		"DisableMaster": func(a Asset, _ *arguments) (Asset, Change, error) { return a.DisableMaster(now) },
		"ExpireMaster":  func(a Asset, _ *arguments) (Asset, Change, error) { return sure(a.ExpireMaster("grant1", now)) },
		"ExpireMaster (earlier grant)": func(a Asset, _ *arguments) (Asset, Change, error) {
			return sure(a.ExpireMaster("grant0", now))
		},
		"DamageMaster": func(a Asset, _ *arguments) (Asset, Change, error) { return sure(a.DamageMaster("torn", now)) },
		"RepairMaster": func(a Asset, _ *arguments) (Asset, Change, error) { return sure(a.RepairMaster()) },
	}
}

// outcome says in one line what a transition did.
func outcome(next Asset, c Change, err error) string {
	if err != nil {
		return "refused: " + AsError(err).Message
	}
	parts := []string{"→ " + stateOf(next)}
	for _, e := range c.Events {
		shot := e.Snapshot.Asset
		parts = append(parts, fmt.Sprintf("%s[%s]", strings.TrimPrefix(string(e.Type), "video.asset."), stateOf(*shot)))
	}
	for _, j := range c.Jobs {
		at := "at once"
		if !j.At.IsZero() {
			at = "+" + j.At.Sub(now).String()
		}
		parts = append(parts, fmt.Sprintf("job %s %s", j.Args.Kind(), at))
	}
	for _, g := range c.Granted {
		parts = append(parts, fmt.Sprintf("grant %s for %s", g.ID, g.ExpiresAt.Sub(g.CreatedAt)))
	}
	if c.Revoke {
		parts = append(parts, "revoke")
	}
	return strings.Join(parts, "; ")
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	rules, moves := transitionRows(), transitions()
	for name, a := range states() {
		if got := stateOf(a); got != name {
			t.Errorf("state %q is recognised as %q", name, got)
		}
	}
	for name, move := range moves {
		for state, a := range states() {
			want, ok := rules[name][state]
			if !ok {
				t.Errorf("%s of an asset that is %q has no row", name, state)
			}
			next, c, err := move(a, newArguments())
			if got := outcome(next, c, err); got != want {
				t.Errorf("%s of an asset that is %q:\n got %s\nwant %s", name, state, got, want)
			}
		}
	}
	for name, row := range rules {
		for state := range row {
			if _, ok := states()[state]; !ok || moves[name] == nil {
				t.Errorf("the row %q × %q is about nothing", name, state)
			}
		}
	}
}

// TestTransitionsAreComplete fails for a transition that has no row: any method of Asset that returns a Change.
func TestTransitionsAreComplete(t *testing.T) {
	t.Parallel()
	for method := range reflect.TypeFor[Asset]().Methods() {
		if slices.Contains(slices.Collect(method.Type.Outs()), reflect.TypeFor[Change]()) && transitions()[method.Name] == nil {
			t.Errorf("Asset.%s is a transition without a row", method.Name)
		}
	}
}

// TestStatesAreComplete fails for a status that no state of the table has.
func TestStatesAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range states() {
		seen[string(a.Status)] = true
		seen[string(a.Master.Status)] = true
		seen[string(a.Master.Access)] = true
	}
	for _, typ := range []string{"AssetStatus", "MasterStatus", "Access"} {
		values := constantsOf(t, typ)
		if len(values) < 2 {
			t.Errorf("found only %q of type %s: the reader of the source is broken", values, typ)
		}
		for _, v := range values {
			if !seen[v] {
				t.Errorf("%s %q is in no state of the table", typ, v)
			}
		}
	}
}

// constantsOf returns the values of this package's string constants of the named type.
func constantsOf(t *testing.T, typ string) []string {
	t.Helper()
	fset := token.NewFileSet()
	var values []string
	for _, file := range []string{"asset.go", "master.go", "upload.go"} {
		f, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			id, named := spec.Type.(*ast.Ident)
			lit, literal := spec.Values[0].(*ast.BasicLit)
			if named && literal && id.Name == typ {
				values = append(values, strings.Trim(lit.Value, `"`))
			}
			return true
		})
	}
	return values
}

// TestTransitionsShareNoMemory scribbles over everything that can be reached from one of the values around a
// transition and looks whether another one changes.
func TestTransitionsShareNoMemory(t *testing.T) {
	t.Parallel()
	for name, move := range transitions() {
		for state := range states() {
			in, args := states()[state], newArguments()
			next, c, err := move(in, args)
			if err != nil {
				continue
			}
			values := map[string]any{"arguments": args}
			if name != "Delete" { // it returns no asset
				values["input"], values["output"] = &in, &next
			} else {
				values["input"] = &in
			}
			for i := range c.Events {
				values[fmt.Sprintf("snapshot %d", i)] = c.Events[i].Snapshot.Asset
			}
			for i := range c.Granted {
				values[fmt.Sprintf("grant %d", i)] = &c.Granted[i]
			}
			for scribbled, v := range values {
				before := map[string]string{}
				for other, w := range values {
					before[other] = fmt.Sprint(dump(t, w))
				}
				scribble(reflect.ValueOf(v))
				for other, w := range values {
					if got := dump(t, w); other != scribbled && got != before[other] {
						t.Errorf("%s of an asset that is %q: %s shares memory with %s:\n%s\n%s", name, state, other, scribbled, before[other], got)
					}
				}
			}
		}
	}
}

func TestCreateAsset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		access Access
		want   string
	}{
		{AccessNone, "→ preparing; created[preparing]; job ingest_asset at once"},
		{AccessTemporary, "→ preparing, asked; created[preparing, asked]; job ingest_asset at once"},
	} {
		request := NewAsset{
			ID: "asset1", Film: "film1", Settings: AssetSettings{MasterAccess: c.access, Policies: []Policy{PolicyPublic}},
			Inputs: []Input{{URL: "https://example.com"}}, Playbacks: []Playback{{ID: "playback1", Policy: PolicyPublic}},
		}
		a, change := CreateAsset(request, now)
		if got := outcome(a, change, nil); got != c.want {
			t.Errorf("master access %s:\n got %s\nwant %s", c.access, got, c.want)
		}
		before, shot := dump(t, a), dump(t, change.Events[0].Snapshot)
		scribble(reflect.ValueOf(&request))
		if dump(t, a) != before || dump(t, change.Events[0].Snapshot) != shot {
			t.Error("the asset shares memory with its request")
		}
	}
}

func dump(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case *arguments:
		return dump(t, []any{v.found, v.reasons, v.failure, v.patch})
	default:
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// scribble changes every string and number that can be reached from v, through pointers, slices and maps.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Struct:
		if a, ok := reflect.TypeAssert[*arguments](v.Addr()); ok {
			for _, part := range []any{&a.found, &a.reasons, &a.failure, &a.patch} {
				scribble(reflect.ValueOf(part))
			}
			return
		}
		for _, field := range v.Fields() {
			if field.CanSet() {
				scribble(field)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.ValueOf("scribbled").Convert(v.Type().Elem()))
		}
	case reflect.String:
		v.SetString(v.String() + " scribbled")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	default:
	}
}

func TestProgressNeverGoesBack(t *testing.T) {
	t.Parallel()
	a := states()["preparing"]
	for _, step := range []struct{ told, want Progress }{
		{Progress{ProgressIngesting, 30}, Progress{ProgressIngesting, 30}},
		{Progress{ProgressIngesting, 20}, Progress{ProgressIngesting, 30}},
		{Progress{ProgressTranscoding, 0}, Progress{ProgressTranscoding, 0}},
		{Progress{ProgressTranscoding, 70}, Progress{ProgressTranscoding, 70}},
		{Progress{ProgressTranscoding, 10}, Progress{ProgressTranscoding, 70}},
		{Progress{ProgressIngesting, 99}, Progress{ProgressTranscoding, 70}},
	} {
		var err error
		if a, _, err = a.Advance(step.told); err != nil || a.Progress != step.want {
			t.Errorf("told %v: got %v, %v, want %v", step.told, a.Progress, err, step.want)
		}
	}
}
