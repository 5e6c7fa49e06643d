package web

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"

	"cho40/printing"
	"cho40/vendor_registry/coverage"
	"cho40/vendor_registry/ledger"
	"cho40/web/lang"
)

// tableField is a column of a table: on paper, and in a workbook.
type tableField struct {
	heading string
	alone   string // what it says where no other heading stands beside it, in a workbook; empty: heading
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
			tableField{heading: l.T("Share"), alone: l.T("Share") + ": " + names[i], part: 15, number: true, strong: true, say: func(n line) string { return percentOr(l, shareOf(part(n), n.Figures.Vendors)) },
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
					return math.Round(*c*1e4) / 1e4
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
			head, sheet.Widths = append(head, cmp.Or(f.alone, f.heading)), append(sheet.Widths, max(12, f.part))
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
