package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

// reach is how requests come to the service: through which proxies, and under which address.
type reach struct {
	proxies []netip.Prefix
	public  *url.URL // scheme and host; nil: every name is right
}

// client is the address a request comes from: the right-most one of X-Forwarded-For that is no proxy of ours, where a proxy of
// ours sent it, and the connection's own else. Whatever stands left of it, anybody may have written.
func (r reach) client() echo.IPExtractor {
	if len(r.proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range r.proxies {
		bits := 32
		if p.Addr().Is6() {
			bits = 128
		}
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), bits)}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// trusts reports whether a connection comes from a proxy of ours.
func (r reach) trusts(peer netip.Addr) bool {
	for _, p := range r.proxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// peer is the other end of a request's connection.
func peer(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // none: a zero address, which nobody trusts
	return at.Addr().Unmap().WithZone("")
}

// probe reports whether a request is a health check, which whoever looks after the machine sends by its number.
func probe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// scheme settles whether a request came over HTTPS. A proxy of ours that took it so says it in X-Forwarded-Proto; from here on it
// counts as TLS, for cookies and headers alike.
func (s *Server) scheme(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := c.Request(); r.TLS == nil && s.reach.proto(r) == "https" {
			r.TLS = &tls.ConnectionState{}
		}
		return next(c)
	}
}

// proto is what the nearest proxy of ours says a request came by; empty when none does.
func (r reach) proto(req *http.Request) string {
	if !r.trusts(peer(req)) {
		return ""
	}
	all := strings.Split(strings.Join(req.Header.Values(echo.HeaderXForwardedProto), ","), ",")
	return strings.ToLower(strings.TrimSpace(all[len(all)-1]))
}

// arrive sends on what came under another name or in the clear. What came past the proxies without TLS is refused: it would
// neither be private nor have a true address.
func (s *Server) arrive(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, public := c.Request(), s.reach.public
		from := peer(r)
		if probe(r) {
			return next(c)
		}
		if len(s.reach.proxies) > 0 && !s.reach.trusts(from) && r.TLS == nil && !from.IsLoopback() {
			return fault.New(fault.Forbidden, "past-the-proxy", "This address is for the proxy in front of the service. Open the service at its public address.")
		}
		clear := public != nil && public.Scheme == "https" && s.reach.proto(r) == "http"
		if public == nil || sameHost(r.Host, public) && !clear {
			return next(c)
		}
		return elsewhere(c, public)
	}
}

// elsewhere sends a reader on to the same page at another address. Whoever sends something is told: sent on, nobody would notice
// that it went to the wrong place, or in the clear, at first.
func elsewhere(c echo.Context, to *url.URL) error {
	r := c.Request()
	if r.Method != http.MethodGet {
		return fault.New(fault.Invalid, "other-host", "The service is at %s. Send the request there.", to.String())
	}
	return c.Redirect(http.StatusPermanentRedirect, to.String()+ownPath(r.URL.RequestURI()))
}

// sameHost reports whether a Host header names the host of u; the scheme's own port may be left out.
func sameHost(host string, u *url.URL) bool {
	plain := func(h string) string {
		h = strings.ToLower(h)
		port := ":80"
		if u.Scheme == "https" {
			port = ":443"
		}
		return strings.TrimSuffix(strings.TrimSuffix(h, port), ".")
	}
	return plain(host) == plain(u.Host)
}

// ParsePublicURL reads the address under which people open the service: http or https, a host, nothing behind it.
//
// Faults: Invalid public-url.
func ParsePublicURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Invalid, "public-url", "%q is no address of a service. It looks like https://cho.example.vn.", s).Because(err)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

// ParseProxies reads addresses and ranges of proxies, 10.0.0.5 or 10.0.0.0/24.
//
// Faults: Invalid trust-proxy.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(s); err == nil {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil || p.Bits() == 0 { // everybody is no proxy
			return nil, fault.New(fault.Invalid, "trust-proxy", "%q is no address or range of a proxy. It looks like 10.0.0.5 or 10.0.0.0/24.", s).Because(err)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}
