package transport

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"cho40/internal/fault"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACME has certificates from a public authority, which looks whether the names lead here, at ports 443 and 80.
type ACME struct {
	names   []string
	manager *autocert.Manager
}

// NewACME is for names that lead here from the internet. Certificates and the account's key are kept in dir. An empty directory is
// Let's Encrypt. Its terms are taken as agreed: whoever asks for a certificate has to.
//
// Faults: Invalid acme-name.
func NewACME(names []string, email, directory, dir string) (*ACME, error) {
	for _, name := range names {
		if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(strings.Trim(name, "."), ".") || strings.ContainsAny(name, ":/* ") {
			return nil, fault.New(fault.Invalid, "acme-name", "%q is no public name. It looks like cho.example.vn; for a laptop on a market's Wi-Fi there is --tls-local.", name)
		}
	}
	a := &ACME{names: names, manager: &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(names...), Cache: autocert.DirCache(dir), Email: email}}
	if directory != "" {
		a.manager.Client = &acme.Client{DirectoryURL: directory}
	}
	return a, nil
}

// TLS is what a server shows; it also answers the authority's TLS-ALPN-01.
func (a *ACME) TLS() *tls.Config {
	c := a.manager.TLSConfig()
	c.MinVersion = least
	return c
}

// Hosts are the names.
func (a *ACME) Hosts() []string { return a.names }

// Plain answers the authority's HTTP-01, and leaves everything else to next.
func (a *ACME) Plain(next http.Handler) http.Handler { return a.manager.HTTPHandler(next) }

// Obtain gets the certificates before anybody asks, or says why they cannot be had.
func (a *ACME) Obtain(ctx context.Context) error {
	for _, name := range a.names {
		got := make(chan error, 1)
		go func() {
			_, err := a.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
				SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
			got <- err
		}()
		select {
		case err := <-got:
			if err != nil {
				return fault.New(fault.Busy, "acme-refused", "There is no certificate for %s yet. Does the name lead here, and are ports 443 and 80 open?", name).Because(err).After(time.Minute)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
