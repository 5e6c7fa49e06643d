package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

const (
	stallsShown = 30 // rows of the table on one page
	recentShown = 6  // events
	rowHolds    = 28 // tiles that stand side by side on a wide screen
)

type marketPage struct {
	frame
	Market         registry.Market
	Place          string
	Code           string
	Self           string // address of this page without its filters
	Import, Add    string // addresses; empty: not for this reader
	Print          string
	Old, Paper     string
	Requests       string
	Order, Edit    string
	Facts          []fact
	Exports        string
	Audit          string
	Coverage       string          // its history and its reports
	Figures        string          // targets, figures of others, campaigns
	WithoutAccount string          // the stalls of vendors who have none yet
	Approved       int             // placards ready to print
	Share          *coverage.Share // nil: not for this reader
	Definition     string          // of the share: its number
	Gap            int             // hang, but do not count
	Steps          []stepShown
	Why            []reasonShown
	Aim            *standingShown // the next target of the share; nil: none
	AimAt          float64        // its share, in per cent
	UnderWay       []underWayShown
	Todo           []need
	Recent         []traceShown // what happened here last; empty: nothing, or not for this reader
	Vendors        bool         // whether stalls are shown at all
	Stalls, Vacant int
	Plan           []planRow
	Legend         []legendItem
	Sections       []choice
	Stages, States []choice
	Q              string
	Filtered       bool
	Table          part[stallShown]
}

type stepShown struct {
	Tile, Words string
	Vendors     int
	Lost        int // from the step above
}

type planRow struct {
	Name          string
	Path          string
	Back, Aisle   bool // walked the other way; an aisle before it
	Tiles         []stallShown
	Hung, Trading int
}

// accountClosed is the state of a stall where an account is closed at its provider, beside those of the record's own lists.
const accountClosed = "account_closed"

// stallShown is a stall as a tile and as a row.
type stallShown struct {
	Path, Code, Section, Goods, Vendor, Phone, Provider string
	Tile, Words                                         string
	Late                                                bool
	Closed                                              bool // an account is closed there, as its provider says
}

type legendItem struct {
	Tile, Words, Path string
	Late, Current     bool
	Count             int
}

type choice struct {
	Value, Words string
	Chosen       bool
}

// shown dresses a stall for a page. A suspended one looks suspended whatever its stage.
func (s *Server) shown(c echo.Context, market string, line registry.StallLine) stallShown {
	l := language(c)
	out := stallShown{Path: stallPath(market, line.Code), Code: line.Code, Section: line.Section, Goods: line.Goods}
	if line.Vendor != nil {
		out.Vendor = *line.Vendor
	}
	if line.Phone != nil {
		out.Phone = *line.Phone
	}
	if line.Provider != nil {
		out.Provider = registry.ProviderName(*line.Provider)
	}
	out.Tile, out.Words, out.Late = chip(line.Stage, line.Suspended, line.Overdue, line.Stage == nil || line.Trades)
	out.Words = l.T(out.Words)
	if out.Late {
		out.Words += ", " + l.T("check overdue")
	}
	return out
}

// chip is the tile and the word of a stage; no stage: the stall is vacant. One whose vendor does not trade now has no stage that counts.
func chip(stage *registry.Stage, suspended, overdue, trades bool) (tile, words string, late bool) {
	switch {
	case stage == nil:
		return "vacant", stateWords["vacant"], false
	case !trades:
		return "vacant", stateWords["closed"], false
	case suspended:
		return "stop", stateWords["suspended"], false
	}
	return stageTile(*stage), stageWords[*stage], overdue
}

func stageTile(s registry.Stage) string { return "t" + string('0'+rune(s)) }

// Label is what a tile on the plan is called.
func (t stallShown) Label() string {
	parts := []string{t.Code}
	if t.Vendor != "" {
		parts = append(parts, t.Vendor)
	}
	return strings.Join(append(parts, strings.ToLower(t.Words)), ", ")
}

// marketPage answers GET /markets/:market.
func (s *Server) marketPage(c echo.Context) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).Market(ctx, by, c.Param("market"))
	if err != nil {
		return err
	}
	p := marketPage{frame: s.frame(c, m.Name, &m, "market"), Market: m, Place: place(m), Code: m.Code, Self: marketPath(m.Code), Facts: facts(l, m)}
	if by.Can(registry.ChangeMarket, m) {
		p.Edit = marketPath(m.Code, "edit")
	}
	if by.Can(registry.SeeAudit, m) || by.Can(registry.VerifyAudit, m) || by.Can(registry.SeeOwnKeys, m) {
		p.Audit = marketPath(m.Code, "audit")
	}
	if by.Can(registry.SeeCoverage, m) {
		p.Figures = "/figures?" + url.Values{"market": {m.Code}}.Encode()
	}
	if by.Can(registry.SeeTargets, m) {
		p.Figures = "/targets?" + url.Values{"market": {m.Code}}.Encode()
	}
	if by.Can(registry.SeeCoverage, m) && m.Site == "" {
		p.Coverage = "/coverage?" + url.Values{"market": {m.Code}}.Encode()
	}
	if p.Share, err = s.shareFor(c, m); err != nil {
		return err
	}
	if p.Share != nil {
		_, p.Definition, _ = strings.Cut(p.Share.Definition, "-")
		p.Gap = p.Share.Suspended + p.Share.Overdue
		p.Steps = steps(l, p.Share)
		p.Why = reasons(l, p.Share)
		if p.Aim, p.AimAt, err = s.aim(c, m.Code, ""); err != nil {
			return err
		}
	}
	p.Q = asked(c, "q")
	plan, err := s.reg(c).Plan(ctx, by, m.Code, p.Q)
	switch {
	case fault.KindOf(err) == fault.Forbidden: // figures only
		return s.show(c, http.StatusOK, "market.html", p)
	case err != nil:
		return err
	}
	closed, err := s.reg(c).ClosedAt(ctx, by, m.Code)
	if err != nil {
		return err
	}
	p.Vendors = true
	p.fill(s, c, plan, closed)
	p.Old = marketPath(m.Code, "old-placards")
	if by.Can(registry.AnswerRequests, m) {
		p.Requests = marketPath(m.Code, "requests")
	}
	if by.Can(registry.RegisterStall, m) && len(plan) > 0 {
		p.Order = marketPath(m.Code, "order")
	}
	if by.Can(registry.PrintPlacards, m) {
		p.Paper = marketPath(m.Code, "paper")
	}
	if by.Can(registry.RegisterStall, m) {
		p.Add = marketPath(m.Code, "new-stall")
	}
	if by.Can(registry.ExportRows, m) {
		p.Exports = marketPath(m.Code, "exports")
	}
	if by.Can(registry.SeeVendors, m) {
		p.WithoutAccount = p.Self + "?stage=" + registry.Registered.String() + "#stalls"
	}
	if by.Can(registry.ImportLedger, m) {
		p.Import = marketPath(m.Code, "import")
	}
	if by.Can(registry.PrintPlacards, m) {
		p.Print = marketPath(m.Code, "print")
	}
	if by.Can(registry.SeeAudit, m) {
		events, err := s.reg(c).Trail(ctx, by, m.Code, registry.TrailFilter{List: registry.List{Limit: recentShown}})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			p.Recent = append(p.Recent, shownTrace(l, e))
		}
	}
	if p.UnderWay, err = s.underWay(c, m.Code); err != nil {
		return err
	}
	found, err := s.needs(c, m, countedOn(plan, len(closed)))
	if err != nil {
		return err
	}
	p.Todo, p.Approved = found.list, found.ready
	p.badge(marketPath(m.Code, "approvals"), found.waiting)
	return s.show(c, http.StatusOK, "market.html", p)
}

// reasonShown is why some vendors are not paid by scan yet.
type reasonShown struct {
	Words, Clears string
	Vendors, Days int // for how many days it stands; 0: nobody asked, or since today
	Unasked       bool
}

// steps are the stages of a share, each with what is lost to it.
func steps(l lang.Lang, share *coverage.Share) (out []stepShown) {
	for _, step := range share.Funnel {
		out = append(out, stepShown{stageTile(step.Stage), l.T(stageWords[step.Stage]), step.Vendors, step.Drop})
	}
	return out
}

// mostReasons is how many reasons stand on the page of an area, which prints on one sheet.
const mostReasons = 6

// commonest are the commonest of some reasons, with the rest as one, and those whom nobody asked.
func commonest(l lang.Lang, all []reasonShown) []reasonShown {
	last := len(all) // of those that may become one: nobody was asked stands last, and by itself
	if last > 0 && all[last-1].Unasked {
		last--
	}
	if last <= mostReasons {
		return all
	}
	rest := reasonShown{Words: l.T("%s other reasons", l.Number(last-mostReasons+1))}
	for _, r := range all[mostReasons-1 : last] {
		rest.Vendors += r.Vendors
	}
	return append(append(slices.Clone(all[:mostReasons-1]), rest), all[last:]...)
}

// reasons are those of the vendors who are missing in a share; together they are all of them.
func reasons(l lang.Lang, share *coverage.Share) []reasonShown {
	out := make([]reasonShown, len(share.Barriers))
	for i, b := range share.Barriers {
		out[i] = reasonShown{Words: barrierWords(l, b.Code), Clears: l.T(clearsWords[b.ClearsIt]), Vendors: b.Vendors, Unasked: b.Code == "never_asked"}
		if b.Days != nil {
			out[i].Days = *b.Days
		}
	}
	return out
}

// aim is the target of a share that is due next, nil where there is none or it is not for this reader.
func (s *Server) aim(c echo.Context, market, area string) (*standingShown, float64, error) {
	page, err := s.cov(c).Targets(c.Request().Context(), actor(c), coverage.TargetQuestion{Market: market, Area: area, Indicator: coverage.Accepting})
	if fault.KindOf(err) == fault.Forbidden {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for _, st := range slices.Backward(page.Items) { // the latest due day comes first
		if st.State == "running" && st.Target.Share != nil {
			shown := standing(language(c), st)
			return &shown, 100 * *st.Target.Share, nil
		}
	}
	return nil, 0, nil
}

// fill makes plan, legend, filters and table of a market's stalls; closedAt are those where an account is closed at its provider.
func (p *marketPage) fill(s *Server, c echo.Context, plan []registry.PlanLine, closedAt []string) {
	l := language(c)
	f := registry.StallFilter{Section: asked(c, "section"), Stage: asked(c, "stage"), Status: asked(c, "status")}
	p.Filtered = p.Q != "" || f.Section != "" || f.Stage != "" || f.Status != ""

	rows, at := []planRow{}, map[string]int{}
	byStage := map[registry.Stage]int{}
	suspended, overdue, closed := 0, 0, 0
	var found []stallShown
	for _, line := range plan {
		tile := s.shown(c, p.Code, line.StallLine)
		tile.Closed = slices.Contains(closedAt, line.Code)
		i, ok := at[line.Section]
		if !ok {
			i = len(rows)
			at[line.Section] = i
			rows = append(rows, planRow{Name: line.Section, Path: "?section=" + url.QueryEscape(line.Section) + "#stalls"})
			p.Sections = append(p.Sections, choice{line.Section, line.Section, f.Section == line.Section})
		}
		row := &rows[i]
		row.Tiles = append(row.Tiles, tile)
		p.Stalls++
		switch {
		case line.Stage == nil:
			p.Vacant++
		case !line.Trades:
			closed++
		default:
			byStage[*line.Stage]++
			row.Trading++
			if *line.Stage >= registry.Installed && !line.Suspended {
				row.Hung++
			}
		}
		if line.Suspended {
			suspended++
		}
		if line.Overdue {
			overdue++
		}
		if line.Found && (f.Section == "" || f.Section == line.Section) && inStage(line, f.Stage) && inStatus(line, tile.Closed, f.Status) {
			found = append(found, tile)
		}
	}
	for i := range rows {
		rows[i].Back = i%2 == 1 && len(rows[i].Tiles) <= rowHolds
		rows[i].Aisle = i > 0 && (i%2 == 0 || len(rows[i].Tiles) > rowHolds)
	}
	p.Plan, p.Table = rows, cut(c, found, stallsShown, "#stalls")

	legend := func(tile, words, name, value string, n int, late bool) {
		item := legendItem{Tile: tile, Words: l.T(words), Late: late, Count: n, Path: "?" + name + "=" + value + "#stalls"}
		item.Current = c.QueryParam(name) == value
		p.Legend = append(p.Legend, item)
	}
	p.Stages = append(p.Stages, choice{"", l.T("Every stage"), f.Stage == ""})
	for i, name := range registry.StageNames {
		stage := registry.Stage(i)
		legend(stageTile(stage), stageWords[stage], "stage", name, byStage[stage], false)
		p.Stages = append(p.Stages, choice{name, l.T(stageWords[stage]), f.Stage == name})
	}
	p.States = append(p.States, choice{"", l.T("Every state"), f.Status == ""}, choice{"trading", l.T("Trading"), f.Status == "trading"})
	for _, state := range []struct {
		tile, value string
		n           int
		late        bool
	}{{"stop", "suspended", suspended, false}, {"vacant", "vacant", p.Vacant, false}, {"vacant", "closed", closed, false}, {"t5", "overdue", overdue, true}} {
		legend(state.tile, stateWords[state.value], "status", state.value, state.n, state.late)
		p.States = append(p.States, choice{state.value, l.T(stateWords[state.value]), f.Status == state.value})
	}
	if len(closedAt) > 0 || f.Status == accountClosed { // seldom
		p.States = append(p.States, choice{accountClosed, l.T(stateWords[accountClosed]), f.Status == accountClosed})
	}
}

func inStage(line registry.PlanLine, stage string) bool {
	return stage == "" || line.Stage != nil && line.Trades && line.Stage.String() == stage
}

func inStatus(line registry.PlanLine, closed bool, status string) bool {
	switch status {
	case "vacant":
		return line.Stage == nil
	case "trading":
		return line.Stage != nil && line.Trades
	case "closed":
		return line.Stage != nil && !line.Trades
	case "suspended":
		return line.Suspended
	case "overdue":
		return line.Overdue
	case accountClosed:
		return closed
	}
	return true
}
