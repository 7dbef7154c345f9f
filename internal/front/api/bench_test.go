package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkGetAsset is a whole read: credentials, row, JSON; without a network.
func BenchmarkGetAsset(b *testing.B) {
	w := newWorld(b)
	_, a := w.create(b, w.caller, filmBody)
	w.makeReady(b, a.text("data.id"))
	handler := w.api.Handler()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequestWithContext(b.Context(), "GET", "/video/v1/assets/"+a.text("data.id"), nil)
			r.SetBasicAuth(w.caller.id, w.caller.secret)
			out := httptest.NewRecorder()
			handler.ServeHTTP(out, r)
			if out.Code != http.StatusOK {
				b.Fatalf("%d %s", out.Code, out.Body)
			}
		}
	})
}
