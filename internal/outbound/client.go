package outbound

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config of a [Client]. Zero durations take the defaults of [Default].
type Config struct {
	Policy Policy
	// DialTimeout bounds resolution and connect, TLSTimeout the handshake, HeaderTimeout the wait for the answer's
	// head. Nothing bounds the body: that is the caller's, by progress or by the request's context.
	DialTimeout, TLSTimeout, HeaderTimeout time.Duration
	// MaxRedirects are followed for GET and HEAD. At zero, and for other methods, a redirect is an answer like any
	// other.
	MaxRedirects int
	UserAgent    string
	// RootCAs are trusted in place of the system's where set.
	RootCAs *x509.CertPool
	// Resolver resolves names in place of the system's where set.
	Resolver *net.Resolver
}

// Default is the public internet with ten redirects.
func Default() Config {
	return Config{
		DialTimeout: 15 * time.Second, TLSTimeout: 15 * time.Second, HeaderTimeout: 30 * time.Second,
		MaxRedirects: 10, UserAgent: "filmcan",
	}
}

// Client sends requests to customers' addresses. It follows no proxy of the environment, keeps no cookies, sends no
// Referer, speaks HTTP/1.1 and never decompresses. Safe for concurrent use.
type Client struct {
	cfg       Config
	transport *http.Transport
}

// New returns a client with that policy. It opens nothing.
func New(cfg Config) *Client {
	def := Default()
	for _, t := range []struct{ to, def *time.Duration }{
		{&cfg.DialTimeout, &def.DialTimeout},
		{&cfg.TLSTimeout, &def.TLSTimeout},
		{&cfg.HeaderTimeout, &def.HeaderTimeout},
	} {
		if *t.to <= 0 {
			*t.to = *t.def
		}
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = def.UserAgent
	}
	d := newDialer(cfg)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &Client{cfg: cfg, transport: &http.Transport{
		Proxy:                  nil, // a proxy would dial for us, past the guard
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		Protocols:              protocols,
		DisableCompression:     true,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		MaxIdleConns:           32,
		IdleConnTimeout:        30 * time.Second,
	}}
}

// Close drops the connections that are kept for later requests.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Parse reads a customer's URL: http or https, with a host. The fragment is dropped. Path and query keep the bytes
// that they have, and [Client.Do] sends them so.
func Parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's own text quotes the URL.
		return nil, &Error{Kind: KindAddress, Cause: errors.New("not a URL")}
	}
	if err := vet(u); err != nil {
		return nil, err
	}
	return u, nil
}

// vet checks that u can be fetched, and drops its fragment.
func vet(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return &Error{Kind: KindScheme, Host: u.Host, Cause: errors.New("scheme is not http or https")}
	}
	if u.Hostname() == "" {
		return &Error{Kind: KindAddress, Cause: errors.New("URL without a host")}
	}
	u.Fragment, u.RawFragment = "", ""
	return nil
}

// Do sends the request and returns the answer, whose Request is the last one that was sent; the caller closes its
// body. Every error is an [*Error], or the cause of the end of the request's context. User and password in the URL
// become basic authentication, for that URL's origin alone.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if err := vet(req.URL); err != nil {
		return nil, err
	}
	for hop := 0; ; hop++ {
		resp, err := c.send(req)
		if err != nil {
			return nil, c.explain(req, hop, err)
		}
		if !redirects(req.Method, resp.StatusCode) || c.cfg.MaxRedirects == 0 {
			return resp, nil
		}
		next, err := follow(req, resp)
		_ = resp.Body.Close() // unread: it may never end
		if err == nil && hop == c.cfg.MaxRedirects {
			err = errors.New("too many redirects")
		}
		if err != nil {
			return nil, &Error{Kind: KindRedirect, Host: req.URL.Host, Hop: hop, Cause: err}
		}
		req = next
	}
}

// send makes one exchange.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	exact(out.URL)
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	if out.Header.Get("Accept-Encoding") == "" {
		out.Header.Set("Accept-Encoding", "identity")
	}
	if user := out.URL.User; user != nil && out.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		out.SetBasicAuth(user.Username(), password)
	}
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	resp.Request = req
	return resp, nil
}

// explain turns what the transport says into an error of ours.
func (c *Client) explain(req *http.Request, hop int, err error) error {
	if ctx := req.Context(); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Kind: e.Kind, Host: req.URL.Host, Addr: e.Addr, Hop: hop, Cause: e.Cause}
	}
	kind := KindResponse
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		kind = KindTimeout
	}
	return &Error{Kind: kind, Host: req.URL.Host, Hop: hop, Cause: err}
}

// exact makes the request line carry the URL's path and query byte for byte, as a signature over them needs it.
// [url.URL] writes a path anew where it holds a byte that need not be there unescaped. Only what would break the
// request line itself is escaped.
func exact(u *url.URL) {
	u.RawQuery = wire(u.RawQuery)
	if path := wire(u.RawPath); path != "" && path != u.EscapedPath() && !strings.HasPrefix(path, "//") {
		u.Opaque = path
	}
}

// wire escapes spaces, control bytes and bytes above ASCII, and nothing else.
func wire(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			const digits = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
