package web

import (
	"net/http"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// getCoverage answers GET /api/v1/coverage.
func (s *Server) getCoverage(c echo.Context) error {
	var q struct {
		coverage.Question
		AsOf string `query:"as_of"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	if q.AsOf != "" {
		day, err := registry.ParseDay(q.AsOf)
		if err != nil {
			return err
		}
		q.Question.AsOf = day
	}
	share, err := s.coverage.Share(c.Request().Context(), actor(c), q.Question)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, share)
}
