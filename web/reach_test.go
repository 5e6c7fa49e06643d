package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/web"
)

// behindProxy is a world's service as somebody set it up who has proxies and a public address.
func behindProxy(t *testing.T, w *world, public string, proxies ...string) http.Handler {
	t.Helper()
	trusted, err := web.ParseProxies(proxies)
	if err != nil {
		t.Fatal(err)
	}
	c := web.Config{DB: w.db, Now: w.clock.now, Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Proxies: trusted}
	if public != "" {
		if c.Public, err = web.ParsePublicURL(public); err != nil {
			t.Fatal(err)
		}
	}
	return web.Handler(c)
}

// sent is a request as it arrives: from whom, to which host, with which headers.
type sent struct {
	from, do string
	header   []string
}

func (s sent) to(h http.Handler) *httptest.ResponseRecorder {
	method, target, _ := strings.Cut(s.do, " ")
	r := httptest.NewRequestWithContext(context.Background(), method, target, nil)
	r.RemoteAddr = s.from + ":40000"
	if strings.Contains(s.from, ":") {
		r.RemoteAddr = "[" + s.from + "]:40000"
	}
	for i := 0; i < len(s.header); i += 2 {
		r.Header.Add(s.header[i], s.header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// Whom a request without a sign-in is counted for: thirty from one address use up its minute, and another one's is untouched.
func TestClientsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.step = 0
	forwarded := func(list ...string) (h []string) {
		for _, l := range list {
			h = append(h, "X-Forwarded-For", l)
		}
		return h
	}
	for _, tt := range []struct {
		name      string
		proxies   []string
		spends    sent
		also      sent // of the same client
		untouched sent // of another one
	}{
		{"without proxies the header is anybody's", nil,
			sent{from: "198.51.100.1", header: forwarded("203.0.113.1")}, sent{from: "198.51.100.1", header: forwarded("203.0.113.2")}, sent{from: "198.51.100.2"}},
		{"from the proxy it counts", []string{"10.0.0.0/8"},
			sent{from: "10.0.0.5", header: forwarded("203.0.113.1")}, sent{from: "10.9.9.9", header: forwarded("203.0.113.1")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.2")}},
		{"from somebody else it does not", []string{"10.0.0.5"},
			sent{from: "127.0.0.1", header: forwarded("203.0.113.1")}, sent{from: "127.0.0.1", header: forwarded("203.0.113.2")}, sent{from: "10.0.0.5", header: forwarded("127.0.0.2")}},
		{"what a client wrote stands left of what the proxy wrote", []string{"10.0.0.5"},
			sent{from: "10.0.0.5", header: forwarded("203.0.113.66, 198.51.100.7")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.67, 198.51.100.7")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.66")}},
		{"a client in a private network is no proxy", []string{"10.0.0.5"},
			sent{from: "10.0.0.5", header: forwarded("203.0.113.66, 10.7.7.7")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.67, 10.7.7.7")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.66")}},
		{"nor is one on the proxy's own machine", []string{"10.0.0.5"},
			sent{from: "10.0.0.5", header: forwarded("203.0.113.66, 127.0.0.1")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.67, 127.0.0.1")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.66")}},
		{"also in headers of its own", []string{"10.0.0.5"},
			sent{from: "10.0.0.5", header: forwarded("203.0.113.66", "198.51.100.7")}, sent{from: "10.0.0.5", header: forwarded("198.51.100.7")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.66")}},
		{"two proxies one behind the other", []string{"10.0.0.5", "192.0.2.0/24"},
			sent{from: "10.0.0.5", header: forwarded("203.0.113.1, 192.0.2.9")}, sent{from: "10.0.0.5", header: forwarded("203.0.113.1")}, sent{from: "10.0.0.5", header: forwarded("192.0.2.9")}},
		{"words instead of an address are the proxy's own", []string{"10.0.0.5"},
			sent{from: "10.0.0.5", header: forwarded("unknown")}, sent{from: "10.0.0.5"}, sent{from: "10.0.0.5", header: forwarded("203.0.113.1")}},
		{"a subscriber's IPv6 addresses are one", nil,
			sent{from: "2001:db8:1:2::1"}, sent{from: "2001:db8:1:2:ffff::9"}, sent{from: "2001:db8:1:3::1"}},
		{"an IPv6 proxy", []string{"fd00::/8"},
			sent{from: "fd00::5", header: forwarded("203.0.113.1")}, sent{from: "fd00::6", header: forwarded("203.0.113.1")}, sent{from: "fd00::5", header: forwarded("203.0.113.2")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := behindProxy(t, w, "", tt.proxies...)
			ask := func(s sent) int {
				s.do = "GET /v/0000-0000-000"
				return s.to(h).Code
			}
			for i := range 30 {
				if code := ask(tt.spends); code != http.StatusNotFound {
					t.Fatalf("request %d is answered %d", i+1, code)
				}
			}
			if code := ask(tt.also); code != http.StatusTooManyRequests {
				t.Errorf("the same client under another address of its own: %d", code)
			}
			if code := ask(tt.untouched); code != http.StatusNotFound {
				t.Errorf("another client: %d", code)
			}
		})
	}
}

func TestArriving(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const public = "https://cho.example.vn"
	proto := func(p string) []string { return []string{"X-Forwarded-Proto", p, "X-Forwarded-For", "203.0.113.9"} }
	for _, tt := range []struct {
		name    string
		public  string
		proxies []string
		sent
		status   int
		location string
		https    bool // the answer promises HTTPS
	}{
		{"nothing is set up", "", nil, sent{"198.51.100.1", "GET http://any.example/sign-in", nil}, 200, "", false},
		{"nor does a header make HTTPS", "", nil, sent{"198.51.100.1", "GET http://any.example/sign-in", proto("https")}, 200, "", false},
		{"the proxy took it over HTTPS", "", []string{"10.0.0.5"}, sent{"10.0.0.5", "GET http://any.example/sign-in", proto("https")}, 200, "", true},
		{"the proxy took it in the clear", "", []string{"10.0.0.5"}, sent{"10.0.0.5", "GET http://any.example/sign-in", proto("http")}, 200, "", false},
		{"the nearest proxy's word counts", "", []string{"10.0.0.5"}, sent{"10.0.0.5", "GET http://any.example/sign-in", proto("https, http")}, 200, "", false},
		{"other headers do not", "", []string{"10.0.0.5"}, sent{"10.0.0.5", "GET http://any.example/sign-in", []string{"X-Forwarded-Ssl", "on", "X-Url-Scheme", "https", "Forwarded", "proto=https"}}, 200, "", false},
		{"past the proxy", "", []string{"10.0.0.5"}, sent{"198.51.100.1", "GET http://any.example/sign-in", proto("https")}, 403, "", false},
		{"past the proxy, from the same machine", "", []string{"10.0.0.5"}, sent{"127.0.0.1", "GET http://any.example/sign-in", proto("https")}, 200, "", false},
		{"past the proxy, a health check", "", []string{"10.0.0.5"}, sent{"198.51.100.1", "GET http://10.1.1.1:8080/healthz", nil}, 200, "", false},
		{"past the proxy, over TLS of our own", "", []string{"10.0.0.5"}, sent{"198.51.100.1", "GET https://any.example/sign-in", nil}, 200, "", true},
		{"the public name", public, nil, sent{"198.51.100.1", "GET https://cho.example.vn/sign-in", nil}, 200, "", true},
		{"the same with its port", public, nil, sent{"198.51.100.1", "GET https://CHO.example.vn:443/sign-in", nil}, 200, "", true},
		{"another name", public, nil, sent{"198.51.100.1", "GET https://evil.example/sign-in?back=%2Fdocs", nil}, 308, public + "/sign-in?back=%2Fdocs", true},
		{"another port", public, nil, sent{"198.51.100.1", "GET https://cho.example.vn:8443/", nil}, 308, public + "/", true},
		{"another name, and an address that browsers read as a third", public, nil, sent{"198.51.100.1", "GET https://evil.example//third.example/", nil}, 308, public + "/", true},
		{"a write to another name", public, nil, sent{"198.51.100.1", "POST https://evil.example/sign-in", nil}, 421, "", true},
		{"a program's write to another name", public, nil, sent{"198.51.100.1", "POST https://evil.example/api/v1/session", nil}, 421, "", true},
		{"a health check by number", public, nil, sent{"198.51.100.1", "GET http://10.1.1.1:8080/readyz", nil}, 200, "", false},
		{"the public name in the clear, says the proxy", public, []string{"10.0.0.5"}, sent{"10.0.0.5", "GET http://cho.example.vn/docs", proto("http")}, 308, public + "/docs", false},
		{"the public name behind a proxy that says nothing", public, []string{"10.0.0.5"}, sent{"10.0.0.5", "GET http://cho.example.vn/docs", nil}, 200, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := tt.to(behindProxy(t, w, tt.public, tt.proxies...))
			if rec.Code != tt.status || rec.Header().Get("Location") != tt.location {
				t.Errorf("answered %d to %q, want %d to %q", rec.Code, rec.Header().Get("Location"), tt.status, tt.location)
			}
			if got := rec.Header().Get("Strict-Transport-Security") != ""; got != tt.https {
				t.Errorf("it promises HTTPS: %v, want %v", got, tt.https)
			}
			for name, begins := range securityHeaders {
				if !strings.HasPrefix(rec.Header().Get(name), begins) {
					t.Errorf("%s is %q", name, rec.Header().Get(name))
				}
			}
		})
	}
}

// Cookies behind a proxy that does TLS are those of HTTPS, and an attacker's header makes none of them.
func TestCookiesBehindAProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := behindProxy(t, w, "https://cho.example.vn", "10.0.0.5")
	for _, tt := range []struct {
		from   string
		secure bool
	}{{"10.0.0.5", true}, {"127.0.0.1", false}} {
		rec := sent{tt.from, "GET http://cho.example.vn/language/en?back=%2Fdocs", []string{"X-Forwarded-Proto", "https"}}.to(h)
		k := (&http.Response{Header: rec.Header()}).Cookies()
		if len(k) != 1 || k[0].Secure != tt.secure {
			t.Errorf("from %s: status %d, cookies %v, want one with Secure %v", tt.from, rec.Code, k, tt.secure)
		}
	}
}

func TestParseReach(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "cho.example.vn", "ftp://cho.example.vn", "https://", "https://cho.example.vn/app", "https://a:b@cho.example.vn", "https://cho.example.vn?x=1", "https://cho.example.vn#x", "https://ch o"} {
		if u, err := web.ParsePublicURL(bad); fault.CodeOf(err) != "public-url" {
			t.Errorf("%q is read as %v, %v", bad, u, err)
		}
	}
	if u, err := web.ParsePublicURL("https://Cho.example.vn:8443/"); err != nil || u.String() != "https://cho.example.vn:8443" {
		t.Errorf("%v, %v", u, err)
	}
	for _, bad := range []string{"", "proxy", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0"} {
		if p, err := web.ParseProxies([]string{"10.0.0.1", bad}); fault.CodeOf(err) != "trust-proxy" {
			t.Errorf("%q is read as %v, %v", bad, p, err)
		}
	}
	if p, err := web.ParseProxies([]string{"10.1.2.3/8", "fd00::1"}); err != nil || len(p) != 2 || p[0].String() != "10.0.0.0/8" || p[1].String() != "fd00::1/128" {
		t.Errorf("%v, %v", p, err)
	}
}
