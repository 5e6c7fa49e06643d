package printing

import (
	"math"
	"strings"

	"cho40/internal/fault"
)

// LeastModule is the side, in millimetres, below which phones no longer read a module from paper.
const LeastModule = 0.6

// GoodModule is the side, in millimetres, from which phones read a module at arm's length. Between the two a placard is
// printed with a warning.
const GoodModule = 0.9

// QuietZone is the blank margin on each side of a symbol, in modules. ISO/IEC 18004 asks for 4.
const QuietZone = 4

// dotsPerInch is the raster that modules are whole multiples of: that of an office printer, or half of it.
const dotsPerInch = 300

const (
	mmPerInch = 25.4
	mmPerDot  = mmPerInch / dotsPerInch
)

type colour struct{ r, g, b int }

var (
	black    = colour{0, 0, 0}
	white    = colour{255, 255, 255}
	leaf     = colour{0x0b, 0x5d, 0x43} // strip, market, stall box: 7.9 : 1 on white, and dark in grey
	turmeric = colour{0xf2, 0xb6, 0x32} // ground of the instruction
)

// text is one line at its place: x, y is the start of the baseline, in millimetres from the cell's top left.
type text struct {
	say    string
	face   *face
	size   float64 // em, millimetres
	x, y   float64
	turn   int     // quarter turns counter-clockwise
	track  float64 // added after each letter, millimetres; tracked text is not kerned
	colour colour
}

// width is the length of the line in millimetres.
func (t text) width() float64 {
	if t.track == 0 {
		return t.face.width(t.say, t.size)
	}
	w := -t.track
	for _, r := range t.say {
		w += float64(t.face.glyph(r).advance)*t.size/perEm + t.track
	}
	return w
}

// above and below are how far the ink goes from the baseline, in millimetres.
func (t text) above() float64 { return float64(t.face.measure(t.say).above) * t.size / perEm }
func (t text) below() float64 { return float64(t.face.measure(t.say).below) * t.size / perEm }

// centred and right place the line by its middle and by its end instead of its start.
func (t text) centred() text { t.x -= t.width() / 2; return t }
func (t text) right() text   { t.x -= t.width(); return t }

// box is a filled rectangle with round corners.
type box struct {
	x, y, w, h, r float64
	colour        colour
}

// petals is a row of cement tiles, four petals in each, square and side by side.
type petals struct {
	x, y, tile float64
	n          int
	colour     colour
}

// symbol is where the code goes: its middle, and the side of a module in dots.
type symbol struct {
	x, y float64
	dots int
}

// side is the symbol's breadth in millimetres, without the quiet zone or with it.
func (s symbol) side(modules int) float64  { return float64(s.dots*modules) * mmPerDot }
func (s symbol) quiet(modules int) float64 { return s.side(modules + 2*QuietZone) }

// layout is all that a card shows, in the order in which it is drawn. A code of no dots is none.
type layout struct {
	strips   []petals
	boxes    []box
	logo     box // where the theme's logo goes; without width: none
	texts    []text
	outlines []outline
	code     symbol
}

// design is a kind of card: it places what a placard says in the theme's look, or gives the *FieldError of what it has no room for.
type design interface {
	lay(p *Placard, t Theme) (layout, error)
}

// place centres a symbol in a box, both in millimetres. band, in dots, is what symbol and quiet zone may cover
// together: a small symbol has broad modules, and its quiet zone would otherwise reach the words around it.
func place(code Modules, x, y, side float64, band int) (symbol, error) {
	n := code.Size()
	dots := min(int(side/float64(n)/mmPerDot), band/(n+2*QuietZone))
	if module := float64(dots) * mmPerDot; module < LeastModule {
		return symbol{}, &FieldError{"code", "module-small",
			fault.Say("The code's squares would be %.2f mm, too small to scan. Choose a larger size.", module)}
	}
	return symbol{x, y, dots}, nil
}

// step is how finely type is tried, in millimetres.
const step = 0.4

// shrink is the first size from most down to least at which fits is true.
func shrink(most, least float64, fits func(size float64) bool) (float64, bool) {
	for i := 0; ; i++ {
		size := max(most-float64(i)*step, least)
		if fits(size) {
			return size, true
		}
		if size == least {
			return 0, false
		}
	}
}

// fit is the largest size from most down to least at which each line stays within width.
func (f *face) fit(width, most, least float64, lines ...string) (size float64, ok bool) {
	broadest := 0.0
	for _, l := range lines {
		broadest = max(broadest, f.width(l, 1))
	}
	return shrink(most, least, func(size float64) bool { return broadest*size <= width })
}

// wrap breaks text at spaces into n lines, or fewer when there are too few words, such that the broadest line is as
// narrow as can be; of equals, the upper lines are the shorter.
func (f *face) wrap(say string, n int) []string {
	words := strings.Fields(say)
	if n = min(n, len(words)); n <= 1 {
		return []string{strings.Join(words, " ")}
	}
	var best []string
	least := math.MaxInt
	for i := 1; i <= len(words)-n+1; i++ {
		lines := append([]string{strings.Join(words[:i], " ")}, f.wrap(strings.Join(words[i:], " "), n-1)...)
		broadest := 0
		for _, l := range lines {
			broadest = max(broadest, f.measure(l).width)
		}
		if broadest < least {
			least, best = broadest, lines
		}
	}
	return best
}

// flow breaks text at spaces into as few lines of that size as stay within width, in millimetres; a word that is broader
// has a line of its own.
func (f *face) flow(say string, size, width float64) []string {
	var lines []string
	for _, word := range strings.Fields(say) {
		if n := len(lines) - 1; n >= 0 && f.width(lines[n]+" "+word, size) <= width {
			lines[n] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// line is where a line stands and how large it is at most: baseline and em, millimetres.
type line struct{ y, size float64 }

func (l line) times(k float64) line { return line{k * l.y, k * l.size} }

// area is a rectangle in millimetres.
type area struct{ x1, y1, x2, y2 float64 }
