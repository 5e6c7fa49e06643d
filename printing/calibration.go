package printing

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// calibration is the page's words: Vietnamese, then English.
var calibration = struct {
	title, applied           [2]string
	measure, fold, read, end [2]string
	left, right, up, down    [2]string
}{
	title:   [2]string{"Trang chỉnh máy in", "Printer calibration page"},
	applied: [2]string{"Khổ %s. Trang này đã chỉnh: sang phải %s mm, xuống dưới %s mm.", "Sheet %s. Applied to this page: right %s mm, down %s mm."},
	measure: [2]string{"Đo hai thanh 100 mm bằng thước. Thanh nào không đúng 100 mm thì in lại, chọn cỡ 100 %, đừng chọn vừa trang giấy.",
		"Measure both 100 mm bars. If one is not exactly 100 mm, print again at 100 % (actual size, not fit to page)."},
	fold: [2]string{"Gấp đôi tờ giấy theo chiều ngang rồi mở ra, gấp đôi theo chiều dọc rồi mở ra. Mép phải trùng mép.",
		"Fold the sheet in half one way and open it, then the other way and open it. Edges must meet."},
	read: [2]string{"Ở hai thước giữa trang, đọc số tại chỗ nếp gấp cắt qua. Gõ số của thước ngang vào ô Sang phải, số của thước dọc vào ô Xuống dưới. Có dấu trừ thì gõ cả dấu trừ.",
		"On the two scales in the middle, read where the folds cross them. Type the level scale's number under Right, the upright one's under Down, with its minus if it has one."},
	end: [2]string{"In lại trang này. Hai nếp gấp cắt nhau trong vòng tròn là đã chỉnh xong.",
		"Print this page again. When the folds cross inside the ring, all is well."},
	left: [2]string{"- trái", "left"}, right: [2]string{"+ phải", "right"},
	up: [2]string{"- lên", "up"}, down: [2]string{"+ xuống", "down"},
}

// Calibration writes a page of the sheet's paper by which a person finds a printer's Offset: two bars to measure, rulers
// to two edges, a frame for each cell, and in the middle two scales for folds to cross. All but the scales is moved by
// the offset in force. The scales stay: what is read on them is the whole offset to enter, whatever was entered before.
//
// Errors: a *FieldError of right or down; a plain error for the zero Sheet or date.
func Calibration(w io.Writer, s Sheet, o Offset, made time.Time) error {
	file, err := calibrate(s, o, made, true)
	if err != nil {
		return err
	}
	_, err = w.Write(file)
	return err
}

func calibrate(s Sheet, o Offset, made time.Time, compress bool) ([]byte, error) {
	switch {
	case s.sheet == nil:
		return nil, errNoSheet
	case made.IsZero():
		return nil, errors.New("printing: no date given")
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	c, err := newCanvas(Print{Sheet: s, Made: made, Title: calibration.title[0]}, compress)
	if err != nil {
		return nil, err
	}
	if err := c.page(o, func() error {
		c.frames(s)
		c.rulers(s)
		c.bars(s)
		c.steps(s, o)
		c.scales(s, o)
		return nil
	}); err != nil {
		return nil, err
	}
	return c.finish(false)
}

// strokes draws lines of one width, in millimetres.
func (c *canvas) strokes(width float64, at cell, lines ...cut) {
	c.op("q")
	c.op("G", 0)
	c.op("w", width*ptPerMM)
	for _, l := range lines {
		c.op("m", (at.x+l.x1)*ptPerMM, c.height-(at.y+l.y1)*ptPerMM)
		c.op("l", (at.x+l.x2)*ptPerMM, c.height-(at.y+l.y2)*ptPerMM)
	}
	c.op("S")
	c.op("Q")
}

// frames shows where the cells will be cut, or where the stickers are thought to be, and where they fold.
func (c *canvas) frames(s Sheet) {
	var lines []cut
	for _, x := range s.across {
		lines = append(lines, cut{x, 0, x, s.height})
	}
	for _, y := range s.down {
		lines = append(lines, cut{0, y, s.width, y})
	}
	for n := range s.PerPage() {
		at := s.at(n)
		if len(s.across)+len(s.down) == 0 {
			x, y := at.x+s.w, at.y+s.h
			lines = append(lines, cut{at.x, at.y, x, at.y}, cut{at.x, y, x, y}, cut{at.x, at.y, at.x, y}, cut{x, at.y, x, y})
		}
		c.folds(s.folds, at)
	}
	c.strokes(0.12, cell{}, lines...)
}

// The rulers stand this far from their edges, inside of what any printer reaches; in millimetres.
const rulerAt = 9

// rulers run along two edges from paper's end to paper's end: where they fade, the printer's reach ends. The upright one
// makes way for the level one.
func (c *canvas) rulers(s Sheet) {
	var lines []cut
	var l layout
	number := func(cm int, x, y float64) {
		t := text{say: strconv.Itoa(cm), face: faces().regular, size: 2.6, x: x, y: y}
		l.texts = append(l.texts, t)
	}
	length := func(mm int) float64 {
		switch {
		case mm%10 == 0:
			return 4
		case mm%5 == 0:
			return 2.8
		}
		return 1.6
	}
	for mm := 0; float64(mm) <= s.width; mm++ {
		x := float64(mm)
		lines = append(lines, cut{x, rulerAt, x, rulerAt + length(mm)})
		if mm%10 == 0 && mm > 0 && x < s.width-4 {
			number(mm/10, x+0.5, rulerAt+6)
		}
	}
	for mm := 0; float64(mm) <= s.height; mm++ {
		y := float64(mm)
		if y > rulerAt-2 && y < rulerAt+9 {
			continue
		}
		lines = append(lines, cut{rulerAt, y, rulerAt + length(mm), y})
		if mm%10 == 0 && mm > 0 && y < s.height-4 {
			number(mm/10, rulerAt+4.4, y+2.6)
		}
	}
	c.strokes(0.15, cell{}, lines...)
	l.words(c, cell{})
}

// barLength is that of the bars to be measured, in millimetres.
const barLength = 100

// bars are a level one above the middle and an upright one at the right.
func (c *canvas) bars(s Sheet) {
	x, y := s.width/2-barLength/2, s.height/2-35
	right, top := s.width-22, s.height/2-barLength/2
	c.strokes(0.3, cell{},
		cut{x, y, x + barLength, y}, cut{x, y - 2, x, y + 2}, cut{x + barLength, y - 2, x + barLength, y + 2},
		cut{right, top, right, top + barLength}, cut{right - 2, top, right + 2, top}, cut{right - 2, top + barLength, right + 2, top + barLength})
	label := text{say: "100 mm", face: faces().bold, size: 3.6}
	level, upright := label, label
	level.x, level.y = s.width/2, y-1.5
	upright.x, upright.y, upright.turn = right-1.5, s.height/2+label.width()/2, 1
	ground := box{level.x - label.width()/2 - 1, y - 5.2, label.width() + 2, 5, 0, white} // no frame runs through it
	layout{boxes: []box{ground}, texts: []text{level.centred(), upright}}.words(c, cell{})
}

// steps says what to do, on white so that no frame runs through a word.
func (c *canvas) steps(s Sheet, o Offset) {
	f := faces()
	var l layout
	const left = 22
	width := s.width - left - 34 // clear of the upright bar
	y := 0.0
	line := func(say string, face *face, size, x float64, number string) {
		for i, row := range face.flow(say, size, width-(x-left)) {
			y += 1.3 * size
			l.boxes = append(l.boxes, box{left - 1, y - 1.05*size, x - left + face.width(row, size) + 2, 1.4 * size, 0, white})
			if number != "" && i == 0 {
				l.texts = append(l.texts, text{say: number, face: f.heavy, size: size, x: left, y: y, colour: leaf})
			}
			l.texts = append(l.texts, text{say: row, face: face, size: size, x: x, y: y})
		}
	}
	step := func(number string, say [2]string) {
		line(say[0], f.bold, 3.6, left+6, number)
		line(say[1], f.regular, 2.8, left+6, "")
		y += 2.6
	}
	mm := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	comma := func(v float64) string { return strings.Replace(mm(v), ".", ",", 1) }

	y = 18
	line(calibration.title[0]+" · "+calibration.title[1], f.heavy, 5, left, "")
	y += 1
	line(fmt.Sprintf(calibration.applied[0], s.name, comma(o.Right), comma(o.Down)), f.regular, 3.2, left, "")
	line(fmt.Sprintf(calibration.applied[1], s.name, mm(o.Right), mm(o.Down)), f.regular, 2.8, left, "")
	y += 3
	step("1", calibration.measure)
	y = s.height/2 + 33
	step("2", calibration.fold)
	step("3", calibration.read)
	step("4", calibration.end)
	l.words(c, cell{})
}

// scales are two crossing ones of MaxOffset each way, in halves of a millimetre, about the paper's middle if the printer
// needed no offset; the ring is where the middle of all else is now.
func (c *canvas) scales(s Sheet, o Offset) {
	f := faces()
	right, down := o.dots()
	still := cell{x: s.width/2 - right*mmPerDot, y: s.height/2 - down*mmPerDot}
	var l layout
	l.boxes = append(l.boxes, box{-32, -22, 64, 50, 0, white})
	lines := []cut{{-MaxOffset, 0, MaxOffset, 0}, {0, -MaxOffset, 0, MaxOffset}}
	for i := -2 * MaxOffset; i <= 2*MaxOffset; i++ {
		at, half := float64(i)/2, 0.6
		switch {
		case i%10 == 0:
			half = 2.2
		case i%2 == 0:
			half = 1.2
		}
		if i == 0 {
			continue // the other scale
		}
		lines = append(lines, cut{at, -half, at, half}, cut{-half, at, half, at})
		if i%10 == 0 {
			// Each number has a quarter of its own between the scales.
			t := text{say: strconv.Itoa(i / 2), face: f.bold, size: 2.4}
			level, upright := t, t
			level.x, level.y, upright.x, upright.y = at, 5, -3, at+0.9
			upright = upright.right()
			if i < 0 {
				level.y, upright.x = -3.2, 3
			}
			l.texts = append(l.texts, level.centred(), upright)
		}
	}
	// Arrows at the four ends: which way the drawing moves for such a number.
	const from, to, head = MaxOffset + 2.5, MaxOffset + 7, 1.2
	for _, way := range []struct{ x, y float64 }{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
		x, y := way.x*to, way.y*to
		lines = append(lines, cut{way.x * from, way.y * from, x, y},
			cut{x, y, x - head*(way.x+way.y), y - head*(way.y+way.x)}, cut{x, y, x - head*(way.x-way.y), y - head*(way.y-way.x)})
	}
	words := func(say [2]string, x, y float64, place func(text) text) {
		l.texts = append(l.texts, place(text{say: say[0], face: f.bold, size: 3, x: x, y: y}),
			place(text{say: say[1], face: f.regular, size: 2.4, x: x, y: y + 3.2}))
	}
	words(calibration.left, -to-1.5, 0.2, text.right)
	words(calibration.right, to+1.5, 0.2, func(t text) text { return t })
	words(calibration.up, 2.5, -to+1.2, func(t text) text { return t })
	words(calibration.down, 2.5, to-0.4, func(t text) text { return t })

	layout{boxes: l.boxes}.words(c, still)
	c.strokes(0.12, still, lines...)
	layout{texts: l.texts}.words(c, still)
	c.ring(s.width/2, s.height/2, 0.75)
}

// ring draws a circle about a point, in millimetres.
func (c *canvas) ring(x, y, radius float64) {
	x, y = x*ptPerMM, c.height-y*ptPerMM
	r := radius * ptPerMM
	h := r * arc
	c.op("q")
	c.op("G", 0)
	c.op("w", 0.25*ptPerMM)
	c.op("m", x+r, y)
	for i := range 4 {
		sin, cos := math.Round(math.Sin(float64(i)*math.Pi/2)), math.Round(math.Cos(float64(i)*math.Pi/2))
		at := func(u, v float64) (float64, float64) { return x + u*cos - v*sin, y + u*sin + v*cos }
		x1, y1 := at(r, h)
		x2, y2 := at(h, r)
		x3, y3 := at(0, r)
		c.op("c", x1, y1, x2, y2, x3, y3)
	}
	c.op("S")
	c.op("Q")
}
