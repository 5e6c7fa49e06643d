package printing

import (
	"fmt"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// outline is a line drawn as shapes, for a script whose letters change with their neighbours: the PDF library cannot
// set it. x, y is the start of the baseline, in millimetres from the cell's top left.
type outline struct {
	shape  sfnt.Segments // thousandths of the em, to the right and down
	extent extent
	size   float64 // em, millimetres
	x, y   float64
	colour colour
}

// width, above and below are the outline's extent in millimetres.
func (o outline) width() float64 { return float64(o.extent.width) * o.size / perEm }
func (o outline) above() float64 { return float64(o.extent.above) * o.size / perEm }
func (o outline) below() float64 { return float64(o.extent.below) * o.size / perEm }

// emPart is a coordinate of a shape as a part of the em.
func emPart(v fixed.Int26_6) float64 { return float64(v) / 64 / perEm }

// outline fills the shape in whole thousandths of its em: the same line on the next card is the same text, and takes
// next to no room in the file.
func (c *canvas) outline(o outline, at cell) {
	unit := o.size * ptPerMM / perEm
	c.op("q")
	c.fill(o.colour)
	c.buf = fmt.Appendf(c.buf, "%.6f 0 0 %.6f %.3f %.3f cm\n", unit, -unit, (at.x+o.x)*ptPerMM, c.height-(at.y+o.y)*ptPerMM)
	var last [2]float64
	for _, s := range o.shape {
		var v [6]float64
		for i, p := range s.Args {
			v[2*i], v[2*i+1] = float64(p.X.Round()), float64(p.Y.Round())
		}
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			c.op("m", v[:2]...)
			copy(last[:], v[:2])
		case sfnt.SegmentOpLineTo:
			c.op("l", v[:2]...)
			copy(last[:], v[:2])
		case sfnt.SegmentOpQuadTo: // PDF knows cubic curves only; these are the same curve's handles
			third := func(end, handle float64) float64 { return math.Round((end + 2*handle) / 3) }
			c.op("c", third(last[0], v[0]), third(last[1], v[1]), third(v[2], v[0]), third(v[3], v[1]), v[2], v[3])
			copy(last[:], v[2:4])
		case sfnt.SegmentOpCubeTo:
			c.op("c", v[:]...)
			copy(last[:], v[4:])
		}
	}
	c.op("f")
	c.op("Q")
}

func (c *pixels) outline(o outline, at cell) {
	for _, s := range o.shape {
		var points [3]point
		for i, p := range s.Args {
			points[i] = point{at.x + o.x + emPart(p.X)*o.size, at.y + o.y + emPart(p.Y)*o.size}
		}
		c.add(s.Op, points[:]...)
	}
	c.fill(o.colour)
}
