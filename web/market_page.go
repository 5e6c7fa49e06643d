package web

import (
	"net/http"
	"net/url"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

const (
	stallsShown = 30 // rows of the table on one page
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
	Figures        string          // targets, figures of others, campaigns
	WithoutAccount string          // the stalls of vendors who have none yet
	Approved       int             // placards ready to print
	Share          *coverage.Share // nil: not for this reader
	Definition     string          // of the share: its number
	Gap            int             // hang, but do not count
	Steps          []stepShown
	Todo           []task
	Vendors        bool // whether stalls are shown at all
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

// task is something that waits for the reader.
type task struct {
	Tile         string
	Late         bool
	Head, Words  string
	Path, Action string
}

type planRow struct {
	Name          string
	Path          string
	Back, Aisle   bool // walked the other way; an aisle before it
	Tiles         []stallShown
	Hung, Trading int
}

// stallShown is a stall as a tile and as a row.
type stallShown struct {
	Path, Code, Section, Goods, Vendor, Phone, Provider string
	Tile, Words                                         string
	Late                                                bool
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
	if p.Share, err = s.shareFor(c, m); err != nil {
		return err
	}
	if p.Share != nil {
		_, p.Definition, _ = strings.Cut(p.Share.Definition, "-")
		p.Gap = p.Share.Suspended + p.Share.Overdue
		for i, step := range p.Share.Funnel {
			shown := stepShown{Tile: stageTile(step.Stage), Words: l.T(stageWords[step.Stage]), Vendors: step.Vendors}
			if i > 0 {
				shown.Lost = p.Share.Funnel[i-1].Vendors - step.Vendors
			}
			p.Steps = append(p.Steps, shown)
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
	p.Vendors = true
	p.fill(s, c, plan)
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
	if p.Todo, err = s.tasks(c, m, &p, plan); err != nil {
		return err
	}
	return s.show(c, http.StatusOK, "market.html", p)
}

// fill makes plan, legend, filters and table of a market's stalls.
func (p *marketPage) fill(s *Server, c echo.Context, plan []registry.PlanLine) {
	l := language(c)
	f := registry.StallFilter{Section: asked(c, "section"), Stage: asked(c, "stage"), Status: asked(c, "status")}
	p.Filtered = p.Q != "" || f.Section != "" || f.Stage != "" || f.Status != ""

	rows, at := []planRow{}, map[string]int{}
	byStage := map[registry.Stage]int{}
	suspended, overdue, closed := 0, 0, 0
	var found []stallShown
	for _, line := range plan {
		tile := s.shown(c, p.Code, line.StallLine)
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
		if line.Found && (f.Section == "" || f.Section == line.Section) && inStage(line, f.Stage) && inStatus(line, f.Status) {
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
}

func inStage(line registry.PlanLine, stage string) bool {
	return stage == "" || line.Stage != nil && line.Trades && line.Stage.String() == stage
}

func inStatus(line registry.PlanLine, status string) bool {
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
	}
	return true
}

// tasks are what waits for the reader in a market: only what they may do.
func (s *Server) tasks(c echo.Context, m registry.Market, p *marketPage, plan []registry.PlanLine) ([]task, error) {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	var todo []task
	var suspended, overdue, printed int
	for _, line := range plan {
		if line.Suspended {
			suspended++
		}
		if line.Overdue {
			overdue++
		}
		if line.Stage != nil && line.Trades && *line.Stage == registry.Printed {
			printed++
		}
	}
	if suspended > 0 && by.Can(registry.SuspendPlacard, m) {
		todo = append(todo, task{Tile: "stop", Head: say(l, suspended, "1 placard is suspended", "%s placards are suspended"),
			Words: l.T("Somebody stopped it, or a check found another code. Go and look."), Path: "?status=suspended#stalls", Action: l.T("See which")})
	}
	if by.Can(registry.SeeVendors, m) {
		found, err := s.reg(c).Incidents(ctx, by, m.Code, false, registry.List{})
		if err != nil {
			return nil, err
		}
		if n := len(found.Items); n > 0 {
			todo = append(todo, task{Tile: "stop", Head: say(l, n, "Another code was found at 1 stall", "Another code was found at %s stalls"),
				Words: l.T("The placards are stopped. Look at the stalls beside them too."), Path: marketPath(m.Code, "incidents"), Action: l.T("See which")})
		}
	}
	if by.Can(registry.SettleClashes, m) {
		twice, err := s.reg(c).Clashes(ctx, by, m.Code, false)
		if err != nil {
			return nil, err
		}
		if n := len(twice); n > 0 {
			todo = append(todo, task{Tile: "t1", Head: say(l, n, "1 record came in two versions", "%s records came in two versions"),
				Words: l.T("Two phones sent different things under one number. Nothing was overwritten."), Path: marketPath(m.Code, "incidents"), Action: l.T("See which")})
		}
	}
	if by.Can(registry.RecordField, m) {
		olds, err := s.reg(c).Outstanding(ctx, by, m.Code)
		if err != nil {
			return nil, err
		}
		if n := len(olds); n > 0 {
			todo = append(todo, task{Tile: "vacant", Head: say(l, n, "1 old placard is still out", "%s old placards are still out"),
				Words: l.T("Whoever scans one may pay into an account that is over."), Path: p.Old, Action: l.T("See which")})
		}
	}
	if by.Can(registry.ApproveFirst, m) {
		waiting, err := s.reg(c).Pending(ctx, by, m.Code)
		if err != nil {
			return nil, err
		}
		n := 0
		for _, w := range waiting {
			if !w.Mine {
				n++
			}
		}
		path := marketPath(m.Code, "approvals")
		p.badge(path, n)
		if n > 0 {
			todo = append(todo, task{Tile: "t1", Head: say(l, n, "Approve 1 account", "Approve %s accounts"),
				Words: l.T("Whoever approves must be somebody else than who brought it in."), Path: path, Action: l.T("Look and approve")})
		}
	}
	if overdue > 0 && by.Can(registry.RecordField, m) {
		todo = append(todo, task{Tile: "t5", Late: true, Head: say(l, overdue, "1 placard's check is overdue", "%s placards' checks are overdue"),
			Words: l.T("They do not count until somebody scans them again."), Path: "?status=overdue#stalls", Action: l.T("See which")})
	}
	if by.Can(registry.PrintPlacards, m) {
		ready, err := s.reg(c).Ready(ctx, by, m.Code)
		if err != nil {
			return nil, err
		}
		for _, r := range ready {
			p.Approved += r.Approved
		}
		p.Print = marketPath(m.Code, "print")
		if n := p.Approved; n > 0 {
			sheets := (n + 3) / 4
			todo = append(todo, task{Tile: "t2", Head: say(l, n, "1 placard is ready to print", "%s placards are ready to print"),
				Words: say(l, sheets, "1 sheet of A4.", "%s sheets of A4."), Path: p.Print, Action: l.T("Print placards")})
		}
	}
	if printed > 0 && by.Can(registry.RecordField, m) {
		todo = append(todo, task{Tile: "t3", Head: say(l, printed, "1 placard waits to be hung", "%s placards wait to be hung"),
			Words: l.T("Scan it at the stall, let the vendor read the name aloud, then hang it."), Path: "?stage=printed#stalls", Action: l.T("See which")})
	}
	if len(plan) == 0 && p.Import != "" {
		todo = append(todo, task{Tile: "t0", Head: l.T("Import the stall ledger"), Words: l.T("Excel or CSV, as you keep it."),
			Path: p.Import, Action: l.T("Choose the file")})
	}
	return todo, nil
}
