package muxapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filmcan/internal/film"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden compares what was made with the file under testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what it was; got:\n%s\nwant:\n%s", path, got, want)
	}
}

// indent lays JSON out for people.
func indent(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatalf("not JSON: %v: %s", err, raw)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

type links struct{}

func (links) MasterURL(g film.Grant, m film.Master) string {
	return "https://films.example/master/" + string(g.ID) + "/" + m.Filename() + "?skid=default&signature=c2ln"
}

func (links) UploadURL(u film.Upload) string {
	return "https://films.example/upload/" + string(u.ID) + "?token=dG9rZW4"
}

// born is when the fixtures were made.
func born() time.Time {
	return time.Date(2026, 3, 4, 12, 55, 37, 123456789, time.FixedZone("CET", 3600))
}

func environment() film.Environment {
	return film.Environment{ID: "j0863n", Name: "Development", Type: "development", CreatedAt: born()}
}

// preparing is an asset right after its creation, with nothing asked for but the film.
func preparing() film.Asset {
	a, _ := film.CreateAsset(film.NewAsset{
		ID: "f00Yd3mM02w7s5hKq01ZbTnXc9Rv4LgA", Environment: "j0863n", Film: "fi1mfi1mfi1mfi1mfi1mfi1m",
		Settings:   film.AssetSettings{MaxTier: film.Tier1080p, Quality: film.QualityPlus, MasterAccess: film.AccessNone},
		Inputs:     []film.Input{{URL: "https://films.example/a%20film.mp4?token=a%2Fb&x=1"}},
		IngestType: film.IngestURL,
	}, born())
	return a
}

// ready is a film with sound and pictures, with everything set that can be.
func ready() film.Asset {
	a := preparing()
	a.Settings.Meta = film.Meta{Title: "Über <Bäume> & so", CreatorID: "c1", ExternalID: "e1"}
	a.Settings.Passthrough = "mine"
	a.Playbacks = []film.Playback{
		{ID: "Qe4WzN00pK7xJ02vTtB9sRyLh5uGm8Dc", Policy: film.PolicyPublic},
		{ID: "Ab4WzN00pK7xJ02vTtB9sRyLh5uGm8Dc", Policy: film.PolicySigned},
	}
	a.Status, a.Progress = film.AssetReady, film.Progress{State: film.ProgressCompleted, Percent: 100}
	rate := film.Rate{Num: 30000, Den: 1001}
	a.Media = &film.Media{
		Container: "mov,mp4,m4a,3gp,3g2,mj2", Duration: 12345678900,
		Video: &film.VideoMedia{Codec: "h264", Width: 1920, Height: 1080, Rate: rate, Duration: 12345678900},
		Audio: &film.AudioMedia{Codec: "aac", Channels: 2, SampleRate: 48000, Duration: 12300 * time.Millisecond},
	}
	a.Tracks = []film.Track{
		{ID: "t2", Type: film.TrackVideo, Primary: true, Duration: 12345678900, Width: 1920, Height: 1080, Rate: rate},
		{ID: "t1", Type: film.TrackAudio, Primary: true, Duration: 12300 * time.Millisecond, Channels: 2},
	}
	a.Master = film.Master{
		Kind: film.MasterSource, Size: 4242, SHA256: "ab12", ETag: "ab12", Access: film.AccessNone,
	}
	return a
}

// opened is ready with master access on.
func opened(t *testing.T) film.Asset {
	t.Helper()
	a, _, err := ready().EnableMaster("GrantGrantGrantGrantGrant", film.MasterTTL, born())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// errored is an asset whose film is not one that can be prepared.
func errored(t *testing.T) film.Asset {
	t.Helper()
	a, _, err := preparing().Fail(film.Failure{
		Type: "invalid_input", Messages: []string{"The video codec av1 is not supported yet"},
		Reasons: film.Reasons{film.ReasonVideoCodec: "av1", film.ReasonUnexpectedVideo: "non-standard"},
	}, born())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// soundOnly is a ready asset without pictures, whose master is composed.
func soundOnly(t *testing.T) film.Asset {
	t.Helper()
	a := ready()
	a.Media.Video, a.Tracks, a.Playbacks = nil, a.Tracks[1:], nil
	a.Settings.Quality, a.Settings.Meta, a.Settings.Passthrough = film.QualityBasic, film.Meta{}, ""
	a.Master.AudioOnly, a.Master.Kind, a.Master.SHA256 = true, film.MasterComposed, ""
	a, _, err := a.EnableMaster("GrantGrantGrantGrantGrant", film.MasterTTL, born())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// waiting is an upload right after its creation, with everything set that can be.
func waiting() film.Upload {
	u, _ := film.CreateUpload(film.NewUpload{
		ID: "Up0Yd3mM02w7s5hKq01ZbTnXc9Rv4LgA", Environment: "j0863n", Film: "fi1mfi1mfi1mfi1mfi1mfi1m",
		Settings: film.AssetSettings{
			MaxTier: film.Tier2160p, Quality: film.QualityPremium, MasterAccess: film.AccessTemporary, Passthrough: "mine",
			Policies: []film.Policy{film.PolicyPublic, film.PolicySigned}, Meta: film.Meta{Title: "Über <Bäume> & so"},
		},
		CORSOrigin: "philcluff.co.uk", Timeout: 90 * time.Second,
	}, born())
	return u
}

// bare is an upload for which nothing was asked.
func bare() film.Upload {
	u, _ := film.CreateUpload(film.NewUpload{
		ID: "Up1Yd3mM02w7s5hKq01ZbTnXc9Rv4LgA", Environment: "j0863n", Film: "fi1mfi1mfi1mfi1mfi1mfi1n",
		Settings: film.AssetSettings{MaxTier: film.Tier1080p, Quality: film.QualityPlus, MasterAccess: film.AccessNone},
	}, born())
	return u
}

func cancelled(t *testing.T) film.Upload {
	t.Helper()
	u, _, err := bare().Cancel(born())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// uploaded is an upload whose bytes are all there, and the asset that it has become.
func uploaded(t *testing.T) (film.Upload, film.Asset) {
	t.Helper()
	u, a, _, err := waiting().Complete("f00Yd3mM02w7s5hKq01ZbTnXc9Rv4LgA", ready().Playbacks, born())
	if err != nil {
		t.Fatal(err)
	}
	return u, a
}

// failed is an upload whose asset is errored.
func failed(t *testing.T) film.Upload {
	t.Helper()
	u, _ := uploaded(t)
	u, _ = u.Fail(film.UploadFailure{Type: "invalid_input", Message: "The video codec av1 is not supported yet"}, born())
	return u
}

// timedOut is an upload whose time is over.
func timedOut() film.Upload {
	u, _ := bare().Expire(born().Add(film.UploadTimeout))
	return u
}
