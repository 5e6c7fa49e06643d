package web

import (
	"net/http"
	"slices"
	"strings"

	"cho40/internal/id"
	"cho40/vendor_registry/fieldwork"

	"github.com/labstack/echo/v4"
)

// getPlan answers GET /api/v1/markets/{market}/plan: whom to see next.
func (s *Server) getPlan(c echo.Context) error {
	var f fieldwork.PlanFilter
	if err := bindQuery(c, &f); err != nil {
		return err
	}
	p, err := s.field(c).Plan(c.Request().Context(), actor(c), c.Param("market"), f)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// getPack answers GET /api/v1/markets/{market}/pack: what a phone may know without a signal. Its signature is over the bytes of the
// body as they are once unpacked.
func (s *Server) getPack(c echo.Context) error {
	var q struct {
		Device string `query:"device"`
		Since  string `query:"since"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	device, err := id.Parse[fieldwork.Device](q.Device)
	if err != nil {
		device = id.ID[fieldwork.Device]{} // of none: whether the market is there is said first
	}
	p, err := s.field(c).Pack(c.Request().Context(), actor(c), c.Param("market"), device, q.Since)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("ETag", p.ETag)
	h.Set("Vary", "Accept-Encoding")
	if slices.Contains(strings.Split(strings.ReplaceAll(c.Request().Header.Get("If-None-Match"), " ", ""), ","), p.ETag) {
		return c.NoContent(http.StatusNotModified)
	}
	h.Set("Pack-Signature", p.Signature)
	if takesGzip(c) {
		h.Set(echo.HeaderContentEncoding, "gzip")
		p.Body = gzipped(p.Body)
	}
	return c.JSONBlob(http.StatusOK, p.Body)
}
