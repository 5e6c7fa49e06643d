package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"cho40/internal/fault"
	"cho40/printing"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// What a market prints on and how its cards look: printers with their offsets, sheets of stickers by measurements, designs.

// getPrinters answers GET /api/v1/markets/{market}/printers.
func (s *Server) getPrinters(c echo.Context) error {
	all, err := s.reg(c).Printers(c.Request().Context(), actor(c), c.Param("market"))
	return items(c, all, err)
}

// items answers with a list that comes whole.
func items[T any](c echo.Context, all []T, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][]T{"items": append([]T{}, all...)})
}

// postPrinter answers POST /api/v1/markets/{market}/printers: a new one, or new offsets of one.
func (s *Server) postPrinter(c echo.Context) error {
	in, err := bindJSON[registry.Printer](c)
	if err != nil {
		return err
	}
	p, err := s.reg(c).SavePrinter(c.Request().Context(), actor(c), c.Param("market"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, p)
}

// sheetAnswer is a sheet that a market may choose: everybody's, or its own with measures.
type sheetAnswer struct {
	Name     string          `json:"name"`
	PerPage  int             `json:"per_page"`
	Version  int             `json:"version,omitempty"`
	Measures json.RawMessage `json:"measures,omitempty"`
}

// getSheets answers GET /api/v1/markets/{market}/sheets.
func (s *Server) getSheets(c echo.Context) error {
	own, err := s.reg(c).Sheets(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	var all []sheetAnswer
	for _, sheet := range printing.Sheets() {
		all = append(all, sheetAnswer{Name: sheet.Name(), PerPage: sheet.PerPage()})
	}
	for _, o := range own {
		sheet, err := stickers(o.Name, o.Measures)
		if err != nil {
			return err
		}
		all = append(all, sheetAnswer{o.Name, sheet.PerPage(), o.Version, o.Measures})
	}
	return items(c, all, nil)
}

// builtIn are the names that no sheet of a market's own may have.
func builtIn() []string {
	names := []string{slipSheet}
	for _, s := range printing.Sheets() {
		names = append(names, s.Name())
	}
	return names
}

// measured says what is wrong with the measures of a sheet of stickers.
func measured(name string) func(json.RawMessage) []fault.Field {
	return func(raw json.RawMessage) []fault.Field {
		_, err := stickers(name, raw)
		var field *printing.FieldError
		switch {
		case errors.As(err, &field):
			return []fault.Field{{Pointer: field.Field, Code: field.Code, Detail: field.Detail}}
		case err != nil:
			return []fault.Field{fault.At("", "type", "Numbers in millimetres: columns, rows, left, top, width, height, gap_x, gap_y.")}
		}
		return nil
	}
}

// SaveSheet keeps a sheet of stickers that can be printed on. Faults: those of registry.Service.SaveSheet.
func SaveSheet(ctx context.Context, reg *registry.Service, by registry.Actor, market string, in registry.NewSheet) (registry.Sheet, error) {
	return reg.SaveSheet(ctx, by, market, in, builtIn(), measured(in.Name))
}

// postSheet answers POST /api/v1/markets/{market}/sheets.
func (s *Server) postSheet(c echo.Context) error {
	in, err := bindJSON[registry.NewSheet](c)
	if err != nil {
		return err
	}
	sheet, err := SaveSheet(c.Request().Context(), s.reg(c), actor(c), c.Param("market"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, sheet)
}

// getDesigns answers GET /api/v1/markets/{market}/designs.
func (s *Server) getDesigns(c echo.Context) error {
	all, err := s.reg(c).Designs(c.Request().Context(), actor(c), c.Param("market"))
	return items(c, all, err)
}

// SaveDesign keeps a design whose colours can be read, whose logo can be drawn, and with which a code is still read back. Faults:
// those of registry.Service.SaveDesign.
func SaveDesign(ctx context.Context, reg *registry.Service, by registry.Actor, market string, in registry.NewDesign) (registry.Design, error) {
	theme, err := themeOf(in.Colour, in.Tint, in.Board, in.Logo)
	var field *printing.FieldError
	switch {
	case errors.As(err, &field):
		return registry.Design{}, fault.New(fault.Invalid, "design-invalid", "Some fields need mending.").
			With(fault.Field{Pointer: field.Field, Code: field.Code, Detail: field.Detail})
	case err != nil:
		return registry.Design{}, fault.New(fault.Invalid, "design-invalid", "Some fields need mending.").
			With(fault.At("logo", "form", "A logo is a PNG picture that can be opened.")).Because(err)
	}
	if err := readWith(theme); err != nil {
		return registry.Design{}, fault.New(fault.Invalid, "design-invalid", "Some fields need mending.").
			With(fault.At("logo", "unreadable", "With this logo the card's code was not read back.")).Because(err)
	}
	return reg.SaveDesign(ctx, by, market, in)
}

// readWith draws the sample card with a theme and reads its code as a phone does.
func readWith(theme printing.Theme) error {
	card, payload, err := sampleCard()
	if err != nil {
		return err
	}
	img, err := printing.Picture(card, printing.Sheets()[0], theme, pictureWidth)
	if err != nil {
		return err
	}
	return readFrom(img, payload)
}

// postDesign answers POST /api/v1/markets/{market}/designs; the logo is a PNG in base64.
func (s *Server) postDesign(c echo.Context) error {
	in, err := bindJSON[registry.NewDesign](c)
	if err != nil {
		return err
	}
	d, err := SaveDesign(c.Request().Context(), s.reg(c), actor(c), c.Param("market"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, d)
}

// getCalibration answers GET /api/v1/markets/{market}/calibration.pdf?sheet=&printer=: the page by which a printer is measured.
func (s *Server) getCalibration(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	own, err := s.reg(c).Sheets(ctx, by, market)
	if err != nil {
		return err
	}
	sheet, err := SheetFor(c.QueryParam("sheet"), 0, own)
	if err != nil {
		return err
	}
	var offset printing.Offset
	if name := c.QueryParam("printer"); name != "" {
		printers, err := s.reg(c).Printers(ctx, by, market)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(printers, func(p registry.Printer) bool { return p.Name == name })
		if at < 0 {
			return fault.New(fault.NotFound, "printer-not-found", "The market has no printer %q.", name)
		}
		offset = printing.Offset{Right: printers[at].OffsetRight, Down: printers[at].OffsetDown}
	}
	var pdf bytes.Buffer
	if err := printing.Calibration(&pdf, sheet, offset, s.now()); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="cho40-`+market+`-calibration.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", pdf.Bytes())
}

// previewDots is how fine a preview of a sheet is, dots an inch: legible on a screen, quick to draw.
const previewDots = 96

// getPreview answers GET /api/v1/markets/{market}/print-preview.png with the fields of a new batch as parameters: the first sheet of what
// would be printed, marked as a sample, with no serial.
func (s *Server) getPreview(c echo.Context) error {
	var q struct {
		Sheet       string `query:"sheet"`
		Design      string `query:"design"`
		Provider    string `query:"provider"`
		Section     string `query:"section"`
		Skip        string `query:"skip"`
		Copies      string `query:"copies"`
		Stalls      string `query:"stalls"`
		Provisional string `query:"provisional"`
		Reprint     string `query:"reprint"`
		NoCutMarks  string `query:"no_cut_marks"`
		Back        string `query:"back"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	in := registry.NewBatch{Sheet: q.Sheet, Design: q.Design, Provider: q.Provider, Section: q.Section, Stalls: stallCodes(q.Stalls),
		Provisional: q.Provisional != "", Reprint: q.Reprint != "", NoCutMarks: q.NoCutMarks != "", Back: q.Back != ""}
	in.All = in.Section == "" && len(in.Stalls) == 0
	if in.Reprint {
		in.Reason = "preview"
	}
	for _, number := range []struct {
		name, text string
		to         *int
	}{{"skip", q.Skip, &in.Skip}, {"copies", q.Copies, &in.Copies}} {
		var err error
		if *number.to, err = strconv.Atoi(number.text); err != nil && number.text != "" {
			return fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").With(fault.At(number.name, "range", "A number from 0 to %d.", 99))
		}
	}
	if err := s.sheet(c, c.Param("market"), &in); err != nil {
		return err
	}
	img, err := Preview(c.Request().Context(), s.reg(c), actor(c), c.Param("market"), in, previewDots)
	if err != nil {
		return err
	}
	return sendPNG(c, img)
}

// maxLogoForm is the largest form with a logo, in bytes.
const maxLogoForm = 512 << 10

// logoOf reads the logo of a form, nil when none was chosen.
func logoOf(c echo.Context) ([]byte, error) {
	header, err := c.FormFile("logo")
	if errors.Is(err, http.ErrMissingFile) || err == nil && header.Size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := header.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxLogoForm))
}
