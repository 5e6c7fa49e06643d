package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"cho40/internal/fault"
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/web"
)

type paperCmd struct {
	Calibrate calibrateCmd `cmd:"" help:"Write the page by which a printer is measured."`
	Printer   printerCmd   `cmd:"" help:"Save how far a printer is off, as the calibration page shows it."`
	Stickers  stickersCmd  `cmd:"" help:"Save a sheet of stickers by its measurements."`
	Design    designCmd    `cmd:"" help:"Save a market's own look: colour, ground of the instruction, board's name, logo."`
	List      paperListCmd `cmd:"" help:"List a market's printers, sheets and designs."`
}

type calibrateCmd struct {
	Sheet string  `default:"a6x4" help:"The sheet whose cells are shown."`
	Right float64 `help:"Offset in force, millimetres to the right."`
	Down  float64 `help:"Offset in force, millimetres down."`
	Out   string  `short:"o" required:"" help:"The PDF."`
}

// Run answers `cho40 paper calibrate`.
func (p calibrateCmd) Run(out output) error {
	sheet, err := web.SheetFor(p.Sheet, 0, nil)
	if err != nil {
		return err
	}
	var pdf bytes.Buffer
	if err := printing.Calibration(&pdf, sheet, printing.Offset{Right: p.Right, Down: p.Down}, time.Now()); err != nil {
		return err
	}
	if err := writeWhole(p.Out, pdf.Bytes()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "calibration page: %s\n", p.Out)
	return err
}

type printerCmd struct {
	Name   string  `arg:"" help:"What the office calls it."`
	Market string  `required:"" help:"Code of the market."`
	Right  float64 `help:"Millimetres to print further right; negative: left."`
	Down   float64 `help:"Millimetres to print further down; negative: up."`
}

// Run answers `cho40 paper printer`.
func (p printerCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	saved, err := a.registry.SavePrinter(ctx, registry.Console(), p.Market, registry.Printer{Name: p.Name, OffsetRight: p.Right, OffsetDown: p.Down})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "printer %s: %s mm to the right, %s mm down\n", saved.Name, millimetres(saved.OffsetRight), millimetres(saved.OffsetDown))
	return err
}

func millimetres(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

type stickersCmd struct {
	Name    string  `arg:"" help:"Name of the sheet, such as tomy-104."`
	Market  string  `required:"" help:"Code of the market."`
	Columns int     `required:""`
	Rows    int     `required:""`
	Left    float64 `required:"" help:"From the paper's edge to the first sticker, millimetres."`
	Top     float64 `required:""`
	Width   float64 `required:"" help:"Of a sticker, millimetres."`
	Height  float64 `required:""`
	GapX    float64 `help:"Between two stickers, millimetres."`
	GapY    float64 ``
}

// Run answers `cho40 paper stickers`.
func (p stickersCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	measures, err := json.Marshal(printing.Measures{Paper: "a4", Columns: p.Columns, Rows: p.Rows, Left: p.Left, Top: p.Top, Width: p.Width, Height: p.Height,
		GapX: p.GapX, GapY: p.GapY})
	if err != nil {
		return err
	}
	saved, err := web.SaveSheet(ctx, a.registry, registry.Console(), p.Market, registry.NewSheet{Name: p.Name, Measures: measures})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "sheet %s, version %d: %d stickers of %s × %s mm\n", saved.Name, saved.Version, p.Columns*p.Rows, millimetres(p.Width), millimetres(p.Height))
	return err
}

type designCmd struct {
	Name   string `arg:"" help:"Name of the design."`
	Market string `required:"" help:"Code of the market."`
	Colour string `default:"#0b5d43" help:"Of strip, market and stall box; dark, since white letters stand on it."`
	Tint   string `default:"#f2b632" help:"Ground of the instruction; light."`
	Board  string `help:"Name of the board, as the card says whom to call."`
	Logo   string `type:"existingfile" help:"The board's own logo, a PNG of at most 256 KiB."`
}

// Run answers `cho40 paper design`.
func (p designCmd) Run(ctx context.Context, c *config, out output) error {
	in := registry.NewDesign{Name: p.Name, Colour: p.Colour, Tint: p.Tint, Board: p.Board}
	if p.Logo != "" {
		var err error
		if in.Logo, err = os.ReadFile(p.Logo); err != nil {
			return fault.New(fault.NotFound, "file-not-found", "The file %s cannot be opened.", p.Logo).Because(err)
		}
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	saved, err := web.SaveDesign(ctx, a.registry, registry.Console(), p.Market, in)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "design %s, version %d\n", saved.Name, saved.Version)
	return err
}

type paperListCmd struct {
	Market string `required:"" help:"Code of the market."`
}

// Run answers `cho40 paper list`.
func (p paperListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	by := registry.Console()
	printers, err := a.registry.Printers(ctx, by, p.Market)
	if err != nil {
		return err
	}
	sheets, err := a.registry.Sheets(ctx, by, p.Market)
	if err != nil {
		return err
	}
	designs, err := a.registry.Designs(ctx, by, p.Market)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, o := range printers {
		rows = append(rows, []string{"printer", o.Name, millimetres(o.OffsetRight) + " mm right, " + millimetres(o.OffsetDown) + " mm down"})
	}
	for _, o := range sheets {
		rows = append(rows, []string{"sheet", o.Name, string(o.Measures)})
	}
	for _, o := range designs {
		rows = append(rows, []string{"design", o.Name, o.Colour + " " + o.Tint + " " + o.Board})
	}
	return c.list(out, map[string]any{"printers": printers, "sheets": sheets, "designs": designs}, []string{"what", "name", "says"}, rows)
}
