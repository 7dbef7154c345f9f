package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"filmcan/internal/film"
)

// ErrSignature refuses a credential: altered, of another server, or none at all. It never says which.
var ErrSignature = errors.New("invalid signature")

// SecretSize is the length of a server's secret in bytes.
const SecretSize = 32

// masterKey is the `skid` of master URLs: the name of the key that signed. There is one.
const masterKey = "default"

// Signer signs the URLs that this server gives out. All nodes of a server share the secret. It may be used by many
// goroutines at once.
type Signer struct{ secret [SecretSize]byte }

// NewSigner returns a signer with that secret of [SecretSize] random bytes.
func NewSigner(secret []byte) (*Signer, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("signing secret has %d bytes, not %d", len(secret), SecretSize)
	}
	return &Signer{secret: [SecretSize]byte(secret)}, nil
}

// MasterURL returns the URL under which a master can be had while the grant lasts (reference page, 3.6). Base is the
// server's public address; a path in it is kept. File is "master.mp4" or "master.m4a".
func (s *Signer) MasterURL(base string, g film.Grant, file string) string {
	// Whole seconds, rounded up: the grant itself is the finer measure.
	expires := g.ExpiresAt.Add(time.Second - 1).Unix()
	query := "?skid=" + masterKey + "&signature=" + url.QueryEscape(s.master(g.ID, file, expires))
	return strings.TrimSuffix(base, "/") + "/master/" + url.PathEscape(string(g.ID)) + "/" + file + query
}

// VerifyMaster checks the two query parameters of a master's URL against its path and returns the expiry that was
// signed. The expiry may be past: whether that matters is for the caller to say. Time taken does not depend on how
// much of a signature is right.
func (s *Signer) VerifyMaster(grant film.GrantID, file, skid, signature string) (time.Time, error) {
	text, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || skid != masterKey {
		return time.Time{}, ErrSignature
	}
	stamp, _, found := strings.Cut(string(text), "_")
	expires, err := strconv.ParseInt(stamp, 16, 64)
	if err != nil || !found || expires < 0 {
		return time.Time{}, ErrSignature
	}
	// The whole text is compared, so there is only one spelling of each signature.
	if !hmac.Equal([]byte(signature), []byte(s.master(grant, file, expires))) {
		return time.Time{}, ErrSignature
	}
	return time.Unix(expires, 0), nil
}

// master returns base64 of "{hex unix expiry}_{hex HMAC-SHA256}" (reference page, 1.1). The first word of what is
// signed keeps other kinds of URLs apart.
func (s *Signer) master(grant film.GrantID, file string, expires int64) string {
	stamp := strconv.FormatInt(expires, 16)
	mac := hmac.New(sha256.New, s.secret[:])
	fmt.Fprintf(mac, "master\n%q\n%q\n%s\n%s", grant, file, masterKey, stamp)
	return base64.StdEncoding.EncodeToString([]byte(stamp + "_" + hex.EncodeToString(mac.Sum(nil))))
}
