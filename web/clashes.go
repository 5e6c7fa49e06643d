package web

import (
	"net/http"

	"cho40/internal/id"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getClashes answers GET /api/v1/markets/{market}/clashes: second versions of records, for whoever leads the team.
func (s *Server) getClashes(c echo.Context) error {
	var q struct {
		Settled bool `query:"settled"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	cs, err := s.reg(c).Clashes(c.Request().Context(), actor(c), c.Param("market"), q.Settled)
	return items(c, cs, err)
}

// postClash answers POST /api/v1/markets/{market}/clashes/{clash}: somebody looked at both versions.
func (s *Server) postClash(c echo.Context) error {
	in, err := bindJSON[struct {
		Note string `json:"note"`
	}](c)
	if err != nil {
		return err
	}
	which, err := id.Parse[registry.Clash](c.Param("clash"))
	if err != nil {
		which = registry.ClashID{} // of none: whether the market is there is said first
	}
	clash, err := s.reg(c).SettleClash(c.Request().Context(), actor(c), c.Param("market"), which, in.Note)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, clash)
}
