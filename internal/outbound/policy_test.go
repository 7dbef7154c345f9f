package outbound

import (
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	serve := newGuard(Policy{})
	dev := newGuard(Policy{Private: true})
	// A careless operator's list: everything.
	open := newGuard(Policy{Private: true, Allow: []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"),
	}})
	for _, c := range []struct {
		addr             string
		serve, dev, open bool
	}{
		{"93.184.216.34", true, true, true},
		{"2606:2800:220:1:248:1893:25c8:1946", true, true, true},
		{"::ffff:93.184.216.34", true, true, true},
		{"64:ff9b::5db8:d822", true, true, true}, // NAT64 of 93.184.216.34

		{"127.0.0.1", false, true, true},
		{"127.8.8.8", false, true, true},
		{"::1", false, true, true},
		{"::ffff:127.0.0.1", false, true, true},
		{"10.1.2.3", false, true, true},
		{"172.31.255.255", false, true, true},
		{"192.168.0.1", false, true, true},
		{"100.64.1.1", false, true, true},
		{"fd12:3456::1", false, true, true},

		{"192.0.2.1", false, false, true},
		{"198.18.0.1", false, false, true},
		{"2001:db8::1", false, false, true},
		{"fec0::1", false, false, true},
		{"64:ff9b::7f00:1", false, false, true},   // NAT64 of 127.0.0.1: not even dev
		{"64:ff9b::a00:1", false, false, true},    // NAT64 of 10.0.0.1
		{"2002:7f00:1::1", false, false, true},    // 6to4 of 127.0.0.1
		{"2002:5db8:d822::1", false, false, true}, // 6to4 is no way to a public host any more

		{"0.0.0.0", false, false, false},
		{"0.1.2.3", false, false, false},
		{"::", false, false, false},
		{"169.254.169.254", false, false, false},
		{"169.254.170.2", false, false, false},
		{"fe80::1", false, false, false},
		{"fe80::1%eth0", false, false, false},
		{"fd00:ec2::254", false, false, false},
		{"fd20:ce::254", false, false, false},
		{"100.100.100.200", false, false, false},
		{"168.63.129.16", false, false, false},
		{"192.0.0.192", false, false, false},
		{"224.0.0.1", false, false, false},
		{"255.255.255.255", false, false, false},
		{"ff02::1", false, false, false},
		{"::ffff:169.254.169.254", false, false, false},
		{"::ffff:0:0", false, false, false},
		{"::169.254.169.254", false, false, false},
		{"::ffff:0:a9fe:a9fe", false, false, false},
		{"64:ff9b::a9fe:a9fe", false, false, false},
		{"64:ff9b:1::a9fe:a9fe", false, false, false},
		{"64:ff9b:1:a9fe:a9:fe00::", false, false, false},
		{"2002:a9fe:a9fe::1", false, false, false},
		{"2001:0:a9fe:a9fe::1", false, false, false},
		{"2001:0:5db8:d822::5601:5601", false, false, false}, // Teredo client 169.254.169.254
		{"fd12::5efe:169.254.169.254", false, false, false},
		{"fd12::200:5efe:169.254.169.254", false, false, false},
	} {
		addr := netip.MustParseAddr(c.addr)
		for _, g := range []struct {
			name  string
			guard *guard
			want  bool
		}{{"serve", serve, c.serve}, {"dev", dev, c.dev}, {"open", open, c.open}} {
			if err := g.guard.check(addr); (err == nil) != g.want {
				t.Errorf("%s in %s: got %v, want allowed %v", c.addr, g.name, err, g.want)
			}
		}
	}
}

func TestGuardAllowsNamedNetworks(t *testing.T) {
	t.Parallel()
	g := newGuard(Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}})
	if err := g.check(netip.MustParseAddr("10.20.3.4")); err != nil {
		t.Errorf("inside the network: %v", err)
	}
	if err := g.check(netip.MustParseAddr("::ffff:10.20.3.4")); err != nil {
		t.Errorf("inside the network, mapped: %v", err)
	}
	if err := g.check(netip.MustParseAddr("10.21.3.4")); err == nil {
		t.Error("outside the network: allowed")
	}
}

// FuzzGuard holds that one IPv4 address is judged alike however IPv6 carries it: never better than by itself.
func FuzzGuard(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{169, 254, 169, 254})
	f.Add([]byte{8, 8, 8, 8})
	g := newGuard(Policy{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 4 {
			t.Skip()
		}
		plain := netip.AddrFrom4([4]byte(b))
		if g.check(plain) == nil {
			t.Skip()
		}
		nat64 := [16]byte{0, 0x64, 0xff, 0x9b}
		copy(nat64[12:], b)
		mapped := [16]byte{10: 0xff, 11: 0xff}
		copy(mapped[12:], b)
		six := [16]byte{0x20, 0x02}
		copy(six[2:], b)
		for _, form := range [][16]byte{nat64, mapped, six} {
			if addr := netip.AddrFrom16(form); g.check(addr) == nil {
				t.Errorf("%s is refused, %s is not", plain, addr)
			}
		}
	})
}
