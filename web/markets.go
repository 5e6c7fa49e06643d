package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getMarkets answers GET /api/v1/markets.
func (s *Server) getMarkets(c echo.Context) error {
	var q struct {
		Q string `query:"q"`
		registry.List
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	p, err := s.reg(c).Markets(c.Request().Context(), actor(c), q.Q, q.List)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// postMarket answers POST /api/v1/markets.
func (s *Server) postMarket(c echo.Context) error {
	in, err := bindJSON[registry.NewMarket](c)
	if err != nil {
		return err
	}
	m, err := s.reg(c).AddMarket(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/markets/"+m.Code)
	return tagged(c, http.StatusCreated, m.ETag(), m)
}

// getMarket answers GET /api/v1/markets/{market}.
func (s *Server) getMarket(c echo.Context) error {
	m, err := s.reg(c).Market(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, m.ETag(), m)
}

// patchMarket answers PATCH /api/v1/markets/{market}.
func (s *Server) patchMarket(c echo.Context) error {
	in, err := bindJSON[registry.ChangedMarket](c)
	if err != nil {
		return err
	}
	m, err := s.reg(c).EditMarket(c.Request().Context(), actor(c), c.Param("market"), c.Request().Header.Get("If-Match"), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, m.ETag(), m)
}

// tagged answers with a resource and its version.
func tagged(c echo.Context, status int, etag string, v any) error {
	c.Response().Header().Set("ETag", etag)
	return c.JSON(status, v)
}

// hashed answers with a resource whose version is its content: it is read, and changed only by events of its own.
func hashed(c echo.Context, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	c.Response().Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	return c.JSONBlob(status, b)
}
