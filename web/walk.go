package web

import (
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getSections answers GET /api/v1/markets/{market}/sections: the order in which the market is walked.
func (s *Server) getSections(c echo.Context) error {
	w, err := s.reg(c).Walk(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, w.ETag(), w)
}

// putSections answers PUT /api/v1/markets/{market}/sections: a whole order.
func (s *Server) putSections(c echo.Context) error {
	in, err := bindJSON[registry.ArrangedWalk](c)
	if err != nil {
		return err
	}
	w, err := s.reg(c).Arrange(c.Request().Context(), actor(c), c.Param("market"), c.Request().Header.Get("If-Match"), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, w.ETag(), w)
}

// patchSections answers PATCH /api/v1/markets/{market}/sections: one step of ordering, or a new name.
func (s *Server) patchSections(c echo.Context) error {
	in, err := bindJSON[registry.ChangedWalk](c)
	if err != nil {
		return err
	}
	w, err := s.reg(c).ChangeWalk(c.Request().Context(), actor(c), c.Param("market"), c.Request().Header.Get("If-Match"), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, w.ETag(), w)
}
