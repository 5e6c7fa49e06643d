package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/transport"
	"cho40/qrgen"
	"cho40/web"
	"cho40/web/lang"
)

// tlsFlags say how the service is reached over HTTPS: by one of three ways, or not at all.
type tlsFlags struct {
	TLSCert       string   `name:"tls-cert" env:"CHO40_TLS_CERT" type:"path" placeholder:"FILE" xor:"tls" and:"files" help:"HTTPS with a certificate from a file (PEM); a new one is seen without a restart."`
	TLSKey        string   `name:"tls-key" env:"CHO40_TLS_KEY" type:"path" placeholder:"FILE" and:"files" help:"Its key."`
	ACME          []string `name:"acme" env:"CHO40_ACME" placeholder:"NAME" xor:"tls" help:"HTTPS for a public name, with certificates from Let's Encrypt, whose terms are agreed to."`
	ACMEEmail     string   `name:"acme-email" env:"CHO40_ACME_EMAIL" placeholder:"ADDRESS" help:"Where Let's Encrypt writes to."`
	ACMEDirectory string   `name:"acme-directory" env:"CHO40_ACME_DIRECTORY" placeholder:"URL" help:"Another authority that speaks ACME."`
	TLSLocal      bool     `name:"tls-local" env:"CHO40_TLS_LOCAL" xor:"tls" help:"HTTPS on a market's Wi-Fi, with an authority of this machine's own; a page tells phones how to trust it."`
	Host          []string `name:"host" env:"CHO40_HOST" placeholder:"HOST" help:"With --tls-local: more addresses or names of this machine, the one to tell people first."`
	HTTP          string   `name:"http" env:"CHO40_HTTP" placeholder:"ADDR" help:"With HTTPS: an address without it, which leads there, such as :80; with --acme :80, or \"off\"."`
}

// localHTTPS is how long a browser that was here comes back over HTTPS only, with an authority of our own: a year would outlive it.
const localHTTPS = 24 * time.Hour

// listen is the default address for a way.
func (f tlsFlags) listen() string {
	switch {
	case len(f.ACME) > 0:
		return ":443"
	case f.on():
		return ":8443"
	}
	return "127.0.0.1:8080"
}

func (f tlsFlags) on() bool { return f.TLSCert != "" || len(f.ACME) > 0 || f.TLSLocal }

func (f tlsFlags) http() string {
	if f.HTTP == "" && len(f.ACME) > 0 {
		return ":80"
	}
	if f.HTTP == "off" {
		return ""
	}
	return f.HTTP
}

// source is where the certificates come from; what has to be kept is kept beside the database. Nil: no HTTPS.
func (f tlsFlags) source(c *config, log *slog.Logger) (transport.Source, error) {
	switch {
	case !f.on():
		return nil, nil
	case f.TLSCert != "":
		return transport.OpenFiles(f.TLSCert, f.TLSKey, time.Now, log)
	}
	dir, err := c.tlsDir()
	if err != nil {
		return nil, err
	}
	if len(f.ACME) > 0 {
		return transport.NewACME(f.ACME, f.ACMEEmail, f.ACMEDirectory, filepath.Join(dir, "acme"))
	}
	return transport.OpenAuthority(dir, f.Host, time.Now, log)
}

// tlsDir is where certificates are kept.
func (c *config) tlsDir() (string, error) {
	dir, err := c.dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "tls"), postgres.MakeDir(dir)
}

// ways are the addresses of the service, in the clear and over TLS.
type ways struct {
	source      transport.Source
	public      *url.URL
	clear, port int // where each is listened on
}

// of are both for whoever came to a host: the same host where a certificate is for it, else the first; the public address where
// there is one.
func (w ways) of(host string) (clear, secure *url.URL) {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	hosts := w.source.Hosts()
	if a, err := netip.ParseAddr(name); !slices.ContainsFunc(hosts, func(h string) bool { return covers(h, name) }) || err == nil && a.IsLoopback() {
		name = "localhost"
		if first := slices.IndexFunc(hosts, func(h string) bool { return !strings.HasPrefix(h, "*") }); first >= 0 {
			name = hosts[first]
		}
	}
	clear, secure = address("http", name, w.clear), address("https", name, w.port)
	if w.public != nil {
		secure = w.public
	}
	return clear, secure
}

// covers reports whether a certificate's host is this one, or *.example.vn for any below.
func covers(host, name string) bool {
	if below, ok := strings.CutPrefix(host, "*."); ok {
		_, rest, _ := strings.Cut(name, ".")
		return rest == below
	}
	return host == name
}

func address(scheme, host string, port int) *url.URL {
	u := &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(port))}
	if scheme == "https" && port == 443 || scheme == "http" && port == 80 {
		u.Host = strings.TrimSuffix(u.Host, ":"+strconv.Itoa(port))
	}
	return u
}

// secured are the servers of a service with HTTPS. Both speak at one address, a first byte tells which is meant; another address
// may lead there too.
type secured struct {
	ways      // unused without HTTPS
	authority *transport.Authority
	servers   []*http.Server
	begin     []func() error
}

// secure is a service with certificates of a source, on a listener, and on another one, where there is one, in the clear.
func secure(source transport.Source, listener, extra net.Listener, public *url.URL, service http.Handler, log *slog.Logger) *secured {
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	s := &secured{ways: ways{source: source, public: public, clear: port(listener), port: port(listener)}}
	if extra != nil {
		s.clear = port(extra)
	}
	said := web.Clear{Now: time.Now, Log: log, Ways: s.of}
	if a, ok := source.(*transport.Authority); ok {
		s.authority = a
		said.Authority = &web.Authority{Name: a.Name(), DER: a.DER(), Fingerprint: a.Fingerprint(), Until: a.Until()}
	}
	plain := web.ClearHandler(said)
	if a, ok := source.(*transport.ACME); ok {
		plain = a.Plain(plain)
	}
	over, in := transport.Split(listener)
	server, clear := transport.Server(service, log), transport.Server(plain, log)
	server.TLSConfig = source.TLS()
	s.servers = []*http.Server{server, clear}
	s.begin = []func() error{func() error { return server.ServeTLS(over, "", "") }, func() error { return clear.Serve(in) }}
	if extra != nil {
		s.begin = append(s.begin, func() error { return clear.Serve(extra) })
	}
	return s
}

// obtain gets certificates from a public authority before anybody asks for them.
func (s *secured) obtain(ctx context.Context, log *slog.Logger) {
	if a, ok := s.source.(*transport.ACME); ok {
		if err := a.Obtain(ctx); err != nil && ctx.Err() == nil {
			complain(os.Stderr, err)
			log.Warn("no certificate yet", "error", err)
		}
	}
}

// say tells the person at the laptop what the phones need, and what to compare.
func (s *secured) say(out output) error {
	if s.authority == nil {
		return nil
	}
	clear, _ := s.of("")
	for _, l := range []lang.Lang{lang.Vi, lang.En} {
		if _, err := fmt.Fprintln(out, l.T("Phones: join the same Wi-Fi, open %s or scan the code, and follow the steps. What they must show:", clear)); err != nil {
			return err
		}
	}
	symbol, err := qrgen.NewSymbol(clear.String())
	if err != nil {
		return err
	}
	print := s.authority.Fingerprint()
	_, err = fmt.Fprintf(out, "\n%s\n\n%s\n%s\n%s\n\n", drawn(symbol), s.authority.Name(), print[:len(print)/2+1], print[len(print)/2+1:])
	return err
}

// drawn is a symbol in characters, two rows a line; what is light is drawn, since most terminals are dark.
func drawn(s qrgen.Symbol) string {
	const quiet = 2 // fewer than on paper; a screen has room around
	var b strings.Builder
	for y := -quiet; y < s.Size()+quiet; y += 2 {
		for x := -quiet; x < s.Size()+quiet; x++ {
			upper, lower := s.Dark(x, y), s.Dark(x, y+1) || y+1 >= s.Size()+quiet
			b.WriteString(map[[2]bool]string{{false, false}: "█", {false, true}: "▀", {true, false}: "▄", {true, true}: " "}[[2]bool{upper, lower}])
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// open is what to warn of when passwords would cross a network in the clear: nil on loopback, behind a proxy, or when it is meant.
func (s serveCmd) open(at net.Addr) error {
	tcp, ok := at.(*net.TCPAddr)
	if s.on() || s.Insecure || len(s.TrustProxy) > 0 || !ok || tcp.IP.IsLoopback() {
		return nil
	}
	return fault.New(fault.Invalid, "in-the-clear", "WARNING: on %s names, accounts and passwords travel without HTTPS, and anybody on the same network reads them. Take --tls-local on a market's Wi-Fi, --acme or --tls-cert on a server, --trust-proxy behind one that does HTTPS; --insecure says that this is meant.", at)
}

// listenOn takes an address that the service is to answer on.
func listenOn(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, cannotListen(addr, err)
	}
	return l, nil
}

func (s serveCmd) address() string { return cmp.Or(s.Listen, s.listen()) }
