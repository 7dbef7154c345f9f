package play

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// address is a scheme and a host, as they stand in front of a path.
type address struct{ scheme, host string }

func (a address) String() string { return a.scheme + "://" + a.host }

func parseAddress(s string) (address, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return address{}, fmt.Errorf("public URL %q: want http:// or https:// and a host", s)
	}
	return address{u.Scheme, u.Host}, nil
}

// reachedAt returns how this viewer reaches us. The multivariant playlist needs whole URLs, because Mux's player reads
// the first variant and the session data with a fetch of its own, which a relative URL would lead to the page that the
// player is on. A viewer may come by another name than the public one: stream.example.com, localhost, an address in
// the local network.
//
// What the viewer says of that is believed for this one viewer: the answer is not for shared caches then. Else one
// request with a host name of an attacker's could lead everybody behind a careless cache to the attacker.
func (d *Door) reachedAt(r *http.Request) (at address, shared bool) {
	switch {
	case r.Host == d.public.host || !isHost(r.Host):
		return d.public, true
	case r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https":
		return address{"https", r.Host}, false
	}
	return address{"http", r.Host}, false
}

// isHost reports whether a request's host can be one, with or without a port. The server lets more pass, quotes among
// them, which mean something in a playlist.
func isHost(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', strings.IndexByte(".-_:[]", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
