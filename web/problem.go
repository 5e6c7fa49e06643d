package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// problem is an error as RFC 9457 writes it.
type problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance"`       // the request's number, which is also in the log
	ETag     string         `json:"etag,omitempty"` // the version that is there, where another or none was named
	Errors   []problemError `json:"errors,omitempty"`
}

// problemError is one wrong part: of a JSON body by pointer, of a ledger by row and column.
type problemError struct {
	Pointer string `json:"pointer,omitempty"`
	Row     int    `json:"row,omitempty"`
	Column  string `json:"column,omitempty"`
	Code    string `json:"code"`
	Value   string `json:"value,omitempty"`
	Detail  string `json:"detail"`
}

// statusOf is the only place where a kind of fault becomes a status.
var statusOf = map[fault.Kind]int{
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Malformed:       http.StatusBadRequest,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Forbidden:       http.StatusForbidden,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.NeedsVersion:    http.StatusPreconditionRequired,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnsupportedMediaType,
	fault.Gone:            http.StatusGone,
	fault.TooMany:         http.StatusTooManyRequests,
	fault.Busy:            http.StatusServiceUnavailable,
}

// asFault makes a fault of any error: the ones of the HTTP machinery and of a database that is gone have one of their own,
// everything else is "something went wrong" and stays in the log.
func asFault(err error) *fault.Error {
	if f, ok := fault.As(err); ok {
		return f
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		switch he.Code {
		case http.StatusNotFound:
			return fault.New(fault.NotFound, "not-found", "There is nothing at this address.")
		case http.StatusMethodNotAllowed:
			return fault.New(fault.NotFound, "method-not-allowed", "This address does not take that method.")
		case http.StatusRequestEntityTooLarge:
			return tooLarge(maxJSON)
		case http.StatusUnsupportedMediaType:
			return fault.New(fault.Unsupported, "content-type", "This content type is not taken here.")
		case http.StatusBadRequest:
			return fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
		}
	}
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return tooLarge(big.Limit)
	case postgres.Unavailable(err):
		return fault.New(fault.Busy, "unavailable", "The database cannot be reached just now. Nothing was lost; try again in a moment.").After(retryBusy).Because(err)
	}
	return fault.New(fault.Unknown, "internal", "Something went wrong here. Nothing was stored. Tell us this number: it is in our log.").Because(err)
}

func tooLarge(limit int64) *fault.Error {
	if limit >= 1<<20 {
		return fault.New(fault.TooLarge, "body-too-large", "At most %d MiB can be sent here.", limit>>20)
	}
	return fault.New(fault.TooLarge, "body-too-large", "At most %d KiB can be sent here.", limit>>10)
}

func status(f *fault.Error) int {
	switch f.Code { // HTTP tells these from their kind
	case "method-not-allowed":
		return http.StatusMethodNotAllowed
	case "address-too-long":
		return http.StatusRequestURITooLong
	case "other-host":
		return http.StatusMisdirectedRequest
	}
	if s, ok := statusOf[f.Kind]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// answerError is echo's error handler: a problem for programs, a page for people.
func (s *Server) answerError(err error, c echo.Context) {
	f := asFault(err)
	code := status(f)
	if code >= 500 {
		s.log.LogAttrs(c.Request().Context(), slog.LevelError, "request failed", slog.String("request", requestID(c)),
			slog.String("route", c.Path()), slog.Int("status", code), slog.String("error", postgres.Loggable(err)))
	}
	if c.Response().Committed {
		return
	}
	h := c.Response().Header()
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter.Seconds()+0.999))))
	}
	if f.Version != "" {
		h.Set("ETag", f.Version)
	}
	if code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="cho40"`)
	}
	if wantsPage(c) {
		if code == http.StatusUnauthorized {
			back := ""
			if c.Request().Method == http.MethodGet && c.Request().URL.Path != "/" {
				back = "?back=" + url.QueryEscape(c.Request().URL.RequestURI())
			}
			_ = c.Redirect(http.StatusSeeOther, "/sign-in"+back)
			return
		}
		s.errorPage(c, code, f)
		return
	}
	h.Set(echo.HeaderContentType, "application/problem+json")
	_ = c.JSONPretty(code, toProblem(language(c), f, code, requestID(c)), "")
}

func toProblem(l lang.Lang, f *fault.Error, code int, instance string) problem {
	return problem{Type: "/problems/" + f.Code, Title: l.T(http.StatusText(code)), Status: code, Detail: l.Text(f.Detail),
		Instance: instance, ETag: f.Version, Errors: toErrors(l, f.Fields)}
}

func toErrors(l lang.Lang, fields []fault.Field) []problemError {
	out := make([]problemError, len(fields))
	for i, f := range fields {
		out[i] = problemError{Row: f.Row, Column: f.Column, Code: f.Code, Value: f.Value, Detail: l.Text(f.Detail)}
		if f.Row == 0 {
			out[i].Pointer = "#/" + f.Pointer
		}
	}
	return out
}

// wantsPage reports whether a person looks: everything outside the API answers with pages.
func wantsPage(c echo.Context) bool {
	path := c.Request().URL.Path
	return !strings.HasPrefix(path, "/api/") && path != "/openapi.json" && path != "/healthz" && path != "/readyz" &&
		!strings.Contains(c.Request().Header.Get(echo.HeaderAccept), "json")
}
