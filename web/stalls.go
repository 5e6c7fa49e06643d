package web

import (
	"net/http"
	"net/url"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getStalls answers GET /api/v1/markets/{market}/stalls.
func (s *Server) getStalls(c echo.Context) error {
	var q struct {
		registry.StallFilter
		registry.List
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	p, err := s.reg(c).Stalls(c.Request().Context(), actor(c), c.Param("market"), q.StallFilter, q.List)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// postStall answers POST /api/v1/markets/{market}/stalls: a whole stall in one call.
func (s *Server) postStall(c echo.Context) error {
	in, err := bindJSON[registry.NewStall](c)
	if err != nil {
		return err
	}
	check, err := onlyCheck(c)
	if err != nil {
		return err
	}
	if check {
		f, err := s.reg(c).CheckStall(c.Request().Context(), actor(c), c.Param("market"), in)
		return forecast(c, f, err)
	}
	st, err := s.reg(c).Register(c.Request().Context(), actor(c), c.Param("market"), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/markets/"+st.Market+"/stalls/"+url.PathEscape(st.Code))
	return changed(c, made(st.Again), st)
}

// made is the status of what somebody sent: made now, or there already from the time before.
func made(again bool) int {
	if again {
		return http.StatusOK
	}
	return http.StatusCreated
}

// getStall answers GET /api/v1/markets/{market}/stalls/{stall}.
func (s *Server) getStall(c echo.Context) error {
	st, err := s.reg(c).Stall(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, st.ETag(), st)
}

// patchStall answers PATCH /api/v1/markets/{market}/stalls/{stall}.
func (s *Server) patchStall(c echo.Context) error {
	in, err := bindJSON[registry.ChangedStall](c)
	if err != nil {
		return err
	}
	st, err := s.reg(c).Change(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), c.Request().Header.Get("If-Match"), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, st.ETag(), st)
}

// postConsent answers POST /api/v1/markets/{market}/stalls/{stall}/consent: the vendor's own yes, taken at the stall.
func (s *Server) postConsent(c echo.Context) error {
	in, err := bindJSON[registry.NewConsent](c)
	if err != nil {
		return err
	}
	st, err := s.reg(c).RecordConsent(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusCreated, st.ETag(), st)
}

// param is a path parameter as a person wrote it: a stall's code may hold a blank, a slash or a letter with a mark. Echo gives
// it escaped only when the address as a whole was not in the usual spelling.
func param(c echo.Context, name string) string {
	if c.Request().URL.RawPath != "" {
		if v, err := url.PathUnescape(c.Param(name)); err == nil {
			return v
		}
	}
	return c.Param(name)
}
