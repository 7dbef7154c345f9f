package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// SignatureHeader carries the signature of a delivery.
const SignatureHeader = "Mux-Signature"

// Sign returns the signature of a body as it stands in [SignatureHeader]: the time in unix seconds, and HMAC-SHA256
// over "{time}.{body}" in lower-case hexadecimal (reference page, 4.5).
func Sign(secret string, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp))
	mac.Write([]byte("."))
	mac.Write(body)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
