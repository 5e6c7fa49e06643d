package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

const retryBusy = 2 * time.Second

// Requests a minute (SECURITY section 8).
const (
	publicRate = 30
	personRate = 300
	keyRate    = 600
)

// observe numbers each request and logs it by route template: never a path, a name or a number.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		var b [8]byte
		_, _ = rand.Read(b[:])
		c.Response().Header().Set(echo.HeaderXRequestID, hex.EncodeToString(b[:]))
		if err := next(c); err != nil {
			c.Error(err)
		}
		s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request", slog.String("request", requestID(c)), slog.String("method", c.Request().Method),
			slog.String("route", c.Path()), slog.Int("status", c.Response().Status), slog.String("actor", actor(c).ID),
			slog.Int64("us", time.Since(began).Microseconds()))
		return nil
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

func (s *Server) panicked(c echo.Context, err error, _ []byte) error {
	s.log.LogAttrs(c.Request().Context(), slog.LevelError, "panic", slog.String("request", requestID(c)), slog.String("route", c.Path()),
		slog.String("error", err.Error()), slog.String("stack", string(debug.Stack())))
	return err
}

// csp lets a page use the service's own files and nothing else.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers that every answer carries.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if !strings.HasPrefix(c.Request().URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		if c.IsTLS() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
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
			if err := p.Check(c.Request()); err != nil {
				return fault.New(fault.Forbidden, "cross-site", "Another site sent this request. Open the page here and do it again.").Because(err)
			}
			return next(c)
		}
	}
}

// rates counts requests per actor or address in memory; each process counts for itself.
type rates struct {
	mu    sync.Mutex
	now   func() time.Time
	key   int
	seen  map[string]*limit
	swept time.Time
}

type limit struct {
	*rate.Limiter
	last time.Time
}

func newRates(now func() time.Time, key int) *rates {
	if key == 0 {
		key = keyRate
	}
	return &rates{now: now, key: key, seen: map[string]*limit{}, swept: now()}
}

// allow takes one request of a minute's allowance, which may be used at once.
func (r *rates) allow(who string, perMinute int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Sub(r.swept) > time.Minute {
		for k, l := range r.seen {
			if now.Sub(l.last) > 2*time.Minute {
				delete(r.seen, k)
			}
		}
		r.swept = now
	}
	l, ok := r.seen[who]
	if !ok {
		l = &limit{Limiter: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)}
		r.seen[who] = l
	}
	l.last = now
	if l.AllowN(now, 1) {
		return nil
	}
	return fault.New(fault.TooMany, "too-many-requests", "These are more than %d requests in a minute. Wait a little.", perMinute).
		After(time.Duration(float64(time.Minute) / float64(perMinute)))
}

// public bounds what an address may ask without signing in.
func (s *Server) public(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.rates.allow("address "+c.RealIP(), publicRate); err != nil {
			return err
		}
		return next(c)
	}
}

// inTime is the context of work that goes on although the client has left.
func inTime(c echo.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request().Context()), d)
}
