// Package outbound sends what the service says to addresses that somebody named: only to the public internet, only where the name led
// when it was dialled, and without believing anything that comes back but a status.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Limits of a request.
const (
	within   = 10 * time.Second
	maxReply = 4 << 10 // bytes that are read of an answer, and thrown away
)

// closed are ranges that look public to netip and lead to machines that others cannot reach, or to everybody at once.
var closed = func() (all []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}()

// Public reports whether an address is one of the public internet.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range closed {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

var errClosed = errors.New("address is not on the public internet")

// Poster posts to addresses.
type Poster struct{ client *http.Client }

// NewPoster makes one. loopback lets it reach this machine, for trying out; roots are the authorities that it believes, nil: the system's.
func NewPoster(loopback bool, roots *x509.CertPool) *Poster {
	dialer := &net.Dialer{Timeout: within, Control: func(_, address string, _ syscall.RawConn) error { // the address that is dialled, after the name was looked up
		at, err := netip.ParseAddrPort(address)
		if err != nil || !Public(at.Addr()) && !(loopback && at.Addr().Unmap().IsLoopback()) {
			return errClosed
		}
		return nil
	}}
	return &Poster{&http.Client{
		Timeout:       within,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // nobody approved where it leads
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: within, ResponseHeaderTimeout: within, DisableKeepAlives: true,
			MaxResponseHeaderBytes: 16 << 10, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}, // no proxy: it would dial for us
	}}
}

// Post sends a JSON body and returns the status of the answer. Errors are words for a log that others read: they say nothing of where a
// name led.
func (p *Poster) Post(ctx context.Context, url string, header map[string]string, body []byte) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("address cannot be read")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "cho40")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return 0, inWords(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxReply)
	return answer.StatusCode, nil
}

func inWords(err error) error {
	var slow net.Error
	var unknown *net.DNSError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errClosed):
		return errClosed
	case errors.As(err, &unknown):
		return errors.New("name was not found")
	case errors.As(err, &untrusted):
		return errors.New("certificate is not trusted")
	case errors.As(err, &slow) && slow.Timeout():
		return errors.New("no answer in time")
	}
	return errors.New("no connection")
}
