package outbound

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func dev() Config {
	cfg := Default()
	cfg.Policy.Private = true
	return cfg
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c := New(cfg)
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// get returns the status and body of the answer.
func get(t *testing.T, c *Client, raw string, header ...string) (int, string, error) {
	t.Helper()
	u, err := Parse(raw)
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://placeholder/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL, req.Host = u, ""
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func wantKind(t *testing.T, err error, want Kind) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != want {
		t.Fatalf("got %v, want kind %s", err, want)
	}
	return e
}

func TestRefusesPrivateAddresses(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Default())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433", "0"} {
		_, _, err := get(t, c, "http://"+host+":"+port+"/")
		e, ok := errors.AsType[*Error](err)
		// Number forms that are no addresses here are looked up as names; either way nobody is reached.
		if !ok || e.Kind != KindRefused && e.Kind != KindDNS {
			t.Errorf("%s: got %v, want it refused", host, err)
		}
	}
}

func TestRefusesMetadataInDev(t *testing.T) {
	t.Parallel()
	_, _, err := get(t, newClient(t, dev()), "http://169.254.169.254/latest/meta-data/")
	if e := wantKind(t, err, KindRefused); e.Addr.String() != "169.254.169.254" {
		t.Errorf("address: got %s", e.Addr)
	}
}

// A name is judged by what it resolves to.
func TestRefusesNamesByTheirAddress(t *testing.T) {
	t.Parallel()
	_, _, err := get(t, newClient(t, Default()), "http://localhost:1/")
	wantKind(t, err, KindRefused)
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var other *httptest.Server
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/once":
			http.Redirect(w, r, "/end?a=%2f", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusMovedPermanently)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		case "/other":
			http.Redirect(w, r, other.URL+"/end", http.StatusTemporaryRedirect)
		default:
			_, _ = io.WriteString(w, r.RequestURI+"|"+r.Header.Get("Authorization")+"|"+r.Header.Get("Referer")+"|"+r.Header.Get("Range"))
		}
	})
	other = serve(t, s.Config.Handler.ServeHTTP)
	c := newClient(t, dev())

	for _, tt := range []struct{ path, want string }{
		{"/once", "/end?a=%2f|Bearer x||bytes=5-"},
		{"/other", "/end|||bytes=5-"},
	} {
		_, body, err := get(t, c, s.URL+tt.path, "Authorization", "Bearer x", "Range", "bytes=5-")
		if err != nil || body != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.path, body, err, tt.want)
		}
	}
	for path, want := range map[string]Kind{
		"/loop": KindRedirect, "/file": KindRedirect, "/nowhere": KindRedirect, "/metadata": KindRefused,
	} {
		_, _, err := get(t, c, s.URL+path)
		wantKind(t, err, want)
	}

	none := dev()
	none.MaxRedirects = 0
	if status, _, err := get(t, newClient(t, none), s.URL+"/once"); err != nil || status != http.StatusFound {
		t.Errorf("with no redirects: got %d, %v, want the redirect itself", status, err)
	}
}

// TestExactTargets: what the customer wrote is what the server sees, bytes that cannot stand in a request line aside.
func TestExactTargets(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	c := newClient(t, dev())
	for target, want := range map[string]string{
		"":                         "/",
		"/":                        "/",
		"?a=b":                     "/?a=b",
		"/a%2Fb/c%20d.mp4":         "",
		"/a+b/%7Efilm~.mp4?x=%7E~": "",
		"/a%2Fb|c{d}^`.mp4":        "",
		"/m%C3%BCnchen.mp4":        "",
		"/f.mp4?X-Amz-Signature=ab%2Bc%2F%3D&X-Amz-Date=20261122T000000Z": "",
		"/f.mp4?q='();:@&=+$,/?[]|\"<>":                                   "",
		"/f.mp4?a=1&a=2&&b":                                               "",
		"/f.mp4?":                                                         "",
		"//double//slash.mp4":                                             "",
		"/a/../b/./c.mp4":                                                 "",
		"/f.mp4?a=%":                                                      "",
		"/f.mp4?a=1#fragment":                                             "/f.mp4?a=1",
		"/sp ace.mp4?b=c d":                                               "/sp%20ace.mp4?b=c%20d",
		"/münchen.mp4?q=ü":                                                "/m%C3%BCnchen.mp4?q=%C3%BC",
		"/a%2fb ü|.mp4":                                                   "/a%2fb%20%C3%BC|.mp4",
	} {
		if want == "" {
			want = target
		}
		_, got, err := get(t, c, s.URL+target)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", target, got, err, want)
		}
	}
}

func TestCredentialsAndHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, user+":"+password+" "+r.Header.Get("Accept-Encoding")+" "+r.UserAgent())
	})
	_, got, err := get(t, newClient(t, dev()), strings.Replace(s.URL, "http://", "http://me:p%40ss@", 1))
	if err != nil || got != "me:p@ss identity filmcan" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]Kind{
		"ftp://host/x": KindScheme, "file:///etc/passwd": KindScheme, "concat:a|b": KindScheme, "//host/x": KindScheme,
		"": KindScheme, "http://": KindAddress, "http:///x": KindAddress, "http://h\x7f/": KindAddress, "http://a%zz/": KindAddress,
		"http://:80/": KindAddress,
	} {
		_, err := Parse(raw)
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != want {
			t.Errorf("%q: got %v, want %s", raw, err, want)
		}
	}
}

func TestFailuresByKind(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	garbage, closed := listen(t, "SSH-2.0-OpenSSH\r\n"), listen(t, "")

	cfg := dev()
	cfg.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	c := newClient(t, cfg)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for raw, want := range map[string]Kind{
		"http://films.example/":                        KindDNS,
		"http://" + gone.Addr().String():               KindConnect,
		secure.URL:                                     KindTLS,
		strings.Replace(plain.URL, "http", "https", 1): KindTLS,
		"http://" + garbage:                            KindResponse,
		"http://" + closed:                             KindResponse,
	} {
		_, _, err := get(t, c, raw)
		wantKind(t, err, want)
	}

	trusting := dev()
	trusting.RootCAs = x509.NewCertPool()
	trusting.RootCAs.AddCert(secure.Certificate())
	if status, _, err := get(t, newClient(t, trusting), secure.URL); err != nil || status != http.StatusNotFound {
		t.Errorf("with its own certificate: got %d, %v", status, err)
	}
}

func TestHeaderTimeout(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) })
	cfg := dev()
	cfg.HeaderTimeout = 20 * time.Millisecond
	_, _, err := get(t, newClient(t, cfg), s.URL)
	wantKind(t, err, KindTimeout)
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	reached, stop := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { close(reached); <-stop })
	t.Cleanup(func() { close(stop) })
	c := newClient(t, dev())
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-reached; cancel(why) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, why) {
		t.Errorf("got %v, want the cause", err)
	}
}

// listen answers each connection with that text and closes it.
func listen(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.(*net.TCPConn).CloseWrite()
			go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
		}
	}()
	return l.Addr().String()
}

// FuzzParse: what Parse takes can be sent, and its target holds only bytes that a request line can carry.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://h/a%2Fb|c?d=e", "https://u:p@h:1/ ü?q q", "http://h//x", "http://h?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := Parse(raw)
		if err != nil {
			t.Skip()
		}
		exact(u)
		for _, c := range []byte(u.RequestURI()) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q: target %q", raw, u.RequestURI())
			}
		}
	})
}
