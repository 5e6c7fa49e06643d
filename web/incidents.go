package web

import (
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getIncidents answers GET /api/v1/markets/{market}/incidents: codes that were found and are not the vendor's.
func (s *Server) getIncidents(c echo.Context) error {
	var q struct {
		registry.List
		All bool `query:"all"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	p, err := s.reg(c).Incidents(c.Request().Context(), actor(c), c.Param("market"), q.All, q.List)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// getIncident answers GET /api/v1/incidents/{incident}.
func (s *Server) getIncident(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Incident](c.Param("incident"))
	if err != nil {
		return err
	}
	i, err := s.reg(c).Incident(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, i.ETag(), i)
}

// postIncidentClosure answers POST /api/v1/incidents/{incident}/closure: how it ended.
func (s *Server) postIncidentClosure(c echo.Context) error {
	in, err := bindJSON[struct {
		Closing string `json:"closing"`
		Note    string `json:"note"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.Incident](c.Param("incident"))
	if err != nil {
		return err
	}
	i, err := s.reg(c).CloseIncident(c.Request().Context(), actor(c), ref, c.Request().Header.Get("If-Match"), in.Closing, in.Note)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, i.ETag(), i)
}
