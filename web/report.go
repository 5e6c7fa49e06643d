package web

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/vendor_registry/ledger"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// QuarterReport says which report is wanted: a page of a market's quarter, or the table of an area's.
type QuarterReport struct {
	Market  string
	Area    string
	By      string // of an area: market, commune; empty: as coverage.QuarterTable
	Quarter string // 2026-Q3
	Format  string // pdf, xlsx; csv of an area
}

// Name is what its file is called.
func (q QuarterReport) Name() string {
	name := "cho40-" + q.Market + q.Area
	if q.By != "" {
		name += "-" + q.By
	}
	return name + "-" + q.Quarter + "." + q.Format
}

var reportTypes = map[string]string{"pdf": "application/pdf", "xlsx": exportTypes["xlsx"], "csv": exportTypes["csv"]}

// WriteQuarter makes a report in a language. Faults: those of coverage's QuarterReport and QuarterTable; NotFound report-not-found of a
// format in which there is none.
func WriteQuarter(ctx context.Context, cov *coverage.Service, by registry.Actor, l lang.Lang, q QuarterReport) ([]byte, error) {
	if reportTypes[q.Format] == "" || q.Format == "csv" && q.Area == "" {
		return nil, fault.New(fault.NotFound, "report-not-found", "There is no such report. Reports are named after a quarter: 2026-Q3.pdf, 2026-Q3.xlsx.")
	}
	var out bytes.Buffer
	if q.Area != "" {
		t, err := cov.QuarterTable(ctx, by, q.Area, q.By, q.Quarter)
		if err != nil {
			return nil, err
		}
		switch q.Format {
		case "pdf":
			err = printing.WriteTable(&out, tablePage(l, t))
		case "xlsx":
			err = ledger.WriteBook(&out, tableBook(l, t))
		default:
			err = writeTableText(&out, l, t)
		}
		return out.Bytes(), err
	}
	r, err := cov.QuarterReport(ctx, by, q.Market, q.Quarter)
	if err != nil {
		return nil, err
	}
	if q.Format == "pdf" {
		err = printing.WriteReport(&out, reportPage(l, r))
	} else {
		err = ledger.WriteBook(&out, reportBook(l, r))
	}
	return out.Bytes(), err
}

// getReport answers GET /api/v1/markets/{market}/reports/{file}.
func (s *Server) getReport(c echo.Context) error {
	return s.sendReport(c, QuarterReport{Market: c.Param("market")})
}

// getTable answers GET /api/v1/areas/{area}/reports/{file}?by=.
func (s *Server) getTable(c echo.Context) error {
	return s.sendReport(c, QuarterReport{Area: c.Param("area"), By: c.QueryParam("by")})
}

func (s *Server) sendReport(c echo.Context, q QuarterReport) error {
	q.Quarter, q.Format, _ = strings.Cut(c.Param("file"), ".")
	l := language(c)
	if chosen := c.QueryParam("lang"); chosen != "" {
		l = lang.Parse(chosen)
	}
	file, err := WriteQuarter(c.Request().Context(), s.cov(c), actor(c), l, q)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+q.Name()+`"`)
	return c.Blob(http.StatusOK, reportTypes[q.Format], file)
}

// ---------------------------------------------------------------- words

// definitionWords say what each definition counts: a sentence stays with its number.
var definitionWords = map[string]string{
	"accepting-1": "A placard of an approved account hangs where they trade, is not suspended, and was right when last looked at or is not due for a look.",
	"equipped-1":  "A live placard, hung or not, of an account that waits for approval or is in force.",
	"used-1":      "Paid on two days of the last thirty, as wallets and banks confirm; test payments are taken off.",
}

// clearsWords are who can clear a barrier.
var clearsWords = map[string]string{"volunteer": "The team", "board": "The market board", "provider": "The wallet or the network", "nobody": "Nobody for now"}

// quarterWords name a quarter: Quý III/2026.
func quarterWords(l lang.Lang, quarter string) string {
	return l.T("Quarter %s/%s", strings.ToUpper(strings.Fields("i ii iii iv")[quarter[6]-'1']), quarter[:4])
}

func dateOf(l lang.Lang, d registry.Day) string { return l.Day(d.End()) }

func shortDay(d registry.Day) string {
	text := d.String()
	day, _ := strconv.Atoi(text[8:])
	month, _ := strconv.Atoi(text[5:7])
	return fmt.Sprintf("%d/%d", day, month)
}

func barrierWords(l lang.Lang, code string) string {
	if b, ok := registry.BarrierOf(code); ok {
		return l.T(b.Words)
	}
	return l.T("Nobody asked yet")
}

// pointsWords write a difference of shares: +2,5.
func pointsWords(l lang.Lang, points float64) string {
	s := strconv.FormatFloat(math.Abs(points), 'f', 1, 64)
	if l != lang.En {
		s = strings.Replace(s, ".", ",", 1)
	}
	switch {
	case s == "0,0" || s == "0.0":
		return "±0"
	case points < 0:
		return "–" + s
	}
	return "+" + s
}

func fraction(l lang.Lang, part *int, whole int) string {
	if part == nil {
		return "–"
	}
	return l.Number(*part) + " / " + l.Number(whole)
}

// unbroken keeps a fraction in one line.
func unbroken(fraction string) string { return strings.ReplaceAll(fraction, " ", "") }

func shareOf(part *int, whole int) *float64 {
	if part == nil || whole == 0 {
		return nil
	}
	v := float64(*part) / float64(whole)
	return &v
}

func percentOr(l lang.Lang, share *float64) string {
	if share == nil {
		return "–"
	}
	return l.Percent(*share)
}

// stateOf says whether figures are closed, over a report and below it.
func stateOf(l lang.Lang, closed *coverage.Closed, asOf registry.Day) (mark, note string) {
	if closed == nil {
		return l.T("Provisional, as of %s. The quarter is not closed: these figures may still change.", dateOf(l, asOf)), l.T("Provisional figures; a report of a closed quarter bears its hash.")
	}
	return "", l.T("The quarter was closed on %s. What is found out later counts from the day after it and changes nothing here.", l.Day(closed.ClosedAt))
}

// methodNotes say how the figures came about.
func methodNotes(l lang.Lang, asOf registry.Day) string {
	return l.T("Counted stall by stall from the record, as it was at the end of %s, Vietnam time. The three shares have one denominator: who trades, that is, holds a stall and is neither closed nor out of season; each vendor once in a market.", dateOf(l, asOf))
}

// foot is the last line of a report: by what it is known again.
func foot(l lang.Lang, closed *coverage.Closed, names coverage.Definitions, made time.Time) string {
	of := strings.Join(names[:], ", ")
	if closed == nil {
		return l.T("Made at %s · layout %d · %s", l.Moment(made), printing.ReportLayout, of)
	}
	return l.T("SHA-256 of the figures %s · layout %d · %s", closed.Hash, printing.ReportLayout, of)
}

// three are the shares of a tally, in their order.
func three(n coverage.Tally) [3]*int { return [3]*int{&n.Accepting, &n.Equipped, n.Used} }

func threeWords(l lang.Lang) [3]string {
	return [3]string{l.T("Are paid by scan"), l.T("Have a code"), l.T("Money really comes in")}
}

// ---------------------------------------------------------------- a market's page

func unitWords(units []coverage.Unit) string {
	var names []string
	for _, u := range units {
		names = append(names, u.Name)
	}
	return strings.Join(names, ", ")
}

// aimWords say the targets that a quarter is about: those due in it, and the one after.
func aimWords(l lang.Lang, r coverage.Report) (words []string) {
	n := three(r.Figures)
	for i, indicator := range []string{coverage.Accepting, coverage.Equipped, coverage.Used} {
		for _, a := range coverage.Aimed(r.Targets, indicator, 4) {
			wanted := ""
			if a.Share != nil {
				wanted = l.Percent(*a.Share)
			} else {
				wanted = l.Number(int(*a.Number))
			}
			say := l.T("Target, %s: %s until the end of %s (%s).", threeWords(l)[i], wanted, dateOf(l, a.Due), a.Document)
			if missing, known := 0, false; !r.AsOf.After(a.Due) && n[i] != nil {
				if missing, known = a.Missing(*n[i], r.Figures.Vendors); known && missing == 0 {
					say += " " + l.T("Reached.")
				} else if known {
					say += " " + l.T("%s more are missing (%s).", l.Number(missing), fraction(l, n[i], r.Figures.Vendors))
				}
			}
			words = append(words, say)
			if !r.Until.After(a.Due) {
				break
			}
		}
	}
	return words
}

// reportPage puts a report into words for the paper.
func reportPage(l lang.Lang, r coverage.Report) printing.Report {
	mark, note := stateOf(l, r.Closed, r.AsOf)
	out := printing.Report{
		Title: l.T("Report on cashless payment"), Period: quarterWords(l, r.Quarter), Name: r.Name,
		Place: strings.Join(append(nonEmpty(unitWords(r.Units)), l.T("Market code %s", r.Market), dateOf(l, r.From)+" – "+dateOf(l, r.Until)), " · "),
		Mark:  mark, Made: r.Made, Language: printing.Language(l),
		Date:  l.T("Made on the … day of … , …"),
		Signs: [3]string{l.T("Market board"), l.T("Digital team"), l.T("Officer")}, SignHint: l.T("Signature, full name"),
		Foot: foot(l, r.Closed, r.Figures.Definitions, r.Made), More: l.T("Targets, and campaigns by their numbers: next page."),
		Notes: []string{methodNotes(l, r.AsOf), l.T("Reasons are the last that each vendor who is not paid by scan gave; they sum to those who are not.") + " " + note},
	}
	now, before, names := three(r.Figures), three(r.Before), threeWords(l)
	for i := range out.Shares {
		s := printing.ReportShare{Name: names[i], Value: percentOr(l, shareOf(now[i], r.Figures.Vendors)), Whole: r.Figures.Vendors,
			Meaning: l.T(definitionWords[r.Figures.Definitions[i]]) + " (" + r.Figures.Definitions[i] + ")"}
		switch {
		case r.Figures.Vendors == 0:
			s.Of = l.T("Nobody trades here yet")
		case now[i] == nil:
			s.Of = l.T("No wallet or bank reports")
		default:
			s.Part, s.Of = *now[i], l.T("%s vendors", fraction(l, now[i], r.Figures.Vendors))
		}
		was := shareOf(before[i], r.Before.Vendors)
		switch is := shareOf(now[i], r.Figures.Vendors); {
		case was == nil:
			s.Change = l.T("No figure at the end of the quarter before")
		case is == nil:
			s.Change = l.T("%s at the end of the quarter before (%s)", l.Percent(*was), unbroken(fraction(l, before[i], r.Before.Vendors)))
		default:
			s.Change = l.T("%s points since the end of the quarter before (%s)", pointsWords(l, (*is-*was)*100), unbroken(fraction(l, before[i], r.Before.Vendors)))
		}
		out.Shares[i] = s
	}
	first, whole := r.From.Plus(-1), float64(r.Until.Number()-r.From.Plus(-1).Number())
	at := func(d registry.Day) float64 { return float64(d.Number()-first.Number()) / whole }
	out.Chart = printing.ReportChart{Head: l.T("%s, week by week (%s)", names[0], r.Figures.Definitions[0]), Labels: [3]string{l.T("At the end of"), l.T("Paid by scan"), l.T("Trading")},
		Percent: func(share float64) string { return wholePercent(l, share) }, Beside: aimWords(l, r)}
	for _, p := range r.Points {
		out.Chart.Points = append(out.Chart.Points, printing.ReportPoint{At: at(p.Day), Day: shortDay(p.Day), Part: l.Number(p.Accepting), All: l.Number(p.Vendors), Value: percentOr(l, shareOf(&p.Accepting, p.Vendors)), Share: shareOf(&p.Accepting, p.Vendors)})
	}
	from := first
	for _, a := range coverage.Aimed(r.Targets, coverage.Accepting, 4) {
		if !r.Until.After(from) {
			break
		}
		to := a.Due
		if to.After(r.Until) {
			to = r.Until
		}
		if a.Share != nil {
			out.Chart.Goals = append(out.Chart.Goals, printing.ReportGoal{From: at(from), To: at(to), Share: *a.Share, Label: l.T("Target %s", l.Percent(*a.Share))})
		}
		from = to
	}
	for _, c := range r.Running {
		out.Chart.Bands = append(out.Chart.Bands, printing.ReportBand{From: at(c.From.Plus(-1)), To: at(c.Until),
			Words: l.T("Campaign: %s (%s, %s – %s)", c.Name, c.Provider, dateOf(l, c.From), dateOf(l, c.Until))})
	}
	out.Stages = printing.ReportBars{Head: l.T("How far they have come"), Titles: [3]string{l.T("Stage"), l.T("fewer"), l.T("Vendors")}}
	for i, step := range r.Funnel {
		row := printing.ReportBar{Name: l.T(stageWords[step.Stage]), Number: l.Number(step.Vendors), Part: step.Vendors, Whole: r.Figures.Vendors}
		if i > 0 && step.Drop > 0 {
			row.Beside = "–" + l.Number(step.Drop)
		}
		out.Stages.Rows = append(out.Stages.Rows, row)
	}
	gap := r.Figures.Vendors - r.Figures.Accepting
	out.Reasons = printing.ReportBars{Head: l.T("Why the others are not paid by scan"), Titles: [3]string{l.T("Reason"), l.T("Who can clear it"), l.T("Vendors")},
		Sum: [2]string{l.T("Not paid by scan: %s – %s", l.Number(r.Figures.Vendors), l.Number(r.Figures.Accepting)), l.Number(gap)}}
	for _, b := range r.Barriers {
		row := printing.ReportBar{Name: barrierWords(l, b.Code), Beside: l.T(clearsWords[b.ClearsIt]), Number: l.Number(b.Vendors), Part: b.Vendors, Whole: gap}
		if b.Days != nil {
			row.Beside += l.T(", %d days", *b.Days)
		}
		out.Reasons.Rows = append(out.Reasons.Rows, row)
	}
	return out
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// wholePercent is a share on an axis: 20 %.
func wholePercent(l lang.Lang, share float64) string {
	if n := share * 1000; math.Mod(math.Round(n), 10) == 0 {
		s := strconv.Itoa(int(math.Round(share * 100)))
		if l == lang.En {
			return s + "%"
		}
		return s + " %"
	}
	return l.Percent(share)
}

// cellOf is a number in a workbook, or nothing.
func cellOf(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func partOf(share *float64) any {
	if share == nil {
		return nil
	}
	return ledger.Part(*share)
}

// reportBook is the report as a workbook.
func reportBook(l lang.Lang, r coverage.Report) []ledger.Page {
	page := reportPage(l, r)
	sheet := ledger.Page{Name: l.T("Figures"), Widths: []float64{44, 16, 16, 16, 24, 16}}
	head := func(cells ...any) {
		sheet.Bold = append(sheet.Bold, len(sheet.Rows))
		sheet.Rows = append(sheet.Rows, cells)
	}
	row := func(cells ...any) { sheet.Rows = append(sheet.Rows, cells) }
	head(page.Title + " · " + page.Period)
	head(page.Name)
	row(page.Place)
	if page.Mark != "" {
		head(page.Mark)
	}
	row()
	head(l.T("Share"), l.T("Numerator"), l.T("Denominator"), l.T("Share"), l.T("Definition"), l.T("Numerator a quarter ago"), l.T("Denominator a quarter ago"))
	now, before := three(r.Figures), three(r.Before)
	for i, name := range threeWords(l) {
		row(name, cellOf(now[i]), r.Figures.Vendors, partOf(shareOf(now[i], r.Figures.Vendors)), r.Figures.Definitions[i], cellOf(before[i]), r.Before.Vendors)
	}
	row()
	head(page.Stages.Titles[0], l.T("Vendors"), page.Stages.Titles[1])
	for i, step := range r.Funnel {
		row(page.Stages.Rows[i].Name, step.Vendors, step.Drop)
	}
	row()
	head(page.Reasons.Titles[0], l.T("Vendors"), l.T("Days"), nil, page.Reasons.Titles[1])
	for i, b := range r.Barriers {
		row(page.Reasons.Rows[i].Name, b.Vendors, cellOf(b.Days), nil, l.T(clearsWords[b.ClearsIt]))
	}
	row(page.Reasons.Sum[0], r.Figures.Vendors-r.Figures.Accepting)
	weeks := ledger.Page{Name: l.T("Weeks"), Widths: []float64{16, 16, 16, 12, 80}, Bold: []int{0},
		Rows: [][]any{{page.Chart.Labels[0], page.Chart.Labels[1], page.Chart.Labels[2], l.T("Share"), l.T("Campaigns")}}}
	for _, p := range r.Points {
		var running []string
		for _, c := range r.Running {
			if !c.From.After(p.Day) && !p.Day.After(c.Until) {
				running = append(running, c.Name)
			}
		}
		weeks.Rows = append(weeks.Rows, []any{p.Day.String(), p.Accepting, p.Vendors, partOf(shareOf(&p.Accepting, p.Vendors)), strings.Join(running, "; ")})
	}
	notes := ledger.Page{Name: l.T("Notes"), Widths: []float64{120}}
	for _, n := range append(append(append([]string{}, page.Notes...), definitionNotes(l, r.Figures.Definitions)...), page.Chart.Beside...) {
		notes.Rows = append(notes.Rows, []any{n})
	}
	for _, b := range page.Chart.Bands {
		notes.Rows = append(notes.Rows, []any{b.Words})
	}
	notes.Rows = append(notes.Rows, []any{page.Foot})
	return []ledger.Page{sheet, weeks, notes}
}

func definitionNotes(l lang.Lang, names coverage.Definitions) (notes []string) {
	for i, say := range threeWords(l) {
		notes = append(notes, say+" ("+names[i]+"): "+l.T(definitionWords[names[i]]))
	}
	return notes
}

// ---------------------------------------------------------------- an area's table

// tableField is a column of a table: on paper, and in a workbook.
type tableField struct {
	heading string
	part    float64
	number  bool
	strong  bool
	say     func(coverage.Line) string // nil: not on paper
	cell    func(coverage.Line) any    // nil: only on paper
}

func tableFields(l lang.Lang, t coverage.Table) []tableField {
	type line = coverage.Line
	name := func(n line) string {
		switch {
		case n.Name != "":
			return n.Name
		case n.Key != "":
			return n.Key
		}
		return l.T("Commune not told")
	}
	first := []tableField{{heading: l.T("Commune"), part: 40, say: name, cell: func(n line) any { return name(n) }},
		{heading: l.T("Code"), cell: func(n line) any { return n.Key }},
		{heading: l.T("Number of markets"), part: 14, number: true, say: func(n line) string { return l.Number(n.Markets) }, cell: func(n line) any { return n.Markets }}}
	if t.By == "market" {
		first = []tableField{{heading: l.T("Market"), part: 38, say: name, cell: func(n line) any { return name(n) }},
			{heading: l.T("Code"), part: 20, say: func(n line) string { return n.Key }, cell: func(n line) any { return n.Key }},
			{heading: l.T("Commune"), part: 25, say: func(n line) string { return n.Where }, cell: func(n line) any { return n.Where }}}
	}
	names := threeWords(l)
	fields := append(first, tableField{heading: l.T("Trading"), cell: func(n line) any { return n.Figures.Vendors }})
	for i := range names {
		part := func(n line) *int { return three(n.Figures)[i] }
		fields = append(fields,
			tableField{heading: names[i], part: 29, number: true, say: func(n line) string { return fraction(l, part(n), n.Figures.Vendors) }, cell: func(n line) any { return cellOf(part(n)) }},
			tableField{heading: l.T("Share"), part: 15, number: true, strong: true, say: func(n line) string { return percentOr(l, shareOf(part(n), n.Figures.Vendors)) },
				cell: func(n line) any { return partOf(shareOf(part(n), n.Figures.Vendors)) }})
		if i > 0 {
			continue
		}
		fields = append(fields,
			tableField{heading: l.T("Numerator a quarter ago"), cell: func(n line) any { return n.Before.Accepting }},
			tableField{heading: l.T("Denominator a quarter ago"), cell: func(n line) any { return n.Before.Vendors }},
			tableField{heading: l.T("A quarter ago"), part: 27, number: true, say: func(n line) string { return fraction(l, &n.Before.Accepting, n.Before.Vendors) }},
			tableField{heading: l.T("Change, points"), part: 16, number: true, say: func(n line) string {
				if c := n.Change(); c != nil {
					return pointsWords(l, *c)
				}
				return "–"
			}, cell: func(n line) any {
				if c := n.Change(); c != nil {
					return ledger.Part(math.Round(*c*1e6) / 1e8) // as a share of 1
				}
				return nil
			}})
	}
	missing := func(n line) *int {
		if n.Target == nil {
			return nil
		}
		if m, known := n.Target.Missing(n.Figures.Accepting, n.Figures.Vendors); known {
			return &m
		}
		return nil
	}
	return append(fields,
		tableField{heading: l.T("Target"), part: 31, number: true, say: func(n line) string {
			if n.Target == nil {
				return "–"
			}
			return aimSay(l, *n.Target) + " · " + dateOf(l, n.Target.Due)
		}, cell: func(n line) any {
			switch {
			case n.Target == nil:
				return nil
			case n.Target.Share != nil:
				return ledger.Part(*n.Target.Share)
			}
			return int(*n.Target.Number)
		}},
		tableField{heading: l.T("Due"), cell: func(n line) any {
			if n.Target == nil {
				return nil
			}
			return n.Target.Due.String()
		}},
		tableField{heading: l.T("Missing"), part: 15, number: true, say: func(n line) string {
			if m := missing(n); m != nil {
				return l.Number(*m)
			}
			return "–"
		}, cell: func(n line) any { return cellOf(missing(n)) }})
}

func aimSay(l lang.Lang, a coverage.Aim) string {
	if a.Share != nil {
		return wholePercent(l, *a.Share)
	}
	return l.Number(int(*a.Number))
}

func tableTotal(l lang.Lang, t coverage.Table) coverage.Line {
	total := t.Total
	total.Name, total.Key = l.T("Total"), ""
	return total
}

func tablePage(l lang.Lang, t coverage.Table) printing.Table {
	mark, note := stateOf(l, t.Closed, t.AsOf)
	names := coverage.Definitions{coverage.Definition, coverage.EquippedDefinition, coverage.UsedDefinition}
	if len(t.Rows) > 0 {
		names = t.Rows[0].Figures.Definitions
	}
	out := printing.Table{Title: l.T("Report on cashless payment"), Period: quarterWords(l, t.Quarter), Name: t.Name,
		Place: say(l, t.Total.Markets, "1 market", "%s markets") + " · " + dateOf(l, t.From) + " – " + dateOf(l, t.Until), Mark: mark, Made: t.Made, Language: printing.Language(l),
		Page: func(n, of int) string { return l.T("Page %d of %d", n, of) }, Foot: foot(l, t.Closed, names, t.Made),
		Notes: append([]string{methodNotes(l, t.AsOf) + " " + note}, definitionNotes(l, names)...)}
	fields := tableFields(l, t)
	cells := func(n coverage.Line) (row []string) {
		for _, f := range fields {
			if f.say != nil {
				row = append(row, f.say(n))
			}
		}
		return row
	}
	for _, f := range fields {
		if f.say != nil {
			out.Columns = append(out.Columns, printing.TableColumn{Head: f.heading, Part: f.part, Number: f.number, Strong: f.strong})
		}
	}
	for _, n := range t.Rows {
		out.Rows = append(out.Rows, cells(n))
	}
	out.Total = cells(tableTotal(l, t))
	return out
}

func tableBook(l lang.Lang, t coverage.Table) []ledger.Page {
	page, fields := tablePage(l, t), tableFields(l, t)
	sheet := ledger.Page{Name: l.T("Figures"), Bold: []int{0}}
	var head []any
	add := func(n coverage.Line) {
		var row []any
		for _, f := range fields {
			if f.cell != nil {
				row = append(row, f.cell(n))
			}
		}
		sheet.Rows = append(sheet.Rows, row)
	}
	for _, f := range fields {
		if f.cell != nil {
			head, sheet.Widths = append(head, f.heading), append(sheet.Widths, max(12, f.part))
		}
	}
	sheet.Rows = append(sheet.Rows, head)
	for _, n := range t.Rows {
		add(n)
	}
	sheet.Bold = append(sheet.Bold, len(sheet.Rows))
	add(tableTotal(l, t))
	notes := ledger.Page{Name: l.T("Notes"), Widths: []float64{120}}
	for _, n := range append([]string{page.Title + " · " + page.Period + " · " + page.Name, page.Place, page.Mark}, append(page.Notes, page.Foot)...) {
		if n != "" {
			notes.Rows = append(notes.Rows, []any{n})
		}
	}
	return []ledger.Page{sheet, notes}
}

// writeTableText writes the table as CSV: shares as parts of 1, and in each line of when it is and whether it may still change.
func writeTableText(out *bytes.Buffer, l lang.Lang, t coverage.Table) error {
	w, err := ledger.NewCSV(out)
	if err != nil {
		return err
	}
	page := tableBook(l, t)[0]
	state := l.T("closed")
	if t.Closed == nil {
		state = l.T("provisional")
	}
	for i, row := range page.Rows {
		var cells []string
		for _, cell := range row {
			switch v := cell.(type) {
			case nil:
				cells = append(cells, "")
			case ledger.Part:
				cells = append(cells, strconv.FormatFloat(float64(v), 'f', -1, 64))
			default:
				cells = append(cells, fmt.Sprint(v))
			}
		}
		if i == 0 {
			cells = append(cells, l.T("Quarter"), l.T("As of"), l.T("State"))
		} else {
			cells = append(cells, t.Quarter, t.AsOf.String(), state)
		}
		if err := w.Row(cells); err != nil {
			return err
		}
	}
	return w.Close()
}
