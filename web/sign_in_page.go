package web

import (
	"net/http"
	"strings"

	"cho40/internal/auth"
	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

type signInPage struct {
	frame
	Name  string
	Back  string // where the reader wanted to go; empty: the list of markets
	Wrong wrong
}

// signInPage answers GET /sign-in.
func (s *Server) signInPage(c echo.Context) error {
	p := signInPage{frame: s.frame(c, language(c).T("Sign in"), nil, "")}
	p.Flash = flash(c)
	if back := ownPath(c.QueryParam("back")); back != "/" {
		p.Back = back
	}
	return s.show(c, http.StatusOK, "sign-in.html", p)
}

// signIn answers POST /sign-in. What went wrong stands below the password, whichever of the two it was.
func (s *Server) signIn(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	in := credentials{Name: v.Get("name"), Password: v.Get("password")}
	token, err := s.auth.SignIn(c.Request().Context(), in.Name, in.Password, c.RealIP())
	if err != nil {
		w, code, ok := told(c, err)
		if !ok {
			return err
		}
		w.Fields["password"] = w.Detail
		return s.show(c, code, "sign-in.html", signInPage{frame: s.frame(c, language(c).T("Sign in"), nil, ""), Name: in.Name, Back: ownPath(v.Get("back")), Wrong: w})
	}
	s.enter(c, token)
	return c.Redirect(http.StatusSeeOther, ownPath(v.Get("back")))
}

// enter hands over a new session; the one before ends.
func (s *Server) enter(c echo.Context, token string) {
	if old := sessionToken(c); old != "" {
		_ = s.auth.SignOut(c.Request().Context(), old) // that it was over already is no fault
	}
	c.SetCookie(sessionCookie(c, token))
}

// signOut answers POST /sign-out.
func (s *Server) signOut(c echo.Context) error {
	if err := s.auth.SignOut(c.Request().Context(), sessionToken(c)); err != nil {
		return err
	}
	c.SetCookie(sessionCookie(c, ""))
	sayNext(c, "You are signed out.")
	return c.Redirect(http.StatusSeeOther, "/sign-in")
}

type welcomePage struct {
	frame
	Name, Roles, Action string
	Least               int
	Wrong               wrong
}

func (s *Server) welcomeTo(c echo.Context, p auth.Person, code int, w wrong) error {
	l := language(c)
	var roles []string
	for _, g := range p.Grants {
		role := l.T(roleWords[g.Role])
		if g.Code != "" {
			role += " " + g.Code
		}
		roles = append(roles, role)
	}
	return s.show(c, code, "welcome.html", welcomePage{frame: s.frame(c, l.T("Set a password"), nil, ""), Name: p.Name,
		Roles: strings.Join(roles, ", "), Action: "/welcome/" + c.Param("token"), Least: auth.LeastPassword, Wrong: w})
}

// welcomePage answers GET /welcome/:token, where somebody chooses a first password or a new one.
func (s *Server) welcomePage(c echo.Context) error {
	p, err := s.auth.OpenLink(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return s.welcomeTo(c, p, http.StatusOK, wrong{})
}

// welcome answers POST /welcome/:token: the password is set and its owner is in.
func (s *Server) welcome(c echo.Context) error {
	ctx := c.Request().Context()
	v, err := form(c)
	if err != nil {
		return err
	}
	p, err := s.auth.OpenLink(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	if v.Get("password") != v.Get("again") {
		err = fault.New(fault.Invalid, "password-differs", "Some fields need mending.").
			With(fault.At("again", "differs", "The two are not the same. Type both again."))
	} else {
		err = s.auth.SetPassword(ctx, c.Param("token"), v.Get("password"))
	}
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) == fault.Invalid {
		return s.welcomeTo(c, p, code, w)
	}
	if err != nil {
		return err
	}
	token, err := s.auth.SignIn(ctx, p.Name, v.Get("password"), c.RealIP())
	if err != nil {
		return err
	}
	s.enter(c, token)
	sayNext(c, "Your password is set. Next time you sign in with it.")
	return c.Redirect(http.StatusSeeOther, "/")
}
