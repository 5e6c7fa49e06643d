package web

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/printing"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// perFile is how many placards one PDF holds; the library keeps all pages in memory.
const perFile = 500

// SheetFor finds the sheet of a new batch among those everybody has and the market's own; an empty name is the usual one. Faults: Invalid.
func SheetFor(name string, skip int, own []registry.Sheet) (printing.Sheet, error) {
	if name == "" {
		name = printing.Sheets()[0].Name()
	}
	var names []string
	var sheet printing.Sheet
	for _, s := range printing.Sheets() {
		if names = append(names, s.Name()); s.Name() == name {
			sheet = s
		}
	}
	for _, o := range own {
		if names = append(names, o.Name); o.Name == name {
			var err error
			if sheet, err = stickers(o.Name, o.Measures); err != nil {
				return sheet, err
			}
		}
	}
	if sheet.PerPage() == 0 {
		return sheet, fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").
			With(fault.At("sheet", "unknown", "One of: %s.", strings.Join(names, ", ")))
	}
	if skip < 0 || skip >= sheet.PerPage() {
		return sheet, fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").
			With(fault.At("skip", "range", "A number from 0 to %d.", sheet.PerPage()-1))
	}
	return sheet, nil
}

// stickers is a sheet of a market's own from its measures in the record.
func stickers(name string, measures []byte) (printing.Sheet, error) {
	m := printing.Measures{Paper: "a4"} // unless they say another one
	d := json.NewDecoder(bytes.NewReader(measures))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return printing.Sheet{}, fmt.Errorf("measures of sheet %s: %w", name, err)
	}
	return printing.Stickers(name, m)
}

// printOf is how a batch goes on paper. Its date is the batch's own, so that the same batch gives the same bytes.
func printOf(b registry.Batch) (printing.Print, error) {
	p := printing.Print{Skip: b.Skip, Copies: b.Copies, Back: b.Back, CutMarks: b.CutMarks,
		Offset: printing.Offset{Right: b.OffsetRight, Down: b.OffsetDown}, Made: b.CreatedAt, Title: "cho40 " + b.Ref.String()}
	var err error
	switch {
	case len(b.Measures) > 0:
		p.Sheet, err = stickers(b.Sheet, b.Measures)
	case b.Sheet == slipSheet:
		p.Sheet, _ = printing.SheetOf(slipSheet)
	default:
		p.Sheet, err = SheetFor(b.Sheet, 0, nil)
	}
	if err == nil && b.Theme != nil {
		p.Theme, err = themeOf(b.Theme.Colour, b.Theme.Tint, b.Theme.Board, b.Theme.Logo)
	}
	return p, err
}

// maxLogo is the largest logo the record keeps, in bytes.
const maxLogo = 256 << 10

// themeOf is the look of a market's own design. Errors: *printing.FieldError, or that of the logo's PNG.
func themeOf(colour, tint, board string, logo []byte) (printing.Theme, error) {
	t := printing.Theme{Colour: printing.Colour(colour), Tint: printing.Colour(tint), Board: board}
	if len(logo) > 0 {
		// The header first: a small file may unpack to gigabytes.
		head, err := png.DecodeConfig(bytes.NewReader(logo))
		if err == nil && (len(logo) > maxLogo || head.Width > printing.MostLogo || head.Height > printing.MostLogo) {
			return t, &printing.FieldError{Field: "logo", Code: "size",
				Detail: fault.Say("A logo is a PNG picture of at most %d KiB and %d dots a side.", maxLogo>>10, printing.MostLogo)}
		}
		if t.Logo, err = png.Decode(bytes.NewReader(logo)); err != nil {
			return t, err
		}
	}
	return t, t.Check()
}

// Fits says why a placard cannot be printed in a batch, an empty text when it can, and then what somebody should look at.
func Fits() registry.Fits {
	var of registry.Batch // the batch that p was made for: one after the other, never two at once
	var p printing.Print
	return func(b registry.Batch, placard registry.Placard) (why, warning fault.Text) {
		var err error
		if of.ID != b.ID || p.Sheet.PerPage() == 0 {
			if p, err = printOf(b); err == nil {
				of = b
			}
		}
		var c printing.Placard
		if err == nil {
			c, err = card(b, placard)
		}
		if err == nil {
			err = p.Check(c)
		}
		var field *printing.FieldError
		switch {
		case errors.As(err, &field):
			return field.Detail, warning
		case err != nil:
			return fault.Say("Its code cannot be read back."), warning
		}
		for _, w := range c.Warnings(p.Sheet) {
			warning = w
		}
		return why, warning
	}
}

// card is a placard of the record as paper shows it. Its symbol says what was approved, or it is an error.
func card(b registry.Batch, p registry.Placard) (printing.Placard, error) {
	var symbol qrgen.Symbol
	if err := symbol.UnmarshalBinary(p.Symbol); err != nil {
		return printing.Placard{}, err
	}
	if text, err := qrgen.ReadModules(symbol); err != nil || text != p.Payload {
		return printing.Placard{}, errors.Join(errors.New("its stored symbol does not say its payload"), err)
	}
	mark := map[string]printing.Mark{"sample": printing.MarkSample, "provisional": printing.MarkProvisional}[p.Mark]
	c := printing.Placard{Market: p.MarketName, Vendor: p.Vendor, Goods: p.Goods, Stall: p.Stall, Holder: p.Holder, Provider: p.ProviderName,
		Tail: p.Tail, Number: registry.Grouped(p.Number), Call: p.Call, Serial: p.Serial.String(), Mark: mark, Code: symbol,
		Helper: b.Helper, Helped: registry.Local(b.CreatedAt).Format("02/01/2006")}
	if first, second, two := strings.Cut(p.Languages, "+"); first != "" {
		if c.Languages[0] = printing.Language(first); two {
			c.Languages[1] = printing.Language(second)
		}
	}
	return c, nil
}

// draw writes one file of a batch: every code read back in its place, module by module, or nothing.
func draw(p printing.Print, b registry.Batch, ps []registry.Placard) ([]byte, error) {
	cards := make([]printing.Placard, len(ps))
	for i, placard := range ps {
		var err error
		if cards[i], err = card(b, placard); err != nil {
			return nil, fmt.Errorf("placard %s: %w", placard.Serial, err)
		}
	}
	var pdf bytes.Buffer
	err := printing.Write(&pdf, p, cards)
	return pdf.Bytes(), err
}

// Slips is a batch whose sheets are the tips to leave with each vendor, with the account's tail and whom to call, and no code.
func Slips(b registry.Batch) registry.Batch {
	b.Sheet, b.Measures, b.Skip, b.Copies, b.Back, b.CutMarks = slipSheet, nil, 0, 1, false, true
	return b
}

// slipSheet is no sheet of placards: a batch is never issued on it.
const slipSheet = "slip"

// Files cuts a batch into PDFs of at most 500 placards, reads and draws two at a time, and hands each to put, in order. Only the first
// begins on the used sheet. Every file has been read back before it is handed out; a difference is an error.
func Files(ctx context.Context, b registry.Batch, cells registry.Cells, put func(n, of int, pdf []byte) error) error {
	p, err := printOf(b)
	if err != nil {
		return err
	}
	of := (b.Placards + perFile - 1) / perFile
	type file struct {
		pdf []byte
		err error
	}
	const atOnce = 2
	made := make([]chan file, of)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	turn := make(chan struct{}, atOnce)
	for n := range made {
		made[n] = make(chan file, 1)
	}
	go func() {
		for n := range made {
			select {
			case turn <- struct{}{}: // given back when the file is taken, so that few are held
			case <-ctx.Done():
				return
			}
			go func() {
				p := p
				if n > 0 {
					p.Skip = 0
				}
				from, to := n*perFile, min((n+1)*perFile, b.Placards)
				ps, err := cells(ctx, from, to)
				if err == nil && len(ps) != to-from {
					err = fmt.Errorf("batch %s has %d placards from cell %d on, not %d", b.Ref, len(ps), from, to-from)
				}
				var f file
				if f.err = err; err == nil {
					f.pdf, f.err = draw(p, b, ps)
				}
				made[n] <- f
			}()
		}
	}()
	for n := range made {
		var f file
		select {
		case f = <-made[n]:
		case <-ctx.Done():
			return ctx.Err()
		}
		if f.err == nil {
			f.err = put(n+1, of, f.pdf)
		}
		<-turn
		if f.err != nil {
			return f.err
		}
	}
	return nil
}

// batchAnswer is a batch as the API shows it.
type batchAnswer struct {
	registry.Batch
	PDF      string             `json:"pdf,omitempty"`
	ZIP      string             `json:"zip,omitempty"`
	LeftOut  []leftOut          `json:"left_out"`
	Warnings []warning          `json:"warnings"`
	Items    []registry.Placard `json:"items"`
}

type warning struct {
	Stall  string `json:"stall"`
	Serial string `json:"serial"`
	Detail string `json:"detail"`
}

type leftOut struct {
	Stall  string `json:"stall"`
	Reason string `json:"reason"`
	Serial string `json:"serial,omitempty"`
	Detail string `json:"detail"`
}

func (s *Server) batchAnswer(c echo.Context, b registry.Batch, ps []registry.Placard) batchAnswer {
	l := language(c)
	a := batchAnswer{Batch: b, Items: ps, LeftOut: make([]leftOut, len(b.LeftOut)), Warnings: make([]warning, len(b.Warnings))}
	for i, w := range b.Warnings {
		a.Warnings[i] = warning{w.Stall, w.Serial, l.Text(w.Detail)}
	}
	for i, o := range b.LeftOut {
		a.LeftOut[i] = leftOut{o.Stall, o.Reason, o.Serial, l.Text(o.Why())}
	}
	if path := "/api/v1/print-batches/" + b.Ref.String(); len(ps) > perFile {
		a.ZIP = path + ".zip"
	} else {
		a.PDF = path + ".pdf"
	}
	return a
}

// sheet fills the sheet's name and holds the wish to it: the record does not know how many cells a sheet has.
func (s *Server) sheet(c echo.Context, market string, in *registry.NewBatch) error {
	own, err := s.reg(c).Sheets(c.Request().Context(), actor(c), market)
	if err != nil {
		return err
	}
	sheet, err := SheetFor(in.Sheet, in.Skip, own)
	in.Sheet = sheet.Name()
	return err
}

// issue makes a batch. Drawing it once, after its rows are committed, is what makes its placards printed.
func (s *Server) issue(c echo.Context, market string, in registry.NewBatch) (registry.Batch, error) {
	if err := s.sheet(c, market, &in); err != nil {
		return registry.Batch{}, err
	}
	return s.reg(c).Issue(c.Request().Context(), actor(c), market, in, Fits())
}

// drawBatch draws a batch once, and its page says how far that is: what is drawn and read back is printed.
func (s *Server) drawBatch(ctx context.Context, by registry.Actor, ref registry.BatchRef) error {
	placards := 0
	err := s.registry.DrawBatch(ctx, by, ref, func(ctx context.Context, b registry.Batch, cells registry.Cells, drawn func(int)) error {
		placards = b.Placards
		return Files(ctx, b, cells, func(n, _ int, _ []byte) error { drawn(n * perFile); return nil })
	})
	if err == nil {
		s.meter.drew(placards)
	}
	return err
}

// postBatch answers POST /api/v1/markets/{market}/print-batches.
func (s *Server) postBatch(c echo.Context) error {
	in, err := bindJSON[registry.NewBatch](c)
	if err != nil {
		return err
	}
	made, err := s.issue(c, c.Param("market"), in)
	if err != nil {
		return err
	}
	by := actor(c)
	if err := afterCommit(c, func() error {
		ctx, cancel := inTime(c, time.Minute)
		defer cancel()
		return s.drawBatch(ctx, by, made.Ref)
	}); err != nil {
		return err
	}
	b, ps, err := s.reg(c).Batch(c.Request().Context(), actor(c), made.Ref)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/print-batches/"+b.Ref.String())
	return c.JSON(http.StatusCreated, s.batchAnswer(c, b, ps))
}

// getBatch answers GET /api/v1/print-batches/{batch}, and with .pdf or .zip behind it the sheets themselves; .slips.pdf and .slips.zip
// are the tips to leave with the vendors.
func (s *Server) getBatch(c echo.Context) error {
	name, pdf := strings.CutSuffix(c.Param("batch"), ".pdf")
	name, zipped := strings.CutSuffix(name, ".zip")
	name, slips := strings.CutSuffix(name, ".slips")
	ref, err := registry.ParseRef[registry.Batch](name)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if !pdf && !zipped {
		b, ps, err := s.reg(c).Batch(ctx, actor(c), ref)
		if err != nil {
			return err
		}
		return hashed(c, http.StatusOK, s.batchAnswer(c, b, ps))
	}
	b, cells, err := s.reg(c).BatchCells(ctx, actor(c), ref)
	if err != nil {
		return err
	}
	file := "cho40-" + b.Ref.Market + "-" + registry.Local(b.CreatedAt).Format("20060102-1504")
	if slips {
		b, file = Slips(b), file+"-slips"
	}
	if pdf && b.Placards > perFile {
		return fault.New(fault.Conflict, "batch-needs-zip", "Over %d placards come as several files. Ask for .zip.", perFile)
	}
	if pdf {
		return Files(ctx, b, cells, func(_, _ int, pdf []byte) error {
			c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="`+file+`.pdf"`)
			return c.Blob(http.StatusOK, "application/pdf", pdf)
		})
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+file+`.zip"`)
	c.Response().Header().Set(echo.HeaderContentType, "application/zip")
	z := zip.NewWriter(c.Response())
	if err := Files(ctx, b, cells, func(n, _ int, pdf []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%s-%d.pdf", file, n), Method: zip.Store, Modified: b.CreatedAt})
		if err == nil {
			_, err = w.Write(pdf)
		}
		return err
	}); err != nil {
		return err
	}
	return z.Close()
}

// getPlacard answers GET /api/v1/placards/{serial}, and with .png behind it the placard as a picture for the vendor's phone,
// with .slip.pdf the tips to leave with the vendor.
func (s *Server) getPlacard(c echo.Context) error {
	if serial, slip := strings.CutSuffix(param(c, "serial"), ".slip.pdf"); slip {
		return s.getPlacardSlip(c, serial)
	}
	serial, picture := strings.CutSuffix(param(c, "serial"), ".png")
	if picture {
		return s.getPlacardPicture(c, serial)
	}
	p, err := s.reg(c).Placard(c.Request().Context(), actor(c), serial)
	if err != nil {
		return err
	}
	return hashed(c, http.StatusOK, p)
}

// postPlacardEvent answers POST /api/v1/placards/{serial}/events.
func (s *Server) postPlacardEvent(c echo.Context) error {
	in, err := bindJSON[registry.NewPlacardEvent](c)
	if err != nil {
		return err
	}
	p, err := s.reg(c).RecordPlacard(c.Request().Context(), actor(c), param(c, "serial"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// pictureWidth is that of a cheap phone's screen, in pixels.
const pictureWidth = 720

// getPlacardPicture answers GET /api/v1/placards/{serial}.png: what hangs, as it looks, to be sent to the vendor.
func (s *Server) getPlacardPicture(c echo.Context, serial string) error {
	b, p, err := s.reg(c).PlacardToShow(c.Request().Context(), actor(c), serial)
	if err != nil {
		return err
	}
	print, err := printOf(b)
	if err != nil {
		return err
	}
	shown, err := card(b, p)
	if err != nil {
		return fmt.Errorf("placard %s: %w", serial, err)
	}
	img, err := printing.Picture(shown, printing.Sheets()[0], print.Theme, pictureWidth)
	if err != nil {
		return drawnFault(err)
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="`+p.Serial.String()+`.png"`)
	return sendPNG(c, img)
}

// getPlacardSlip answers GET /api/v1/placards/{serial}.slip.pdf: the slip of one placard, with the name of who helps the vendor today.
func (s *Server) getPlacardSlip(c echo.Context, serial string) error {
	b, p, err := s.reg(c).PlacardToShow(c.Request().Context(), actor(c), serial)
	if err != nil {
		return err
	}
	b = Slips(b)
	b.Helper, b.CreatedAt = held(c).Name, s.now()
	print, err := printOf(b)
	if err != nil {
		return err
	}
	pdf, err := draw(print, b, []registry.Placard{p})
	if err != nil {
		return drawnFault(err)
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="`+p.Serial.String()+`-slip.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", pdf)
}

// sendPNG answers with a picture.
func sendPNG(c echo.Context, img image.Image) error {
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "image/png", out.Bytes())
}

// drawnFault makes what printing says of one field a fault of the request.
func drawnFault(err error) error {
	var field *printing.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return fault.New(fault.Invalid, "cannot-print", "Some fields need mending.").With(fault.Field{Pointer: field.Field, Code: field.Code, Detail: field.Detail})
}

// getPlacardEvents answers GET /api/v1/placards/{serial}/events: the whole log.
func (s *Server) getPlacardEvents(c echo.Context) error {
	events, err := s.reg(c).PlacardEvents(c.Request().Context(), actor(c), param(c, "serial"))
	return items(c, events, err)
}

// postStand answers POST /api/v1/markets/{market}/stalls/{stall}/stands: a code that a wallet or bank gave the vendor.
func (s *Server) postStand(c echo.Context) error {
	in, err := bindJSON[registry.NewStand](c)
	if err != nil {
		return err
	}
	p, err := s.reg(c).RegisterStand(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/placards/"+p.Serial.String())
	return c.JSON(made(p.Again), p)
}

// getOldPlacards answers GET /api/v1/markets/{market}/old-placards: who still has one that is over.
func (s *Server) getOldPlacards(c echo.Context) error {
	olds, err := s.reg(c).Outstanding(c.Request().Context(), actor(c), c.Param("market"))
	return items(c, olds, err)
}
