package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"

	"github.com/labstack/echo/v4"
)

// rowsShown is how many rows of a ledger stand on one page.
const rowsShown = 100

// wording is the sentence that vendors heard before they agreed, by its version. It is said in Vietnamese on English pages
// too: that is what was heard.
const wording = "vi-1"

type importPage struct {
	frame
	Market       registry.Market
	Home, Action string
	Wrong        wrong
	Before       []importBefore
}

type importBefore struct {
	Path, File, State, Tile string
	Report                  registry.Report
	At                      time.Time
	Work                    registry.Work
}

// importPage answers GET /markets/:market/import.
func (s *Server) importPage(c echo.Context) error { return s.importForm(c, http.StatusOK, wrong{}) }

func (s *Server) importForm(c echo.Context, code int, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).MarketFor(ctx, by, registry.ImportLedger, c.Param("market"))
	if err != nil {
		return err
	}
	before, err := s.reg(c).Imports(ctx, by, m.Code)
	if err != nil {
		return err
	}
	p := importPage{frame: s.frame(c, l.T("Import the stall ledger"), &m, "import"), Market: m, Home: marketPath(m.Code),
		Action: marketPath(m.Code, "import"), Wrong: w}
	for _, im := range before {
		tile := map[string]string{"preview": "t1", "committing": "t2", "committed": "t5", "undone": "vacant"}[im.State]
		p.Before = append(p.Before, importBefore{"/imports/" + im.Ref.String(), im.Report.File, l.T(importWords[im.State]), tile, im.Report, im.CreatedAt, im.Work()})
	}
	return s.show(c, code, "import.html", p)
}

// uploadLedger answers POST /markets/:market/import: a preview to look at.
func (s *Server) uploadLedger(c echo.Context) error {
	var im registry.Import
	up, err := uploadedLedger(c)
	if err == nil {
		up.Ask = true
		im, err = s.reg(c).PreviewLedger(c.Request().Context(), actor(c), c.Param("market"), up)
	}
	if err == nil {
		return c.Redirect(http.StatusSeeOther, "/imports/"+im.Ref.String())
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	w.Fields["file"] = w.Detail
	return s.importForm(c, code, w)
}

type previewPage struct {
	frame
	Market                registry.Market
	Home, Action, Discard string
	Mend                  string // where cells typed anew go
	Again                 string // address of the upload form
	Import                registry.Import
	State                 string
	Filters               []legendItem
	Table                 part[rowShown]
	Left                  part[leftRow] // of an import that is over
	Notes                 []string      // about the file as a whole
	Ask                   *columnsAsked // what the columns hold, to be said; nil: not any more
	Download              string        // of the rows that do not go in, without its ending
	Wording               string
	Wrong                 wrong
	Approve, Print        string // what may come next; empty: not for this reader
}

type rowShown struct {
	Row                              int
	Code, Vendor, Goods, Phone, Fate string
	Other                            string // of an account cell that is none, what stands there
	Accounts                         []ledger.Account
	Bad                              bool
	Changed                          []changeShown
	Mend                             []mendField // cells to be typed anew
	Use                              []useShown  // what a faulty account may have been
	InCode, InVendor                 []saidOf    // below the cell concerned
	InPhone, InAccount               []saidOf
}

// changeShown is a field of a stall in the record that the row changes.
type changeShown struct{ Words, From, To string }

// mendField is a cell that is wrong, as a form offers it.
type mendField struct{ Name, Label, Value string }

// useShown is a button by which a person confirms what a cell was.
type useShown struct{ Value, Words string }

type leftRow struct {
	Row                 int
	Column, Value, Text string
}

type saidOf struct {
	Text string
	Bad  bool // a fault; else a warning: mended, and how
}

// previewPage answers GET /imports/:import: a preview, or what became of it.
func (s *Server) previewPage(c echo.Context) error { return s.preview(c, http.StatusOK, wrong{}) }

func (s *Server) preview(c echo.Context, code int, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	im, err := s.reg(c).Import(ctx, by, ref)
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, ref.Market)
	if err != nil {
		return err
	}
	title := l.T("Look through, then import")
	switch {
	case im.State == "unmapped":
		title = l.T("Say what the columns hold")
	case im.State == "committing":
		title = l.T("The rows are going in")
	case im.State == "committed":
		title = say(l, im.Report.Good, "1 row is imported", "%s rows are imported")
	case im.State == "undone":
		title = l.T("This import was taken back")
	case im.Report.Good == 0:
		title = l.T("No row can be imported yet")
	case im.Report.Faulty > 0:
		title = say(l, im.Report.Faulty, "1 row has a fault, the rest can go in", "%s rows have faults, the rest can go in")
	}
	p := previewPage{frame: s.frame(c, title, &m, "import"), Market: m, Home: marketPath(m.Code), Again: marketPath(m.Code, "import"),
		Action: "/imports/" + ref.String() + "/commit", Discard: "/imports/" + ref.String() + "/discard", Mend: "/imports/" + ref.String() + "/rows", Import: im,
		State: l.T(importWords[im.State]), Wording: wording, Wrong: w}
	p.Path = "/imports/" + ref.String()
	if im.State == "committed" {
		if by.Can(registry.ApproveFirst, m) {
			p.Approve = marketPath(m.Code, "approvals")
		}
		if by.Can(registry.PrintPlacards, m) {
			p.Print = marketPath(m.Code, "print")
		}
	}
	switch im.State {
	case "preview":
		p.fill(c, im)
	case "unmapped":
		p.ask(c)
	case "committing":
		comesAgain(c)
	default:
		p.left(c, im.Report.Faults)
	}
	if im.Problem != nil && p.Wrong.Detail == "" && im.State == "preview" {
		p.Wrong.Detail = l.Text(*im.Problem)
	}
	if im.Report.Faulty > 0 && im.State != "expired" && im.State != "undone" {
		p.Download = "/api/v1/imports/" + ref.String() + "/faulty"
	}
	p.notes(c, im.Report.Warnings)
	return s.show(c, code, "preview.html", p)
}

// left is what was wrong with the rows that did not go in: their ledger is not kept, what was said of it is.
func (p *previewPage) left(c echo.Context, faults []fault.Field) {
	l := language(c)
	all := make([]leftRow, len(faults))
	for i, f := range faults {
		all[i] = leftRow{f.Row, f.Column, f.Value, l.Text(f.Detail)}
	}
	p.Left = cut(c, all, rowsShown, "")
}

// fill makes the filters and the table.
func (p *previewPage) fill(c echo.Context, im registry.Import) {
	l, rows := language(c), im.Rows
	var faulty, warned, changed int
	for _, r := range rows {
		if r.Fate == "changed" {
			changed++
		}
		if r.Fate == "faulty" {
			faulty++
		}
		if len(r.Warnings) > 0 {
			warned++
		}
	}
	show := c.QueryParam("show")
	if show != "faults" && show != "warnings" && show != "changed" && show != "all" && show != "columns" {
		switch {
		case faulty > 0:
			show = "faults"
		case warned > 0:
			show = "warnings"
		case changed > 0:
			show = "changed"
		default:
			show = "all"
		}
	}
	for _, f := range []struct {
		value, words string
		n            int
	}{{"faults", l.T("Faulty"), faulty}, {"warnings", l.T("Mended or to be seen"), warned},
		{"changed", l.T("Changes a stall"), changed}, {"all", l.T("All rows"), len(rows)}, {"columns", l.T("The columns"), len(im.Columns)}} {
		if f.n == 0 && show != f.value && (f.value == "changed" || f.value == "columns") {
			continue
		}
		p.Filters = append(p.Filters, legendItem{Words: f.words, Path: "?show=" + f.value, Current: show == f.value, Count: f.n})
	}
	if show == "columns" {
		p.ask(c)
		return
	}
	var shown []rowShown
	for _, r := range rows {
		if show == "faults" && r.Fate != "faulty" || show == "warnings" && len(r.Warnings) == 0 || show == "changed" && r.Fate != "changed" {
			continue
		}
		shown = append(shown, rowOf(c, r))
		if out := &shown[len(shown)-1]; out.Bad {
			out.mend(c, im, r)
		}
	}
	p.Table = cut(c, shown, rowsShown, "")
}

// rowOf dresses a row. What is said of it stands below the cell that it speaks of.
func rowOf(c echo.Context, r registry.ImportRow) rowShown {
	l := language(c)
	out := rowShown{Row: r.Row.Row, Code: r.Code, Vendor: r.Vendor, Goods: r.Goods, Phone: r.Phone, Accounts: r.Accounts,
		Fate: l.T(fateWords[r.Fate]), Bad: r.Fate == "faulty"}
	if out.Goods == "" {
		out.Goods = r.Section
	} else if r.Section != "" {
		out.Goods = r.Section + ", " + r.Goods
	}
	put := func(f fault.Field, bad bool) {
		text := l.Text(f.Detail)
		cell, value := &out.InVendor, &out.Vendor
		switch kind, _, _ := strings.Cut(f.Code, "-"); kind {
		case "stall":
			cell, value = &out.InCode, &out.Code
		case "vendor", "held", "still":
		case "phone":
			cell, value = &out.InPhone, &out.Phone
		case "account", "number", "provider":
			cell, value = &out.InAccount, &out.Other
		default: // a fault that any cell may have
			value = nil
			if f.Column != "" {
				text = l.T("Column “%s”: %s", f.Column, text)
			}
		}
		if value != nil && *value == "" {
			*value = f.Value
		}
		*cell = append(*cell, saidOf{text, bad})
	}
	for _, f := range r.Faults {
		put(f, true)
	}
	for _, f := range r.Warnings {
		put(f, false)
	}
	for _, ch := range r.Changes {
		out.Changed = append(out.Changed, changeShown{l.T(changedWords[ch.Field]), ch.From, ch.To})
	}
	return out
}

// notes are what is said of the file and not of a stall's row.
func (p *previewPage) notes(c echo.Context, warnings []fault.Field) {
	l := language(c)
	of := map[int]bool{}
	for _, r := range p.Import.Rows {
		of[r.Row.Row] = true
	}
	for _, w := range warnings {
		switch {
		case of[w.Row] || p.Import.State != "preview":
		case w.Row == 0 && w.Column == "":
			p.Notes = append(p.Notes, l.Text(w.Detail))
		case w.Column == "":
			p.Notes = append(p.Notes, l.T("Row %d: %s", w.Row, l.Text(w.Detail)))
		default:
			p.Notes = append(p.Notes, l.T("Column “%s”: %s", w.Column, l.Text(w.Detail)))
		}
	}
}

// commitLedger answers POST /imports/:import/commit: every good row goes in.
func (s *Server) commitLedger(c echo.Context) error {
	l := language(c)
	v, err := form(c)
	if err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	if v.Get("attested") != wording {
		return s.preview(c, http.StatusUnprocessableEntity, wrong{Fields: map[string]string{
			"attested": l.T("Tick this first: without the vendors' yes nothing is stored.")}})
	}
	r, running, err := s.commitMeanwhile(c, ref, registry.CommitImport{Attested: wording})
	if running {
		return c.Redirect(http.StatusSeeOther, "/imports/"+ref.String())
	}
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) == fault.Conflict {
		return s.preview(c, code, w)
	}
	if err != nil {
		return err
	}
	if r.Good == 1 {
		sayNext(c, "1 row is in the record.")
	} else {
		sayNext(c, "%s rows are in the record.", l.Number(r.Good))
	}
	return c.Redirect(http.StatusSeeOther, "/imports/"+ref.String())
}

// discardLedger answers POST /imports/:import/discard: a preview is thrown away, an import is taken back.
func (s *Server) discardLedger(c echo.Context) error {
	if _, err := form(c); err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	before, err := s.reg(c).Import(c.Request().Context(), actor(c), ref)
	if err == nil {
		err = s.reg(c).DiscardImport(c.Request().Context(), actor(c), ref)
	}
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) == fault.Conflict {
		return s.preview(c, code, w)
	}
	if err != nil {
		return err
	}
	if before.State == "preview" || before.State == "unmapped" || before.State == "expired" {
		sayNext(c, "The preview is gone. The record is as it was.")
	} else {
		sayNext(c, "The import is taken back: its %s rows are out of the record.", strconv.Itoa(before.Report.Good))
	}
	return c.Redirect(http.StatusSeeOther, marketPath(ref.Market, "import"))
}
