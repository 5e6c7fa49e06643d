package printing

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ReportLayout counts how reports and tables of figures are laid out: it stands on each of them beside the hash of their figures, and
// becomes another number whenever the same figures would give another file.
const ReportLayout = 1

// The margins of reports and tables, in millimetres.
const (
	besides = 15.0
	topmost = 10.0
)

// stroke is a line through points, in millimetres from the page's top left.
type stroke struct {
	points [][2]float64
	width  float64
	colour colour
	dash   []float64 // on, off; nil: unbroken
}

// leaflet is one page of a report or a table, drawn in this order.
type leaflet struct {
	petals  []petals
	boxes   []box
	strokes []stroke
	texts   []text
}

var (
	ink   = colour{0x17, 0x24, 0x1d}
	faint = colour{0x4a, 0x57, 0x4f}
	rule  = colour{0x9a, 0x9a, 0x9a}
	pale  = colour{0xe6, 0xe6, 0xe6}
)

// spelled is a text that the faces can draw, no letter of it lost: one that they do not have stands there by its number.
func spelled(s string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(s) {
		switch {
		case r == ' ' || unicode.IsSpace(r):
			b.WriteByte(' ')
		case r == '−':
			b.WriteRune('–')
		case r == utf8.RuneError || !faces().drawable(r):
			fmt.Fprintf(&b, "(U+%04X)", r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// lines breaks a text at spaces, and a word that is broader than the width within it, so that no line is.
func (f *face) lines(say string, size, width float64) []string {
	var words []string
	for _, word := range strings.Fields(say) {
		part := ""
		for _, r := range word {
			if part != "" && f.width(part+string(r), size) > width {
				words = append(words, part)
				part = ""
			}
			part += string(r)
		}
		words = append(words, part)
	}
	return f.flow(strings.Join(words, " "), size, width)
}

// say puts a text on the page from a baseline downwards, and gives the baseline of its last line.
func (p *leaflet) say(what string, f *face, size, x, y, width float64, k colour) float64 {
	for i, line := range f.lines(spelled(what), size, width) {
		if i > 0 {
			y += leading * size
		}
		p.texts = append(p.texts, text{say: line, face: f, size: size, x: x, y: y, colour: k})
	}
	return y
}

// leading is how far lines stand apart, in type sizes: Ẫ and Ệ need the room.
const leading = 1.32

// line puts a text on one line, smaller where it would be too wide, broken below that; and gives the baseline of its last line.
func (p *leaflet) line(what string, f *face, size, x, y, width float64, k colour) float64 {
	fits, ok := f.fit(width, size, 0.75*size, spelled(what))
	if !ok {
		fits = 0.75 * size
	}
	return p.say(what, f, fits, x, y, width, k)
}

// number puts a short text at its end, smaller where it would be too wide.
func (p *leaflet) number(what string, f *face, size, right, y, width float64, k colour) {
	t := text{say: spelled(what), face: f, size: size, x: right, y: y, colour: k}
	if w := t.width(); w > width {
		t.size *= width / w
	}
	p.texts = append(p.texts, t.right())
}

func (p *leaflet) stroke(width float64, k colour, dash []float64, points ...[2]float64) {
	p.strokes = append(p.strokes, stroke{points, width, k, dash})
}

// level is a line across, frame one around.
func (p *leaflet) level(width float64, k colour, x1, x2, y float64) {
	p.stroke(width, k, nil, [2]float64{x1, y}, [2]float64{x2, y})
}

func (p *leaflet) frame(width float64, k colour, x, y, w, h float64) {
	p.stroke(width, k, nil, [2]float64{x, y}, [2]float64{x + w, y}, [2]float64{x + w, y + h}, [2]float64{x, y + h}, [2]float64{x, y - width/2})
}

// bar is a share of a whole, black in a frame; nothing where there is no whole.
func (p *leaflet) bar(x, y, w, h float64, part, whole int, k colour) {
	p.boxes = append(p.boxes, box{x, y, w, h, 0, pale})
	if whole > 0 && part > 0 {
		p.boxes = append(p.boxes, box{x, y, w * float64(part) / float64(whole), h, 0, k})
	}
}

func (c *canvas) leaflet(p *leaflet) {
	for _, s := range p.petals {
		c.petals(s, cell{})
	}
	for _, b := range p.boxes {
		c.box(b, cell{})
	}
	for _, s := range p.strokes {
		c.op("q")
		if s.colour.r == s.colour.g && s.colour.g == s.colour.b {
			c.op("G", float64(s.colour.r)/255)
		} else {
			c.buf = fmt.Appendf(c.buf, "%.3f %.3f %.3f RG\n", float64(s.colour.r)/255, float64(s.colour.g)/255, float64(s.colour.b)/255)
		}
		c.op("w", s.width*ptPerMM)
		c.buf = append(c.buf, '[')
		for _, d := range s.dash {
			c.buf = append(appendNumber(c.buf, d*ptPerMM), ' ')
		}
		c.buf = append(c.buf, "] 0 d\n"...)
		for i, at := range s.points {
			operator := "l"
			if i == 0 {
				operator = "m"
			}
			c.op(operator, at[0]*ptPerMM, c.height-at[1]*ptPerMM)
		}
		c.op("S")
		c.op("Q")
	}
	for _, t := range p.texts {
		c.text(t, cell{})
	}
}

// booklet is pages of a paper as a PDF.
type booklet struct {
	width, height float64
	made          time.Time // the only date of the file; never zero
	title         string
	language      Language
	pages         []*leaflet
}

func (b booklet) write(w io.Writer) error {
	whole, err := b.file(true)
	if err != nil {
		return err
	}
	_, err = w.Write(whole)
	return err
}

func (b booklet) file(compress bool) ([]byte, error) {
	if b.made.IsZero() {
		return nil, errors.New("printing: no date given")
	}
	c, err := newCanvas(Print{Sheet: Sheet{&sheet{width: b.width, height: b.height}}, Made: b.made, Title: spelled(b.title)}, compress)
	if err != nil {
		return nil, err
	}
	c.language = b.language
	for _, p := range b.pages {
		if err := c.page(Offset{}, func() error { c.leaflet(p); return nil }); err != nil {
			return nil, err
		}
	}
	return c.finish(false)
}

// strip is the row of tiles over a page.
func (p *leaflet) strip(width float64) {
	n := math.Round((width - 2*besides) / 4)
	p.petals = append(p.petals, petals{besides, topmost, (width - 2*besides) / n, int(n), leaf})
}
