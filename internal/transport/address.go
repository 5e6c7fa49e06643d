package transport

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// private are the ranges of networks that nobody reaches from outside.
var private = func() (all []netip.Prefix) {
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// local are the endings of names that lead nowhere on the internet: RFC 6762, RFC 8375, RFC 6761, and what routers give out.
var local = []string{"local", "lan", "home.arpa", "internal", "localhost"}

func isPrivate(a netip.Addr) bool {
	return slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(a.Unmap().WithZone("")) })
}

// LAN are this machine's addresses in private networks that another machine there reaches, the likeliest first.
func LAN() []netip.Addr {
	var all []netip.Addr
	links, _ := net.Interfaces() // none: none
	for _, link := range links {
		if link.Flags&net.FlagUp == 0 || link.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addresses, _ := link.Addrs()
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && isPrivate(p.Addr()) && !p.Addr().IsLinkLocalUnicast() {
				all = append(all, p.Addr().Unmap())
			}
		}
	}
	way := outward()
	rank := func(a netip.Addr) int {
		switch {
		case a == way:
			return 0
		case a.Is4():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// outward is the address that this machine would send from. Nothing is sent: the address is one that examples have (RFC 5737).
func outward() netip.Addr {
	c, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return ofAddr(c.LocalAddr())
}

// ofAddr is the address part of a connection's end.
func ofAddr(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p.Addr().Unmap().WithZone("")
}

// below reports whether a name is one of these or ends in it.
func below(name string, ends []string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return slices.ContainsFunc(ends, func(end string) bool { return name == end || strings.HasSuffix(name, "."+end) })
}

// label reports whether a name is one that a machine may have in its network: letters, digits and hyphens.
func label(name string) bool {
	return name != "" && len(name) <= 63 && !strings.HasPrefix(name, "-") && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}
