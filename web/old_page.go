package web

import (
	"net/http"
	"slices"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

type oldPage struct {
	frame
	Market       registry.Market
	Home, Action string
	Field        bool // the reader may record what they collected
	Count        int
	Sections     []oldSection
	Wrong        wrong
}

// oldSection are the old placards of a section; one that is walked through twice stands here twice.
type oldSection struct {
	Name string
	Olds []oldShown
}

type oldShown struct {
	Serial, Page                 string // number, and the address that says what became of it
	Stall, StallPath             string
	Vendor, Provider, Tail       string
	Why                          string
	Ended                        time.Time
	Hung, Stand                  bool
	ReplacedBy, ReplacedByNumber string // address, number; empty: nothing should hang there now
}

// oldPage answers GET /markets/:market/old-placards.
func (s *Server) oldPage(c echo.Context) error { return s.old(c, http.StatusOK, wrong{}) }

func (s *Server) old(c echo.Context, code int, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).Market(ctx, by, c.Param("market"))
	if err != nil {
		return err
	}
	olds, err := s.reg(c).Outstanding(ctx, by, m.Code)
	if err != nil {
		return err
	}
	p := oldPage{frame: s.frame(c, l.T("Old placards still out"), &m, "market"), Market: m, Home: marketPath(m.Code),
		Action: marketPath(m.Code, "old-placards"), Field: by.Can(registry.RecordField, m), Count: len(olds), Wrong: w}
	for _, o := range olds {
		shown := oldShown{Serial: o.Serial.String(), Page: placardPath(o.Serial), Stall: o.Stall, StallPath: stallPath(m.Code, o.Stall), Vendor: o.Vendor,
			Provider: o.ProviderName, Tail: o.Tail, Why: why(l, o.Reason), Ended: o.EndedAt, Hung: o.Hung, Stand: o.Kind == "provider"}
		if o.ReplacedBy != nil {
			shown.ReplacedByNumber = o.ReplacedBy.String()
			shown.ReplacedBy = placardPath(*o.ReplacedBy)
		}
		if n := len(p.Sections); n == 0 || p.Sections[n-1].Name != o.Section {
			p.Sections = append(p.Sections, oldSection{Name: o.Section})
		}
		in := &p.Sections[len(p.Sections)-1]
		in.Olds = append(in.Olds, shown)
	}
	return s.show(c, code, "old.html", p)
}

// collect answers POST /markets/:market/old-placards: somebody took one in.
func (s *Server) collect(c echo.Context) error {
	ctx, by := c.Request().Context(), actor(c)
	v, err := form(c)
	if err != nil {
		return err
	}
	m, err := s.reg(c).MarketFor(ctx, by, registry.RecordField, c.Param("market"))
	if err != nil {
		return err
	}
	olds, err := s.reg(c).Outstanding(ctx, by, m.Code)
	if err != nil {
		return err
	}
	// Only one of the list: a removal would also end a placard that is in use.
	at := slices.IndexFunc(olds, func(o registry.Old) bool { return o.Serial.String() == v.Get("serial") })
	if at < 0 {
		err = fault.New(fault.Conflict, "not-outstanding", "This placard is not on the list. Somebody may have recorded it before.")
	} else {
		_, err = s.reg(c).RecordPlacard(ctx, by, olds[at].Serial.String(), registry.NewPlacardEvent{Kind: "removed"})
	}
	if err == nil {
		sayNext(c, "Placard %s of stall %s is collected.", olds[at].Serial.String(), olds[at].Stall)
		return c.Redirect(http.StatusSeeOther, marketPath(m.Code, "old-placards"))
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.old(c, code, w)
}
