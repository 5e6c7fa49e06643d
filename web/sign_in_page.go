package web

import (
	"net/http"
	"net/url"

	"cho40/internal/auth"
	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

type signInPage struct {
	frame
	Name  string
	Back  string // where the reader wanted to go; empty: the list of markets
	Phone string // whose enrolled phone this is; empty: the password is asked for
	Wrong wrong
}

// signInPage answers GET /sign-in: on an enrolled phone it asks for the PIN, unless the password is wished for.
func (s *Server) signInPage(c echo.Context) error {
	p := s.newSignInPage(c, c.QueryParam("back"))
	p.Flash = flash(c)
	if c.QueryParam("password") == "" {
		if who, err := s.auth.OpenPhone(c.Request().Context(), phoneToken(c)); err == nil {
			p.Phone = who.Name
		} else if fault.KindOf(err) != fault.Unauthenticated {
			return err
		}
	}
	return s.show(c, http.StatusOK, "sign-in.html", p)
}

func (s *Server) newSignInPage(c echo.Context, back string) signInPage {
	p := signInPage{frame: s.frame(c, language(c).T("Sign in"), nil, "")}
	if back = ownPath(back); back != "/" {
		p.Back = back
	}
	return p
}

// signIn answers POST /sign-in. What went wrong stands below the password, whichever of the two it was.
func (s *Server) signIn(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	in := credentials{Name: v.Get("name"), Password: v.Get("password")}
	entry, err := s.auth.SignIn(c.Request().Context(), attempt(c, in))
	if err != nil {
		p := s.newSignInPage(c, v.Get("back"))
		p.Name = in.Name
		return s.signInAgain(c, "sign-in.html", p, "password", err)
	}
	return s.come(c, entry, v.Get("back"))
}

// signInAgain asks again, with what went wrong below a field.
func (s *Server) signInAgain(c echo.Context, page string, p signInPage, field string, err error) error {
	w, code, ok := told(c, err)
	if !ok {
		return err
	}
	w.Fields[field] = w.Detail
	p.Wrong = w
	return s.show(c, code, page, p)
}

// come leads whoever showed a right password on: in, or to where the code is asked for.
func (s *Server) come(c echo.Context, entry auth.Entry, back string) error {
	if entry.Door == "" {
		s.enter(c, entry.Session)
		return c.Redirect(http.StatusSeeOther, ownPath(back))
	}
	c.SetCookie(cookie(c, doorCookie, entry.Door, auth.DoorLife))
	to := "/sign-in/code"
	if back = ownPath(back); back != "/" {
		to += "?back=" + url.QueryEscape(back)
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// codePage answers GET /sign-in/code: the password was right, now the code.
func (s *Server) codePage(c echo.Context) error {
	if cookieValue(c, doorCookie) == "" {
		return c.Redirect(http.StatusSeeOther, "/sign-in")
	}
	return s.show(c, http.StatusOK, "code.html", s.newSignInPage(c, c.QueryParam("back")))
}

// typeCode answers POST /sign-in/code.
func (s *Server) typeCode(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	token, err := s.auth.Pass(c.Request().Context(), cookieValue(c, doorCookie), attempt(c, credentials{Code: v.Get("code")}))
	switch fault.CodeOf(err) {
	case "door-shut":
		c.SetCookie(cookie(c, doorCookie, "", 0))
		sayNext(c, "The sign-in took too long, or too many codes were wrong. Begin again.")
		return c.Redirect(http.StatusSeeOther, "/sign-in")
	case "":
		if err != nil {
			return err
		}
	default:
		return s.signInAgain(c, "code.html", s.newSignInPage(c, v.Get("back")), "code", err)
	}
	c.SetCookie(cookie(c, doorCookie, "", 0))
	s.enter(c, token)
	return c.Redirect(http.StatusSeeOther, ownPath(v.Get("back")))
}

// typePIN answers POST /sign-in/pin, on an enrolled phone.
func (s *Server) typePIN(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	token, err := s.auth.SignInByPIN(c.Request().Context(), phoneToken(c), v.Get("pin"), c.RealIP(), agent(c))
	if fault.CodeOf(err) == "phone-ended" {
		c.SetCookie(cookie(c, phoneCookie, "", 0))
		return s.signInAgain(c, "sign-in.html", s.newSignInPage(c, v.Get("back")), "password", err)
	}
	if err != nil {
		p := s.newSignInPage(c, v.Get("back"))
		if who, gone := s.auth.OpenPhone(c.Request().Context(), phoneToken(c)); gone == nil {
			p.Phone = who.Name
		}
		return s.signInAgain(c, "sign-in.html", p, "pin", err)
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
	return s.show(c, code, "welcome.html", welcomePage{frame: s.frame(c, l.T("Set a password"), nil, ""), Name: p.Name,
		Roles: rolesSaid(l, p.Grants), Action: "/welcome/" + c.Param("token"), Least: auth.LeastPassword, Wrong: w})
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
		err = passwordsDiffer()
	} else {
		err = s.auth.SetPassword(ctx, c.Param("token"), v.Get("password"))
	}
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) == fault.Invalid {
		return s.welcomeTo(c, p, code, w)
	}
	if err != nil {
		return err
	}
	entry, err := s.auth.SignIn(ctx, attempt(c, credentials{Name: p.Name, Password: v.Get("password")}))
	if err != nil {
		return err
	}
	sayNext(c, "Your password is set. Next time you sign in with it.")
	return s.come(c, entry, "/")
}

type setUpPage struct {
	frame
	Name, Action string
	Least        int
	Wrong        wrong
}

func (s *Server) setUpTo(c echo.Context, name string, code int, w wrong) error {
	return s.show(c, code, "set-up.html", setUpPage{frame: s.frame(c, language(c).T("The first administrator"), nil, ""), Name: name,
		Action: "/set-up/" + c.Param("token"), Least: auth.LeastPassword, Wrong: w})
}

// setUpPage answers GET /set-up/:token, where the first administrator is created.
func (s *Server) setUpPage(c echo.Context) error {
	if err := s.auth.OpenSetUp(c.Request().Context(), c.Param("token")); err != nil {
		return err
	}
	return s.setUpTo(c, "", http.StatusOK, wrong{})
}

// setUp answers POST /set-up/:token: the administrator is in, and sets up the second factor next.
func (s *Server) setUp(c echo.Context) error {
	ctx := c.Request().Context()
	v, err := form(c)
	if err != nil {
		return err
	}
	in := credentials{Name: v.Get("name"), Password: v.Get("password")}
	if in.Password != v.Get("again") {
		err = passwordsDiffer()
	} else {
		_, err = s.auth.SetUp(ctx, c.Param("token"), in.Name, in.Password)
	}
	if w, code, ok := told(c, err); err != nil && ok && (fault.KindOf(err) == fault.Invalid || fault.CodeOf(err) == "person-exists") {
		return s.setUpTo(c, in.Name, code, w)
	}
	if err != nil {
		return err
	}
	entry, err := s.auth.SignIn(ctx, attempt(c, in))
	if err != nil {
		return err
	}
	return s.come(c, entry, "/")
}

func passwordsDiffer() error {
	return fault.New(fault.Invalid, "password-differs", "Some fields need mending.").
		With(fault.At("again", "differs", "The two are not the same. Type both again."))
}
