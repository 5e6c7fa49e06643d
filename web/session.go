package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"cho40/internal/auth"
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

func sessionCookie(c echo.Context, token string) *http.Cookie { return cookie(c, "", token, 0) }

// sessionToken is the session's: the one it goes on under, where it was renewed in this very request.
func sessionToken(c echo.Context) string {
	if renewed, ok := c.Get("token").(string); ok {
		return renewed
	}
	return cookieValue(c, "")
}

// What is kept beside the session: that the password was right while the code is owed, and that a phone is an enrolled one.
const (
	doorCookie  = "-door"
	phoneCookie = "-phone"
)

// cookie holds a secret for a time, 0: until the browser is shut. An empty one is dropped.
func cookie(c echo.Context, of, token string, lasts time.Duration) *http.Cookie {
	k := &http.Cookie{Name: cookieName(c) + of, Value: token, Path: "/", MaxAge: int(lasts.Seconds()), HttpOnly: true, Secure: c.IsTLS(), SameSite: http.SameSiteLaxMode}
	if token == "" {
		k.MaxAge = -1
	}
	return k
}

func cookieValue(c echo.Context, of string) string {
	k, err := c.Cookie(cookieName(c) + of)
	if err != nil {
		return ""
	}
	return k.Value
}

func phoneToken(c echo.Context) string { return cookieValue(c, phoneCookie) }

// signedIn finds out who asks: a program by its key, a person by the session.
func (s *Server) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, id := c.Request().Context(), requestID(c)
		var by auth.Session
		var err error
		perMinute := personRate
		if h := c.Request().Header.Get(echo.HeaderAuthorization); h != "" {
			key, ok := strings.CutPrefix(h, "Bearer ")
			if !ok {
				return unauthenticated()
			}
			if by.Actor, err = s.auth.KeyActor(ctx, key, id); err == nil {
				perMinute = s.keyRate
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
		hold(c, by)
		return next(c)
	}
}

// hold keeps who asks for the rest of the request.
func hold(c echo.Context, by auth.Session) {
	c.Set("session", by)
	c.Set("actor", by.Actor)
}

// held is the session of who asks; the zero one on a route that needs no sign-in.
func held(c echo.Context) auth.Session {
	by, _ := c.Get("session").(auth.Session)
	return by
}

// enrolled lets nobody further whose role wants a second factor and who has none: first it is set up.
func (s *Server) enrolled(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch {
		case !held(c).MustEnrol:
			return next(c)
		case wantsPage(c):
			return c.Redirect(http.StatusSeeOther, factorPath)
		}
		return fault.New(fault.Forbidden, "second-factor-needed", "Your role wants a second factor. Set it up first, at %s.", "/api/v1/session/second-factor")
	}
}

// renew hands over the token under which a session goes on, now that its second factor was shown.
func (s *Server) renew(c echo.Context, token string) {
	c.SetCookie(sessionCookie(c, token))
	c.Set("token", token)
	by := held(c)
	by.SteppedUp, by.HasFactor, by.MustEnrol = s.now(), true, false
	hold(c, by)
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

// attempt is one try to come in from where the request comes from.
func attempt(c echo.Context, in credentials) auth.Attempt {
	return auth.Attempt{Name: in.Name, Password: in.Password, Code: in.Code, Address: c.RealIP(), Agent: agent(c)}
}

// postSession answers POST /api/v1/session.
func (s *Server) postSession(c echo.Context) error {
	in, err := bindJSON[credentials](c)
	if err != nil {
		return err
	}
	entry, err := s.auth.SignIn(c.Request().Context(), attempt(c, in))
	if err != nil {
		return err
	}
	if entry.Door != "" {
		return auth.CodeNeeded()
	}
	return s.begun(c, entry.Session)
}

// begun answers with a new session.
func (s *Server) begun(c echo.Context, token string) error {
	by, err := s.auth.Session(c.Request().Context(), token, requestID(c))
	if err != nil {
		return err
	}
	s.enter(c, token)
	return c.JSON(http.StatusCreated, who(by))
}

// postPIN answers POST /api/v1/session/pin, on an enrolled phone.
func (s *Server) postPIN(c echo.Context) error {
	in, err := bindJSON[struct {
		PIN string `json:"pin"`
	}](c)
	if err != nil {
		return err
	}
	token, err := s.auth.SignInByPIN(c.Request().Context(), phoneToken(c), in.PIN, c.RealIP(), agent(c))
	if err != nil {
		return err
	}
	return s.begun(c, token)
}

type code struct {
	Code string `json:"code"`
}

// postStepUp answers POST /api/v1/session/step-up: the second factor, shown again.
func (s *Server) postStepUp(c echo.Context) error {
	in, err := bindJSON[code](c)
	if err != nil {
		return err
	}
	token, err := s.auth.StepUp(c.Request().Context(), actor(c), sessionToken(c), in.Code, c.RealIP())
	if err != nil {
		return err
	}
	s.renew(c, token)
	return c.JSON(http.StatusOK, who(held(c)))
}

type whoami struct {
	Name         string           `json:"name"`
	Grants       []registry.Grant `json:"grants"`
	SecondFactor string           `json:"second_factor"`         // on, off, or needed: then nothing else is allowed until it is set up
	FreshUntil   *time.Time       `json:"fresh_until,omitempty"` // until when what wants a fresh second factor is allowed
}

func who(by auth.Session) whoami {
	w := whoami{Name: by.Name, Grants: append([]registry.Grant{}, by.Grants...), SecondFactor: "off"}
	switch {
	case by.MustEnrol:
		w.SecondFactor = "needed"
	case by.HasFactor:
		w.SecondFactor = "on"
	}
	if until := by.SteppedUp.Add(registry.StepUpLives); !by.SteppedUp.IsZero() {
		w.FreshUntil = &until
	}
	return w
}

// getSession answers GET /api/v1/session.
func (s *Server) getSession(c echo.Context) error { return c.JSON(http.StatusOK, who(held(c))) }

// deleteSession answers DELETE /api/v1/session.
func (s *Server) deleteSession(c echo.Context) error {
	if err := s.auth.SignOut(c.Request().Context(), sessionToken(c)); err != nil {
		return err
	}
	c.SetCookie(sessionCookie(c, ""))
	return c.NoContent(http.StatusNoContent)
}

// getSessions answers GET /api/v1/sessions: one's own.
func (s *Server) getSessions(c echo.Context) error {
	all, err := s.auth.Sessions(c.Request().Context(), actor(c), sessionToken(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, registry.Page[auth.OpenSession]{Items: all})
}

// deleteOneSession answers DELETE /api/v1/sessions/{session}.
func (s *Server) deleteOneSession(c echo.Context) error {
	if err := s.auth.EndSession(c.Request().Context(), actor(c), c.Param("session")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// browsers and systems are how a browser names itself, the first that fits; what copies another's name stands before it.
var (
	browsers = [][2]string{{"Zalo", "Zalo"}, {"coc_coc_browser", "Cốc Cốc"}, {"SamsungBrowser", "Samsung Internet"}, {"Edg", "Edge"}, {"OPR", "Opera"},
		{"FxiOS", "Firefox"}, {"Firefox", "Firefox"}, {"CriOS", "Chrome"}, {"Chrome", "Chrome"}, {"Safari", "Safari"}, {"curl", "curl"}}
	systems = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Linux", "Linux"}}
)

// agent is the browser in a few words, such as "Chrome, Android": for its owner's list, and nothing to tell people apart by.
func agent(c echo.Context) string {
	var said []string
	for _, list := range [][][2]string{browsers, systems} {
		for _, b := range list {
			if strings.Contains(c.Request().UserAgent(), b[0]) {
				said = append(said, b[1])
				break
			}
		}
	}
	return strings.Join(said, ", ")
}
