package web

import (
	"net/http"
	"net/url"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// A cookie with the __Host- prefix is kept by browsers only over HTTPS, so on plain HTTP, which is for loopback, it goes without.
func cookieName(c echo.Context) string {
	if c.IsTLS() {
		return "__Host-cho40"
	}
	return "cho40"
}

func sessionCookie(c echo.Context, token string) *http.Cookie {
	k := &http.Cookie{Name: cookieName(c), Value: token, Path: "/", HttpOnly: true, Secure: c.IsTLS(), SameSite: http.SameSiteLaxMode}
	if token == "" {
		k.MaxAge = -1
	}
	return k
}

func sessionToken(c echo.Context) string {
	k, err := c.Cookie(cookieName(c))
	if err != nil {
		return ""
	}
	return k.Value
}

// signedIn finds out who asks: a program by its key, a person by the session.
func (s *Server) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, id := c.Request().Context(), requestID(c)
		var by registry.Actor
		var err error
		perMinute := personRate
		if h := c.Request().Header.Get(echo.HeaderAuthorization); h != "" {
			key, ok := strings.CutPrefix(h, "Bearer ")
			if !ok {
				return unauthenticated()
			}
			if by, err = s.auth.KeyActor(ctx, key, id); err == nil {
				perMinute = s.rates.key
			}
		} else {
			token := sessionToken(c)
			if token == "" {
				err = unauthenticated()
			} else {
				by, err = s.auth.Session(ctx, token, id)
			}
		}
		if err != nil {
			if fault.KindOf(err) == fault.Unauthenticated && !wantsPage(c) {
				if tooMany := s.rates.allow(stranger(c), publicRate); tooMany != nil {
					return tooMany
				}
			}
			return err
		}
		if wantsPage(c) {
			by.Via = "web"
		}
		if err := s.rates.allow(by.ID, perMinute); err != nil {
			return err
		}
		c.Set("actor", by)
		return next(c)
	}
}

func unauthenticated() error {
	return fault.New(fault.Unauthenticated, "sign-in-needed", "Sign in first.")
}

// actor is who asks; nobody on a route that needs no sign-in.
func actor(c echo.Context) registry.Actor {
	by, _ := c.Get("actor").(registry.Actor)
	return by
}

// language is the reader's: chosen on the page, else what the browser or program asks for, else Vietnamese.
func language(c echo.Context) lang.Lang {
	if k, err := c.Cookie("lang"); err == nil && wantsPage(c) {
		return lang.Parse(k.Value)
	}
	return lang.Parse(c.Request().Header.Get("Accept-Language"))
}

// chooseLanguage keeps the reader's choice and goes back to where they were.
func (s *Server) chooseLanguage(c echo.Context) error {
	c.SetCookie(&http.Cookie{Name: "lang", Value: string(lang.Parse(c.Param("lang"))), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: c.IsTLS(), SameSite: http.SameSiteLaxMode})
	return c.Redirect(http.StatusSeeOther, ownPath(c.QueryParam("back")))
}

// ownPath is where to go back to: a path of this service's, whatever somebody put into the address.
func ownPath(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || !printable(back) || strings.Contains(back, `\`) {
		return "/"
	}
	return back
}

type credentials struct {
	Name     string `json:"name" form:"name"`
	Password string `json:"password" form:"password"`
	Code     string `json:"code" form:"code"` // of the second factor, where one is set up
}

// postSession answers POST /api/v1/session.
func (s *Server) postSession(c echo.Context) error {
	in, err := bindJSON[credentials](c)
	if err != nil {
		return err
	}
	token, err := s.auth.SignIn(c.Request().Context(), in.Name, in.Password, c.RealIP())
	if err != nil {
		return err
	}
	if old := sessionToken(c); old != "" {
		_ = s.auth.SignOut(c.Request().Context(), old) // the old session ends; that it was over already is no fault
	}
	by, err := s.auth.Session(c.Request().Context(), token, requestID(c))
	if err != nil {
		return err
	}
	c.SetCookie(sessionCookie(c, token))
	return c.JSON(http.StatusCreated, who(by))
}

type whoami struct {
	Name   string           `json:"name"`
	Grants []registry.Grant `json:"grants"`
}

func who(by registry.Actor) whoami { return whoami{by.Name, append([]registry.Grant{}, by.Grants...)} }

// getSession answers GET /api/v1/session.
func (s *Server) getSession(c echo.Context) error { return c.JSON(http.StatusOK, who(actor(c))) }

// deleteSession answers DELETE /api/v1/session.
func (s *Server) deleteSession(c echo.Context) error {
	if err := s.auth.SignOut(c.Request().Context(), sessionToken(c)); err != nil {
		return err
	}
	c.SetCookie(sessionCookie(c, ""))
	return c.NoContent(http.StatusNoContent)
}
