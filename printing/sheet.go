package printing

import (
	"math"
	"slices"
)

// Sheet is a way to cut paper into placards. The zero Sheet is none; take one from SheetOf or Sheets.
type Sheet struct{ *sheet }

type sheet struct {
	name          string
	width, height float64   // of the paper, millimetres
	panels        []panel   // what each cell shows
	w, h          float64   // of a cell
	rows          [][]cell  // from the top, each from the left; all rows are of one length
	across, down  []float64 // x and y of the cuts between columns and rows, millimetres
	folds         []cut     // in each cell, from its top left
	back          *tips     // of each cell; nil where there is none
	unread        bool      // takes languages that no speaker has read yet, as only tests may
}

// cell is where a card goes: its own top left on the paper, in millimetres. A turned card stands on its head, and so
// reaches left and up from there.
type cell struct {
	x, y   float64
	turned bool
}

// in is the cell that stands in an upright one.
func (c cell) in(at cell) cell { return cell{at.x + c.x, at.y + c.y, c.turned} }

// panel is a design at its place in the cell. Most cells have one; what is folded has several.
type panel struct {
	at     cell
	design design
}

// usual are the sheets of placards. a6x4 is the one that most markets take.
var usual = []Sheet{
	{&sheet{name: "a6x4", width: 210, height: 297, w: 105, h: 148, panels: whole(cardA6), back: &tips{card: cardA6},
		rows: grid([]float64{0, 105}, []float64{0.25, 148.75}), across: []float64{105}, down: []float64{148.5}}},
	{&sheet{name: "a5x2", width: 297, height: 210, w: 148.5, h: 210, panels: whole(cardA5), back: &tips{card: cardA5},
		rows: grid([]float64{0, 148.5}, []float64{0}), across: []float64{148.5}}},
	{&sheet{name: "a4x1", width: 210, height: 297, w: 210, h: 297, panels: whole(cardA4), back: &tips{card: cardA4},
		rows: grid([]float64{0}, []float64{0})}},
	// A tent's upper face is its lower one turned about the middle of the fold.
	{&sheet{name: "tent", width: 210, height: 297, w: 105, h: 297,
		panels: []panel{{cell{x: 0, y: 148.75}, cardA6}, {cell{x: 105, y: 148.25, turned: true}, cardA6}},
		rows:   grid([]float64{0, 105}, []float64{0}), across: []float64{105},
		folds: []cut{{foldClear, 148.5, 105 - foldClear, 148.5}}}},
	{&sheet{name: "stand", width: 210, height: 297, w: 210, h: 148.5,
		panels: []panel{{cell{x: wingWidth, y: 0.25}, cardA6}, {cell{x: 0, y: 0.25}, wingPlace}, {cell{x: 210 - wingWidth, y: 0.25}, wingTips}},
		rows:   grid([]float64{0}, []float64{0, 148.5}), down: []float64{148.5},
		folds: []cut{{wingWidth, foldClear, wingWidth, 148.5 - foldClear}, {210 - wingWidth, foldClear, 210 - wingWidth, 148.5 - foldClear}}}},
	{&sheet{name: "tag8", width: 210, height: 297, w: 105, h: 74, panels: whole(tag8),
		rows:   grid([]float64{0, 105}, []float64{0.5, 74.5, 148.5, 222.5}),
		across: []float64{105}, down: []float64{74.5, 148.5, 222.5}}},
	{&sheet{name: "tag10", width: 210, height: 297, w: 105, h: 59.4, panels: whole(tag10),
		rows:   grid([]float64{0, 105}, []float64{0, 59.4, 118.8, 178.2, 237.6}),
		across: []float64{105}, down: []float64{59.4, 118.8, 178.2, 237.6}}},
}

// slip is no placard, and so not among the usual sheets: the tips alone, to be torn off and left.
var slip = Sheet{&sheet{name: "slip", width: 210, height: 297, w: 105, h: 148, panels: whole(tips{cardA6, true}),
	rows: grid([]float64{0, 105}, []float64{0.25, 148.75}), across: []float64{105}, down: []float64{148.5}}}

// foldClear is how far a fold's line stays off the cell's edge, which may be the paper's.
const foldClear = 6

// whole is a cell of one design.
func whole(d design) []panel { return []panel{{design: d}} }

func grid(xs, ys []float64) [][]cell {
	var rows [][]cell
	for _, y := range ys {
		var row []cell
		for _, x := range xs {
			row = append(row, cell{x: x, y: y})
		}
		rows = append(rows, row)
	}
	return rows
}

// Sheets lists every sheet of placards; the first is the usual one.
func Sheets() []Sheet { return slices.Clone(usual) }

// SheetOf is the sheet of that name: one of Sheets, or slip, which shows the placards' owners how to be sure of their
// money and has no codes.
func SheetOf(name string) (Sheet, bool) {
	for _, s := range append(Sheets(), slip) {
		if s.name == name {
			return s, true
		}
	}
	return Sheet{}, false
}

// Name is how people and programs call the sheet; empty for the zero Sheet.
func (s Sheet) Name() string {
	if s.sheet == nil {
		return ""
	}
	return s.name
}

// PerPage is the number of cells on a page.
func (s Sheet) PerPage() int {
	if s.sheet == nil {
		return 0
	}
	return len(s.rows) * len(s.rows[0])
}

// at is the nth cell in reading order, from 0.
func (s Sheet) at(n int) cell {
	columns := len(s.rows[0])
	return s.rows[n/columns][n%columns]
}

// behind is where a card's back goes on its own page, so that paper turned over its long edge has it behind the card.
// Upright paper is turned like a book's page: columns change places. Paper that lies on its side has its long edges above
// and below: columns stay, rows change places, and the back stands on its head, so that a card that is cut out and then
// turned like a page reads upright.
func (s Sheet) behind(at cell) cell {
	if s.width > s.height {
		return cell{x: at.x + s.back.card.w, y: s.height - at.y, turned: true}
	}
	return cell{x: s.width - at.x - s.back.card.w, y: at.y}
}

// lay is what p says on each panel, or the *FieldError of what cannot be printed.
func (s Sheet) lay(p *Placard, look Theme) ([]layout, error) {
	if s.sheet == nil {
		return nil, errNoSheet
	}
	if err := p.checkText(s.unread); err != nil {
		return nil, err
	}
	all := make([]layout, len(s.panels))
	for i, panel := range s.panels {
		var err error
		if all[i], err = panel.design.lay(p, look); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// cut is a line between cells, from crossing to crossing or to the paper's edge; or a fold.
type cut struct{ x1, y1, x2, y2 float64 }

// The marks at both ends of a cut, in millimetres: clear of the crossing, then a line; dots lead from one to the other.
const (
	markClear  = 1.5
	markLength = 3.5
	markEnd    = markClear + markLength
	markWidth  = 0.25
	dotLength  = 0.4
	dotGap     = 2.4
	dotWidth   = 0.12
)

// A fold is a line of dashes, long enough to be told from the dots of a cut; millimetres.
const (
	foldWidth = 0.15
	foldDash  = 3
	foldGap   = 2
)

func (c cut) length() float64 { return c.x2 - c.x1 + c.y2 - c.y1 }

// at is the place so many millimetres from the cut's beginning.
func (c cut) at(d float64) (x, y float64) {
	return c.x1 + (c.x2-c.x1)/c.length()*d, c.y1 + (c.y2-c.y1)/c.length()*d
}

// dots is how far from either end the dots begin: the same distance, with whole dots and gaps between.
func (c cut) dots() float64 {
	n := math.Floor((c.length() - 2*markEnd - dotGap) / (dotLength + dotGap))
	return (c.length() - n*(dotLength+dotGap) + dotGap) / 2
}

// cuts are the lines beside a cell that is in use. Half a sheet that stays white stays free of marks for the next time.
func (s Sheet) cuts(used func(n int) bool) []cut {
	columns := len(s.rows[0])
	xs := append(append([]float64{0}, s.across...), s.width)
	ys := append(append([]float64{0}, s.down...), s.height)
	var all []cut
	for r := range s.rows {
		for i, x := range s.across {
			if n := r*columns + i; used(n) || used(n+1) {
				all = append(all, cut{x, ys[r], x, ys[r+1]})
			}
		}
	}
	for i, y := range s.down {
		for c := range columns {
			if n := i*columns + c; used(n) || used(n+columns) {
				all = append(all, cut{xs[c], y, xs[c+1], y})
			}
		}
	}
	return all
}
