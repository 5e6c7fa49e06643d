package web

import (
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getAreas answers GET /api/v1/areas.
func (s *Server) getAreas(c echo.Context) error {
	var q struct {
		Q     string `query:"q"`
		Limit int    `query:"limit"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	areas, err := s.reg(c).FindAreasEver(c.Request().Context(), q.Q, q.Limit)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, registry.Page[registry.FoundArea]{Items: areas})
}
