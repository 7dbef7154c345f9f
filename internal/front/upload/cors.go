package upload

import (
	"net/http"
	"net/url"
	"strings"

	"filmcan/internal/front/door"
)

// allowOrigin returns the Access-Control-Allow-Origin for a page at origin, where the upload's creator gave that
// cors_origin: "*" or nothing for any page, an origin, or a host without a scheme (reference page, 2.6 and 6.1). To
// other pages it names the allowed one, by which their browser refuses the answer.
func allowOrigin(cors, origin string) string {
	cors = strings.TrimSuffix(strings.TrimSpace(cors), "/")
	if cors == "" || cors == "*" {
		return "*"
	}
	if strings.EqualFold(cors, origin) {
		return origin // browsers compare it letter by letter with what they sent
	}
	if strings.Contains(cors, "://") {
		return cors
	}
	if u, err := url.Parse(origin); err == nil && (strings.EqualFold(u.Host, cors) || strings.EqualFold(u.Hostname(), cors)) {
		return origin
	}
	return "https://" + cors
}

const methods = "PUT, POST, PATCH, OPTIONS"

// openTo sets the headers that let a page read an answer, also one that is an error. Without Range exposed UpChunk
// does not see what is stored.
func openTo(h http.Header, r *http.Request, cors string) {
	origin := allowOrigin(cors, r.Header.Get("Origin"))
	h.Set("Access-Control-Allow-Origin", origin)
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
	h.Set("Access-Control-Expose-Headers", "Range, Retry-After, "+door.RequestIDHeader)
}

// preflight answers a page's question whether it may send. Any header is welcome: UpChunk sends what it is told to.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", methods)
	h.Set("Access-Control-Allow-Methods", methods)
	headers := "Content-Type, Content-Range"
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		headers += ", " + asked
	}
	h.Set("Access-Control-Allow-Headers", headers)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
