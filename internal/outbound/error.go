package outbound

import "net/netip"

// Kind says at which step a request failed.
type Kind string

// The kinds of failures.
const (
	// KindAddress: the URL cannot be used at all: it does not parse or names no host.
	KindAddress Kind = "address"
	// KindScheme: neither http nor https.
	KindScheme Kind = "scheme"
	// KindDNS: the host's name could not be resolved.
	KindDNS Kind = "dns"
	// KindRefused: the policy forbids the address that the host resolved to.
	KindRefused Kind = "refused"
	// KindConnect: nobody answered at the address, or not in time.
	KindConnect Kind = "connect"
	// KindTLS: no trustworthy encrypted connection came about.
	KindTLS Kind = "tls"
	// KindRedirect: redirects without end, or one that leads nowhere.
	KindRedirect Kind = "redirect"
	// KindTimeout: connected, but the answer's head did not come in time.
	KindTimeout Kind = "timeout"
	// KindResponse: connected, but what came is no HTTP answer, or the connection broke before it was one.
	KindResponse Kind = "response"
)

// Error is a request that got no answer. Its text is for logs; it never holds the URL's path or query, which may
// carry a signature.
type Error struct {
	Kind Kind
	// Host is the host, with its port where one was given, of the request that failed.
	Host string
	// Addr is the address that was refused.
	Addr netip.Addr
	// Hop counts the redirects that were followed before.
	Hop   int
	Cause error
}

func (e *Error) Error() string {
	text := "outbound " + string(e.Kind)
	if e.Host != "" {
		text += " " + e.Host
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }
