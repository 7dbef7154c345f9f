package muxapi_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/muxapi"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := muxapi.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersAreAsTheyWere(t *testing.T) {
	t.Parallel()
	inputInfo := func(a film.Asset) []muxapi.InputInfo {
		info, err := muxapi.InputInfoOf(a)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	damaged, _ := opened(t).DamageMaster("a byte has flipped", born())
	_, became := uploaded(t)
	hook := film.Webhook{ID: "wh1", Address: "https://a.example/hook?x=1&y=2", Secret: "s3cret", Enabled: true, CreatedAt: born()}
	for name, v := range map[string]any{
		"asset-preparing":      muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(preparing(), links{})},
		"asset-ready":          muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(ready(), links{})},
		"asset-master":         muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(opened(t), links{})},
		"asset-master-errored": muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(damaged, links{})},
		"asset-errored":        muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(errored(t), links{})},
		"asset-sound-only":     muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(soundOnly(t), links{})},
		"assets":               muxapi.AssetsOf([]film.Asset{preparing(), errored(t)}, "bmV4dA", links{}),
		"assets-none":          muxapi.AssetsOf(nil, "", links{}),
		"playback":             muxapi.Data[muxapi.PlaybackID]{Data: muxapi.PlaybackOf(ready().Playbacks[1])},
		"playback-owner":       muxapi.Data[muxapi.PlaybackOwner]{Data: muxapi.PlaybackOwnerOf(ready().Playbacks[0], ready().ID)},
		"input-info":           muxapi.List(inputInfo(ready())),
		"input-info-errored":   muxapi.List(inputInfo(errored(t))),
		"webhook-created":      muxapi.Data[muxapi.Webhook]{Data: muxapi.NewWebhookOf(hook)},
		"webhooks":             muxapi.List(muxapi.WebhooksOf([]film.Webhook{hook})),
		"webhooks-none":        muxapi.List[muxapi.Webhook](nil),
		"deliveries":           muxapi.List(muxapi.DeliveriesOf([]film.Delivery{delivery(t)})),
		"whoami": muxapi.Data[muxapi.Whoami]{Data: muxapi.WhoamiOf(film.Principal{
			Token:       film.AccessToken{ID: "t", Name: "laptop", Permissions: film.AllPermissions()},
			Environment: environment(),
		})},
		"upload-waiting":  muxapi.Data[muxapi.Upload]{Data: muxapi.UploadOf(waiting(), links{})},
		"upload-errored":  muxapi.Data[muxapi.Upload]{Data: muxapi.UploadOf(failed(t), links{})},
		"uploads":         muxapi.List(muxapi.UploadsOf([]film.Upload{bare(), cancelled(t), timedOut()}, links{})),
		"uploads-none":    muxapi.List(muxapi.UploadsOf(nil, links{})),
		"asset-of-upload": muxapi.Data[muxapi.Asset]{Data: muxapi.AssetOf(became, links{})},
		"error":           muxapi.Failed{Error: muxapi.FailedBody{Type: "not_found", Messages: []string{film.NotFoundMessage}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".json", indent(t, encode(t, v)))
		})
	}
}

// delivery is an event that was tried twice: the first time nobody answered, the second time badly.
func delivery(t *testing.T) film.Delivery {
	t.Helper()
	a, change, err := ready().EnableMaster("GrantGrantGrantGrantGrant", film.MasterTTL, born())
	if err != nil || len(change.Events) != 2 {
		t.Fatalf("enable the master of %s: %v, %d events", a.ID, err, len(change.Events))
	}
	e := change.Events[1]
	e.ID, e.Environment, e.Seq = "3fa85f64-5717-4562-b3fc-2c963f66afa6", "j0863n", 7
	return film.Delivery{
		ID: "d1", Event: e, Webhook: film.Webhook{ID: "wh1", Address: "https://a.example/hook"}, Deadline: born().Add(24 * time.Hour),
		Attempts: []film.Attempt{
			{ID: "at1", At: born().Add(time.Second), Took: 5 * time.Second, Failure: "no answer within 5 s"},
			{ID: "at2", At: born().Add(time.Minute), Took: 20 * time.Millisecond, Status: 500, Header: map[string]string{"Server": "x"}, Body: "oh no"},
		},
	}
}

func TestEventBodies(t *testing.T) {
	t.Parallel()
	d := delivery(t)
	first, err := muxapi.EventBody(d.Event, environment(), links{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "event-master-ready.json", indent(t, first))
	again, err := muxapi.DeliveryBody(d, environment(), links{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "event-third-attempt.json", indent(t, again))
	if strings.Contains(string(first), "\n") {
		t.Errorf("an event is not one line: %q", first)
	}
	if repeat, _ := muxapi.DeliveryBody(d, environment(), links{}); string(repeat) != string(again) {
		t.Errorf("the same delivery gives other bytes:\n%s\n%s", repeat, again)
	}
}

// Event rows are kept for years. The file is a row's snapshot as version 1 wrote it; it is never changed.
func TestSnapshotsOfVersion1StayReadable(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/snapshot-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var snapshot film.Snapshot
	if err := json.Unmarshal(raw, &snapshot); err != nil {
		t.Fatalf("read a stored snapshot: %v", err)
	}
	e := film.Event{
		ID: "3fa85f64-5717-4562-b3fc-2c963f66afa6", Type: film.EventAssetMasterReady, At: born(), Snapshot: snapshot,
		Object: film.Object{Type: film.ObjectAsset, ID: string(snapshot.Asset.ID)},
	}
	got, err := muxapi.EventBody(e, environment(), links{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "event-from-snapshot-v1.json", indent(t, got))
}

func TestAnEventWithoutAnObjectIsAnError(t *testing.T) {
	t.Parallel()
	if body, err := muxapi.EventBody(film.Event{ID: "e", Type: "video.asset.ready"}, environment(), links{}); err == nil {
		t.Errorf("an event without a snapshot was rendered: %s", body)
	}
}

func TestWebhookFormHasNumbers(t *testing.T) {
	t.Parallel()
	body, err := muxapi.EventBody(delivery(t).Event, environment(), links{})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		CreatedAt string `json:"created_at"`
		Data      struct {
			CreatedAt any `json:"created_at"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if want := float64(born().Unix()); got.Data.CreatedAt != want {
		t.Errorf("created_at in a webhook is %#v, want the number %v", got.Data.CreatedAt, want)
	}
	if want := "2026-03-04T11:55:37.123456Z"; got.CreatedAt != want {
		t.Errorf("created_at of the envelope is %q, want %q", got.CreatedAt, want)
	}
}

func TestInputInfoWaitsForTheFilm(t *testing.T) {
	t.Parallel()
	_, err := muxapi.InputInfoOf(preparing())
	if e := film.AsError(err); e == nil || e.Code != film.CodeNotReady || e.Message != "Asset is still preparing" {
		t.Errorf("input info of a preparing asset: %v", err)
	}
}

func TestPictureFacts(t *testing.T) {
	t.Parallel()
	// The first four are payloads that were seen (reference page, 2.1).
	for _, c := range []struct {
		w, h               int
		ratio, tier, store string
	}{
		{1920, 1080, "16:9", "1080p", "HD"},
		{576, 1124, "144:281", "720p", "HD"},
		{1280, 544, "40:17", "720p", "SD"},
		{3840, 2160, "16:9", "2160p", "UHD"},
		{1280, 720, "16:9", "720p", "HD"},
		{1281, 720, "427:240", "1080p", "HD"},
		{1080, 1920, "9:16", "1080p", "HD"},
		{2048, 2048, "1:1", "1440p", "UHD"},
		{2050, 2048, "1025:1024", "2160p", "UHD"},
		{2, 2, "1:1", "720p", "SD"},
		{0, 0, "", "720p", "SD"},
		{1 << 40, 1 << 40, "1:1", "2160p", "UHD"},
	} {
		a := ready()
		a.Media.Video.Width, a.Media.Video.Height = c.w, c.h
		got := muxapi.AssetOf(a, links{})
		if got.AspectRatio != c.ratio || got.ResolutionTier != c.tier || got.MaxStoredSize != c.store {
			t.Errorf("%dx%d is %q %s %s, want %q %s %s", c.w, c.h, got.AspectRatio, got.ResolutionTier, got.MaxStoredSize, c.ratio, c.tier, c.store)
		}
	}
}

func TestFrameRates(t *testing.T) {
	t.Parallel()
	for rate, want := range map[film.Rate]float64{
		{Num: 30000, Den: 1001}: 29.97, {Num: 24000, Den: 1001}: 23.976, {Num: 25, Den: 1}: 25, {}: -1,
	} {
		a := ready()
		a.Media.Video.Rate, a.Tracks[0].Rate = rate, rate
		got := muxapi.AssetOf(a, links{})
		if *got.MaxStoredRate != want || *got.Tracks[0].MaxFrameRate != want {
			t.Errorf("rate %v is shown as %v and %v, want %v", rate, *got.MaxStoredRate, *got.Tracks[0].MaxFrameRate, want)
		}
	}
}

func TestEncodingTierMirrorsQuality(t *testing.T) {
	t.Parallel()
	for quality, want := range map[film.Quality]string{"basic": "baseline", "plus": "smart", "premium": "premium"} {
		a := preparing()
		a.Settings.Quality = quality
		if got := muxapi.AssetOf(a, links{}).EncodingTier; got != want {
			t.Errorf("video_quality %s has encoding_tier %q, want %q", quality, got, want)
		}
	}
}

// The marks in the reference's tables: what a client's types require is always there, and what it must not see empty
// or false is left out (reference page, 1.5 and 2.1).
func TestRequiredAndLeftOut(t *testing.T) {
	t.Parallel()
	required := []string{
		"id", "created_at", "status", "progress", "master_access", "max_resolution_tier", "encoding_tier", "video_quality", "mp4_support",
	}
	for name, a := range map[string]film.Asset{
		"preparing": preparing(), "ready": ready(), "opened": opened(t), "errored": errored(t), "sound": soundOnly(t), "bare": {},
	} {
		var got map[string]any
		if err := json.Unmarshal(encode(t, muxapi.AssetOf(a, links{})), &got); err != nil {
			t.Fatal(err)
		}
		for _, field := range required {
			if _, ok := got[field]; !ok {
				t.Errorf("%s: %s is missing", name, field)
			}
		}
		progress, ok := got["progress"].(map[string]any)
		if n, isNumber := progress["progress"].(float64); !ok || !isNumber || n < -1 || n > 100 {
			t.Errorf("%s: progress is %v", name, got["progress"])
		}
		for field, v := range got {
			switch v := v.(type) {
			case bool:
				if !v {
					t.Errorf("%s: %s is false instead of left out", name, field)
				}
			case nil:
				t.Errorf("%s: %s is null instead of left out", name, field)
			case []any, map[string]any:
				if reflect.ValueOf(v).Len() == 0 {
					t.Errorf("%s: %s is empty instead of left out", name, field)
				}
			}
		}
		if _, there := got["master"]; there != (a.Master.Access == film.AccessTemporary) {
			t.Errorf("%s: access is %q and the master object is there: %t", name, a.Master.Access, there)
		}
	}
}

// The master's address is shown by a ready master only, and the old grant of a new period never leaks.
func TestMasterURLOnlyWhenReady(t *testing.T) {
	t.Parallel()
	a := opened(t)
	for _, status := range []film.MasterStatus{film.MasterPreparing, film.MasterErrored} {
		a.Master.Status = status
		if got := muxapi.AssetOf(a, links{}).Master; got == nil || got.URL != "" || got.SHA256 != "" || got.Size != 0 {
			t.Errorf("a master that is %s is shown as %+v", status, got)
		}
	}
	if got := muxapi.AssetOf(opened(t).At(born().Add(film.MasterTTL)), links{}); got.Master != nil || got.MasterAccess != film.AccessNone {
		t.Errorf("after its time the master is shown as %+v, access %s", got.Master, got.MasterAccess)
	}
}

func TestUnixTimeReadsBothForms(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`"1609868152"`, `1609868152`, `"-1"`, `0`} {
		var u muxapi.UnixTime
		if err := json.Unmarshal([]byte(raw), &u); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if back := string(encode(t, u)); back != raw {
			t.Errorf("%s comes back as %s", raw, back)
		}
	}
	if err := json.Unmarshal([]byte(`"soon"`), new(muxapi.UnixTime)); err == nil {
		t.Error("soon was read as a time")
	}
}
