package uploader

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestUpload(t *testing.T) {
	t.Parallel()
	b := setup(t, 2500)
	b.fake.preparing = 3
	settings := Settings{Policies: []film.Policy{film.PolicySigned}, MasterAccess: film.AccessTemporary, Title: "A", Passthrough: "p", Timeout: time.Hour}
	got, err := b.client.Upload(t.Context(), b.path, settings, true, b.report)
	if err != nil {
		t.Fatal(err)
	}
	b.arrived(t)
	if want := (Result{Upload: "u1", Asset: "asset-u1", Status: film.AssetReady, Playback: "play", Size: 2500}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if want := []string{"bytes 0-999/2500", "bytes 1000-1999/2500", "bytes 2000-2499/2500"}; !slices.Equal(b.fake.puts, want) {
		t.Errorf("requests %q, want %q", b.fake.puts, want)
	}
	options, _ := b.fake.bodies[0]["new_asset_settings"].(map[string]any)
	if b.fake.bodies[0]["timeout"] != 3600.0 || options["master_access"] != "temporary" || options["passthrough"] != "p" {
		t.Errorf("asked for %v", b.fake.bodies[0])
	}
	if !b.report.waited || len(b.report.retries) > 0 || b.report.sent[len(b.report.sent)-1] != 2500 {
		t.Errorf("reported %+v", b.report)
	}
	if want := []float64{80, 90}; !slices.Equal(b.report.encoded, want) { // the first look, at 70, is to name the asset
		t.Errorf("encoded: %v, want %v", b.report.encoded, want)
	}
}

// TestFaults: whatever happens to the second request, the film arrives whole in the first upload.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault func(n int, u *fakeUpload, w http.ResponseWriter, r *http.Request) bool
		after string // the request that must follow
	}{
		{"cut inside a chunk", func(_ int, u *fakeUpload, w http.ResponseWriter, r *http.Request) bool {
			cut(u, w, r, 300)
			return true
		}, "bytes 1300-2299/2500"},
		{"cut before the first byte", func(_ int, u *fakeUpload, w http.ResponseWriter, r *http.Request) bool {
			cut(u, w, r, 0)
			return true
		}, "bytes 1000-1999/2500"},
		{"503", func(_ int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, "bytes 1000-1999/2500"},
		{"429", func(_ int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, "bytes 1000-1999/2500"},
		{"408", func(_ int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusRequestTimeout)
			return true
		}, "bytes 1000-1999/2500"},
		{"nothing of a chunk is kept", func(_ int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Range", "bytes=0-999")
			w.WriteHeader(http.StatusPermanentRedirect)
			return true
		}, "bytes 1000-1999/2500"},
		{"the server forgot all", func(_ int, u *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
			u.stored = nil
			w.WriteHeader(http.StatusPermanentRedirect)
			return true
		}, "bytes 0-999/2500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 2500)
			b.fake.fault = func(n int, u *fakeUpload, w http.ResponseWriter, r *http.Request) bool {
				return n == 2 && c.fault(n, u, w, r)
			}
			if _, err := b.upload(t); err != nil {
				t.Fatal(err)
			}
			b.arrived(t)
			if b.fake.puts[2] != "bytes */2500" || b.fake.puts[3] != c.after || len(b.report.retries) != 1 {
				t.Errorf("requests %q, retries %q", b.fake.puts, b.report.retries)
			}
		})
	}
}

// TestLostEnd: the last bytes arrived, their answer did not, whether the upload is finished or has to be.
func TestLostEnd(t *testing.T) {
	t.Parallel()
	for _, finished := range []bool{true, false} {
		b := setup(t, 2500)
		b.fake.fault = func(n int, u *fakeUpload, w http.ResponseWriter, r *http.Request) bool {
			if n != 3 {
				return false
			}
			cut(u, w, r, 500)
			if finished {
				u.status = film.UploadAssetCreated
			}
			return true
		}
		if _, err := b.upload(t); err != nil {
			t.Fatal(err)
		}
		b.arrived(t)
		if last := b.fake.puts[len(b.fake.puts)-1]; finished && last != "bytes */2500" || !finished && last != "bytes 2499-2499/2500" {
			t.Errorf("finished %v: requests %q", finished, b.fake.puts)
		}
	}
}

func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	b := setup(t, 2500)
	b.fake.fault = func(_ int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusRequestEntityTooLarge, "The file is larger than this server takes")
		return true
	}
	_, err := b.upload(t)
	refused, ok := errors.AsType[*Refused](err)
	if !ok || refused.Status != 413 || !strings.Contains(err.Error(), "larger than this server takes") || len(b.fake.puts) != 1 {
		t.Errorf("got %v after %q", err, b.fake.puts)
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	b := setup(t, 2500)
	b.client.cfg.Patience = time.Nanosecond
	b.fake.fault = func(_ int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusServiceUnavailable, "no room")
		return true
	}
	if _, err := b.upload(t); err == nil || !strings.Contains(err.Error(), "no room") || !strings.Contains(err.Error(), "nothing moved for") {
		t.Errorf("got %v", err)
	}
}

// interrupted runs an upload that is interrupted in its second chunk, of which the server keeps 300 bytes.
func (b *bundle) interrupted(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupt := errors.New("Ctrl-C")
	b.fake.fault = func(n int, u *fakeUpload, _ http.ResponseWriter, r *http.Request) bool {
		if n != 2 {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		u.stored = append(u.stored, body[:300]...)
		cancel(interrupt)
		<-r.Context().Done()
		return true
	}
	_, err := b.client.Upload(ctx, b.path, Settings{Policies: []film.Policy{film.PolicyPublic}, Timeout: time.Hour}, false, b.report)
	if !errors.Is(err, interrupt) {
		t.Fatalf("interrupted: %v", err)
	}
	b.settle()
	b.fake.puts, b.fake.fault, b.report = nil, nil, &recorder{}
}

func TestResume(t *testing.T) {
	t.Parallel()
	b := setup(t, 5000)
	b.interrupted(t)
	if _, err := b.upload(t); err != nil {
		t.Fatal(err)
	}
	b.arrived(t)
	if b.fake.puts[0] != "bytes */5000" || b.fake.puts[1] != "bytes 1300-2299/5000" {
		t.Errorf("requests %q", b.fake.puts)
	}
}

// TestAnew: what cannot be taken up starts anew, in another upload.
func TestAnew(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, b *bundle){
		"cancelled": func(_ *testing.T, b *bundle) { b.fake.uploads[0].status = film.UploadCancelled },
		"timed out": func(_ *testing.T, b *bundle) { b.fake.uploads[0].status = film.UploadTimedOut },
		"errored":   func(_ *testing.T, b *bundle) { b.fake.uploads[0].status = film.UploadErrored },
		"unknown":   func(_ *testing.T, b *bundle) { b.fake.uploads[0].id = "forgotten" },
		"deleted":   func(_ *testing.T, b *bundle) { b.fake.uploads[0].status, b.fake.gone = film.UploadAssetCreated, true },
		"gone meanwhile": func(_ *testing.T, b *bundle) {
			b.fake.fault = func(n int, _ *fakeUpload, w http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					refuse(w, http.StatusGone, "over")
				}
				return n == 1
			}
		},
		"another file": func(t *testing.T, b *bundle) {
			t.Helper()
			b.film[0]++
			if err := errors.Join(os.WriteFile(b.path, b.film, 0o600), os.Chtimes(b.path, time.Time{}, time.Unix(1, 0))); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 5000)
			b.interrupted(t)
			change(t, b)
			_, err := b.upload(t)
			b.fake.gone = false
			if name == "deleted" { // of the new one, too: what was asked is not there
				if !notFound(err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if u := b.fake.uploads[len(b.fake.uploads)-1]; len(b.fake.uploads) != 2 || u.status != film.UploadAssetCreated || string(u.stored) != string(b.film) {
				t.Errorf("%d uploads, the last is %s", len(b.fake.uploads), u.status)
			}
		})
	}
}

// TestSentBefore: an upload that an earlier run finished without knowing is not sent again.
func TestSentBefore(t *testing.T) {
	t.Parallel()
	b := setup(t, 5000)
	b.interrupted(t)
	b.fake.uploads[0].status, b.fake.uploads[0].stored = film.UploadAssetCreated, b.film
	got, err := b.upload(t)
	if err != nil || !got.Before || got.Asset != "asset-u1" || len(b.fake.puts) > 0 {
		t.Fatalf("%+v %v after %q", got, err, b.fake.puts)
	}
	b.arrived(t)
}

func TestFileChanges(t *testing.T) {
	t.Parallel()
	b := setup(t, 2500)
	b.fake.fault = func(n int, _ *fakeUpload, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 2 {
			_ = os.WriteFile(b.path, b.film[:1500], 0o600)
		}
		return false
	}
	if _, err := b.upload(t); !errors.Is(err, errChanged) {
		t.Errorf("got %v", err)
	}
}

func TestNoFilm(t *testing.T) {
	t.Parallel()
	b := setup(t, 0)
	if _, err := b.upload(t); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty: %v", err)
	}
	b.path = t.TempDir()
	if _, err := b.upload(t); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("folder: %v", err)
	}
	if len(b.fake.uploads) > 0 {
		t.Error("an upload was created for it")
	}
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t, 2500)
	b.fake.message = "The input is a web page"
	_, err := b.client.Upload(t.Context(), b.path, Settings{Timeout: time.Hour}, true, b.report)
	b.settle()
	if !errors.As(err, new(*AssetError)) || !strings.Contains(err.Error(), "web page") {
		t.Errorf("got %v", err)
	}
	b.arrived(t)
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	b := setup(t, 2500)
	b.client.api.secret = "wrong"
	_, err := b.upload(t)
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Status != 401 || len(b.fake.bodies) != 1 {
		t.Errorf("got %v after %d calls", err, len(b.fake.bodies))
	}
}
