package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

// stepUpField is the code that any form may bring along: what it asks for is then done with a fresh second factor.
const stepUpField = "step_up"

type stepUpPage struct {
	frame
	Action string
	Sent   []sentField // what was typed, to go on with
	Back   string
	Wrong  wrong
}

type sentField struct{ Name, Value string }

// freshened shows the second factor that came with a form before the form's own handler runs. A wrong code is asked for again.
func (s *Server) freshened(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Method != http.MethodPost || !strings.HasPrefix(c.Request().Header.Get(echo.HeaderContentType), echo.MIMEApplicationForm) {
			return next(c)
		}
		v, err := form(c)
		if err != nil {
			return err
		}
		if code := v.Get(stepUpField); code != "" && held(c).HasFactor {
			token, err := s.auth.StepUp(c.Request().Context(), actor(c), sessionToken(c), code, c.RealIP())
			if err != nil {
				return s.askCode(c, err)
			}
			s.renew(c, token)
		}
		delete(v, stepUpField)
		if err := next(c); fault.CodeOf(err) == "step-up-needed" {
			return s.askCode(c, err)
		} else {
			return err
		}
	}
}

// askCode asks for the code in the place of a form's answer; the same form is then sent on, with all that was typed.
func (s *Server) askCode(c echo.Context, why error) error {
	switch fault.CodeOf(why) {
	case "step-up-needed", "code-wrong", "sign-in-throttled":
	default:
		return why
	}
	w, status, ok := told(c, why)
	if !ok {
		return why
	}
	p := stepUpPage{frame: s.frame(c, language(c).T("Your code, once more"), nil, ""), Action: c.Request().URL.RequestURI(), Back: ownPath(c.Request().URL.Path)}
	if fault.CodeOf(why) != "step-up-needed" {
		p.Wrong = wrong{Fields: map[string]string{stepUpField: w.Detail}}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Request().PostForm)) {
		for _, value := range c.Request().PostForm[name] {
			if name != stepUpField {
				p.Sent = append(p.Sent, sentField{name, value})
			}
		}
	}
	return s.show(c, status, "step-up.html", p)
}
