package printing

import (
	"bytes"
	"fmt"
	"math"
)

// pageReader follows the operators of one page after the other and collects their symbols. All places are in millimetres
// from the page's top left, down and to the right.
type pageReader struct {
	number   int
	now      state
	saved    []state
	operands []float64
	path     []rectangle
	reach    rectangle // of the path, handles of curves and all
	drawn    bool      // something is in the path
	curved   bool      // the path is not of upright rectangles alone
	clip     bool      // the path becomes the clip once it is painted
	text     bool      // between BT and ET
	found    []Drawn
	painted  []rectangle // all that was painted and is no symbol
	last     curve
	winding  []int16 // room of symbolOf
}

// curve is a path that is no symbol, as it was read. Tiles, a third of a page, are one path over and over, only moved.
type curve struct {
	operators []byte
	m         [6]float64
	reach     rectangle
}

// state is what q saves and Q brings back.
type state struct {
	m    [6]float64 // user space to millimetres from the page's top left
	dark bool       // the fill is black
	line float64    // width
	clip rectangle
}

// symbols are those of a page, counted from 0; they last until the next page's, for a page takes over the room of the
// one before.
func (f *pdfFile) symbols(page int) ([]Drawn, error) {
	content, err := f.content(page)
	if err != nil {
		return nil, err
	}
	r := &f.reader
	*r = pageReader{number: page + 1, saved: r.saved[:0], operands: r.operands[:0],
		path: r.path[:0], found: r.found[:0], painted: r.painted[:0], winding: r.winding}
	r.now = state{m: [6]float64{1 / ptPerMM, 0, 0, -1 / ptPerMM, 0, f.pages[page].height / ptPerMM}, dark: true, line: 1,
		clip: rectangle{math.Inf(-1), math.Inf(-1), math.Inf(1), math.Inf(1), 0}}
	r.clear()
	l, began := lexer{b: content}, 0
	for {
		if !r.drawn && len(r.operands) == 0 {
			if began = l.at; r.again(&l) {
				if err := r.paint("f"); err != nil {
					return nil, err
				}
				continue
			}
		}
		if v, ok := l.number(); ok {
			if len(r.operands) == mostOperands {
				return nil, errTooMuch
			}
			r.operands = append(r.operands, v)
			continue
		}
		token := l.next()
		if token == nil {
			break
		}
		switch token[0] {
		case '/', '(', '[', ']': // names, words, dashes: no shape depends on them
			continue
		}
		if len(token) == 2 && token[0] == 'r' && token[1] == 'e' && len(r.operands) == 4 { // nearly all are: the runs of symbols
			v := r.operands
			err = r.rectangle(v[0], v[1], v[2], v[3])
		} else {
			if r.curved && len(token) == 1 && token[0] == 'f' {
				r.last = curve{content[began:l.at], r.now.m, r.reach}
			}
			err = r.do(token)
		}
		if err != nil {
			return nil, err
		}
		r.operands = r.operands[:0]
	}
	if len(r.saved) > 0 || r.drawn || r.text {
		return nil, fmt.Errorf("%w: it ends in the middle", errNotOurs)
	}
	return r.found, nil
}

// again takes the path that was the last one, if it follows at another place.
func (r *pageReader) again(l *lexer) bool {
	m, was, end := &r.now.m, &r.last.m, l.at+len(r.last.operators)
	if len(r.last.operators) == 0 || m[0] != was[0] || m[1] != was[1] || m[2] != was[2] || m[3] != was[3] ||
		!bytes.HasPrefix(l.b[l.at:], r.last.operators) || end == len(l.b) || kinds[l.b[end]] != isSpace {
		return false
	}
	right, down := m[4]-was[4], m[5]-was[5]
	r.reach = rectangle{r.last.reach.x1 + right, r.last.reach.y1 + down, r.last.reach.x2 + right, r.last.reach.y2 + down, 0}
	r.drawn, r.curved, l.at = true, true, end
	return true
}

// takes is how many numbers come before an operator: any number, -1, before those of lines and words, which are told
// apart by nothing here; false for what our documents do not have.
func takes(operator []byte) (n int, known bool) {
	switch string(operator) {
	case "re":
		return 4, true
	case "m", "l":
		return 2, true
	case "cm", "c":
		return 6, true
	case "q", "Q", "h", "W", "n", "f", "f*", "S", "B", "BT", "ET", "Do":
		return 0, true
	case "g", "w":
		return 1, true
	case "rg":
		return 3, true
	case "G", "RG", "J", "j", "d", "Tc", "Td", "Tf", "Tj":
		return -1, true
	}
	return 0, false
}

func (r *pageReader) do(operator []byte) error {
	n, known := takes(operator)
	v := r.operands
	if !known || n >= 0 && n != len(v) {
		return fmt.Errorf("%w: operator %.10q after %d numbers", errNotOurs, operator, len(v))
	}
	switch string(operator) {
	case "q", "Q", "cm", "g", "rg", "w", "BT", "Do":
		if r.drawn { // PDF has it so; a path is in one state
			return fmt.Errorf("%w: operator %s in a path", errNotOurs, operator)
		}
	}
	switch string(operator) {
	case "q":
		if len(r.saved) == mostDepth {
			return errTooMuch
		}
		r.saved = append(r.saved, r.now)
	case "Q":
		if len(r.saved) == 0 {
			return fmt.Errorf("%w: operator Q without q", errNotOurs)
		}
		r.now, r.saved = r.saved[len(r.saved)-1], r.saved[:len(r.saved)-1]
	case "cm":
		a, m := r.now.m, v
		r.now.m = [6]float64{
			m[0]*a[0] + m[1]*a[2], m[0]*a[1] + m[1]*a[3],
			m[2]*a[0] + m[3]*a[2], m[2]*a[1] + m[3]*a[3],
			m[4]*a[0] + m[5]*a[2] + a[4], m[4]*a[1] + m[5]*a[3] + a[5],
		}
	case "g":
		r.now.dark = v[0] == 0
	case "rg":
		r.now.dark = v[0] == 0 && v[1] == 0 && v[2] == 0
	case "w":
		r.now.line = v[0]
	case "BT", "ET":
		if r.text == (string(operator) == "BT") {
			return fmt.Errorf("%w: operator %s twice", errNotOurs, operator)
		}
		r.text = !r.text
	case "m", "l", "c":
		r.curved = true
		for ; len(v) > 0; v = v[2:] {
			r.point(v[0], v[1])
		}
	case "re":
		return r.rectangle(v[0], v[1], v[2], v[3])
	case "h":
	case "W":
		r.clip = true
	case "Do": // a picture fills the unit square, whatever it shows
		r.curved = true
		for _, corner := range [][2]float64{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
			r.point(corner[0], corner[1])
		}
		return r.paint("f")
	case "n", "f", "f*", "S", "B":
		return r.paint(string(operator))
	}
	return nil
}

// point widens the reach of the path and gives the point's place on the page.
func (r *pageReader) point(x, y float64) (px, py float64) {
	m := &r.now.m
	px, py = m[0]*x+m[2]*y+m[4], m[1]*x+m[3]*y+m[5]
	r.reach.x1, r.reach.x2 = min(r.reach.x1, px), max(r.reach.x2, px)
	r.reach.y1, r.reach.y2 = min(r.reach.y1, py), max(r.reach.y2, py)
	r.drawn = true
	return px, py
}

func (r *pageReader) rectangle(x, y, w, h float64) error {
	x1, y1 := r.point(x, y)
	x2, y2 := r.point(x+w, y+h)
	if m := &r.now.m; !(m[1] == 0 && m[2] == 0) && !(m[0] == 0 && m[3] == 0) {
		r.point(x+w, y)
		r.point(x, y+h)
		r.curved = true
		return nil
	}
	if len(r.path) > mostRectangles {
		return errTooMuch
	}
	winding := 1
	if (w < 0) != (h < 0) {
		winding = -1
	}
	r.path = append(r.path, rectangle{min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), winding})
	return nil
}

// paint ends a path: it may be a symbol, and may not lie over one.
func (r *pageReader) paint(operator string) error {
	defer r.clear()
	if operator != "n" && r.drawn {
		reach := r.reach
		if operator == "S" || operator == "B" { // the line goes beyond the path; by how much at most, a scale tells
			m := &r.now.m
			scale := max(math.Hypot(m[0], m[1]), math.Hypot(m[2], m[3]))
			reach = reach.grown(math.Abs(r.now.line) * scale / 2)
		}
		for _, d := range r.found {
			if reach.meets(d.zone()) {
				return fmt.Errorf("something is drawn over the symbol at %.1f, %.1f mm", d.X, d.Y)
			}
		}
		if (operator == "f" || operator == "f*") && r.now.dark && !r.curved {
			if d, ok := symbolOf(r.path, operator == "f*", &r.winding); ok {
				if c := r.now.clip; !(reach.x1 >= c.x1 && reach.y1 >= c.y1 && reach.x2 <= c.x2 && reach.y2 <= c.y2) {
					return fmt.Errorf("the symbol at %.1f, %.1f mm is cut", d.X, d.Y)
				}
				if len(r.found) == mostPageSymbols {
					return errTooMuch
				}
				for _, under := range r.painted {
					if under.meets(d.zone()) {
						return fmt.Errorf("something lies under the symbol at %.1f, %.1f mm", d.X, d.Y)
					}
				}
				d.Page = r.number
				r.found = append(r.found, d)
				return nil
			}
		}
		if len(r.painted) == mostPainted {
			return errTooMuch
		}
		r.painted = append(r.painted, reach)
	}
	if r.clip {
		if r.curved || len(r.path) != 1 {
			return fmt.Errorf("%w: a clip that is no rectangle", errNotOurs)
		}
		c, p := &r.now.clip, r.path[0]
		c.x1, c.y1, c.x2, c.y2 = max(c.x1, p.x1), max(c.y1, p.y1), min(c.x2, p.x2), min(c.y2, p.y2)
	}
	return nil
}

// clear begins a new path.
func (r *pageReader) clear() {
	r.path = r.path[:0]
	r.reach = rectangle{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1), 0}
	r.drawn, r.curved, r.clip = false, false, false
}

// zone is a symbol with its quiet zone.
func (d Drawn) zone() rectangle {
	return rectangle{d.X, d.Y, d.X + d.side(), d.Y + d.side(), 0}.grown(QuietZone*d.Module - 1e-6)
}

// meets reports whether two areas overlap. It is the other way round, so that a place that is not a number is over everything.
func (r rectangle) meets(o rectangle) bool {
	return !(r.x2 <= o.x1 || o.x2 <= r.x1 || r.y2 <= o.y1 || o.y2 <= r.y1)
}

// grown is r with so many millimetres more on every side.
func (r rectangle) grown(by float64) rectangle {
	return rectangle{r.x1 - by, r.y1 - by, r.x2 + by, r.y2 + by, r.winding}
}
