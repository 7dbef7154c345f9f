package outbound

import (
	"errors"
	"net/http"
	"net/url"
)

// redirects reports whether an answer sends this request elsewhere.
func redirects(method string, status int) bool {
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow returns the request that a redirect asks for. Credentials stay with the origin they were given for.
func follow(req *http.Request, resp *http.Response) (*http.Request, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, errors.New("redirect without a location")
	}
	ref, err := url.Parse(location)
	if err != nil {
		return nil, errors.New("redirect to something that is no URL")
	}
	if ref.Scheme == "" || ref.Host == "" && ref.Opaque == "" {
		ref = req.URL.ResolveReference(ref)
	}
	if err := vet(ref); err != nil {
		return nil, err
	}
	next := req.Clone(req.Context())
	next.URL, next.Host = ref, ""
	next.Header.Del("Referer")
	if origin(ref) != origin(req.URL) {
		for _, secret := range []string{"Authorization", "Cookie", "Proxy-Authorization", "Www-Authenticate"} {
			next.Header.Del(secret)
		}
	}
	return next, nil
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + u.Hostname() + ":" + port
}
