package outbound

import (
	"errors"
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// Policy says which addresses may be reached. The zero Policy allows the public internet alone.
type Policy struct {
	// Private also allows loopback and private networks (RFC 1918, RFC 4193, RFC 6598).
	Private bool
	// Allow also allows these networks.
	Allow []netip.Prefix
}

// guard judges addresses by a policy.
type guard struct {
	policy Policy
	public *ssrf.Guardian
}

func newGuard(p Policy) *guard {
	return &guard{policy: p, public: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAnyNetwork())}
}

var (
	errNever     = errors.New("the address is link-local, multicast, reserved or serves machine credentials")
	errNotPublic = errors.New("the address is not a public one")
)

// check returns nil where the policy lets a connection go to addr.
//
// Whatever the policy says, some addresses are never reached, in any of the forms in which IPv6 can carry an IPv4
// address: those where cloud machines fetch their credentials, and those that are no one machine's address.
func (g *guard) check(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	if never(addr) {
		return errNever
	}
	inner, wellKnown := embedded(addr)
	if slices.ContainsFunc(inner, never) {
		return errNever
	}
	for _, allowed := range g.policy.Allow {
		if allowed.Contains(addr) {
			return nil
		}
	}
	if g.policy.Private && private(addr) {
		return nil
	}
	if wellKnown {
		// RFC 6052: what a DNS64 resolver makes of a public IPv4 address. The address inside counts, and the
		// translator stands in the operator's network, so it has to be a public one.
		addr = inner[0]
	}
	if g.public.SafeAddr(addr) != nil {
		return errNotPublic
	}
	return nil
}

// private reports whether addr is loopback or in a private network.
func private(addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(addr)
}

// never reports whether addr is out of reach under every policy.
func never(addr netip.Addr) bool {
	if addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast() {
		return true // the metadata services of nearly all clouds are link-local: 169.254.169.254, 169.254.170.2
	}
	for _, p := range [...]string{
		"0.0.0.0/8",          // "this network" (RFC 1122): some kernels take it for loopback
		"240.0.0.0/4",        // reserved, and broadcast
		"100.100.100.200/32", // metadata: Alibaba
		"168.63.129.16/32",   // metadata: Azure
		"192.0.0.192/32",     // metadata: Oracle
		"fd00:ec2::/32",      // metadata: AWS
		"fd20:ce::254/128",   // metadata: Google
	} {
		if netip.MustParsePrefix(p).Contains(addr) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 addresses that an IPv6 address carries, as far as its form tells, and whether the form is
// NAT64's well-known prefix. Where one form may put them at several places, all are returned.
func embedded(addr netip.Addr) (inner []netip.Addr, wellKnown bool) {
	if !addr.Is6() {
		return nil, false
	}
	b := addr.As16()
	at := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	last := at(12, 13, 14, 15)
	in := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(addr) }
	switch {
	case in("64:ff9b::/96"):
		return []netip.Addr{last}, true
	case in("64:ff9b:1::/48"): // RFC 8215: the operator's own NAT64, with RFC 6052's layouts for /48, /56, /64, /96
		return []netip.Addr{last, at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12)}, false
	case in("2002::/16"): // 6to4, RFC 3056
		return []netip.Addr{at(2, 3, 4, 5)}, false
	case in("2001::/32"): // Teredo, RFC 4380: server, and client with its bits turned over
		return []netip.Addr{at(4, 5, 6, 7), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}, false
	case addr.IsLoopback():
		return nil, false
	case in("::/96"), in("::ffff:0:0:0/96"): // IPv4-compatible, RFC 4291; translated, RFC 2765
		return []netip.Addr{last}, false
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214
		return []netip.Addr{last}, false
	}
	return nil, false
}
