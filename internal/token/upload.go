package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"filmcan/internal/film"
)

// UploadURL returns the URL to which a direct upload's bytes are sent. Who has it may send them and do nothing else;
// it has no expiry of its own, as the upload has one. Base is the server's public address; a path in it is kept.
func (s *Signer) UploadURL(base string, id film.UploadID) string {
	return strings.TrimSuffix(base, "/") + "/upload/" + url.PathEscape(string(id)) + "?token=" + s.upload(id)
}

// VerifyUpload checks the token of an upload's URL against its path: nil or [ErrSignature]. Time taken does not depend
// on how much of a token is right.
func (s *Signer) VerifyUpload(id film.UploadID, token string) error {
	// The text is compared, so there is only one spelling of each token.
	if !hmac.Equal([]byte(token), []byte(s.upload(id))) {
		return ErrSignature
	}
	return nil
}

// upload returns the base64url of an HMAC-SHA256. The first word of what is signed keeps other kinds of URLs apart.
func (s *Signer) upload(id film.UploadID) string {
	mac := hmac.New(sha256.New, s.secret[:])
	fmt.Fprintf(mac, "upload\n%q", id)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
