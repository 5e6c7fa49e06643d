package printing

import (
	"image"
	"image/color"
	"math"

	"cho40/internal/fault"

	"golang.org/x/image/draw"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// What a picture may be: as broad as a small phone to as sharp as print, and a preview from a thumbnail to the
// printer's own raster.
const (
	LeastWidth, MostWidth           = 300, 4000 // pixels
	LeastResolution, MostResolution = 36, 300   // dots per inch
)

// leastPixels is the side, in pixels, below which a phone does not read a module from another's screen.
const leastPixels = 2

// Picture is one placard alone, as it stands on the sheet, for a phone's screen or a message: width pixels broad, each
// module whole pixels of pure black on pure white. It has few colours, so that png.Encode makes a small file of it.
// The error is a *FieldError as of Check, or of the field "width" where the code has no room to be read.
func Picture(p Placard, s Sheet, look Theme, width int) (*image.Paletted, error) {
	if err := look.Check(); err != nil {
		return nil, err
	}
	panels, err := s.lay(&p, look)
	if err != nil {
		return nil, err
	}
	if width < LeastWidth || width > MostWidth {
		return nil, &FieldError{"width", "range", fault.Say("A picture is %d to %d pixels wide.", LeastWidth, MostWidth)}
	}
	c := newPixels(s.w, s.h, float64(width)/s.w, look)
	for i, l := range panels {
		if l.code.dots > 0 && c.module(l.code) < leastPixels {
			return nil, &FieldError{"width", "range", fault.Say("The code would be too small to scan. Choose a wider picture.")}
		}
		l.draw(c, p.Code, s.panels[i].at.in(cell{}))
	}
	return c.img, nil
}

// Preview is a page, counted from 1, as Write prints it, with the cells that are used up hatched. Modules are whole
// pixels, so that a code may be a little smaller than on paper, and the offset is left out: it is there so that paper comes out as shown. The error is that of Write, or a *FieldError of "page"
// or "resolution".
func Preview(p Print, placards []Placard, page, dotsPerInch int) (*image.Paletted, error) {
	pages, err := p.pages(len(placards))
	if err != nil {
		return nil, err
	}
	if page < 1 || page > pages {
		return nil, &FieldError{"page", "range", fault.Say("There is no page %d; the last is %d.", page, pages)}
	}
	if dotsPerInch < LeastResolution || dotsPerInch > MostResolution {
		return nil, &FieldError{"resolution", "range",
			fault.Say("A preview has %d to %d dots per inch.", LeastResolution, MostResolution)}
	}
	if err := p.Theme.Check(); err != nil {
		return nil, err
	}
	c := newPixels(p.Sheet.width, p.Sheet.height, float64(dotsPerInch)/mmPerInch, p.Theme)
	if page == 1 {
		for n := range p.Skip {
			c.hatch(p.Sheet.at(n), p.Sheet.w, p.Sheet.h)
		}
	}
	if err := p.draw(c, placards, page-1); err != nil {
		return nil, err
	}
	return c.img, nil
}

// pixels is a surface of pixels. Its palette grows with what is drawn: edges are mixed in levels steps, so that the
// placard's few colours stay few.
type pixels struct {
	img    *image.Paletted
	perMM  float64
	mixes  map[mix]uint8
	raster vector.Rasterizer
	mask   image.Alpha
	glyphs sfnt.Buffer
	path   []segment
	look   Theme
	head   *cell // where the top left of what is drawn on its head lies; nil: all is upright
}

// levels are the steps from ground to colour at an edge.
const levels = 15

// mix is a ground, the colour laid on it and how much of that.
type mix struct{ ground, over, level uint8 }

// segment is a part of a path: a move, a line, a curve. The last point is where it ends.
type segment struct {
	op     sfnt.SegmentOp
	points [3]point
}

type point struct{ x, y float64 }

func newPixels(width, height, perMM float64, look Theme) *pixels {
	c := &pixels{perMM: perMM, look: look, mixes: map[mix]uint8{}}
	c.img = image.NewPaletted(image.Rect(0, 0, int(math.Round(width*perMM)), int(math.Round(height*perMM))), nil)
	c.index(white) // the first, and so the ground
	return c
}

// index is the place of a colour in the palette. When that is full, the nearest must do.
func (c *pixels) index(k colour) uint8 {
	rgb := color.RGBA{uint8(k.r), uint8(k.g), uint8(k.b), 255}
	for i, have := range c.img.Palette {
		if have == rgb {
			return uint8(i)
		}
	}
	if len(c.img.Palette) < 256 {
		c.img.Palette = append(c.img.Palette, rgb)
		return uint8(len(c.img.Palette) - 1)
	}
	return uint8(c.img.Palette.Index(rgb))
}

// mixed is the palette's place of over laid on ground.
func (c *pixels) mixed(m mix) uint8 {
	i, known := c.mixes[m]
	if !known {
		under, over := c.img.Palette[m.ground].(color.RGBA), c.img.Palette[m.over].(color.RGBA)
		between := func(a, b uint8) int { return (int(a)*(levels-int(m.level)) + int(b)*int(m.level) + levels/2) / levels }
		i = c.index(colour{between(under.R, over.R), between(under.G, over.G), between(under.B, over.B)})
		c.mixes[m] = i
	}
	return i
}

// to, line and curve write the path, in millimetres.
func (c *pixels) to(x, y float64)   { c.add(sfnt.SegmentOpMoveTo, point{x, y}) }
func (c *pixels) line(x, y float64) { c.add(sfnt.SegmentOpLineTo, point{x, y}) }
func (c *pixels) curve(x1, y1, x2, y2, x3, y3 float64) {
	c.add(sfnt.SegmentOpCubeTo, point{x1, y1}, point{x2, y2}, point{x3, y3})
}

func (c *pixels) add(op sfnt.SegmentOp, points ...point) {
	s := segment{op: op}
	for i, p := range points {
		p = c.upright(p)
		s.points[i] = point{p.x * c.perMM, p.y * c.perMM}
	}
	c.path = append(c.path, s)
}

// upright is where a point lies on the surface, in millimetres.
func (c *pixels) upright(p point) point {
	if c.head == nil {
		return p
	}
	return point{c.head.x - p.x, c.head.y - p.y}
}

func (c *pixels) turned(at cell, draw func()) {
	c.head = &at
	draw()
	c.head = nil
}

// operands is the number of points of each kind of segment.
var operands = [...]int{sfnt.SegmentOpMoveTo: 1, sfnt.SegmentOpLineTo: 1, sfnt.SegmentOpQuadTo: 2, sfnt.SegmentOpCubeTo: 3}

// fill paints the path and begins a new one.
func (c *pixels) fill(k colour) {
	least, most := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, s := range c.path {
		for _, p := range s.points[:operands[s.op]] {
			least = point{min(least.x, p.x), min(least.y, p.y)}
			most = point{max(most.x, p.x), max(most.y, p.y)}
		}
	}
	defer func() { c.path = c.path[:0] }()
	area := image.Rect(int(math.Floor(least.x)), int(math.Floor(least.y)), int(math.Ceil(most.x)), int(math.Ceil(most.y)))
	if len(c.path) == 0 || area.Empty() {
		return
	}
	c.raster.Reset(area.Dx(), area.Dy())
	at := func(p point) (x, y float32) {
		return float32(p.x - float64(area.Min.X)), float32(p.y - float64(area.Min.Y))
	}
	for _, s := range c.path {
		x1, y1 := at(s.points[0])
		x2, y2 := at(s.points[1])
		x3, y3 := at(s.points[2])
		switch s.op {
		case sfnt.SegmentOpMoveTo:
			c.raster.ClosePath()
			c.raster.MoveTo(x1, y1)
		case sfnt.SegmentOpLineTo:
			c.raster.LineTo(x1, y1)
		case sfnt.SegmentOpQuadTo:
			c.raster.QuadTo(x1, y1, x2, y2)
		case sfnt.SegmentOpCubeTo:
			c.raster.CubeTo(x1, y1, x2, y2, x3, y3)
		}
	}
	c.raster.ClosePath()
	if need := area.Dx() * area.Dy(); cap(c.mask.Pix) < need {
		c.mask.Pix = make([]uint8, need)
	}
	c.mask.Stride, c.mask.Rect = area.Dx(), image.Rect(0, 0, area.Dx(), area.Dy())
	c.mask.Pix = c.mask.Pix[:area.Dx()*area.Dy()]
	clear(c.mask.Pix)
	c.raster.Draw(&c.mask, c.mask.Rect, image.Opaque, image.Point{})

	over := c.index(k)
	inside := area.Intersect(c.img.Rect)
	for y := inside.Min.Y; y < inside.Max.Y; y++ {
		row := c.img.Pix[c.img.PixOffset(inside.Min.X, y):][:inside.Dx()]
		cover := c.mask.Pix[(y-area.Min.Y)*c.mask.Stride+inside.Min.X-area.Min.X:]
		for x := range row {
			switch level := (int(cover[x])*levels + 127) / 255; level {
			case 0:
			case levels:
				row[x] = over
			default:
				row[x] = c.mixed(mix{row[x], over, uint8(level)})
			}
		}
	}
}

func (c *pixels) box(b box, at cell) {
	x1, y1 := at.x+b.x, at.y+b.y
	x2, y2 := x1+b.w, y1+b.h
	r, k := b.r, b.r*(1-arc)
	c.to(x1+r, y1)
	c.line(x2-r, y1)
	c.curve(x2-k, y1, x2, y1+k, x2, y1+r)
	c.line(x2, y2-r)
	c.curve(x2, y2-k, x2-k, y2, x2-r, y2)
	c.line(x1+r, y2)
	c.curve(x1+k, y2, x1, y2-k, x1, y2-r)
	c.line(x1, y1+r)
	c.curve(x1, y1+k, x1+k, y1, x1+r, y1)
	c.fill(b.colour)
}

func (c *pixels) petals(s petals, at cell) {
	r := s.tile / 2
	h := r * arc
	for i := range s.n {
		x0, y0 := at.x+s.x+float64(2*i+1)*r, at.y+s.y+r
		for _, corner := range [][2]float64{{1, 1}, {-1, 1}, {-1, -1}, {1, -1}} {
			x, y := corner[0], corner[1]
			c.to(x0, y0)
			c.curve(x0+x*h, y0, x0+x*r, y0+y*(r-h), x0+x*r, y0+y*r)
			c.curve(x0+x*(r-h), y0+y*r, x0, y0+y*h, x0, y0)
		}
	}
	c.fill(s.colour)
}

func (c *pixels) text(t text, at cell) {
	var last rune
	advance := 0.0 // millimetres
	for i, r := range t.say {
		if i > 0 && t.track == 0 {
			advance += float64(t.face.kern(last, r)) * t.size / perEm
		}
		c.glyph(t, r, advance, at)
		advance += float64(t.face.glyph(r).advance)*t.size/perEm + t.track
		last = r
	}
	c.fill(t.colour)
}

// glyph adds a letter that begins so far along its line to the path. Check has seen that the face has it.
func (c *pixels) glyph(t text, r rune, advance float64, at cell) {
	index, err := t.face.font.GlyphIndex(&c.glyphs, r)
	if err != nil {
		return
	}
	shape, err := t.face.font.LoadGlyph(&c.glyphs, index, fixed.I(perEm), nil)
	if err != nil {
		return
	}
	for _, s := range shape {
		var points [3]point
		for i, p := range s.Args {
			along, down := advance+emPart(p.X)*t.size, emPart(p.Y)*t.size
			switch t.turn {
			case 1:
				along, down = down, -along
			case -1:
				along, down = -down, along
			}
			points[i] = point{at.x + t.x + along, at.y + t.y + down}
		}
		c.add(s.Op, points[:]...)
	}
}

// module is the side of a module in whole pixels.
func (c *pixels) module(s symbol) int { return max(1, int(float64(s.dots)*mmPerDot*c.perMM+1e-9)) }

func (c *pixels) symbol(s symbol, code Modules, at cell) {
	n, module := code.Size(), c.module(s)
	corner := func(middle float64) int { return int(math.Round(middle*c.perMM - float64(n*module)/2)) }
	left, top := corner(at.x+s.x), corner(at.y+s.y)
	dark := code.Dark
	if at.turned {
		left, top = corner(at.x-s.x), corner(at.y-s.y)
		dark = func(x, y int) bool { return code.Dark(n-1-x, n-1-y) }
	}
	over := c.index(black)
	for y := range n {
		for x := range n {
			if !dark(x, y) {
				continue
			}
			at := image.Pt(left+x*module, top+y*module)
			square := image.Rectangle{at, at.Add(image.Pt(module, module))}.Intersect(c.img.Rect)
			for row := square.Min.Y; row < square.Max.Y; row++ {
				for i := c.img.PixOffset(square.Min.X, row); i < c.img.PixOffset(square.Max.X, row); i++ {
					c.img.Pix[i] = over
				}
			}
		}
	}
}

func (c *pixels) cutMarks(cuts []cut) {
	for _, cut := range cuts {
		stroke := func(from, to, width float64) {
			x1, y1 := cut.at(from)
			x2, y2 := cut.at(to)
			across, down := width/2, 0.0
			if cut.y1 == cut.y2 {
				across, down = 0, width/2
			}
			c.box(box{x: x1 - across, y: y1 - down, w: x2 - x1 + 2*across, h: y2 - y1 + 2*down, colour: black}, cell{})
		}
		length, from := cut.length(), cut.dots()
		stroke(markClear, markEnd, markWidth)
		stroke(length-markEnd, length-markClear, markWidth)
		for d := from; d < length-from; d += dotLength + dotGap {
			stroke(d, min(d+dotLength, length-from), dotWidth)
		}
	}
}

// logo samples the theme's picture, which is larger than its place on any screen.
func (c *pixels) logo(b box, at cell) {
	a, z := c.upright(point{at.x + b.x, at.y + b.y}), c.upright(point{at.x + b.x + b.w, at.y + b.y + b.h})
	px := func(mm float64) int { return int(math.Round(mm * c.perMM)) }
	area := image.Rect(px(a.x), px(a.y), px(z.x), px(z.y))
	scaled := image.NewRGBA(image.Rect(0, 0, area.Dx(), area.Dy()))
	draw.Draw(scaled, scaled.Rect, image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(scaled, scaled.Rect, c.look.Logo, c.look.Logo.Bounds(), draw.Over, nil)
	for y := range area.Dy() {
		for x := range area.Dx() {
			from := scaled.RGBAAt(x, y)
			if c.head != nil {
				from = scaled.RGBAAt(area.Dx()-1-x, area.Dy()-1-y)
			}
			// Steps of a sixteenth: a photograph would fill the palette.
			k := colour{int(from.R) / 17 * 17, int(from.G) / 17 * 17, int(from.B) / 17 * 17}
			if p := image.Pt(area.Min.X+x, area.Min.Y+y); p.In(c.img.Rect) {
				c.img.Pix[c.img.PixOffset(p.X, p.Y)] = c.index(k)
			}
		}
	}
}

func (c *pixels) folds(folds []cut, at cell) {
	for _, f := range folds {
		for d := 0.0; d < f.length(); d += foldDash + foldGap {
			x1, y1 := f.at(d)
			x2, y2 := f.at(min(d+foldDash, f.length()))
			across, down := foldWidth/2, 0.0
			if f.y1 == f.y2 {
				across, down = 0, foldWidth/2
			}
			c.box(box{x: x1 - across, y: y1 - down, w: x2 - x1 + 2*across, h: y2 - y1 + 2*down, colour: black}, at)
		}
	}
}

// hatch marks a cell that holds a placard already: thin lines, so light that nobody takes them for ink.
func (c *pixels) hatch(at cell, width, height float64) {
	const gap, thin = 6, 0.5 // millimetres
	over := c.index(colour{0xdd, 0xdd, 0xdd})
	px := func(mm float64) int { return int(math.Round(mm * c.perMM)) }
	area := image.Rect(px(at.x), px(at.y), px(at.x+width), px(at.y+height)).Intersect(c.img.Rect)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if math.Mod(float64(x+y)/c.perMM, gap) < thin {
				c.img.Pix[c.img.PixOffset(x, y)] = over
			}
		}
	}
}
