package catalog

import (
	"testing"

	"filmcan/internal/film"
)

// BenchmarkRead measures what a GET of an asset costs: who is it, and what is asked for.
func BenchmarkRead(b *testing.B) {
	w := sqlite(b)
	var assets []film.AssetID
	for range 1000 {
		assets = append(assets, w.ready(b).ID)
	}
	token, secret, err := w.CreateToken(b.Context(), w.env, "bench", film.AllPermissions())
	must(b, err)
	b.Run("authenticate+asset", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				p, err := w.Authenticate(b.Context(), token.ID, secret)
				if err != nil {
					b.Error(err)
				}
				if _, err := w.Asset(b.Context(), p.Environment.ID, assets[i%len(assets)]); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("authenticate", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.Authenticate(b.Context(), token.ID, secret); err != nil {
				b.Error(err)
			}
		}
	})
	b.Run("asset", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := w.Asset(b.Context(), w.env, assets[i%len(assets)]); err != nil {
				b.Error(err)
			}
		}
	})
	b.Run("revocations", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.RevocationSeq(b.Context()); err != nil {
				b.Error(err)
			}
		}
	})
	b.Run("list of 25", func(b *testing.B) {
		for b.Loop() {
			if list, _, err := w.Assets(b.Context(), w.env, AssetFilter{}); len(list) != 25 || err != nil {
				b.Error(len(list), err)
			}
		}
	})
}

// BenchmarkEnableMaster measures the PUT of master access, on and off, with a webhook.
func BenchmarkEnableMaster(b *testing.B) {
	w := sqlite(b)
	w.webhook(b, "https://example.com/hook")
	a := w.ready(b)
	for b.Loop() {
		for _, access := range []film.Access{film.AccessTemporary, film.AccessNone} {
			if _, err := w.SetMasterAccess(b.Context(), w.env, a.ID, access); err != nil {
				b.Fatal(err)
			}
		}
	}
}
