package web

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// Where one's own affairs are.
const (
	accountPath = "/account"
	factorPath  = "/account/second-factor"
)

// rolesSaid are grants in words.
func rolesSaid(l lang.Lang, grants []registry.Grant) string {
	said := make([]string, len(grants))
	for i, g := range grants {
		said[i] = roleSaid(l, g)
	}
	return strings.Join(said, ", ")
}

func roleSaid(l lang.Lang, g registry.Grant) string {
	said := l.T(roleWords[g.Role])
	if g.Code != "" {
		said += " " + g.Code
	}
	if !g.Until.IsZero() {
		said = l.T("%s, until %s", said, g.Until)
	}
	return said
}

type accountPage struct {
	frame
	Roles    string
	Factor   auth.Factor
	Sessions []auth.OpenSession
	PIN      bool       // a PIN may be set up on this phone
	ByPIN    bool       // this session began with one
	Phone    *time.Time // until when a phone is enrolled; nil: none
	Digits   int
	People   bool // the reader looks after people
	Wrong    wrong
}

// accountPage answers GET /account: the reader's own affairs.
func (s *Server) accountPage(c echo.Context) error {
	return s.account(c, http.StatusOK, accountPage{})
}

func (s *Server) account(c echo.Context, code int, p accountPage) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	var err error
	if p.Factor, err = s.auth.Factor(ctx, by); err != nil {
		return err
	}
	if p.Sessions, err = s.auth.Sessions(ctx, by, sessionToken(c)); err != nil {
		return err
	}
	if p.Phone, err = s.auth.Phone(ctx, by); err != nil {
		return err
	}
	p.frame = s.frame(c, l.T("Your account"), nil, "account")
	p.Roles, p.PIN, p.ByPIN, p.Digits, p.People = rolesSaid(l, by.Grants), auth.MayEnrolPhone(by.Grants), held(c).ByPIN, auth.PINDigits, by.CanSomewhere(registry.ManagePeople)
	return s.show(c, code, "account.html", p)
}

// endSession answers POST /account/sessions: one of the reader's sessions ends.
func (s *Server) endSession(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	err = s.auth.EndSession(c.Request().Context(), actor(c), v.Get("session"))
	if err != nil && fault.CodeOf(err) != "session-not-found" {
		return err
	}
	sayNext(c, "The session has ended.")
	return c.Redirect(http.StatusSeeOther, accountPath)
}

// enrolPhone answers POST /account/phone: this phone takes a PIN from now on, or none any more.
func (s *Server) enrolPhone(c echo.Context) error {
	ctx := c.Request().Context()
	v, err := form(c)
	if err != nil {
		return err
	}
	if v.Get("end") != "" {
		if err := s.auth.EndOwnPhone(ctx, actor(c)); err != nil {
			return err
		}
		c.SetCookie(cookie(c, phoneCookie, "", 0))
		sayNext(c, "The PIN does not count any more.")
		return c.Redirect(http.StatusSeeOther, accountPath)
	}
	var token string
	if v.Get("pin") != v.Get("again") {
		err = fault.New(fault.Invalid, "pin-differs", "Some fields need mending.").With(fault.At("again", "differs", "The two are not the same. Type both again."))
	} else {
		token, _, err = s.auth.EnrolPhone(ctx, held(c), v.Get("pin"), agent(c))
	}
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) == fault.Invalid {
		return s.account(c, code, accountPage{Wrong: w})
	}
	if err != nil {
		return err
	}
	c.SetCookie(cookie(c, phoneCookie, token, auth.PhoneLife))
	sayNext(c, "This phone takes your PIN for 14 days.")
	return c.Redirect(http.StatusSeeOther, accountPath)
}

// newRecovery answers POST /account/recovery-codes: they are on the page that answers, and nowhere else.
func (s *Server) newRecovery(c echo.Context) error {
	codes, err := s.auth.NewRecoveryCodes(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, "recovery.html", recoveryPage{s.frame(c, language(c).T("Codes for the paper"), nil, "account"), codes})
}

type recoveryPage struct {
	frame
	Codes []string
}

type factorPage struct {
	frame
	Must   bool // nothing else goes until it is set up
	On     bool
	Secret string // that is being set up, as one types it; empty: nothing is
	QR     template.HTML
	URI    template.URL // for an app on the same phone
	Wrong  wrong
}

// factorPage answers GET /account/second-factor.
func (s *Server) factorPage(c echo.Context) error { return s.factor(c, http.StatusOK, wrong{}) }

func (s *Server) factor(c echo.Context, code int, w wrong) error {
	by := actor(c)
	f, err := s.auth.Factor(c.Request().Context(), by)
	if err != nil {
		return err
	}
	p := factorPage{frame: s.frame(c, language(c).T("Second factor"), nil, "account"), Must: held(c).MustEnrol, On: f.On, Wrong: w}
	if f.SettingUp != "" {
		uri := f.SettingUp.URI(by.Name)
		p.Secret, p.URI = f.SettingUp.Groups(), template.URL(uri) // our own, with the name escaped
		symbol, err := qrgen.NewSymbol(uri)
		if err != nil {
			return err
		}
		p.QR = template.HTML(symbol.SVG()) // our own drawing of black squares
	}
	return s.show(c, code, "factor.html", p)
}

// beginFactor answers POST /account/second-factor: a new secret to scan.
func (s *Server) beginFactor(c echo.Context) error {
	if _, err := s.auth.BeginFactor(c.Request().Context(), actor(c)); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, factorPath)
}

// confirmFactor answers POST /account/second-factor/code: the first code was typed.
func (s *Server) confirmFactor(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	token, codes, err := s.auth.ConfirmFactor(c.Request().Context(), actor(c), sessionToken(c), v.Get("code"))
	if fault.CodeOf(err) == "no-set-up" {
		sayNext(c, "It took too long. Begin again.")
		return c.Redirect(http.StatusSeeOther, factorPath)
	}
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) == fault.Invalid {
		return s.factor(c, code, w)
	}
	if err != nil {
		return err
	}
	s.renew(c, token)
	return s.show(c, http.StatusOK, "recovery.html", recoveryPage{s.frame(c, language(c).T("Codes for the paper"), nil, "account"), codes})
}

type factorNow struct {
	On       bool `json:"on"`
	Needed   bool `json:"needed"`
	Recovery int  `json:"recovery_codes_left"`
}

// getFactor answers GET /api/v1/session/second-factor.
func (s *Server) getFactor(c echo.Context) error {
	f, err := s.auth.Factor(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, factorNow{f.On, f.Needed, f.Recovery})
}

// postFactor answers POST /api/v1/session/second-factor: the secret to keep in an app.
func (s *Server) postFactor(c echo.Context) error {
	secret, err := s.auth.BeginFactor(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]string{"secret": string(secret), "uri": secret.URI(actor(c).Name)})
}

// postFactorCode answers POST /api/v1/session/second-factor/code: from now on it counts.
func (s *Server) postFactorCode(c echo.Context) error {
	in, err := bindJSON[code](c)
	if err != nil {
		return err
	}
	token, codes, err := s.auth.ConfirmFactor(c.Request().Context(), actor(c), sessionToken(c), in.Code)
	if err != nil {
		return err
	}
	s.renew(c, token)
	return c.JSON(http.StatusOK, map[string][]string{"recovery_codes": codes})
}

// postRecovery answers POST /api/v1/session/recovery-codes.
func (s *Server) postRecovery(c echo.Context) error {
	codes, err := s.auth.NewRecoveryCodes(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string][]string{"recovery_codes": codes})
}

// postPhone answers POST /api/v1/session/phone: this phone takes a PIN from now on.
func (s *Server) postPhone(c echo.Context) error {
	in, err := bindJSON[struct {
		PIN string `json:"pin"`
	}](c)
	if err != nil {
		return err
	}
	token, until, err := s.auth.EnrolPhone(c.Request().Context(), held(c), in.PIN, agent(c))
	if err != nil {
		return err
	}
	c.SetCookie(cookie(c, phoneCookie, token, auth.PhoneLife))
	return c.JSON(http.StatusCreated, map[string]time.Time{"until": until})
}

// deletePIN answers DELETE /api/v1/session/pin, on an enrolled phone.
func (s *Server) deletePIN(c echo.Context) error {
	if err := s.auth.LeavePhone(c.Request().Context(), phoneToken(c)); err != nil {
		return err
	}
	c.SetCookie(cookie(c, phoneCookie, "", 0))
	return c.NoContent(http.StatusNoContent)
}

// deletePhone answers DELETE /api/v1/session/phone.
func (s *Server) deletePhone(c echo.Context) error {
	if err := s.auth.EndOwnPhone(c.Request().Context(), actor(c)); err != nil {
		return err
	}
	c.SetCookie(cookie(c, phoneCookie, "", 0))
	return c.NoContent(http.StatusNoContent)
}
