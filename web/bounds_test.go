package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// TestBoundsOfRoutes: what may take longer than a page are routes that exist, and files of a whole market have no end of their own.
func TestBoundsOfRoutes(t *testing.T) {
	t.Parallel()
	h := Handler(Config{Now: time.Now, Log: slog.Default()})
	long := map[string]bool{}
	for _, r := range h.(*echo.Echo).Routes() {
		long[r.Path] = lengthy.MatchString(r.Path) || endless.MatchString(r.Path)
	}
	for path, want := range map[string]bool{
		"/api/v1/markets/:market/imports": true, "/api/v1/imports/:import/commit": true, "/imports/:import/commit": true, "/markets/:market/import": true,
		"/api/v1/markets/:market/print-batches": true, "/api/v1/print-batches/:batch": true, "/markets/:market/print": true, "/api/v1/sync": true,
		"/api/v1/markets/:market/reports/:file": true, "/api/v1/markets/:market/exports/:file": true, "/api/v1/audit/verification": true,
		"/api/v1/markets/:market/stalls": false, "/api/v1/accounts/:account/decision": false, "/markets/:market": false, "/api/v1/placards/:serial": false,
	} {
		got, there := long[path]
		if !there || got != want {
			t.Errorf("%s: long %v, want %v; there: %v", path, got, want, there)
		}
	}
}

// A request ends by itself, after a time that its route tells.
func TestBoundsOfRequests(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]time.Duration{"/markets/:market": answerWithin, "/api/v1/sync": workWithin, "/api/v1/exports/:file": 0} {
		c := echo.New().NewContext(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), nil)
		c.SetPath(path)
		began := time.Now()
		if err := (&Server{within: answerWithin}).inBounds(func(c echo.Context) error {
			end, ends := c.Request().Context().Deadline()
			if got := end.Sub(began).Round(10 * time.Second); ends != (want > 0) || ends && got != want {
				t.Errorf("%s ends %v, after %v; want %v", path, ends, got, want)
			}
			return nil
		})(c); err != nil {
			t.Error(err)
		}
	}
}
