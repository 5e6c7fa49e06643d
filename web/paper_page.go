package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"
)

type paperPage struct {
	frame
	Market      registry.Market
	Home        string
	Calibration string // address of the page that a printer is measured with
	Sets        bool   // the reader may save sheets and designs
	Printers    []printerShown
	Sheets      []ownSheetShown
	Designs     []designShown
	PrinterForm paperForm
	SheetForm   paperForm
	DesignForm  paperForm
	Logos       bool // some design has one
}

type printerShown struct {
	Name, Right, Down string
	Calibration, Edit string // addresses
}

type ownSheetShown struct {
	Name, Size        string
	Columns, Rows     int
	Calibration, Edit string
}

type designShown struct {
	Name, Colour, Tint, Board string
	Logo                      bool
	Edit                      string // empty: everybody's, which nobody changes
}

// paperForm is one of the page's three forms.
type paperForm struct {
	Action string
	Fields []paperField
	Wrong  wrong
	Open   bool // unfolded
}

type paperField struct {
	ID, Name, Label, Hint, Value string
	Type, Mode                   string // of the input; its keyboard
	Said                         said
}

// DescribedBy are the ids of what stands below the field.
func (f paperField) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Said.Text != "" {
		ids = append(ids, f.Said.ID)
	}
	return strings.Join(ids, " ")
}

// sentForm is a form of the page as it was sent, and what is wrong with it.
type sentForm struct {
	name   string // printers, sheets or designs; empty: none was sent
	values url.Values
	wrong  wrong
}

// paperPage answers GET /markets/:market/paper; printer=, sheet= and design= put one that is there into its form.
func (s *Server) paperPage(c echo.Context) error { return s.paper(c, http.StatusOK, sentForm{}) }

func (s *Server) paper(c echo.Context, code int, sent sentForm) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).MarketFor(ctx, by, registry.PrintPlacards, c.Param("market"))
	if err != nil {
		return err
	}
	printers, err := s.reg(c).Printers(ctx, by, m.Code)
	if err != nil {
		return err
	}
	sheets, err := s.reg(c).Sheets(ctx, by, m.Code)
	if err != nil {
		return err
	}
	designs, err := s.reg(c).Designs(ctx, by, m.Code)
	if err != nil {
		return err
	}
	usual := printing.Sheets()[0].Name()
	calibration := func(sheet, printer string) string {
		q := url.Values{"sheet": {sheet}}
		if printer != "" {
			q.Set("printer", printer)
		}
		return "/api/v1" + marketPath(m.Code, "calibration.pdf") + "?" + q.Encode()
	}
	edit := func(kind, name, form string) string { return "?" + url.Values{kind: {name}}.Encode() + "#" + form }
	p := paperPage{frame: s.frame(c, l.T("Paper and printers"), &m, "print"), Market: m, Home: marketPath(m.Code), Calibration: calibration(usual, ""),
		Sets: by.Can(registry.SetPaper, m)}
	p.Path = marketPath(m.Code, "paper") // a form shown again stands under an address that only takes forms

	printer := url.Values{"right": {"0"}, "down": {"0"}}
	for _, pr := range printers {
		right, down := millimetres(l, pr.OffsetRight), millimetres(l, pr.OffsetDown)
		p.Printers = append(p.Printers, printerShown{pr.Name, right, down, calibration(usual, pr.Name), edit("printer", pr.Name, "printers-form")})
		if pr.Name == asked(c, "printer") {
			printer = url.Values{"name": {pr.Name}, "right": {right}, "down": {down}}
		}
	}
	sheet := url.Values{"left": {"0"}, "top": {"0"}, "gap_x": {"0"}, "gap_y": {"0"}}
	for _, o := range sheets {
		var is printing.Measures
		if err := json.Unmarshal(o.Measures, &is); err != nil {
			return err
		}
		p.Sheets = append(p.Sheets, ownSheetShown{o.Name, millimetres(l, is.Width) + " × " + millimetres(l, is.Height) + " mm", is.Columns, is.Rows,
			calibration(o.Name, ""), edit("sheet", o.Name, "sheets-form")})
		if o.Name == asked(c, "sheet") {
			sheet = url.Values{"name": {o.Name}, "columns": {strconv.Itoa(is.Columns)}, "rows": {strconv.Itoa(is.Rows)}}
			for name, mm := range measuresOf(&is) {
				sheet.Set(name, millimetres(l, *mm))
			}
		}
	}
	const houseColour, houseTint = "#0b5d43", "#f2b632"
	design := url.Values{"colour": {houseColour}, "tint": {houseTint}}
	p.Designs = []designShown{{Name: l.T("The usual design"), Colour: houseColour, Tint: houseTint}}
	for _, d := range designs {
		p.Designs = append(p.Designs, designShown{d.Name, d.Colour, d.Tint, d.Board, d.HasLogo, edit("design", d.Name, "designs-form")})
		p.Logos = p.Logos || d.HasLogo
		if d.Name == asked(c, "design") {
			design = url.Values{"name": {d.Name}, "colour": {d.Colour}, "tint": {d.Tint}, "board": {d.Board}}
		}
	}

	form := func(name string, before url.Values, open bool, fields ...paperField) paperForm {
		f := paperForm{Action: marketPath(m.Code, "paper", name) + "#" + name + "-form", Fields: fields, Open: open || before.Has("name")}
		if sent.name == name {
			before, f.Wrong, f.Open = sent.values, sent.wrong, true
		}
		for i := range f.Fields {
			field := &f.Fields[i]
			field.ID, field.Value = name+"-"+field.Name, before.Get(field.Name)
			field.Said = said{field.ID + "-err", f.Wrong.At(field.Name)}
		}
		return f
	}
	p.PrinterForm = form("printers", printer, true,
		paperField{Name: "name", Label: l.T("Printer's name"), Hint: l.T("As people there call it. The same name again corrects it.")},
		paperField{Name: "right", Label: l.T("Right"), Hint: l.T("Millimetres; with a minus: to the left."), Mode: "text"}, // the keyboards for numbers have no minus
		paperField{Name: "down", Label: l.T("Down"), Hint: l.T("Millimetres; with a minus: up."), Mode: "text"})
	p.SheetForm = form("sheets", sheet, false,
		paperField{Name: "name", Label: l.T("Sheet's name"), Hint: l.T("Small letters, digits and hyphens, such as tomy-104.")},
		paperField{Name: "columns", Label: l.T("Columns"), Mode: "numeric"},
		paperField{Name: "rows", Label: l.T("Rows of stickers"), Mode: "numeric"},
		paperField{Name: "width", Label: l.T("Width of a sticker"), Mode: "decimal"},
		paperField{Name: "height", Label: l.T("Height of a sticker"), Mode: "decimal"},
		paperField{Name: "left", Label: l.T("From the left edge"), Mode: "decimal"},
		paperField{Name: "top", Label: l.T("From the upper edge"), Mode: "decimal"},
		paperField{Name: "gap_x", Label: l.T("Gap between columns"), Mode: "decimal"},
		paperField{Name: "gap_y", Label: l.T("Gap between rows"), Mode: "decimal"})
	p.DesignForm = form("designs", design, false,
		paperField{Name: "name", Label: l.T("Design's name"), Hint: l.T("The same name again changes it. Placards printed before stay as they are.")},
		paperField{Name: "colour", Label: l.T("Colour"), Hint: l.T("Strip, market's name, stall's box. Dark: the letters on it are white."), Type: "color"},
		paperField{Name: "tint", Label: l.T("Tint"), Hint: l.T("Behind the instruction. Light: the letters on it are black."), Type: "color"},
		paperField{Name: "board", Label: l.T("Whom to call"), Hint: l.T("It stands after “Sai tên? Gọi”. May stay empty.")},
		paperField{Name: "logo", Label: l.T("Board's logo"), Hint: l.T("PNG, at most 256 KiB and 1000 dots a side. May stay empty."), Type: "file"})
	return s.show(c, code, "paper.html", p)
}

// measuresOf are the lengths of a sheet by the names of their fields.
func measuresOf(m *printing.Measures) map[string]*float64 {
	return map[string]*float64{"left": &m.Left, "top": &m.Top, "width": &m.Width, "height": &m.Height, "gap_x": &m.GapX, "gap_y": &m.GapY}
}

// millimetres writes a length as a person there does.
func millimetres(l lang.Lang, mm float64) string {
	s := strconv.FormatFloat(mm, 'f', -1, 64)
	if l == lang.Vi {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

var decimal = regexp.MustCompile(`^[+-]?\d{1,5}([.,]\d{1,6})?$`)

// number reads a length, with a decimal comma or point; what is wrong with it is said beside its field.
func number(c echo.Context, v url.Values, name string, bad *wrong) float64 {
	text := strings.Replace(strings.TrimSpace(v.Get(name)), "−", "-", 1)
	if !decimal.MatchString(text) {
		bad.Fields[name] = language(c).T("Write a number, such as 1,5.")
		return 0
	}
	f, _ := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64) // the pattern lets only numbers through
	return f
}

// saved ends a form of the page: the next page says what was kept, or the form is shown again with what was typed.
func (s *Server) saved(c echo.Context, sent sentForm, err error) error {
	if err == nil {
		return c.Redirect(http.StatusSeeOther, marketPath(c.Param("market"), "paper"))
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	for field, detail := range w.Fields {
		if name, of := strings.CutPrefix(field, "measures/"); of && w.Fields[name] == "" {
			w.Fields[name] = detail
		}
	}
	if sent.values.Has("logo chosen") && w.Fields["logo"] == "" {
		w.Fields["logo"] = language(c).T("Choose the picture again.") // a browser does not keep it
	}
	sent.wrong = w
	return s.paper(c, code, sent)
}

// savePrinter answers POST /markets/:market/paper/printers.
func (s *Server) savePrinter(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	sent := sentForm{"printers", v, wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}}
	in := registry.Printer{Name: v.Get("name"), OffsetRight: number(c, v, "right", &sent.wrong), OffsetDown: number(c, v, "down", &sent.wrong)}
	if len(sent.wrong.Fields) > 0 {
		return s.paper(c, http.StatusUnprocessableEntity, sent)
	}
	in, err = s.reg(c).SavePrinter(c.Request().Context(), actor(c), c.Param("market"), in)
	if f, ok := fault.As(err); ok {
		for i := range f.Fields { // the form's names are shorter than the record's
			f.Fields[i].Pointer = strings.TrimPrefix(f.Fields[i].Pointer, "offset_")
		}
	}
	if err == nil {
		sayNext(c, "Printer %s is saved.", in.Name)
	}
	return s.saved(c, sent, err)
}

// saveSheet answers POST /markets/:market/paper/sheets.
func (s *Server) saveSheet(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	v, err := form(c)
	if err != nil {
		return err
	}
	if _, err := s.reg(c).MarketFor(ctx, by, registry.SetPaper, market); err != nil {
		return err
	}
	sent := sentForm{"sheets", v, wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}}
	measures := printing.Measures{Paper: "a4"}
	for name, mm := range measuresOf(&measures) {
		*mm = number(c, v, name, &sent.wrong)
	}
	for name, n := range map[string]*int{"columns": &measures.Columns, "rows": &measures.Rows} {
		if *n, err = strconv.Atoi(strings.TrimSpace(v.Get(name))); err != nil {
			sent.wrong.Fields[name] = language(c).T("Write a whole number.")
		}
	}
	if len(sent.wrong.Fields) > 0 {
		return s.paper(c, http.StatusUnprocessableEntity, sent)
	}
	raw, err := json.Marshal(measures)
	if err != nil {
		return err
	}
	sheet, err := SaveSheet(ctx, s.reg(c), by, market, registry.NewSheet{Name: strings.TrimSpace(v.Get("name")), Measures: raw})
	if err == nil {
		sayNext(c, "Sheet %s is saved. Print one on plain paper and hold it against the stickers.", sheet.Name)
	}
	return s.saved(c, sent, err)
}

// saveDesign answers POST /markets/:market/paper/designs.
func (s *Server) saveDesign(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	v, logo, err := formWithLogo(c)
	if err != nil {
		return err
	}
	if _, err := s.reg(c).MarketFor(ctx, by, registry.SetPaper, market); err != nil {
		return err
	}
	in := registry.NewDesign{Name: v.Get("name"), Colour: strings.TrimSpace(v.Get("colour")), Tint: strings.TrimSpace(v.Get("tint")), Board: v.Get("board"), Logo: logo}
	if logo != nil {
		v.Set("logo chosen", "1")
	} else if v.Get("no_logo") == "" {
		if in.Logo, err = s.logoBefore(c, in.Name); err != nil {
			return err
		}
	}
	d, err := SaveDesign(ctx, s.reg(c), by, market, in)
	if err == nil {
		sayNext(c, "Design %s is saved.", d.Name)
	}
	return s.saved(c, sentForm{"designs", v, wrong{}}, err)
}

// logoBefore is the logo that the design of a name has: who changes a colour need not look for the picture again.
func (s *Server) logoBefore(c echo.Context, name string) ([]byte, error) {
	designs, err := s.reg(c).Designs(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return nil, err
	}
	name = norm.NFC.String(strings.TrimSpace(name))
	if at := slices.IndexFunc(designs, func(d registry.Design) bool { return d.Name == name }); at >= 0 {
		return designs[at].Logo, nil
	}
	return nil, nil
}

// formWithLogo reads a posted form that may bring a picture. A picture that is too large still lets the rest be read, so that
// nothing is typed twice. Faults: those of form.
func formWithLogo(c echo.Context) (url.Values, []byte, error) {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxUpload)
	switch err := r.ParseMultipartForm(maxLogoForm); {
	case errors.Is(err, http.ErrNotMultipart):
		return nil, nil, fault.New(fault.Unsupported, "content-type", "This content type is not taken here.")
	case err != nil:
		if f := asFault(err); f.Kind == fault.TooLarge {
			return nil, nil, f
		}
		return nil, nil, fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
	}
	defer r.MultipartForm.RemoveAll()
	values := url.Values(r.MultipartForm.Value)
	if err := readable(values); err != nil {
		return nil, nil, err
	}
	logo, err := logoOf(c)
	return values, logo, err
}
