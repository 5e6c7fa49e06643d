package web

import (
	"bytes"
	"net/http"
	"net/url"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// getStatements answers GET /api/v1/teams/{team}/statements: the months of a team's members.
func (s *Server) getStatements(c echo.Context) error {
	all, err := s.field(c).Statements(c.Request().Context(), actor(c), c.Param("team"), c.QueryParam("month"))
	return items(c, all, err)
}

// getStatementsFile answers GET /api/v1/teams/{team}/statements.xlsx: the same for whoever pays the allowance.
func (s *Server) getStatementsFile(c echo.Context) error {
	month := c.QueryParam("month")
	all, err := s.field(c).Statements(c.Request().Context(), actor(c), c.Param("team"), month)
	if err != nil {
		return err
	}
	l := language(c)
	var b bytes.Buffer
	if err := fieldwork.WriteStatements(&b, month, []string{l.T("Name"), l.T("Visits that count"), l.T("Placards hung"), l.T("Checks"), l.T("Visits that nothing shows"), l.T("Signed by"), l.T("Signed on")}, all); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+c.Param("team")+`-`+month+`.xlsx"`)
	return c.Blob(http.StatusOK, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b.Bytes())
}

// getStatementsPaper answers GET /api/v1/teams/{team}/statements.pdf: the same to be signed by hand, of one member with ?member=.
func (s *Server) getStatementsPaper(c echo.Context) error {
	var member fieldwork.MemberID
	if which := c.QueryParam("member"); which != "" {
		var err error
		if member, err = id.Parse[fieldwork.Member](which); err != nil {
			return fault.New(fault.NotFound, "member-not-found", "There is no such member in this team.")
		}
	}
	m, err := s.field(c).Month(c.Request().Context(), actor(c), c.Param("team"), c.QueryParam("month"), member)
	if err != nil {
		return err
	}
	l := language(c)
	if chosen := c.QueryParam("lang"); chosen != "" {
		l = lang.Parse(chosen)
	}
	var b bytes.Buffer
	if err := printing.WriteTable(&b, monthPaper(l, m, !member.IsZero())); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+m.Team.Code+`-`+m.From.String()[:7]+`.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", b.Bytes())
}

// monthWords name a month: Tháng 11/2026.
func monthWords(l lang.Lang, first registry.Day) string {
	return l.T("Month %s/%s", first.String()[5:7], first.String()[:4])
}

// signedWords say whether a month is signed, and by whom.
func signedWords(l lang.Lang, st fieldwork.Statement) string {
	switch {
	case st.SignedAt == nil:
		return l.T("Not signed yet")
	case st.SignedBy == nil:
		return l.T("Signed on %s", l.Day(*st.SignedAt))
	}
	return l.T("Signed on %s by %s", l.Day(*st.SignedAt), *st.SignedBy)
}

// statementNote says what counts: the rule of fieldwork.Statement in words.
func statementNote(l lang.Lang) string {
	return l.T("A visit counts once a stall and day, and only with a scan of the vendor's own code or a change that the same person recorded there that day. A check counts once a placard and day, and only with a scan. Visits that nothing shows are told and do not count.")
}

// monthPaper puts a team's month into words for the paper; alone: it is one member's.
func monthPaper(l lang.Lang, m fieldwork.Month, alone bool) printing.Table {
	place := m.Team.AreaName
	if m.Team.Hamlet != "" {
		place = m.Team.Hamlet + ", " + place
	}
	t := printing.Table{Title: l.T("Month's work at the stalls, for the allowance"), Period: monthWords(l, m.From), Name: m.Team.Name,
		Place: place + " · " + l.T("Team code %s", m.Team.Code) + " · " + dateOf(l, m.From) + " – " + dateOf(l, m.Until),
		Columns: []printing.TableColumn{{Head: l.T("Name"), Part: 50, Strong: true}, {Head: l.T("In the team"), Part: 40}, {Head: l.T("Visits that count"), Part: 22, Number: true, Strong: true},
			{Head: l.T("Placards hung"), Part: 22, Number: true, Strong: true}, {Head: l.T("Checks"), Part: 22, Number: true, Strong: true}, {Head: l.T("Visits that nothing shows"), Part: 26, Number: true},
			{Head: l.T("State of the signing"), Part: 48}, {Head: l.T("Member's signature"), Part: 40}},
		Least: 12, Date: l.T("Made on the … day of … , …"), SignHint: l.T("Signature, full name"),
		Signs: []string{l.T("Leader of the team"), l.T("Market board"), l.T("Who pays the allowance")},
		Notes: []string{statementNote(l)},
		Page:  func(n, of int) string { return l.T("Page %d of %d", n, of) }, Made: m.Made, Language: printing.Language(l)}
	if alone && len(m.Members) == 1 { // the member signs below, with the others
		t.Name, t.Place = m.Members[0].Member, m.Team.Name+" · "+t.Place
		t.Columns, t.Signs = t.Columns[:len(t.Columns)-1], []string{l.T("Member"), l.T("Leader of the team"), l.T("Who pays the allowance")}
	}
	switch {
	case !m.Over:
		t.Mark = l.T("Provisional, as of %s. The month is not over: these figures may still change.", dateOf(l, m.AsOf))
	case m.Signed < len(m.Members):
		t.Mark = l.T("%d of %d months are signed. What is not signed may still change.", m.Signed, len(m.Members))
	}
	t.Foot = l.T("Made at %s · layout %d · %s", l.Moment(m.Made), printing.ReportLayout, m.Team.Code)
	sum := fieldwork.Statement{}
	for _, st := range m.Members {
		words := l.T(positionWords[st.Position])
		if st.From != m.From || st.Until != m.Until {
			words += " · " + dateOf(l, st.From) + " – " + dateOf(l, st.Until)
		}
		row := []string{st.Member, words, l.Number(st.Visits), l.Number(st.Installed), l.Number(st.Checks), l.Number(st.Unproved), signedWords(l, st), ""}
		t.Rows = append(t.Rows, row[:len(t.Columns)])
		sum.Visits, sum.Installed, sum.Checks, sum.Unproved = sum.Visits+st.Visits, sum.Installed+st.Installed, sum.Checks+st.Checks, sum.Unproved+st.Unproved
	}
	if !alone {
		t.Total = []string{l.T("Total"), "", l.Number(sum.Visits), l.Number(sum.Installed), l.Number(sum.Checks), l.Number(sum.Unproved), "", ""}
	}
	return t
}

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
	m, err := s.field(c).Month(ctx, by, c.Param("team"), month, fieldwork.MemberID{})
	if err != nil {
		return err
	}
	p := monthsPage{Team: m.Team.Name, Path: teamPath(m.Team.Code), Month: month, Words: monthWords(l, m.From), Note: statementNote(l), Wrong: w}
	if p.MaySign, err = s.field(c).May(ctx, by, registry.ManageTeams, m.Team.Code); err != nil {
		return err
	}
	p.State = monthPaper(l, m, false).Mark
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

// postStatement answers POST /api/v1/teams/{team}/statements: whoever leads signs a member's month.
func (s *Server) postStatement(c echo.Context) error {
	in, err := bindJSON[struct {
		Member fieldwork.MemberID `json:"member"`
		Month  string             `json:"month"`
	}](c)
	if err != nil {
		return err
	}
	st, err := s.field(c).SignStatement(c.Request().Context(), actor(c), c.Param("team"), in.Member, in.Month)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, st)
}
