package web

import (
	"net/http"
	"net/url"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"

	"github.com/labstack/echo/v4"
)

type monthsPage struct {
	frame
	Team     string
	Path     string
	Month    string // 2026-11
	Words    string
	State    string
	Before   string // address of the month before, and of the one after; empty: it has not begun
	After    string
	Note     string
	Wrong    wrong
	Members  []monthShown
	MaySign  bool
	Download string // address of the files without what comes behind the dot
}

type monthShown struct {
	ID, Name, Position, Paper, Signed string
	Visits, Installed, Checks         int
	Unproved                          int
	Signs                             bool // the reader may sign it now
}

// monthsPage answers GET /teams/:team/months?month=: what the members did, and who signed it. Without a month it is the last one that is over.
func (s *Server) monthsPage(c echo.Context) error {
	return s.months(c, http.StatusOK, c.QueryParam("month"), wrong{})
}

func (s *Server) months(c echo.Context, code int, month string, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	thisMonth := s.registry.Today().String()[:7] + "-01"
	if month == "" {
		first, err := registry.ParseDay(thisMonth)
		if err != nil {
			return err
		}
		month = first.Plus(-1).String()[:7]
	}
	m, err := s.field(c).Month(ctx, by, c.Param("team"), month, "")
	if err != nil {
		return err
	}
	p := monthsPage{Team: m.Team.Name, Path: teamPath(m.Team.Code), Month: month, Words: monthWords(l, m.From), Note: statementNote(l), Wrong: w}
	if p.MaySign, err = s.field(c).May(ctx, by, registry.ManageTeams, m.Team.Code); err != nil {
		return err
	}
	p.State = monthState(l, m)
	address := func(day registry.Day) string { return teamPath(m.Team.Code, "months") + "?month=" + day.String()[:7] }
	p.Before = address(m.From.Plus(-1))
	if next := m.Until.Plus(1); next.String() <= thisMonth {
		p.After = address(next)
	}
	p.Download = "/api/v1" + p.Path + "/statements"
	for _, st := range m.Members {
		p.Members = append(p.Members, monthShown{ID: st.MemberID.String(), Name: st.Member, Position: l.T(positionWords[st.Position]), Signed: signedWords(l, st),
			Paper: p.Download + ".pdf?month=" + month + "&member=" + st.MemberID.String(), Visits: st.Visits, Installed: st.Installed, Checks: st.Checks, Unproved: st.Unproved,
			Signs: p.MaySign && m.Over && st.SignedAt == nil && (st.PersonID == nil || "person:"+st.PersonID.String() != by.ID)})
	}
	p.frame = s.frame(c, m.Team.Name+" · "+p.Words, nil, "teams")
	return s.show(c, code, "months.html", p)
}

// signMonth signs a member's month from that page.
func (s *Server) signMonth(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	member, err := id.Parse[fieldwork.Member](v.Get("member"))
	if err != nil {
		member = fieldwork.MemberID{}
	}
	st, err := s.field(c).SignStatement(c.Request().Context(), actor(c), c.Param("team"), member, v.Get("month"))
	if err == nil {
		sayNext(c, "The month of %s is signed.", st.Member)
		return c.Redirect(http.StatusSeeOther, teamPath(c.Param("team"), "months")+"?month="+url.QueryEscape(v.Get("month")))
	}
	w, code, ok := told(c, err)
	if !ok || fault.CodeOf(err) != "month-running" && fault.CodeOf(err) != "own-statement" {
		return err
	}
	return s.months(c, code, v.Get("month"), w)
}
