package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authorityNames are the host names of a developer's machine; every browser resolves *.localhost to the loopback.
func authorityNames() []string {
	return []string{"localhost", "api.localhost", "stream.localhost", "image.localhost", "*.localhost"}
}

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// leafLife stays below the 398 days that browsers accept.
	leafLife = 390 * 24 * time.Hour
)

// ownCertificate returns a certificate for localhost and its names, signed by an authority that is made once and kept
// in dir as ca.pem, so that it need be trusted only once.
func ownCertificate(dir string, now time.Time) (cert tls.Certificate, caFile string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return cert, "", fmt.Errorf("make folder of certificates: %w", err)
	}
	caFile = filepath.Join(dir, "ca.pem")
	ca, caKey, err := loadAuthority(caFile, filepath.Join(dir, "ca.key"), now)
	if err != nil {
		return cert, "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return cert, "", err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "filmcan dev"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: authorityNames(), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, ca, key.Public(), caKey)
	if err != nil {
		return cert, "", fmt.Errorf("sign certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf, ca.Raw}, PrivateKey: key}, caFile, nil
}

// loadAuthority reads the authority, or makes it where there is none yet.
func loadAuthority(certFile, keyFile string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case err == nil:
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if !ok {
			return nil, nil, fmt.Errorf("%s is not a key of filmcan's own: remove it to have a new one made", keyFile)
		}
		return pair.Leaf, key, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("read %s (remove it to have a new one made): %w", certFile, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "filmcan dev authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:                    x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost"},
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
			{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make authority: %w", err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	// The key first: a certificate without its key would be taken for a broken pair at the next start.
	for _, f := range []struct {
		path, kind string
		der        []byte
		mode       fs.FileMode
	}{{keyFile, "EC PRIVATE KEY", keyDER, 0o600}, {certFile, "CERTIFICATE", der, 0o644}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return nil, nil, fmt.Errorf("keep authority: %w", err)
		}
	}
	ca, err := x509.ParseCertificate(der)
	return ca, key, err
}
