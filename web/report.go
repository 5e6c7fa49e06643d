package web

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

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
