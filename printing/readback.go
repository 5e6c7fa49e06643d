package printing

import (
	"fmt"
	"math"
)

// Drawn is a symbol as it stands in a finished file.
type Drawn struct {
	Page   int     // from 1
	X, Y   float64 // top left as it lies on the page, without the quiet zone: millimetres from the page's top left
	Module float64 // side of a module, millimetres
	Turn   int     // quarter turns counter-clockwise; 2 is upside down
	Code   Modules // as read upright
}

func (d Drawn) side() float64 { return d.Module * float64(d.Code.Size()) }

// Symbols reads what a finished file shows, in the order in which it is drawn: every path of black rectangles that has
// the three corner patterns of a symbol. It shares no code with what draws, so that no fault can hide in both. For the
// same reason it takes PDF as we write it and no other: what it does not know is an error, and so is a shape drawn over
// a symbol or its quiet zone. Any bytes give a result or an error, in bounded time and memory.
func Symbols(pdf []byte) ([]Drawn, error) {
	file, err := openPDF(pdf)
	if err != nil {
		return nil, fmt.Errorf("printing: read a document back: %w", err)
	}
	var all []Drawn
	for i := range file.pages {
		found, err := file.symbols(i)
		if err == nil && len(all)+len(found) > mostSymbols {
			err = errTooMuch
		}
		if err != nil {
			return nil, fmt.Errorf("printing: read page %d back: %w", i+1, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// ReadBack compares a finished file with what it was to show: the symbols of these placards, each module of them, each
// in its place and size, in this order, and no other symbol. The error names the serial of the first that differs.
func ReadBack(pdf []byte, p Print, placards []Placard) error {
	drawn, err := Symbols(pdf)
	if err != nil {
		return err
	}
	expected, err := p.expected(placards)
	if err != nil {
		return err
	}
	for i, want := range expected {
		if i >= len(drawn) {
			return fmt.Errorf("printing: placard %s is not in the document", want.serial)
		}
		if difference := want.compare(drawn[i]); difference != "" {
			return fmt.Errorf("printing: placard %s: %s", want.serial, difference)
		}
	}
	if len(drawn) > len(expected) {
		return fmt.Errorf("printing: the document shows %d symbols, not %d", len(drawn), len(expected))
	}
	return nil
}

// shown is the symbol that a face of a placard must show.
type shown struct {
	Drawn
	serial string
}

// expected are all symbols of a document, in the order of its faces.
func (p Print) expected(placards []Placard) ([]shown, error) {
	pages, err := p.pages(len(placards))
	if err != nil {
		return nil, err
	}
	var all []shown
	right, down := p.Offset.dots()
	for page := 0; page < pages; page += p.sides() { // backs show no symbol
		for n := range p.Sheet.PerPage() {
			i, used := p.on(page/p.sides(), n, len(placards))
			if !used {
				continue
			}
			on, drawn := p.codes[&placards[i]]
			if !drawn {
				panels, _, err := p.lay(&placards[i])
				if err != nil {
					return nil, fmt.Errorf("placard %s: %w", placards[i].Serial, err)
				}
				on = codes(panels)
			}
			for k, code := range on {
				if code.dots == 0 {
					continue
				}
				at, half := p.Sheet.panels[k].at.in(p.Sheet.at(n)), code.side(placards[i].Code.Size())/2
				turn, x, y := 0, at.x+code.x, at.y+code.y
				if at.turned {
					turn, x, y = 2, at.x-code.x, at.y-code.y
				}
				all = append(all, shown{Drawn{
					Page: page + 1,
					X:    x - half + right*mmPerDot, Y: y - half + down*mmPerDot,
					Module: float64(code.dots) * mmPerDot,
					Turn:   turn,
					Code:   placards[i].Code,
				}, placards[i].Serial})
			}
		}
	}
	return all, nil
}

// compare says what differs, or nothing.
func (want shown) compare(got Drawn) string {
	switch {
	case got.Page != want.Page:
		return fmt.Sprintf("its symbol stands on page %d, not on %d", got.Page, want.Page)
	case got.Turn != want.Turn:
		return fmt.Sprintf("its symbol is turned by %d quarters, not by %d", got.Turn, want.Turn)
	// A symbol moves by up to half a dot to stand on the printer's raster.
	case math.Abs(got.X-want.X) > mmPerDot || math.Abs(got.Y-want.Y) > mmPerDot:
		return fmt.Sprintf("its symbol stands at %.2f, %.2f mm, not at %.2f, %.2f", got.X, got.Y, want.X, want.Y)
	case got.Code.Size() != want.Code.Size():
		return fmt.Sprintf("its symbol has %d modules a side, not %d", got.Code.Size(), want.Code.Size())
	case math.Abs(got.Module-want.Module) > mmPerDot/100:
		return fmt.Sprintf("its modules are %.3f mm, not %.3f", got.Module, want.Module)
	}
	for y := range want.Code.Size() {
		for x := range want.Code.Size() {
			if got.Code.Dark(x, y) != want.Code.Dark(x, y) {
				return fmt.Sprintf("its symbol differs at module %d, %d", x, y)
			}
		}
	}
	return ""
}
