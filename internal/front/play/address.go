package play

import (
	"fmt"
	"net/http"
	"net/url"
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
func (d *Door) reachedAt(r *http.Request) address {
	switch {
	case r.Host == "" || r.Host == d.public.host:
		return d.public
	case r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https":
		return address{"https", r.Host}
	}
	return address{"http", r.Host}
}
