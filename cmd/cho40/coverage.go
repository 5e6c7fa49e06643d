package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web"
	"cho40/web/lang"
)

type coverageCmd struct {
	Show    coverageShowCmd    `cmd:"" default:"withargs" help:"The figures of a day (what cho40 coverage alone does)."`
	History coverageHistoryCmd `cmd:"" help:"The figures week by week, or by month or quarter."`
	Report  coverageReportCmd  `cmd:"" help:"A quarter on paper: a market's page, an area's table."`
	Close   coverageCloseCmd   `cmd:"" help:"Freeze the figures of a quarter that is over, with a hash."`
	Check   coverageCheckCmd   `cmd:"" help:"Compare every counter with a count of the facts."`
}

// where is which markets a figure is about, and as of when.
type where struct {
	Market string `xor:"where" help:"Code of a market."`
	Area   string `xor:"where" help:"Official code of a commune or province, or of a unit that is no more."`
	Map    string `enum:",then,today" default:"" help:"Which map the area is on: then, the day's own; today. Default: today, or then for a unit that is no more."`
	AsOf   string `help:"A past day, 2026-11-22; default: now."`
	Until  string `name:"recorded-until" help:"Leave out what was recorded after that day or time: what was known then."`
}

func (w where) question(by string) (q coverage.Question, err error) {
	q = coverage.Question{Market: w.Market, Area: w.Area, Map: w.Map, By: by}
	if w.AsOf != "" {
		if q.AsOf, err = registry.ParseDay(w.AsOf); err != nil {
			return q, err
		}
	}
	if w.Until != "" {
		if q.RecordedUntil, err = time.Parse(time.RFC3339, w.Until); err != nil {
			day, err := registry.ParseDay(w.Until)
			if err != nil {
				return q, err
			}
			q.RecordedUntil = day.End()
		}
	}
	return q, nil
}

type coverageShowCmd struct {
	where
	By string `help:"Split by: market commune province provider section goods team."`
}

// Run answers `cho40 coverage`.
func (q coverageShowCmd) Run(ctx context.Context, c *config, out output) error {
	asked, err := q.question(q.By)
	if err != nil {
		return err
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	s, err := a.coverage.Share(ctx, registry.Console(), asked)
	if err != nil {
		return err
	}
	if c.Format == "table" {
		return printShare(out, s, q.By)
	}
	head := []string{"", "vendors", "accepting", "share"}
	head = append(append(head, registry.StageNames[1:]...), "equipped", "used", "suspended", "overdue")
	var rows [][]string
	for _, p := range s.Split {
		rows = append(rows, figures(partName(q.By, p.Key, p.Name), coverage.Point{Vendors: p.Vendors, Accepting: p.Accepting, Share: p.Share, Funnel: p.Funnel,
			Equipped: p.Equipped, Used: p.Used, Suspended: p.Suspended, Overdue: p.Overdue}))
	}
	rows = append(rows, figures("total", coverage.Point{Vendors: s.Vendors, Accepting: s.Accepting, Share: s.Share, Funnel: s.Funnel,
		Equipped: *s.Equipped.Numerator, Used: s.Used.Numerator, Suspended: s.Suspended, Overdue: s.Overdue}))
	return c.list(out, s, head, rows)
}

// partName is what a part of a split is called: whoever is in none has no key.
func partName(by, key, name string) string {
	switch {
	case by == "team" && key == "":
		return "no team"
	case name != "":
		return name
	case key != "":
		return key
	}
	return "–"
}

func figures(name string, p coverage.Point) []string {
	row := []string{name, strconv.Itoa(p.Vendors), strconv.Itoa(p.Accepting), percent(p.Share)}
	for _, step := range p.Funnel[1:] {
		row = append(row, strconv.Itoa(step.Vendors))
	}
	return append(row, strconv.Itoa(p.Equipped), known(p.Used), strconv.Itoa(p.Suspended), strconv.Itoa(p.Overdue))
}

func percent(share *float64) string {
	if share == nil {
		return "–"
	}
	return lang.En.Percent(*share)
}

func known(n *int) string {
	if n == nil {
		return "–"
	}
	return lang.En.Number(*n)
}

// blocks draws a share in twenty blocks.
func blocks(share *float64) string {
	if share == nil {
		return ""
	}
	full := int(*share*20 + 0.5)
	return strings.Repeat("█", full) + strings.Repeat("░", 20-full)
}

// printShare says a figure as a page to be read: the shares, the stages, why the others do not, the parts, and what all of it means.
func printShare(out io.Writer, s coverage.Share, by string) error {
	of := func(name string, n *int, share *float64, note string) []string {
		return []string{name, known(n), "of " + lang.En.Number(s.Vendors), percent(share), blocks(share) + note}
	}
	note := ""
	if s.Used.Numerator == nil {
		note = "no provider reports"
	}
	shares := [][]string{of("accepting", &s.Accepting, s.Share, ""), of("equipped", s.Equipped.Numerator, s.Equipped.Share, ""), of("used", s.Used.Numerator, s.Used.Share, note)}
	stages := [][]string{{"stage", "vendors", "fewer", ""}}
	for i, step := range s.Funnel {
		row := []string{step.Stage.String(), lang.En.Number(step.Vendors), "", ""}
		if i > 0 && step.Drop > 0 {
			row[2] = "−" + lang.En.Number(step.Drop)
		}
		if s.Vendors > 0 {
			part := float64(step.Vendors) / float64(s.Vendors)
			row[3] = blocks(&part)
		}
		stages = append(stages, row)
	}
	tables := [][][]string{shares, stages}
	if len(s.Barriers) > 0 {
		why := [][]string{{"why not", "vendors", "days", "who can clear it"}}
		for _, b := range s.Barriers {
			words := "Nobody asked yet"
			if named, ok := registry.BarrierOf(b.Code); ok {
				words = named.Words
			}
			why = append(why, []string{words, lang.En.Number(b.Vendors), known(b.Days), b.ClearsIt})
		}
		tables = append(tables, why)
	}
	if by != "" {
		parts := [][]string{{by, "vendors", "accepting", "share", "", "equipped", "used"}}
		for _, p := range s.Split {
			parts = append(parts, []string{partName(by, p.Key, p.Name), lang.En.Number(p.Vendors), lang.En.Number(p.Accepting), percent(p.Share), blocks(p.Share), lang.En.Number(p.Equipped), known(p.Used)})
		}
		tables = append(tables, parts)
	}
	for _, t := range tables {
		if err := printColumns(out, t); err != nil {
			return err
		}
	}
	where := ""
	switch {
	case s.Areas != nil:
		where = fmt.Sprintf("%s, on today's map %s, ", s.AreaName, strings.Join(s.Areas, " "))
	case s.Area != "":
		where = fmt.Sprintf("%s, map of %s, ", s.AreaName, s.Map)
	}
	markets := "markets"
	if s.Markets == 1 {
		markets = "market"
	}
	lines := []string{fmt.Sprintf("%s%d %s, as of %s, %s, definitions %s %s %s", where, s.Markets, markets, s.AsOf, s.Method, s.Definition, s.Equipped.Definition, s.Used.Definition)}
	if s.RecordedUntil != nil {
		lines = append(lines, "as it was known on "+lang.En.Moment(*s.RecordedUntil))
	}
	if s.Closed != nil {
		lines = append(lines, fmt.Sprintf("%s closed on %s, hash %s", s.Closed.Quarter, lang.En.Day(s.Closed.ClosedAt), s.Closed.Hash))
	}
	if s.Correction != nil {
		lines = append(lines, fmt.Sprintf("found out since: %+d vendors, %+d accepting, %+d equipped", s.Correction.Vendors, s.Correction.Accepting, s.Correction.Equipped))
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// printColumns prints rows in columns, numbers to the right, and an empty line.
func printColumns(out io.Writer, rows [][]string) error {
	widths, numbers := map[int]int{}, map[int]bool{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			if i > 0 && cell != "" && strings.ContainsRune("0123456789−", []rune(cell)[0]) {
				numbers[i] = true
			}
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if numbers[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			if i > 0 {
				line += "  "
			}
			line += cell
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := fmt.Fprintln(out, b.String())
	return err
}

type coverageHistoryCmd struct {
	where
	By    string `help:"Split by: market commune province provider."`
	Every string `enum:"week,month,quarter" default:"week" help:"One figure for each: week, month, quarter."`
	From  string `help:"First day; default: 52 weeks, 12 months or 8 quarters back."`
}

// Run answers `cho40 coverage history`.
func (q coverageHistoryCmd) Run(ctx context.Context, c *config, out output) error {
	asked, err := q.question(q.By)
	if err != nil {
		return err
	}
	trend := coverage.Trend{Question: asked, Every: q.Every}
	if q.From != "" {
		if trend.From, err = registry.ParseDay(q.From); err != nil {
			return err
		}
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	h, err := a.coverage.History(ctx, registry.Console(), trend)
	if err != nil {
		return err
	}
	if c.Format == "table" {
		rows := [][]string{{"as of", "vendors", "accepting", "share", "", "equipped", "used"}}
		for _, p := range h.Points {
			rows = append(rows, []string{p.AsOf.String(), lang.En.Number(p.Vendors), lang.En.Number(p.Accepting), percent(p.Share), blocks(p.Share), lang.En.Number(p.Equipped), known(p.Used)})
		}
		for _, s := range h.Series {
			rows = append(rows, []string{}, []string{partName(q.By, s.Key, s.Name)})
			for _, p := range s.Points {
				rows = append(rows, []string{p.AsOf.String(), lang.En.Number(p.Vendors), lang.En.Number(p.Accepting), percent(p.Share), blocks(p.Share), lang.En.Number(p.Equipped), known(p.Used)})
			}
		}
		if err := printColumns(out, rows); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "every %s, %s, definition %s\n", h.Every, h.Method, h.Definition)
		return err
	}
	head := append([]string{"part", "as_of", "vendors", "accepting", "share"}, registry.StageNames[1:]...)
	head = append(head, "equipped", "used", "suspended", "overdue")
	var rows [][]string
	add := func(part string, ps []coverage.Point) {
		for _, p := range ps {
			rows = append(rows, append([]string{part}, figures(p.AsOf.String(), p)...))
		}
	}
	for _, s := range h.Series {
		add(partName(q.By, s.Key, s.Name), s.Points)
	}
	add("total", h.Points)
	return c.list(out, h, head, rows)
}

type coverageReportCmd struct {
	Quarter string `arg:"" help:"2026-Q3. While it is not closed the report is provisional, and says so."`
	Market  string `xor:"where" required:"" help:"Code of a market: one page."`
	Area    string `xor:"where" required:"" help:"Official code of an area on the map of the quarter's last day: a table."`
	By      string `enum:",market,commune" default:"" help:"Of an area, a line for each: market, commune. Default: commune in a province, else market."`
	Lang    string `enum:"vi,en" default:"vi" help:"Language of the report: ${enum}."`
	Out     string `short:"o" required:"" help:"The file; its ending says what it is: .pdf, .xlsx, of an area also .csv."`
}

// Run answers `cho40 coverage report`. The file is there in full or not at all.
func (q coverageReportCmd) Run(ctx context.Context, c *config, out output) error {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(q.Out)), ".")
	if format != "pdf" && format != "xlsx" && (format != "csv" || q.Area == "") {
		return fault.New(fault.Invalid, "file-kind", "Name the file .pdf or .xlsx; of an area also .csv.")
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	file, err := web.WriteQuarter(ctx, a.coverage, registry.Console(), lang.Lang(q.Lang), web.QuarterReport{Market: q.Market, Area: q.Area, By: q.By, Quarter: q.Quarter, Format: format})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(q.Out), ".cho40-*")
	if err != nil {
		return fault.New(fault.Invalid, "file-not-written", "The file %s cannot be written.", q.Out).Because(err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(file)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), q.Out)
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "%s: %s\n", q.Quarter, q.Out)
	}
	return err
}

type coverageCloseCmd struct {
	Quarter string `arg:"" help:"2026-Q3."`
	Market  string `xor:"where" help:"One market."`
	Area    string `xor:"where" help:"All markets that lie there today. Default: everywhere."`
}

// Run answers `cho40 coverage close`.
func (q coverageCloseCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if _, err := a.registry.KeepCounts(ctx); err != nil { // what the release before wrote is counted first
		return err
	}
	done, err := a.coverage.Close(ctx, registry.Console(), coverage.NewClosing{Quarter: q.Quarter, Market: q.Market, Area: q.Area})
	if err != nil {
		return err
	}
	if c.Format == "table" {
		_, err = fmt.Fprintf(out, "%s: %d markets closed, %d were before, hash %s\n", done.Quarter, done.Closed, done.Before, done.Hash)
		return err
	}
	return c.list(out, done, []string{"quarter", "closed", "before", "hash"}, [][]string{{done.Quarter, strconv.Itoa(done.Closed), strconv.Itoa(done.Before), done.Hash}})
}

type coverageCheckCmd struct {
	Market string `help:"Code of one market; without it, all."`
	Mend   bool   `help:"Count anew where a counter differs."`
}

// Run answers `cho40 coverage check`: exit 1 when a counter differs.
func (q coverageCheckCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if _, err := a.registry.KeepCounts(ctx); err != nil {
		return err
	}
	codes := []string{q.Market}
	if q.Market == "" {
		ms, err := a.registry.MarketsIn(ctx, registry.Console(), registry.SeeMarket, "")
		if err != nil {
			return err
		}
		codes = nil
		for _, m := range ms {
			codes = append(codes, m.Code)
		}
	}
	wrong := []registry.Miscount{}
	var rows [][]string
	for _, code := range codes {
		found, err := a.registry.CheckCounts(ctx, registry.Console(), code, q.Mend)
		if err != nil {
			return err
		}
		wrong = append(wrong, found...)
	}
	if q.Market == "" {
		found, err := a.registry.CheckSums(ctx, q.Mend)
		if err != nil {
			return err
		}
		wrong = append(wrong, found...)
	}
	for _, m := range wrong {
		rows = append(rows, []string{cmp.Or(m.Market, m.Track), m.Figure, strconv.Itoa(m.Counter), strconv.Itoa(m.Facts)})
	}
	if len(wrong) > 0 || c.Format != "table" {
		if err := c.list(out, wrong, []string{"market", "figure", "counter", "facts"}, rows); err != nil {
			return err
		}
	}
	switch {
	case len(wrong) > 0 && !q.Mend:
		return fault.New(fault.Conflict, "miscounted", "%d counters differ from the facts. Count anew: cho40 coverage check --mend", len(wrong))
	case c.Format == "table":
		_, err = fmt.Fprintf(out, "%d markets: every counter is what the facts say.\n", len(codes))
	}
	return err
}
