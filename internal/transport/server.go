// Package transport is how the service is reached: the server's own limits, the certificates it shows, and a door that takes TLS
// and plain HTTP at one address.
//
// Certificates come from one of three: files that somebody else renews (Files), a public authority (ACME), or an authority of our
// own for a laptop on a market's Wi-Fi (Authority).
package transport

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// The server's own limits: a slow or silent client does not hold a connection.
const (
	HeaderWithin = 5 * time.Second // from the first byte, and for saying which of the two it speaks
	BodyWithin   = 60 * time.Second
	AnswerWithin = 120 * time.Second // a ledger or a large batch over a weak line
	IdleWithin   = 90 * time.Second
	LongestHead  = 64 << 10 // bytes of a request's headers; more is answered 431
)

// Server is an HTTP server within the limits.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: HeaderWithin, ReadTimeout: BodyWithin, WriteTimeout: AnswerWithin, IdleTimeout: IdleWithin,
		MaxHeaderBytes: LongestHead,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Source is where a service has its certificates from.
type Source interface {
	// TLS is what a server shows.
	TLS() *tls.Config
	// Hosts are the names and addresses that certificates are for, the one to tell people first.
	Hosts() []string
}

// least is the oldest TLS that is spoken.
const least = tls.VersionTLS12
