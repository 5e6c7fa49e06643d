package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"

	"github.com/labstack/echo/v4"
)

// What a person does to a preview before it goes in: says what the columns hold, types cells anew, and waits for a long commit.

// mend offers the cells that are wrong to be typed anew, and what an account may have been to be confirmed.
func (out *rowShown) mend(c echo.Context, im registry.Import, r registry.ImportRow) {
	l := language(c)
	cells := im.Cells(r.Row.Row)
	if cells == nil {
		return // of a preview by the release before
	}
	offered := map[int]bool{}
	for _, f := range r.Faults {
		for _, col := range im.Columns {
			means := map[string]ledger.Role{"vendor": ledger.Vendor, "code": ledger.Code, "id": ledger.ID}[f.Column]
			if f.Column != col.Heading && f.Column != col.Letter() && (means == "" || means != col.Role) || col.Role == ledger.Unread || offered[col.Index] || f.Column == "" {
				continue
			}
			offered[col.Index] = true
			field := mendField{Name: "cell-" + col.Letter(), Label: col.Heading}
			if field.Label == "" {
				field.Label = col.Letter()
			}
			if col.Index < len(cells) {
				field.Value = cells[col.Index]
			}
			out.Mend = append(out.Mend, field)
			break
		}
	}
	for _, a := range r.Proposed {
		for _, col := range im.Columns {
			if col.Index == a.Column && a.Number != "" {
				out.Use = append(out.Use, useShown{col.Letter() + "=" + a.Number, l.T("It is %s: %s", registry.ProviderName(a.Provider), registry.Grouped(a.Number))})
			}
		}
	}
}

// commitMeanwhile commits an import; one that takes long goes on by itself, and its page says how far it is. Stopping the service
// cuts it off, and then nothing of it is stored.
func (s *Server) commitMeanwhile(c echo.Context, ref registry.ImportRef, in registry.CommitImport) (r registry.Report, running bool, err error) {
	by, made := actor(c), make(chan registry.Report, 1)
	running, err = s.meanwhile(c, "commit import", func(ctx context.Context) error {
		report, err := s.registry.CommitImport(ctx, by, ref, in)
		if err == nil {
			s.meter.brought(report)
			made <- report
		}
		return err
	})
	if err == nil && !running {
		r = <-made
	}
	return r, running, err
}

// comesAgain lets a page load itself anew every second, without a script.
func comesAgain(c echo.Context) { c.Response().Header().Set("refresh", "1") }

// columnsAsked is the form in which a person says what the columns of a ledger hold.
type columnsAsked struct {
	Action   string
	Open     bool // nothing goes on before it is said
	Rows     []askedRow
	Columns  []columnAsked
	Headings []chosenOption
	Remember bool
}

type askedRow struct {
	Row   int
	Cells []string
}

type columnAsked struct {
	Letter, Heading, Name string
	Options               []chosenOption
	Banks                 []chosenOption
}

type chosenOption struct {
	Value, Words string
	Chosen       bool
}

// ask makes the form of the columns.
func (p *previewPage) ask(c echo.Context) {
	l, im := language(c), p.Import
	if len(im.Columns) == 0 {
		return
	}
	a := &columnsAsked{Action: "/imports/" + im.Ref.String() + "/mapping", Open: im.State == "unmapped", Remember: im.Remember || im.State == "unmapped"}
	for _, r := range im.Top {
		row := askedRow{Row: r.Row, Cells: make([]string, len(im.Columns))}
		copy(row.Cells, r.Cells)
		a.Rows = append(a.Rows, row)
	}
	said := im.Mapping[ledger.HeadingRow]
	a.Headings = []chosenOption{{"", l.T("find them"), said == ""}, {"0", l.T("there are none"), said == "0"}}
	for _, r := range im.Top {
		n := strconv.Itoa(r.Row)
		a.Headings = append(a.Headings, chosenOption{n, l.T("in row %s", n), said == n})
	}
	for _, col := range im.Columns {
		role := roleOf(col)
		ask := columnAsked{Letter: col.Letter(), Heading: col.Heading, Name: "role-" + col.Letter()}
		ask.Options = append(ask.Options, chosenOption{"unread", l.T("is not read"), role == ""})
		for _, w := range columnWords {
			ask.Options = append(ask.Options, chosenOption{string(w.Role), l.T(w.Words), role == string(w.Role)})
		}
		for _, b := range qrgen.Providers() {
			if b.SecondOf == "" && (b.Pays || b.Kind != "bank" && b.Kind != "other" || b.Code == role) {
				ask.Banks = append(ask.Banks, chosenOption{b.Code, b.Name, role == b.Code})
			}
		}
		a.Columns = append(a.Columns, ask)
	}
	p.Ask = a
}

// mapLedger answers POST /imports/:import/mapping: what the columns hold.
func (s *Server) mapLedger(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	before, err := s.reg(c).Import(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	as := ledger.Mapping{ledger.HeadingRow: v.Get("heading")}
	if v.Get("heading") == "" {
		as[ledger.HeadingRow] = ledger.Guessed
	}
	for _, col := range before.Columns {
		role := v.Get("role-" + col.Letter())
		if role == "" || role == roleOf(col) || role == "unread" && col.Role == ledger.Unread {
			continue // as it was: a guess stays a guess
		}
		key := col.Letter()
		if ledger.Key(col.Heading) != "" {
			key = col.Heading
		}
		as[key] = role
	}
	_, err = s.reg(c).MapImport(c.Request().Context(), actor(c), ref, as, v.Get("remember") == "1")
	if err == nil {
		sayNext(c, "The columns are read as you said.")
	}
	return s.mendedLedger(c, ref, err)
}

// mendLedger answers POST /imports/:import/rows: cells of one row typed anew, or what one was confirmed.
func (s *Server) mendLedger(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	ref, err := importRef(c)
	if err != nil {
		return err
	}
	row, _ := strconv.Atoi(v.Get("row"))
	in := registry.MendedRow{Row: row, Cells: map[string]string{}}
	for name, values := range v {
		if letter, ok := strings.CutPrefix(name, "cell-"); ok {
			in.Cells[letter] = values[0]
		}
	}
	if letter, number, ok := strings.Cut(v.Get("use"), "="); ok {
		in.Cells[letter] = number
	}
	_, err = s.reg(c).MendImport(c.Request().Context(), actor(c), ref, []registry.MendedRow{in})
	if err == nil {
		sayNext(c, "Row %d was read again.", row)
	}
	return s.mendedLedger(c, ref, err)
}

// mendedLedger leads back to the preview, or shows it with what was wrong.
func (s *Server) mendedLedger(c echo.Context, ref registry.ImportRef, err error) error {
	if w, code, ok := told(c, err); err != nil && ok && fault.KindOf(err) != fault.Forbidden {
		return s.preview(c, code, w)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/imports/"+ref.String())
}
