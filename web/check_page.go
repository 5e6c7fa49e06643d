package web

import (
	"net/http"
	"net/url"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// checkPage is what anybody may know of a placard: with a verdict first, and nothing of an account that must not be paid.
type checkPage struct {
	frame
	Use          bool
	Verdict, Why string
	Placard      *checkedPlacard
	Call, Dial   string
}

type checkedPlacard struct {
	Holder, Market, Stall, Provider, Tail string
	Serial                                registry.Serial
}

// findPlacard answers GET /v?serial=…, for who types a number.
func (s *Server) findPlacard(c echo.Context) error {
	serial := asked(c, "serial")
	if no, ok := registry.ParseSerial(serial); ok {
		serial = no.String()
	}
	if serial == "" {
		serial = "-"
	}
	return c.Redirect(http.StatusSeeOther, "/v/"+url.PathEscape(serial))
}

// checkPage answers GET /v/:serial. A serial that nobody has and one that nobody could have get the same page, to the byte.
func (s *Server) checkPage(c echo.Context) error {
	l := language(c)
	c.Response().Header().Set("X-Robots-Tag", "noindex")
	p, m, err := s.registry.PublicPlacard(c.Request().Context(), param(c, "serial"))
	page := checkPage{frame: s.frame(c, l.T("Check a placard"), nil, "")}
	if fault.KindOf(err) == fault.NotFound {
		page.Path = "/v/-"
		page.Why = l.T("There is no placard with this number. Look at each character on the placard again, or ask the seller.")
		return s.show(c, http.StatusNotFound, "check.html", page)
	}
	if err != nil {
		return err
	}
	place := p.MarketName
	if m.ProvinceName != "" {
		place += ", " + m.ProvinceName
	}
	page.Placard = &checkedPlacard{Market: place, Stall: p.Stall, Serial: p.Serial}
	if page.Demo = m.Demo || p.Mark == "sample"; !page.Demo { // nobody answers an invented number
		page.Call, page.Dial = m.Call, strings.NewReplacer(" ", "", ".", "").Replace(m.Call)
	}
	switch {
	case page.Demo:
		page.Why = l.T("This is a sample placard. Its account is invented and belongs to nobody.")
	case p.State == "suspended":
		page.Why = l.T("This placard is suspended. Pay cash, or ask the seller for another placard.")
	case !p.InUse():
		page.Why = l.T("This placard is not in use any more. Pay cash, or ask the seller for another placard.")
	default:
		page.Use = true
		page.Verdict = l.T("Placard in use")
		page.Placard.Holder, page.Placard.Provider, page.Placard.Tail = p.Holder, p.ProviderName, p.Tail
		switch {
		case p.Mark == "provisional":
			page.Verdict = l.T("Provisional placard")
			page.Why = l.T("In use, but no second person has looked at the account yet. Compare the name with care.")
		case p.CheckResult != nil && *p.CheckResult == "match":
			page.Why = l.T("Checked at the stall on %s: it matches.", l.Day(*p.CheckedAt))
		case p.InstalledAt != nil:
			page.Why = l.T("Hung at the stall on %s.", l.Day(*p.InstalledAt))
		default:
			page.Why = l.T("Made on %s, not recorded as hung yet.", l.Day(p.IssuedAt))
		}
	}
	if page.Title = page.Verdict; !page.Use {
		page.Title = l.T("Do not pay.")
	}
	return s.show(c, http.StatusOK, "check.html", page)
}
