package web

import (
	"net/http"
	"time"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getPeople answers GET /api/v1/people.
func (s *Server) getPeople(c echo.Context) error {
	var q struct {
		Q string `query:"q"`
		registry.List
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	page, err := s.auth.Colleagues(c.Request().Context(), actor(c), q.Q, q.List)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// linked is a person with the one-time link on which they choose a password.
type linked struct {
	auth.Person
	Link string `json:"link"`
}

// welcomePath is where a one-time link leads.
func welcomePath(link string) string { return "/welcome/" + link }

// postPerson answers POST /api/v1/people.
func (s *Server) postPerson(c echo.Context) error {
	in, err := bindJSON[struct {
		Name   string           `json:"name"`
		Grants []registry.Grant `json:"grants"`
	}](c)
	if err != nil {
		return err
	}
	p, link, err := s.auth.AddPerson(c.Request().Context(), actor(c), in.Name, in.Grants, "")
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/people/"+p.ID.String())
	return c.JSON(http.StatusCreated, linked{p, welcomePath(link)})
}

// getPerson answers GET /api/v1/people/{person}.
func (s *Server) getPerson(c echo.Context) error {
	p, err := s.auth.Colleague(c.Request().Context(), actor(c), c.Param("person"))
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, p.ETag(), p)
}

// patchPerson answers PATCH /api/v1/people/{person}, with If-Match: other roles, or out, or in again.
func (s *Server) patchPerson(c echo.Context) error {
	in, err := bindJSON[auth.Amendment](c)
	if err != nil {
		return err
	}
	p, err := s.auth.Amend(c.Request().Context(), actor(c), c.Param("person"), c.Request().Header.Get("If-Match"), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, p.ETag(), auth.Colleague{Person: p, Yours: true})
}

// postLink answers POST /api/v1/people/{person}/link: for who forgot the password.
func (s *Server) postLink(c echo.Context) error {
	link, err := s.auth.NewLink(c.Request().Context(), actor(c), c.Param("person"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]any{"link": welcomePath(link), "until": s.now().UTC().Add(auth.LinkLife).Truncate(time.Second)})
}

// deleteFactor answers DELETE /api/v1/people/{person}/second-factor: for who lost phone and paper.
func (s *Server) deleteFactor(c echo.Context) error {
	if _, err := s.auth.ResetFactor(c.Request().Context(), actor(c), c.Param("person")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// deletePersonPhone answers DELETE /api/v1/people/{person}/phone: an enrolled phone was lost.
func (s *Server) deletePersonPhone(c echo.Context) error {
	if _, err := s.auth.EndPhone(c.Request().Context(), actor(c), c.Param("person")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// getKeys answers GET /api/v1/keys.
func (s *Server) getKeys(c echo.Context) error {
	var l registry.List
	if err := bindQuery(c, &l); err != nil {
		return err
	}
	page, err := s.auth.KeysFor(c.Request().Context(), actor(c), l)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// secretKey is a new key with the secret, which is shown this once.
type secretKey struct {
	auth.Key
	Secret string `json:"secret"`
}

// postKey answers POST /api/v1/keys.
func (s *Server) postKey(c echo.Context) error {
	in, err := bindJSON[struct {
		Name   string           `json:"name"`
		Grants []registry.Grant `json:"grants"`
		Days   int              `json:"days"`
	}](c)
	if err != nil {
		return err
	}
	secret, k, err := s.auth.AddKey(c.Request().Context(), actor(c), in.Name, in.Grants, days(in.Days))
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/keys/"+k.ID.String())
	return c.JSON(http.StatusCreated, secretKey{k, secret})
}

// days is a key's life as it is asked for; what is too long stays too long.
func days(n int) time.Duration { return time.Duration(min(max(n, -1), 1000)) * 24 * time.Hour }

// postRotation answers POST /api/v1/keys/{key}/rotation.
func (s *Server) postRotation(c echo.Context) error {
	secret, k, err := s.auth.RotateKey(c.Request().Context(), actor(c), c.Param("key"))
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/keys/"+k.ID.String())
	return c.JSON(http.StatusCreated, secretKey{k, secret})
}

// deleteKey answers DELETE /api/v1/keys/{key}.
func (s *Server) deleteKey(c echo.Context) error {
	if _, err := s.auth.RevokeKey(c.Request().Context(), actor(c), c.Param("key")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
