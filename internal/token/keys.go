package token

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
)

// keyBits is the length of signing keys: what RS256 asks for at least (RFC 7518, 3.3).
const keyBits = 2048

// KeyPair is a new signing key. The private half exists only here: it is shown once and never stored.
type KeyPair struct {
	// Private is the base64 of the PKCS #1 PEM, as the API gives private_key and clients take MUX_PRIVATE_KEY.
	Private string
	// Public is the PKIX PEM.
	Public []byte
}

// NewKeyPair draws an RSA key pair.
func NewKeyPair() (KeyPair, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return KeyPair{}, fmt.Errorf("generate signing key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode public key: %w", err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return KeyPair{
		Private: base64.StdEncoding.EncodeToString(private),
		Public:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	}, nil
}
