package printing

import "slices"

// Sheet is a way to cut paper into placards. The zero Sheet is none; take one from SheetOf or Sheets.
type Sheet struct{ *sheet }

type sheet struct {
	name          string
	width, height float64 // of the paper, millimetres
	design        design
	rows          [][]cell  // from the top, each from the left; all rows are of one length
	across, down  []float64 // x and y of the cuts between columns and rows, millimetres
}

// cell is the place of a card: its top left in millimetres.
type cell struct{ x, y float64 }

var sheets = []Sheet{
	{&sheet{name: "a6x4", width: 210, height: 297, design: cardA6,
		rows: grid([]float64{0, 105}, []float64{0.25, 148.75}), across: []float64{105}, down: []float64{148.5}}},
	{&sheet{name: "a5x2", width: 297, height: 210, design: cardA5,
		rows: grid([]float64{0, 148.5}, []float64{0}), across: []float64{148.5}}},
	{&sheet{name: "a4x1", width: 210, height: 297, design: cardA4,
		rows: grid([]float64{0}, []float64{0})}},
	{&sheet{name: "tag8", width: 210, height: 297, design: tag8,
		rows:   grid([]float64{0, 105}, []float64{0.5, 74.5, 148.5, 222.5}),
		across: []float64{105}, down: []float64{74.5, 148.5, 222.5}}},
	{&sheet{name: "tag10", width: 210, height: 297, design: tag10,
		rows:   grid([]float64{0, 105}, []float64{0, 59.4, 118.8, 178.2, 237.6}),
		across: []float64{105}, down: []float64{59.4, 118.8, 178.2, 237.6}}},
}

func grid(xs, ys []float64) [][]cell {
	var rows [][]cell
	for _, y := range ys {
		var row []cell
		for _, x := range xs {
			row = append(row, cell{x, y})
		}
		rows = append(rows, row)
	}
	return rows
}

// Sheets lists every sheet; the first is the usual one.
func Sheets() []Sheet { return slices.Clone(sheets) }

// SheetOf is the sheet of that name: a6x4, a5x2, a4x1, tag8, tag10.
func SheetOf(name string) (Sheet, bool) {
	for _, s := range sheets {
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

// lay is the card of p, or the *FieldError of what cannot be printed.
func (s Sheet) lay(p *Placard) (layout, error) {
	if s.sheet == nil {
		return layout{}, errNoSheet
	}
	if err := p.checkText(); err != nil {
		return layout{}, err
	}
	return s.design.lay(p)
}

// cut is a line between cells, from crossing to crossing or to the paper's edge.
type cut struct{ x1, y1, x2, y2 float64 }

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
