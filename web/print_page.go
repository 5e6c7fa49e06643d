package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type printPage struct {
	frame
	Market               registry.Market
	Home, Action         string
	Approved, Unapproved int
	Sheets               int // of the usual kind
	Sections             []choice
	Cards                []sheetCard
	Providers            []choice
	Designs, Printers    []choice // the market's own; empty: none is saved
	Preview              string   // address of the picture of the first sheet; empty: nothing to show
	PreviewOf            string   // the address without its fields
	In                   printInput
	Wrong                wrong
	Before               []batchBefore
}

// printInput is the form as it was sent.
type printInput struct {
	Who, Section, Stalls, Sheet, Skip, Provider, Design, Printer, Copies, Reason string
	Provisional, Back, NoCutMarks, Reprint                                       bool
}

type sheetCard struct {
	Name, Icon, Words, About string
	Chosen                   bool
}

// query is the input as the preview takes it.
func (in printInput) query() url.Values {
	v := url.Values{"sheet": {in.Sheet}, "skip": {strings.TrimSpace(in.Skip)}, "copies": {in.Copies}, "provider": {in.Provider}, "design": {in.Design}}
	switch in.Who {
	case "section":
		v.Set("section", in.Section)
	case "stalls":
		v.Set("stalls", in.Stalls)
	}
	for name, on := range map[string]bool{"provisional": in.Provisional, "back": in.Back, "no_cut_marks": in.NoCutMarks, "reprint": in.Reprint} {
		if on {
			v.Set(name, "1")
		}
	}
	for name := range v {
		if v.Get(name) == "" {
			v.Del(name)
		}
	}
	return v
}

// ownPaper adds what the market saved for its printing to the choices.
func (s *Server) ownPaper(c echo.Context, p *printPage) error {
	ctx, by, l, in := c.Request().Context(), actor(c), language(c), p.In
	own, err := s.reg(c).Sheets(ctx, by, p.Market.Code)
	if err != nil {
		return err
	}
	for _, o := range own {
		sheet, err := stickers(o.Name, o.Measures)
		if err != nil {
			return err
		}
		p.Cards = append(p.Cards, sheetCard{o.Name, "tag8", o.Name, say(l, sheet.PerPage(), "1 sticker to a sheet", "%s stickers to a sheet"), o.Name == in.Sheet})
	}
	designs, err := s.reg(c).Designs(ctx, by, p.Market.Code)
	if err != nil {
		return err
	}
	for _, d := range designs {
		p.Designs = append(p.Designs, choice{d.Name, d.Name, d.Name == in.Design})
	}
	printers, err := s.reg(c).Printers(ctx, by, p.Market.Code)
	for _, o := range printers {
		p.Printers = append(p.Printers, choice{o.Name, o.Name, o.Name == in.Printer})
	}
	return err
}

type batchBefore struct {
	Path     string
	Placards int
	Sheet    string
	At       time.Time
	Work     registry.Work
}

// printPage answers GET /markets/:market/print; stalls= and section= choose before anybody does.
func (s *Server) printPage(c echo.Context) error {
	in := printInput{Who: "all", Sheet: printing.Sheets()[0].Name(), Skip: "0", Stalls: asked(c, "stalls"), Section: asked(c, "section")}
	switch {
	case in.Stalls != "":
		in.Who = "stalls"
	case in.Section != "":
		in.Who = "section"
	}
	in.Copies = "1"
	return s.printForm(c, http.StatusOK, in, wrong{})
}

func (s *Server) printForm(c echo.Context, code int, in printInput, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).MarketFor(ctx, by, registry.PrintPlacards, c.Param("market"))
	if err != nil {
		return err
	}
	ready, err := s.reg(c).Ready(ctx, by, m.Code)
	if err != nil {
		return err
	}
	before, err := s.reg(c).Batches(ctx, by, m.Code)
	if err != nil {
		return err
	}
	plan, err := s.reg(c).Plan(ctx, by, m.Code, "")
	if err != nil {
		return err
	}
	p := printPage{Market: m, Home: marketPath(m.Code), Action: marketPath(m.Code, "print"), In: in, Wrong: w}
	for _, r := range ready {
		p.Approved += r.Approved
		p.Unapproved += r.Unapproved
		if r.Section != "" {
			p.Sections = append(p.Sections, choice{r.Section, r.Section + " · " + l.Number(r.Approved), r.Section == in.Section})
		}
	}
	p.Sheets = sheets(p.Approved, 0, printing.Sheets()[0])
	title := l.T("Print placards")
	if p.Approved > 0 {
		title = say(l, p.Approved, "Print 1 placard", "Print %s placards")
	}
	p.frame = s.frame(c, title, &m, "print")
	for _, sheet := range printing.Sheets() {
		words := sheetWords[sheet.Name()]
		p.Cards = append(p.Cards, sheetCard{sheet.Name(), sheet.Name(), l.T(words[0]), l.T(words[1]), sheet.Name() == in.Sheet})
	}
	if err := s.ownPaper(c, &p); err != nil {
		return err
	}
	p.PreviewOf = "/api/v1/markets/" + url.PathEscape(m.Code) + "/print-preview.png"
	if len(w.Fields) == 0 && (p.Approved > 0 || in.Who != "all" || in.Provisional || in.Reprint) {
		p.Preview = p.PreviewOf + "?" + in.query().Encode()
	}
	for _, line := range plan {
		if line.Provider != nil && !slices.ContainsFunc(p.Providers, func(c choice) bool { return c.Value == *line.Provider }) {
			p.Providers = append(p.Providers, choice{*line.Provider, registry.ProviderName(*line.Provider), *line.Provider == in.Provider})
		}
	}
	for _, b := range before {
		p.Before = append(p.Before, batchBefore{"/print-batches/" + b.Ref.String(), b.Placards, sheetName(l, b.Sheet), b.CreatedAt, b.Work})
	}
	return s.show(c, code, "print.html", p)
}

// sheetName is a sheet in words; one of the market's own goes by its name.
func sheetName(l lang.Lang, name string) string {
	if words, ok := sheetWords[name]; ok {
		return l.T(words[0])
	}
	return name
}

// sheets is how many sheets of paper n placards take.
func sheets(n, skip int, sheet printing.Sheet) int {
	if n == 0 {
		return 0
	}
	return (n + skip + sheet.PerPage() - 1) / sheet.PerPage()
}

// print answers POST /markets/:market/print.
func (s *Server) print(c echo.Context) error {
	l := language(c)
	v, err := form(c)
	if err != nil {
		return err
	}
	in := printInput{Who: v.Get("who"), Section: v.Get("section"), Stalls: v.Get("stalls"), Sheet: v.Get("sheet"), Skip: v.Get("skip"),
		Provider: v.Get("provider"), Design: v.Get("design"), Printer: v.Get("printer"), Copies: v.Get("copies"), Reason: v.Get("reason"),
		Provisional: v.Get("provisional") != "", Back: v.Get("back") != "", NoCutMarks: v.Get("no_cut_marks") != "", Reprint: v.Get("reprint") != ""}
	batch := registry.NewBatch{Sheet: in.Sheet, Provider: in.Provider, Design: in.Design, Printer: in.Printer, Reason: in.Reason,
		Provisional: in.Provisional, Back: in.Back, NoCutMarks: in.NoCutMarks, Reprint: in.Reprint}
	bad := wrong{Detail: l.T("Some fields need mending."), Fields: map[string]string{}}
	switch in.Who {
	case "all":
		batch.All = true
	case "section":
		if batch.Section = in.Section; in.Section == "" {
			bad.Fields["section"] = l.T("Choose a section.")
		}
	case "stalls":
		batch.Stalls = stallCodes(in.Stalls)
		if len(batch.Stalls) == 0 {
			bad.Fields["stalls"] = l.T("Write the stalls' codes.")
		}
	default:
		bad.Fields["who"] = l.T("Choose for whom.")
	}
	if batch.Skip, err = strconv.Atoi(strings.TrimSpace(in.Skip)); err != nil && strings.TrimSpace(in.Skip) != "" {
		bad.Fields["skip"] = l.T("Write a number, 0 for a new sheet.")
	}
	if batch.Copies, err = strconv.Atoi(strings.TrimSpace(in.Copies)); err != nil && strings.TrimSpace(in.Copies) != "" {
		bad.Fields["copies"] = l.T("Write a number, 1 for one of each.")
	}
	if len(bad.Fields) > 0 {
		return s.printForm(c, http.StatusUnprocessableEntity, in, bad)
	}
	if v.Get("preview") != "" { // without a script, a button asks for it
		return s.printForm(c, http.StatusOK, in, wrong{})
	}
	b, err := s.issue(c, c.Param("market"), batch)
	if err == nil {
		return s.drawn(c, b.Ref)
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	if f := asFault(err); f.Code == "nothing-to-print" { // the reasons are about the choice, not about one field
		for _, reason := range f.Fields {
			w.Detail += " " + l.Text(reason.Detail)
		}
		w.Fields = nil
	}
	return s.printForm(c, code, in, w)
}

// drawn has a batch drawn and shows its page, which says how far that is where it takes long.
func (s *Server) drawn(c echo.Context, ref registry.BatchRef) error {
	by := actor(c)
	if _, err := s.meanwhile(c, "draw batch", func(ctx context.Context) error { return s.drawBatch(ctx, by, ref) }); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/print-batches/"+ref.String())
}

// drawAgain answers POST /print-batches/:batch/draw: a batch whose drawing was cut off.
func (s *Server) drawAgain(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Batch](c.Param("batch"))
	if err != nil {
		return err
	}
	return s.drawn(c, ref)
}

type batchPage struct {
	frame
	Market      registry.Market
	Home, Back  string // addresses of the market and of the print form
	Batch       registry.Batch
	Sheet       string
	Sheets      int
	PDF, ZIP    string // address of the file; the other is empty
	Slips       string // address of the tips to leave with the vendors
	Who         string
	LeftOut     []leftOutShown
	Left        int
	Table       part[placardShown]
	Provisional bool
}

// leftOutShown are the stalls that were left out for one reason.
type leftOutShown struct {
	Words  string
	Stalls []leftStall
	More   int
}

type leftStall struct{ Code, Path, Why string }

// leftShown is how many stalls are named for a reason before the rest is a number.
const leftShown = 60

// batchPage answers GET /print-batches/:batch.
func (s *Server) batchPage(c echo.Context) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	ref, err := registry.ParseRef[registry.Batch](c.Param("batch"))
	if err != nil {
		return err
	}
	b, placards, err := s.reg(c).Batch(ctx, by, ref)
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, ref.Market)
	if err != nil {
		return err
	}
	names, err := s.reg(c).Names(ctx, []string{b.CreatedBy})
	if err != nil {
		return err
	}
	print, err := printOf(b)
	if err != nil {
		return err
	}
	sheet := print.Sheet
	p := batchPage{frame: s.frame(c, say(l, b.Placards, "1 placard is ready", "%s placards are ready"), &m, "print"), Market: m,
		Home: marketPath(m.Code), Back: marketPath(m.Code, "print"), Batch: b, Sheet: sheetName(l, b.Sheet),
		Sheets: sheets(b.Placards*b.Copies, b.Skip, sheet), Who: names[b.CreatedBy], Left: len(b.LeftOut)}
	if file := "/api/v1/print-batches/" + ref.String(); len(placards) > perFile {
		p.ZIP, p.Slips = file+".zip", file+".slips.zip"
	} else {
		p.PDF, p.Slips = file+".pdf", file+".slips.pdf"
	}
	switch b.Work.State {
	case "runs":
		comesAgain(c)
		p.Title = say(l, b.Placards, "1 placard is being drawn", "%s placards are being drawn")
	case "stopped":
		p.Title = say(l, b.Placards, "1 placard is not drawn yet", "%s placards are not drawn yet")
	}
	p.LeftOut = s.leftOut(c, m.Code, b.LeftOut)
	var shown []placardShown
	for i, pl := range placards {
		one := s.placard(c, pl)
		at := i*b.Copies + b.Skip
		one.Cell = strconv.Itoa(at/sheet.PerPage()+1) + ", " + strconv.Itoa(at%sheet.PerPage()+1)
		p.Provisional = p.Provisional || pl.Mark == "provisional"
		shown = append(shown, one)
	}
	p.Table = cut(c, shown, rowsShown, "#in")
	return s.show(c, http.StatusOK, "batch.html", p)
}

// leftOut gathers the stalls that got no placard by their reason, what can be mended first.
func (s *Server) leftOut(c echo.Context, market string, out []registry.LeftOut) []leftOutShown {
	l := language(c)
	var all []leftOutShown
	for _, reason := range []string{"cannot-print", "suspended", "unknown-stall", "not-approved", "account-closed", "other-provider", "already-issued", "consent-withdrawn", "no-account", "vacant"} {
		group := leftOutShown{Words: l.Text(registry.LeftOut{Reason: reason}.Why())}
		for _, o := range out {
			switch {
			case o.Reason != reason:
			case len(group.Stalls) == leftShown:
				group.More++
			default:
				stall := leftStall{Code: o.Stall, Path: stallPath(market, o.Stall)}
				if reason == "unknown-stall" {
					stall.Path = ""
				}
				if o.Detail.Format != "" {
					stall.Why = l.Text(o.Detail)
				}
				group.Stalls = append(group.Stalls, stall)
			}
		}
		if len(group.Stalls) > 0 {
			all = append(all, group)
		}
	}
	return all
}

// Count is how many stalls there are for the reason.
func (g leftOutShown) Count() int { return len(g.Stalls) + g.More }
