package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// dialer opens connections that the guard allows. Its errors are *Error, but for a context that ended.
type dialer struct {
	guard      *guard
	net        net.Dialer
	tls        *tls.Config
	tlsTimeout time.Duration
}

func newDialer(cfg Config) *dialer {
	d := &dialer{
		guard:      newGuard(cfg.Policy),
		tls:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs, NextProtos: []string{"http/1.1"}},
		tlsTimeout: cfg.TLSTimeout,
	}
	d.net = net.Dialer{Timeout: cfg.DialTimeout, Resolver: cfg.Resolver, Control: d.control}
	return d
}

// control is called with the numeric address, between the resolution of the name and the connect: what is judged here
// is what is connected to.
func (d *dialer) control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return &Error{Kind: KindRefused, Cause: errors.New("network " + network)}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Kind: KindRefused, Cause: err}
	}
	if err := d.guard.check(to.Addr()); err != nil {
		return &Error{Kind: KindRefused, Addr: to.Addr(), Cause: err}
	}
	return nil
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	if refused, ok := errors.AsType[*Error](err); ok {
		return nil, &Error{Kind: refused.Kind, Host: address, Addr: refused.Addr, Cause: refused.Cause}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	kind := KindConnect
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		kind = KindDNS
	} else if _, ok := errors.AsType[*net.AddrError](err); ok {
		kind = KindAddress
	}
	return nil, &Error{Kind: kind, Host: address, Cause: err}
}

func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	cfg := d.tls.Clone()
	if cfg.ServerName, _, err = net.SplitHostPort(address); err != nil {
		return nil, errors.Join(&Error{Kind: KindAddress, Host: address, Cause: err}, raw.Close())
	}
	conn := tls.Client(raw, cfg)
	limited, cancel := context.WithTimeout(ctx, d.tlsTimeout)
	defer cancel()
	if err := conn.HandshakeContext(limited); err != nil {
		_ = raw.Close() // the handshake's error says it all
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &Error{Kind: KindTLS, Host: address, Cause: err}
	}
	return conn, nil
}
