package printing

import (
	"io"
	"time"
)

// Table is figures in lines, on as many A4 pages on their side as it takes: the heading stands on each.
type Table struct {
	Title, Period string
	Name, Place   string
	Mark          string // of provisional figures; empty: of closed ones
	Columns       []TableColumn
	Rows          [][]string // as Columns; no cell loses a letter, however long
	Total         []string
	Notes         []string // method, definitions
	Foot          string   // hash, layout
	Least         float64  // how high a line is at least, in millimetres: room for a name to be signed in it; 0: as high as its words
	Date          string   // line over the signatures, to be filled in
	Signs         []string // who signs below, at most four; none: nobody does
	SignHint      string
	Page          func(n, of int) string
	Made          time.Time // the only date of the file; never zero
	Language      Language
}

// TableColumn is a column: its heading, its part of the width, and whether it holds numbers.
type TableColumn struct {
	Head   string
	Part   float64
	Number bool
	Strong bool
}

const (
	tableWide  = 297 - 2*besides
	tableRight = 297 - besides
	tableEnd   = 210 - 9.0
	cellSize   = 2.8
	cellRoom   = 1.6 // before and after a cell's words
)

// WriteTable writes a table. The same table gives the same bytes.
func WriteTable(w io.Writer, t Table) error { return t.booklet().write(w) }

func (t Table) booklet() booklet {
	pages := t.pages()
	for i, p := range pages {
		end := text{say: spelled(t.Page(i+1, len(pages))), face: faces().regular, size: 2.6, x: tableRight, y: tableEnd, colour: faint}.right()
		p.texts = append(p.texts, end)
		p.line(t.Foot, faces().regular, 2.4, besides, tableEnd, tableWide-end.width()-6, faint)
		p.level(0.2, rule, besides, tableRight, tableEnd-4)
	}
	return booklet{297, 210, t.Made, t.Title + " · " + t.Name + " · " + t.Period, t.Language, pages}
}

func (t Table) pages() (pages []*leaflet) {
	f := faces()
	var p *leaflet
	y := 0.0
	last := tableEnd - 7
	begin := func() {
		p = &leaflet{}
		pages = append(pages, p)
		p.strip(297)
		period := text{say: spelled(t.Period), face: f.heavy, size: 5.4, x: tableRight, y: 22.4, colour: ink}.right()
		p.texts = append(p.texts, period)
		size := 6.4
		if len(pages) > 1 {
			size = 4.6
		}
		y = p.line(t.Name, f.heavy, size, besides, 22.4, tableWide-period.width()-8, ink)
		if len(pages) == 1 {
			y = p.line(t.Title, f.bold, 3.6, besides, y+6, tableWide, leaf)
			y = p.line(t.Place, f.regular, 3.2, besides, y+5, tableWide, faint)
		}
		if t.Mark != "" {
			y = p.line(t.Mark, f.bold, 3.4, besides, y+5.4, tableWide, ink)
		}
		y = t.head(p, y+4)
	}
	begin()
	for _, row := range t.Rows {
		high := t.high(row, f.regular)
		if y+high > last {
			begin()
		}
		t.row(p, row, y, false)
		y += high
		p.level(0.15, rule, besides, tableRight, y)
	}
	if t.Total != nil {
		high := t.high(t.Total, f.bold)
		if y+high > last {
			begin()
		}
		p.level(0.5, ink, besides, tableRight, y)
		t.row(p, t.Total, y, true)
		y += high
	}
	for _, n := range t.Notes {
		lines := f.regular.lines(spelled(n), 2.5, tableWide)
		if y+4.4+float64(len(lines)-1)*leading*2.5 > last {
			p = &leaflet{}
			p.strip(297)
			pages, y = append(pages, p), 18
		}
		y = p.say(n, f.regular, 2.5, besides, y+4.4, tableWide, faint)
	}
	if len(t.Signs) > 0 {
		if y+signsBelow+signsHigh > last {
			p = &leaflet{}
			p.strip(297)
			pages, y = append(pages, p), 18
		}
		t.signs(p, y+signsBelow)
	}
	return pages
}

// The boxes for signatures, and how far below the words above they stand: the line for the day is between.
const (
	signsHigh  = 32.0
	signsBelow = 11.0
)

// signs are boxes for signatures side by side.
func (t Table) signs(p *leaflet, top float64) {
	f := faces()
	const gap = 6.0
	p.line(t.Date, f.regular, 2.8, besides, top-2, tableWide, ink)
	wide := (tableWide - gap*float64(len(t.Signs)-1)) / float64(len(t.Signs))
	for i, who := range t.Signs {
		x := besides + float64(i)*(wide+gap)
		p.frame(0.3, faint, x, top, wide, signsHigh)
		at := p.line(who, f.bold, 3.2, x+3, top+5.2, wide-6, ink)
		p.line(t.SignHint, f.regular, 2.4, x+3, at+4, wide-6, faint)
	}
}

// cells calls put with each column's place and inner width.
func (t Table) cells(put func(i int, x, width float64)) {
	whole := 0.0
	for _, c := range t.Columns {
		whole += c.Part
	}
	x := besides
	for i, c := range t.Columns {
		w := tableWide * c.Part / whole
		put(i, x+cellRoom, w-2*cellRoom)
		x += w
	}
}

// head puts the headings on the page, over a rule, and gives its y.
func (t Table) head(p *leaflet, y float64) float64 {
	f := faces()
	most := 1
	t.cells(func(i int, _, width float64) {
		most = max(most, len(f.bold.lines(spelled(t.Columns[i].Head), 2.7, width)))
	})
	high := 3.6 + float64(most-1)*leading*2.7 + 2.4
	p.boxes = append(p.boxes, box{besides, y, tableWide, high, 0, pale})
	t.cells(func(i int, x, width float64) {
		lines := f.bold.lines(spelled(t.Columns[i].Head), 2.7, width)
		for n, line := range lines {
			at := text{say: line, face: f.bold, size: 2.7, x: x, y: y + 4 + float64(most-len(lines)+n)*leading*2.7, colour: ink}
			if t.Columns[i].Number {
				at.x = x + width
				at = at.right()
			}
			p.texts = append(p.texts, at)
		}
	})
	p.level(0.4, ink, besides, tableRight, y+high)
	return y + high
}

func (t Table) high(row []string, face *face) float64 {
	most := 1
	t.cells(func(i int, _, width float64) { most = max(most, len(face.lines(spelled(row[i]), cellSize, width))) })
	return max(t.Least, 5.8+float64(most-1)*leading*cellSize)
}

func (t Table) row(p *leaflet, row []string, y float64, strong bool) {
	t.cells(func(i int, x, width float64) {
		face := faces().regular
		if strong || t.Columns[i].Strong {
			face = faces().bold
		}
		if !t.Columns[i].Number {
			p.say(row[i], face, cellSize, x, y+4.0, width, ink)
			return
		}
		p.number(row[i], face, cellSize, x+width, y+4.0, width, ink)
	})
}
