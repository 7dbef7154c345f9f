package token_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/token"
)

func signer(tb testing.TB, fill byte) *token.Signer {
	tb.Helper()
	s, err := token.NewSigner(bytes.Repeat([]byte{fill}, token.SecretSize))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

var expires = time.Unix(1800000000, 0)

// split returns what a door sees of a URL.
func split(tb testing.TB, text string) (grant film.GrantID, file, skid, signature string) {
	tb.Helper()
	u, err := url.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	parts := strings.Split(u.Path, "/")
	q := u.Query()
	return film.GrantID(parts[len(parts)-2]), parts[len(parts)-1], q.Get("skid"), q.Get("signature")
}

func TestMasterURL(t *testing.T) {
	t.Parallel()
	s := signer(t, 1)
	grant := film.Grant{ID: "gRant0123456789", ExpiresAt: expires.Add(-300 * time.Millisecond)}
	for base, start := range map[string]string{
		"http://127.0.0.1:8080":     "http://127.0.0.1:8080/master/",
		"https://media.example/x/":  "https://media.example/x/master/",
		"https://media.example/x/y": "https://media.example/x/y/master/",
	} {
		text := s.MasterURL(base, grant, "master.mp4")
		want := regexp.MustCompile("^" + regexp.QuoteMeta(start+"gRant0123456789/master.mp4?skid=default&signature=") + "[A-Za-z0-9%]+$")
		if !want.MatchString(text) {
			t.Errorf("URL is %s, want %s", text, want)
		}
		got, err := s.VerifyMaster(split(t, text))
		if err != nil || !got.Equal(expires) {
			t.Errorf("verify %s: %v, %v; want %v", text, got, err, expires)
		}
		_, _, _, signature := split(t, text)
		inside, err := base64.StdEncoding.DecodeString(signature)
		if err != nil || !regexp.MustCompile(`^6b49d200_[0-9a-f]{64}$`).Match(inside) {
			t.Errorf("signature holds %q, %v", inside, err)
		}
	}
}

func TestAlteredMasterURL(t *testing.T) {
	t.Parallel()
	s := signer(t, 1)
	text := s.MasterURL("http://x", film.Grant{ID: "g1", ExpiresAt: expires}, "master.mp4")
	grant, file, skid, signature := split(t, text)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	inside, _ := base64.StdEncoding.DecodeString(signature)
	for name, c := range map[string]struct {
		by                    *token.Signer
		grant                 film.GrantID
		file, skid, signature string
	}{
		"other grant":      {s, "g2", file, skid, signature},
		"other file":       {s, grant, "master.m4a", skid, signature},
		"other skid":       {s, grant, file, "mine", signature},
		"no skid":          {s, grant, file, "", signature},
		"other secret":     {signer(t, 2), grant, file, skid, signature},
		"later expiry":     {s, grant, file, skid, encode("7" + string(inside[1:]))},
		"leading zero":     {s, grant, file, skid, encode("0" + string(inside))},
		"upper case":       {s, grant, file, skid, encode(strings.ToUpper(string(inside)))},
		"plus sign":        {s, grant, file, skid, encode("+" + string(inside))},
		"negative":         {s, grant, file, skid, encode("-" + string(inside))},
		"cut short":        {s, grant, file, skid, encode(string(inside[:len(inside)-1]))},
		"something behind": {s, grant, file, skid, encode(string(inside) + "0")},
		"no underscore":    {s, grant, file, skid, encode("6b49d200")},
		"no padding":       {s, grant, file, skid, strings.TrimRight(signature, "=") + "\n"},
		"line feed inside": {s, grant, file, skid, signature[:4] + "\n" + signature[4:]},
		"not base64":       {s, grant, file, skid, "%%%"},
		"empty":            {s, grant, file, skid, ""},
	} {
		if _, err := c.by.VerifyMaster(c.grant, c.file, c.skid, c.signature); !errors.Is(err, token.ErrSignature) || err.Error() != "invalid signature" {
			t.Errorf("%s: error %v, want the one opaque error", name, err)
		}
	}
}

func TestSecretSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 31, 33} {
		if _, err := token.NewSigner(make([]byte, n)); err == nil {
			t.Errorf("a secret of %d bytes was taken", n)
		}
	}
}

func FuzzVerifyMaster(f *testing.F) {
	s := signer(f, 3)
	_, file, skid, good := split(f, s.MasterURL("http://x", film.Grant{ID: "g", ExpiresAt: expires}, "master.mp4"))
	f.Add(good)
	f.Add("")
	f.Add(base64.StdEncoding.EncodeToString([]byte("6b49d200_")))
	f.Fuzz(func(t *testing.T, signature string) {
		if _, err := s.VerifyMaster("g", file, skid, signature); (err == nil) != (signature == good) {
			t.Errorf("signature %q: error %v", signature, err)
		}
	})
}

func TestKeyPair(t *testing.T) {
	t.Parallel()
	pair, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(pair.Private)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "RSA PRIVATE KEY" {
		t.Fatalf("private key is no PKCS #1 PEM: %q", text[:20])
	}
	private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(pair.Public)
	if block == nil || block.Type != "PUBLIC KEY" {
		t.Fatal("public key is no PKIX PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := public.(*rsa.PublicKey); !ok || !private.PublicKey.Equal(got) || got.Size() != 256 {
		t.Errorf("public key %T does not belong to the private one, or is not of 2048 bits", public)
	}
}
