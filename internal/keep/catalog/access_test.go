package catalog

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
)

func TestEnvironments(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			first, err := w.EnsureEnvironment(ctx, "Development", "production") // it is there: the type stays
			must(t, err)
			if first.ID != w.env || first.Type != "development" || !first.CreatedAt.Equal(w.clock.Now()) {
				t.Errorf("ensured as %+v", first)
			}
			w.clock.Advance(time.Second)
			second, err := w.EnsureEnvironment(ctx, "Production", "production")
			must(t, err)
			all, err := w.Environments(ctx)
			must(t, err)
			if !slices.Equal(all, []film.Environment{first, second}) {
				t.Errorf("all: %+v", all)
			}
			if got, err := w.Environment(ctx, second.ID); got != second || err != nil {
				t.Errorf("read as %+v, %v", got, err)
			}
			_, err = w.Environment(ctx, "nobody")
			wantCode(t, "an unknown one", err, film.CodeNotFound)
			if _, err := w.EnsureEnvironment(ctx, "Staging", "staging"); err == nil {
				t.Error("an environment of an unknown type is made")
			}
		})
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			permissions := []film.Permission{film.VideoRead, film.SystemWrite}
			token, secret, err := w.CreateToken(ctx, w.env, "first", permissions)
			must(t, err)
			p, err := w.Authenticate(ctx, token.ID, secret)
			must(t, err)
			if !reflect.DeepEqual(p.Token, token) || p.Environment.ID != w.env || p.Environment.Name != "Development" ||
				!p.May(film.VideoRead) || p.May(film.VideoWrite) {
				t.Errorf("authenticated as %+v, want %+v", p, token)
			}
			if strings.Contains(w.dump(t), secret) {
				t.Error("the secret is stored")
			}
			other, otherSecret, err := w.CreateToken(ctx, w.environment(t, "Production"), "other", nil)
			must(t, err)
			for name, wrong := range map[string]struct {
				id     film.TokenID
				secret string
			}{
				"another's secret": {token.ID, otherSecret}, "no secret": {token.ID, ""}, "nobody": {"nobody", secret},
				"nothing": {}, "nobody without secret": {"nobody", ""}, "no text": {"a\x00b", secret}, "broken text": {"\xff", secret},
				"hash as secret": {token.ID, digest(secret)}, "shorter": {token.ID, secret[1:]},
			} {
				_, err := w.Authenticate(ctx, wrong.id, wrong.secret)
				wantCode(t, name, err, film.CodeUnauthorized)
			}
			w.clock.Advance(time.Second)
			second, _, err := w.CreateToken(ctx, w.env, "second", nil)
			must(t, err)
			tokens, err := w.Tokens(ctx, w.env)
			must(t, err)
			if !reflect.DeepEqual(tokens, []film.AccessToken{second, token}) {
				t.Errorf("tokens %+v, want the newest first and none of %v", tokens, other.ID)
			}
			must(t, w.RevokeToken(ctx, token.ID))
			_, err = w.Authenticate(ctx, token.ID, secret)
			wantCode(t, "a revoked token", err, film.CodeUnauthorized)
			wantCode(t, "revoke twice", w.RevokeToken(ctx, token.ID), film.CodeNotFound)
			_, _, err = w.CreateToken(ctx, w.env, "x", []film.Permission{"all"})
			wantCode(t, "an unknown permission", err, film.CodeInvalid)
		})
	}
}

func TestKeysAndSecrets(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			must(t, w.AddSigningKey(ctx, w.env, "key1", []byte("PEM 1")))
			must(t, w.AddSigningKey(ctx, w.env, "key1", []byte("another")))
			w.clock.Advance(time.Second)
			must(t, w.AddSigningKey(ctx, w.env, "key2", []byte("PEM 2")))
			key, err := w.SigningKey(ctx, "key1")
			must(t, err)
			if string(key.PublicKey) != "PEM 1" || key.Environment != w.env {
				t.Errorf("key %+v", key)
			}
			keys, err := w.SigningKeys(ctx, w.env)
			must(t, err)
			if len(keys) != 2 || keys[0].ID != "key1" || keys[1].ID != "key2" {
				t.Errorf("keys, oldest first: %+v", keys)
			}
			_, err = w.SigningKey(ctx, "key3")
			wantCode(t, "an unknown key", err, film.CodeNotFound)

			var (
				group  sync.WaitGroup
				mu     sync.Mutex
				values [][]byte
			)
			for range 8 { // whoever asks first draws it, and all get the same
				group.Go(func() {
					value, err := w.Secret(ctx, "master")
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					values = append(values, value)
				})
			}
			group.Wait()
			other, err := w.Secret(ctx, "other")
			must(t, err)
			for _, v := range values {
				if len(v) != 32 || !bytes.Equal(v, values[0]) || bytes.Equal(v, other) {
					t.Errorf("secrets %x, and the other one %x", values, other)
				}
			}
		})
	}
}

func TestFilms(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			want := map[film.FilmID]film.AssetID{}
			for range 4 {
				a := w.ready(t)
				want[a.Film] = a.ID
			}
			preparing := w.asset(t)
			want[preparing.Film] = preparing.ID
			got := map[film.FilmID]film.AssetID{}
			for f, err := range w.Films(ctx) {
				must(t, err)
				got[f.ID] = f.Asset.ID
				if f.Asset.ID != preparing.ID && f.Asset.Master.Size != 1000 || !f.VerifiedAt.IsZero() {
					t.Errorf("film %+v", f)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("films %v, want %v", got, want)
			}
			for range w.Films(ctx) { // leaving early leaves no connection behind
				break
			}

			// A scrub goes round: each ready film once, those first that were read longest ago.
			started := w.clock.Now()
			var order []film.FilmID
			for {
				f, ok, err := w.ScrubNext(ctx, started.Add(time.Nanosecond*2000))
				must(t, err)
				if !ok {
					break
				}
				w.clock.Advance(time.Second)
				must(t, w.ScrubDone(ctx, f.ID))
				order = append(order, f.ID)
			}
			if len(order) != 4 || slices.Contains(order, preparing.Film) {
				t.Errorf("scrubbed %v", order)
			}
			next, ok, err := w.ScrubNext(ctx, w.clock.Now())
			must(t, err)
			if !ok || next.ID != order[0] || !next.VerifiedAt.Equal(started.Add(time.Second)) {
				t.Errorf("next is %+v, want %s again", next, order[0])
			}
			must(t, w.ScrubDone(ctx, "nothing"))
			if has, err := w.HasFilm(ctx, order[0]); !has || err != nil {
				t.Errorf("HasFilm = %v, %v", has, err)
			}
		})
	}
}

func TestHoldPurges(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			held := func() time.Duration {
				t.Helper()
				d, err := w.PurgesHeld(ctx)
				must(t, err)
				return d
			}
			if held() != 0 {
				t.Errorf("held for %v without a hold", held())
			}
			must(t, w.HoldPurges(ctx, w.clock.Now().Add(time.Minute)))
			must(t, w.HoldPurges(ctx, w.clock.Now().Add(time.Second))) // another backup, with less to do
			if held() != time.Minute {
				t.Errorf("held for %v, want a minute", held())
			}
			w.clock.Advance(time.Minute)
			if held() != 0 {
				t.Errorf("held for %v after its end", held())
			}
		})
	}
}

// TestForeignEnvironment calls every method that takes an environment with another one's objects: they do not exist.
func TestForeignEnvironment(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			hook := w.webhook(t, "https://example.com/hook")
			a := w.ready(t)
			_, _, err := w.CreateToken(ctx, w.env, "token", nil)
			must(t, err)
			must(t, w.AddSigningKey(ctx, w.env, "key", []byte("PEM")))
			events, err := w.EventsAfter(ctx, w.env, 0, 1)
			must(t, err)
			u := w.upload(t)
			foreign := w.environment(t, "Foreign")
			before := w.dump(t)
			nothing := func(n int, err error) error {
				if err == nil && n == 0 {
					return film.NotFound()
				}
				return err
			}
			for _, env := range []film.EnvironmentID{foreign, "", "nobody", "\x00"} {
				calls := map[string]func() error{
					"Asset":           func() error { _, err := w.Asset(ctx, env, a.ID); return err },
					"Assets":          func() error { l, _, err := w.Assets(ctx, env, AssetFilter{}); return nothing(len(l), err) },
					"UpdateAsset":     func() error { _, err := w.UpdateAsset(ctx, env, a.ID, film.AssetPatch{Title: new("t")}); return err },
					"DeleteAsset":     func() error { return w.DeleteAsset(ctx, env, a.ID) },
					"CreatePlayback":  func() error { _, err := w.CreatePlayback(ctx, env, a.ID, film.PolicyPublic); return err },
					"DeletePlayback":  func() error { return w.DeletePlayback(ctx, env, a.ID, a.Playbacks[0].ID) },
					"PlaybackOwner":   func() error { _, _, err := w.PlaybackOwner(ctx, env, a.Playbacks[0].ID); return err },
					"SetMasterAccess": func() error { _, err := w.SetMasterAccess(ctx, env, a.ID, film.AccessTemporary); return err },
					"Webhook":         func() error { _, err := w.Webhook(ctx, env, hook.ID); return err },
					"Webhooks":        func() error { l, err := w.Webhooks(ctx, env, 10, 1); return nothing(len(l), err) },
					"UpdateWebhook": func() error {
						_, err := w.UpdateWebhook(ctx, env, hook.ID, film.WebhookPatch{Enabled: new(false)})
						return err
					},
					"DeleteWebhook":       func() error { return w.DeleteWebhook(ctx, env, hook.ID) },
					"DeliveriesOfEvent":   func() error { l, err := w.DeliveriesOfEvent(ctx, env, events[0].ID); return nothing(len(l), err) },
					"DeliveriesOfWebhook": func() error { l, err := w.DeliveriesOfWebhook(ctx, env, hook.ID, 10, 1); return nothing(len(l), err) },
					"EventsAfter":         func() error { l, err := w.EventsAfter(ctx, env, 0, 10); return nothing(len(l), err) },
					"LastEventSeq":        func() error { n, err := w.LastEventSeq(ctx, env); return nothing(int(n), err) },
					"Tokens":              func() error { l, err := w.Tokens(ctx, env); return nothing(len(l), err) },
					"SigningKeys":         func() error { l, err := w.SigningKeys(ctx, env); return nothing(len(l), err) },
					"Upload":              func() error { _, err := w.Upload(ctx, env, u.ID); return err },
					"Uploads":             func() error { l, err := w.Uploads(ctx, env, 10, 1); return nothing(len(l), err) },
					"CancelUpload":        func() error { _, err := w.CancelUpload(ctx, env, u.ID); return err },
				}
				if env != foreign && env != "\x00" { // in an environment that does not exist nothing can be made either
					calls["CreateAsset"] = func() error { _, err := w.CreateAsset(ctx, env, film.AssetSettings{}, nil); return err }
					calls["CreateUpload"] = func() error { _, err := w.CreateUpload(ctx, env, film.AssetSettings{}, "", 0); return err }
					calls["CreateToken"] = func() error { _, _, err := w.CreateToken(ctx, env, "", nil); return err }
					calls["AddSigningKey"] = func() error { return w.AddSigningKey(ctx, env, "key2", nil) }
					calls["CreateWebhook"] = func() error { _, err := w.CreateWebhook(ctx, env, "x"); return err }
					calls["EnsureWebhook"] = func() error { _, err := w.EnsureWebhook(ctx, env, "x"); return err }
					calls["Environment"] = func() error { _, err := w.Environment(ctx, env); return err }
				}
				for name, call := range calls {
					wantCode(t, fmt.Sprintf("%s in %q", name, env), call(), film.CodeNotFound)
				}
				// The table has every method with an environment.
				for method := range reflect.TypeFor[*Catalog]().Methods() {
					inputs := slices.Collect(method.Type.Ins())
					created := slices.Contains([]string{"CreateAsset", "CreateUpload", "CreateToken", "AddSigningKey", "CreateWebhook", "EnsureWebhook", "Environment"}, method.Name)
					if slices.Contains(inputs, reflect.TypeFor[film.EnvironmentID]()) && calls[method.Name] == nil && !created {
						t.Errorf("%s takes an environment and has no row", method.Name)
					}
				}
			}
			_, err = w.CreateWebhook(ctx, w.env, "https://example.com/\x00")
			wantCode(t, "an address that cannot be stored", err, film.CodeInvalid)
			if after := w.dump(t); after != before {
				t.Errorf("a foreign environment changed something: %s", difference(before, after))
			}
		})
	}
}

// TestOddIDs asks for objects by ids that no column can hold.
func TestOddIDs(t *testing.T) {
	t.Parallel()
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			ctx := t.Context()
			for _, id := range []string{"", "\x00", "a\x00b", "\xff\xfe", "' OR 1=1 --", strings.Repeat("x", 1<<16), "%", "*", "ü"} {
				for name, call := range map[string]func() error{
					"Asset":           func() error { _, err := w.Asset(ctx, w.env, film.AssetID(id)); return err },
					"AssetForWork":    func() error { _, err := w.AssetForWork(ctx, film.AssetID(id)); return err },
					"DeleteAsset":     func() error { return w.DeleteAsset(ctx, w.env, film.AssetID(id)) },
					"AssetReady":      func() error { return w.AssetReady(ctx, film.AssetID(id), found()) },
					"ResolvePlayback": func() error { _, _, err := w.ResolvePlayback(ctx, film.PlaybackID(id)); return err },
					"PlaybackOwner":   func() error { _, _, err := w.PlaybackOwner(ctx, w.env, film.PlaybackID(id)); return err },
					"Grant":           func() error { _, err := w.Grant(ctx, film.GrantID(id)); return err },
					"Webhook":         func() error { _, err := w.Webhook(ctx, w.env, film.WebhookID(id)); return err },
					"DeleteWebhook":   func() error { return w.DeleteWebhook(ctx, w.env, film.WebhookID(id)) },
					"UpdateWebhook": func() error {
						_, err := w.UpdateWebhook(ctx, w.env, film.WebhookID(id), film.WebhookPatch{})
						return err
					},
					"Delivery":    func() error { _, err := w.Delivery(ctx, film.DeliveryID(id)); return err },
					"SigningKey":  func() error { _, err := w.SigningKey(ctx, film.SigningKeyID(id)); return err },
					"RevokeToken": func() error { return w.RevokeToken(ctx, film.TokenID(id)) },
					"Upload":      func() error { _, err := w.Upload(ctx, w.env, film.UploadID(id)); return err },
					"OpenUpload":  func() error { _, err := w.OpenUpload(ctx, film.UploadID(id)); return err },
					"CompleteUpload": func() error {
						_, err := w.CompleteUpload(ctx, film.UploadID(id))
						return err
					},
					"CancelUpload": func() error { _, err := w.CancelUpload(ctx, w.env, film.UploadID(id)); return err },
					"FailUpload":   func() error { return w.FailUpload(ctx, film.UploadID(id), film.UploadFailure{}) },
				} {
					wantCode(t, fmt.Sprintf("%s of %.20q", name, id), call(), film.CodeNotFound)
				}
			}
		})
	}
}

func TestCancelledRequest(t *testing.T) {
	t.Parallel()
	w := sqlite(t)
	before := w.dump(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.CreateAsset(ctx, w.env, film.AssetSettings{}, nil); err == nil || film.AsError(err) != nil {
		t.Errorf("with a cancelled request: %v", err)
	}
	if after := w.dump(t); after != before {
		t.Errorf("a cancelled request changed something: %s", difference(before, after))
	}
}
