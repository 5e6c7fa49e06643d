package web

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
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

// SheetFor finds the sheet of a new batch; an empty name is the usual one. Faults: Invalid.
func SheetFor(name string, skip int) (printing.Sheet, error) {
	if name == "" {
		name = printing.Sheets()[0].Name()
	}
	sheet, ok := printing.SheetOf(name)
	if !ok {
		var names []string
		for _, s := range printing.Sheets() {
			names = append(names, s.Name())
		}
		return sheet, fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").
			With(fault.At("sheet", "unknown", "One of: %s.", strings.Join(names, ", ")))
	}
	if skip >= sheet.PerPage() {
		return sheet, fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").
			With(fault.At("skip", "range", "A number from 0 to %d.", sheet.PerPage()-1))
	}
	return sheet, nil
}

// Fits says why a placard cannot be printed on a sheet; an empty text when it can.
func Fits(sheet printing.Sheet) registry.Fits {
	return func(_ registry.Batch, p registry.Placard) (why, warning fault.Text) {
		card, err := card(p)
		if err == nil {
			err = card.Check(sheet)
		}
		var field *printing.FieldError
		switch {
		case errors.As(err, &field):
			why = field.Detail
		case err != nil:
			why = fault.Say("Its code cannot be read back.")
		}
		return why, warning
	}
}

// card is a placard of the record as paper shows it.
func card(p registry.Placard) (printing.Placard, error) {
	var symbol qrgen.Symbol
	if err := symbol.UnmarshalBinary(p.Symbol); err != nil {
		return printing.Placard{}, err
	}
	mark := map[string]printing.Mark{"sample": printing.MarkSample, "provisional": printing.MarkProvisional}[p.Mark]
	return printing.Placard{Market: p.MarketName, Vendor: p.Vendor, Goods: p.Goods, Stall: p.Stall, Holder: p.Holder, Provider: p.ProviderName,
		Tail: p.Tail, Call: p.Call, Serial: p.Serial.String(), Mark: mark, Code: symbol}, nil
}

// Draw writes the PDF of some placards of a batch. The same batch gives the same bytes: its date is the batch's own.
func Draw(w io.Writer, b registry.Batch, skip int, ps []registry.Placard) error {
	sheet, err := SheetFor(b.Sheet, 0)
	if err != nil {
		return err
	}
	cards := make([]printing.Placard, len(ps))
	for i, p := range ps {
		if cards[i], err = card(p); err != nil {
			return fmt.Errorf("placard %s: %w", p.Serial, err)
		}
	}
	return printing.Write(w, printing.Print{Sheet: sheet, Skip: skip, CutMarks: true, Made: b.CreatedAt, Title: "cho40 " + b.Ref.String()}, cards)
}

// Files cuts a batch into PDFs of at most 500 placards and hands each to put, in order. Only the first begins on the used sheet.
func Files(b registry.Batch, ps []registry.Placard, put func(n, of int, pdf []byte) error) error {
	of := (len(ps) + perFile - 1) / perFile
	for n := range of {
		part := ps[n*perFile : min((n+1)*perFile, len(ps))]
		skip := 0
		if n == 0 {
			skip = b.Skip
		}
		var pdf bytes.Buffer
		if err := Draw(&pdf, b, skip, part); err != nil {
			return err
		}
		if err := put(n+1, of, pdf.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// batchAnswer is a batch as the API shows it.
type batchAnswer struct {
	registry.Batch
	PDF     string             `json:"pdf,omitempty"`
	ZIP     string             `json:"zip,omitempty"`
	LeftOut []leftOut          `json:"left_out"`
	Items   []registry.Placard `json:"items"`
}

type leftOut struct {
	Stall  string `json:"stall"`
	Reason string `json:"reason"`
	Serial string `json:"serial,omitempty"`
	Detail string `json:"detail"`
}

func (s *Server) batchAnswer(c echo.Context, b registry.Batch, ps []registry.Placard) batchAnswer {
	l := language(c)
	a := batchAnswer{Batch: b, Items: ps, LeftOut: make([]leftOut, len(b.LeftOut))}
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

// issue makes a batch; drawing it once, after its rows are committed, is what makes its placards printed.
func (s *Server) issue(c echo.Context, market string, in registry.NewBatch) (registry.Batch, error) {
	sheet, err := SheetFor(in.Sheet, in.Skip)
	if err != nil {
		return registry.Batch{}, err
	}
	in.Sheet = sheet.Name()
	b, err := s.reg(c).Issue(c.Request().Context(), actor(c), market, in, Fits(sheet))
	if err != nil {
		return b, err
	}
	by := actor(c)
	return b, afterCommit(c, func() error {
		ctx, cancel := inTime(c, time.Minute)
		defer cancel()
		b, ps, err := s.registry.Batch(ctx, by, b.Ref)
		if err == nil {
			err = Files(b, ps, func(int, int, []byte) error { return nil })
		}
		if err == nil {
			err = s.registry.Printed(ctx, by, b.Ref)
		}
		return err
	})
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
	b, ps, err := s.reg(c).Batch(c.Request().Context(), actor(c), made.Ref)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/print-batches/"+b.Ref.String())
	return c.JSON(http.StatusCreated, s.batchAnswer(c, b, ps))
}

// getBatch answers GET /api/v1/print-batches/{batch}, and with .pdf or .zip behind it the sheets themselves.
func (s *Server) getBatch(c echo.Context) error {
	name, pdf := strings.CutSuffix(c.Param("batch"), ".pdf")
	name, zipped := strings.CutSuffix(name, ".zip")
	ref, err := registry.ParseRef[registry.Batch](name)
	if err != nil {
		return err
	}
	b, ps, err := s.reg(c).Batch(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	file := "cho40-" + b.Ref.Market + "-" + registry.Local(b.CreatedAt).Format("20060102-1504")
	switch {
	case zipped:
		c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+file+`.zip"`)
		c.Response().Header().Set(echo.HeaderContentType, "application/zip")
		z := zip.NewWriter(c.Response())
		if err := Files(b, ps, func(n, _ int, pdf []byte) error {
			w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%s-%d.pdf", file, n), Method: zip.Store, Modified: b.CreatedAt})
			if err == nil {
				_, err = w.Write(pdf)
			}
			return err
		}); err != nil {
			return err
		}
		return z.Close()
	case pdf && len(ps) > perFile:
		return fault.New(fault.Conflict, "batch-needs-zip", "Over %d placards come as several files. Ask for .zip.", perFile)
	case pdf:
		return Files(b, ps, func(_, _ int, pdf []byte) error {
			c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="`+file+`.pdf"`)
			return c.Blob(http.StatusOK, "application/pdf", pdf)
		})
	}
	return hashed(c, http.StatusOK, s.batchAnswer(c, b, ps))
}

// getPlacard answers GET /api/v1/placards/{serial}.
func (s *Server) getPlacard(c echo.Context) error {
	p, err := s.reg(c).Placard(c.Request().Context(), actor(c), param(c, "serial"))
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
