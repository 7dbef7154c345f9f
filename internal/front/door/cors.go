package door

import "net/http"

// CORS opens a door that only gives: any page may GET and HEAD it and see the headers that matter for downloads and
// players (reference page, 3.6 and 5.9). It answers preflights itself. No credentials are ever taken from a page.
func CORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers",
			"Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, "+RequestIDHeader)
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Allow", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "*, Range, If-Range, If-None-Match")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	})
}
