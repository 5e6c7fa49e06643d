package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/labstack/echo/v4"
)

const retryBusy = 2 * time.Second

// observe numbers each request and logs it by route template: never a path, a name or a number.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		defer s.meter.began()()
		var b [8]byte
		_, _ = rand.Read(b[:])
		c.Response().Header().Set(echo.HeaderXRequestID, hex.EncodeToString(b[:]))
		if err := next(c); err != nil {
			c.Error(err)
		}
		took := time.Since(began)
		s.meter.note(c.Request().Method, c.Path(), c.Response().Status, took)
		s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request", slog.String("request", requestID(c)), slog.String("method", c.Request().Method),
			slog.String("route", c.Path()), slog.Int("status", c.Response().Status), slog.String("actor", actor(c).ID),
			slog.Int64("us", took.Microseconds()))
		return nil
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

func (s *Server) panicked(c echo.Context, err error, _ []byte) error {
	s.log.LogAttrs(c.Request().Context(), slog.LevelError, "panic", slog.String("request", requestID(c)), slog.String("route", c.Path()),
		slog.String("error", postgres.Loggable(err)), slog.String("stack", string(debug.Stack())))
	return err
}

// csp lets a page use the service's own files and nothing else.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// permissions leave a page the camera, which scans placards, and nothing else that a browser asks its owner for.
const permissions = "camera=(self), display-capture=(), geolocation=(), microphone=(), payment=(), publickey-credentials-get=(), serial=(), usb=()"

// httpsFor is how long a browser that was here over HTTPS comes back over HTTPS only.
const httpsFor = 365 * 24 * time.Hour

// secure sets the headers that every answer carries.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
		if !strings.HasPrefix(c.Request().URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		if c.IsTLS() {
			h.Set("Strict-Transport-Security", "max-age="+strconv.Itoa(int(s.https.Seconds())))
		}
		return next(c)
	}
}

// head lets HEAD ask what GET would answer. The method is put back before net/http looks at it again, when it sends the headers.
func head(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r := c.Request(); r.Method == http.MethodHead {
			r.Method = http.MethodGet
			defer func() { r.Method = http.MethodHead }()
			c.Response().Writer = bodiless{c.Response().Writer}
		}
		return next(c)
	}
}

// bodiless sends headers only.
type bodiless struct{ http.ResponseWriter }

func (bodiless) Write(b []byte) (int, error) { return len(b), nil }

// plainBody refuses a compressed body: unpacked, a few bytes could be many, and nothing we take is large enough to gain.
func plainBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		for _, coding := range c.Request().Header.Values(echo.HeaderContentEncoding) {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity") // RFC 7694
				return fault.New(fault.Unsupported, "content-encoding", "Send the body as it is, not compressed.")
			}
		}
		return next(c)
	}
}

// address bounds a request's address, and refuses one that the database could not be asked for.
func address(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		query, err := url.QueryUnescape(u.RawQuery)
		switch {
		case len(c.Request().RequestURI) > maxURL:
			return fault.New(fault.TooLarge, "address-too-long", "The address is longer than %d KiB.", maxURL>>10)
		case err != nil:
			return fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
		case !storable(u.Path) || !storable(query):
			return fault.New(fault.Invalid, "bad-character", "The address holds a character that is no text.")
		}
		return next(c)
	}
}

// storable reports whether the database can be asked for a text: it refuses NUL and bytes that are no UTF-8.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// crossSite refuses what another site's page would make a browser send. Programs send neither header and pass.
func crossSite() echo.MiddlewareFunc {
	p := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			err := p.Check(r)
			if r.Method != http.MethodGet && c.IsTLS() && strings.HasPrefix(r.Header.Get("Origin"), "http://") {
				err = errors.New("a page without TLS, where anybody may have written it")
			}
			if err != nil {
				return fault.New(fault.Forbidden, "cross-site", "Another site sent this request. Open the page here and do it again.").Because(err)
			}
			return next(c)
		}
	}
}

// public bounds what an address may ask without signing in.
func (s *Server) public(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.rates.allow(stranger(c), publicRate); err != nil {
			return err
		}
		return next(c)
	}
}

// stranger is what requests without a sign-in are counted for: the client's address, of IPv6 the part that one subscriber cannot
// change at will.
func stranger(c echo.Context) string {
	a, err := netip.ParseAddr(c.RealIP())
	if err == nil && a.Unmap().Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return "address " + p.String()
	}
	return "address " + c.RealIP()
}

const (
	// answerWithin is how long a request may take. A database that does not say a word would hold it for ever: its own limits do not count then.
	answerWithin = 30 * time.Second
	// workWithin is the same for work that grows with what is asked for; the server itself cuts an answer off after transport.AnswerWithin.
	workWithin = 110 * time.Second
)

var (
	// lengthy are the routes of ledgers, paper, reports, long lists of decisions, and what a phone brings home.
	lengthy = regexp.MustCompile(`/imports?(/|$)|/print(-|/|$)|/reports/|\.(pdf|xlsx)$|/sync$|/verification$|/decisions$|/approvals$`)
	// endless are those of files that take as long as their reader does, see slowestReader.
	endless = regexp.MustCompile(`/exports/:`)
)

// inBounds gives up what takes too long. What was being written is undone, unless its commit was on the way already.
func (s *Server) inBounds(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		within := s.within
		switch {
		case endless.MatchString(c.Path()):
			return next(c)
		case lengthy.MatchString(c.Path()):
			within = workWithin
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), within)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// inTime is the context of work that goes on although the client has left.
func inTime(c echo.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request().Context()), d)
}
