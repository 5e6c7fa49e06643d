package photo

import (
	"math"
	"sync"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
)

type point struct{ x, y float64 }

func (p point) plus(o point, times float64) point { return point{p.x + times*o.x, p.y + times*o.y} }
func (p point) minus(o point) point               { return point{p.x - o.x, p.y - o.y} }

// quad are the middles of the three finder patterns and of the fourth that a code does not have: top left, top right,
// bottom right, bottom left. They fix how the modules of a flat code lie in the picture.
type quad [4]point

// lens maps a module's column and row to the picture.
type lens struct{ ax, bx, cx, ay, by, cy, g, h float64 }

// lensOf is the perspective that takes a square of side modules, whose corner is 3.5 modules into the code, to a quad.
func lensOf(q quad, side float64) lens {
	d1, d2 := q[1].minus(q[2]), q[3].minus(q[2])
	s := q[0].minus(q[1]).plus(q[2].minus(q[3]), 1)
	det := d1.x*d2.y - d2.x*d1.y
	g, h := (s.x*d2.y-d2.x*s.y)/det, (d1.x*s.y-s.x*d1.y)/det
	return lens{
		ax: (q[1].x - q[0].x + g*q[1].x) / side, bx: (q[3].x - q[0].x + h*q[3].x) / side, cx: q[0].x,
		ay: (q[1].y - q[0].y + g*q[1].y) / side, by: (q[3].y - q[0].y + h*q[3].y) / side, cy: q[0].y,
		g: g / side, h: h / side,
	}
}

func (l lens) at(u, v float64) (x, y float64) {
	u, v = u-3.5, v-3.5
	w := 1 / (l.g*u + l.h*v + 1)
	return (l.ax*u + l.bx*v + l.cx) * w, (l.ay*u + l.by*v + l.cy) * w
}

// inFront reports whether no corner of the code comes near the horizon, where a perspective has no places.
func (l lens) inFront(dim int) bool {
	for _, c := range [4]point{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		if w := l.g*(c.x*float64(dim)-3.5) + l.h*(c.y*float64(dim)-3.5) + 1; !(w > 0.1) {
			return false
		}
	}
	return true
}

// known is a module whose colour is the same in every code of a size.
type known struct {
	u, v float64 // its middle
	dark bool
}

// knownOf lists them for a code of dim modules: the timing lines, the alignment
// patterns, and last, since three middles are known to be right, the finder patterns with their margins.
func knownOf(dim int) []known { return knownBySize[(dim-17)/4]() }

var knownBySize = func() (all [41]func() []known) {
	for version := 1; version <= 40; version++ {
		all[version] = sync.OnceValue(func() []known { return listKnown(version) })
	}
	return all
}()

func listKnown(version int) []known {
	dim := 17 + 4*version
	var all []known
	add := func(x, y int, dark bool) { all = append(all, known{float64(x) + 0.5, float64(y) + 0.5, dark}) }
	square := func(cx, cy, reach int) { // rings around a middle: dark where the distance is 0, 1, 3 or, when small, 0, 2
		for y := -reach; y <= reach; y++ {
			for x := -reach; x <= reach; x++ {
				if cx+x < 0 || cy+y < 0 || cx+x >= dim || cy+y >= dim {
					continue
				}
				ring := max(x, -x, y, -y)
				add(cx+x, cy+y, reach == 2 && ring != 1 || reach == 4 && (ring < 2 || ring == 3))
			}
		}
	}
	for i := 8; i < dim-8; i++ {
		add(i, 6, i%2 == 0)
		add(6, i, i%2 == 0)
	}
	// gozxing knows where the alignment patterns are; it has all versions, 1 to 40.
	if v, err := decoder.Version_GetVersionForNumber(version); err == nil {
		middles := v.GetAlignmentPatternCenters()
		for _, y := range middles {
			for _, x := range middles {
				if x < 10 && y < 10 || x < 10 && y > dim-10 || x > dim-10 && y < 10 { // a finder pattern is there
					continue
				}
				square(x, y, 2)
			}
		}
	}
	square(3, 3, 4)
	square(dim-4, 3, 4)
	square(3, dim-4, 4)
	return all
}

// fit is the share of known modules that a quad puts where the marks have their colour: 0.5 is chance. It is 0 as soon
// as it cannot be more than floor.
func fit(m plane, q quad, dim int, inverted, fine bool, floor float64) float64 {
	l := lensOf(q, float64(dim-7))
	cells := knownOf(dim)
	spots := middleSpot[:]
	if fine {
		spots = fiveSpots[:]
	}
	total := len(cells) * len(spots)
	wrong, most := 0, int((1-floor)*float64(total))
	for _, c := range cells {
		for _, s := range spots {
			x, y := l.at(c.u+s.x, c.v+s.y)
			if x >= 0 && y >= 0 && x < float64(m.w) && y < float64(m.h) &&
				(m.pix[int(y)*m.w+int(x)] == 1) == (c.dark != inverted) {
				continue
			}
			if wrong++; wrong > most {
				return 0
			}
		}
	}
	return 1 - float64(wrong)/float64(total)
}

var (
	middleSpot = [...]point{{0, 0}}
	fiveSpots  = [...]point{{0, 0}, {-0.3, -0.3}, {0.3, -0.3}, {-0.3, 0.3}, {0.3, 0.3}}
)

// How well the known modules of a code must fit.
const (
	worthMoving = 0.60 // as it lies at first, to look for its fourth corner
	likely      = 0.72 // to decode it
	certain     = 0.85 // to say that it is there even when it does not decode
)

// place finds how a code lies of which three finder patterns are known, and its size. The fit is below likely when
// there is none.
func place(m plane, a, b, c centre) (best quad, dim int, fitted float64) {
	q := quad{{a.x, a.y}, {b.x, b.y}, {}, {c.x, c.y}}
	across, down := q[1].minus(q[0]), q[3].minus(q[0])
	// Half a finder pattern in pixels, at both ends of both sides: their difference is the tilt, their mean the size.
	ab, ba := m.half(a, across), m.half(b, point{-across.x, -across.y})
	ac, ca := m.half(a, down), m.half(c, point{-down.x, -down.y})
	if ab == 0 || ba == 0 || ac == 0 || ca == 0 {
		return q, 0, 0
	}
	modules := (math.Hypot(across.x, across.y)/math.Sqrt(ab*ba) + math.Hypot(down.x, down.y)/math.Sqrt(ac*ca)) * 3.5 / 2
	g, h := clampTilt(math.Sqrt(ab/ba)-1), clampTilt(math.Sqrt(ac/ca)-1)
	flat := q[1].plus(down, 1)
	tilted := point{
		(q[1].x*(1+g) + q[3].x*(1+h) - q[0].x) / (1 + g + h),
		(q[1].y*(1+g) + q[3].y*(1+h) - q[0].y) / (1 + g + h),
	}
	version := int(math.Round((modules + 7 - 17) / 4))
	for _, v := range []int{version, version - 1, version + 1, version + 2, version - 2} {
		if v < 1 || v > 40 || fitted > 0.9 {
			continue
		}
		size := 17 + 4*v
		for _, start := range []point{tilted, flat} {
			q[2] = start
			if fit(m, q, size, a.inverted, false, worthMoving) == 0 {
				continue
			}
			tried, f := fourth(m, q, size, a.inverted)
			if f > fitted {
				best, dim, fitted = tried, size, f
			}
		}
	}
	if fitted >= likely {
		best, fitted = settle(m, best, dim, a.inverted)
	}
	if !lensOf(best, float64(dim-7)).inFront(dim) {
		fitted = 0
	}
	return best, dim, fitted
}

// clampTilt keeps a poor measure of the tilt from throwing the fourth corner far away.
func clampTilt(g float64) float64 { return min(max(g, -0.3), 0.4) }

// fourth moves the corner without a finder pattern about, up to a tenth of the side and two modules more.
func fourth(m plane, q quad, dim int, inverted bool) (quad, float64) {
	across, down := q[1].minus(q[0]), q[3].minus(q[0])
	side := float64(dim - 7)
	best, fitted := q, fit(m, q, dim, inverted, false, 0)
	reach := 2 + float64(dim)/10
	step := max(0.75, reach/8)
	start := q[2]
	for v := -reach; v <= reach; v += step {
		for u := -reach; u <= reach; u += step {
			q[2] = start.plus(across, u/side).plus(down, v/side)
			if f := fit(m, q, dim, inverted, false, fitted); f > fitted {
				best, fitted = q, f
			}
		}
	}
	return best, fitted
}

// settle moves all four corners by parts of a module while the fit gets better.
func settle(m plane, q quad, dim int, inverted bool) (quad, float64) {
	side := float64(dim - 7)
	across, down := q[1].minus(q[0]), q[3].minus(q[0])
	fitted := fit(m, q, dim, inverted, true, 0)
	for _, step := range []float64{0.8, 0.4, 0.2, 0.1} {
		for round, better := 0, true; better && round < 4; round++ {
			better = false
			for _, i := range []int{2, 1, 3, 0} {
				for _, to := range [][2]float64{{step, 0}, {-step, 0}, {0, step}, {0, -step}} {
					moved := q
					moved[i] = q[i].plus(across, to[0]/side).plus(down, to[1]/side)
					if f := fit(m, moved, dim, inverted, true, fitted); f > fitted {
						q, fitted, better = moved, f, true
					}
				}
			}
		}
	}
	return q, fitted
}

// half measures from the middle of a finder pattern to its outer edge in a direction, 3.5 modules, in pixels; 0 when
// there is no such edge.
func (m plane) half(c centre, towards point) float64 {
	const step = 0.25
	n := math.Hypot(towards.x, towards.y)
	dx, dy := towards.x/n, towards.y/n
	one := byte(1)
	if c.inverted {
		one = 0
	}
	measure := func(sign float64) float64 {
		changes := 0
		last := one
		for d := 0.0; d < 8*c.module; d += step {
			x, y := c.x+sign*dx*d, c.y+sign*dy*d
			if x < 0 || y < 0 || x >= float64(m.w) || y >= float64(m.h) {
				return 0
			}
			if v := m.pix[int(y)*m.w+int(x)]; v != last {
				last = v
				if changes++; changes == 3 {
					return d
				}
			}
		}
		return 0
	}
	near, far := measure(1), measure(-1)
	if near == 0 || far == 0 || near > 2*far || far > 2*near {
		return max(near, far)
	}
	return (near + far) / 2
}

// modules reads the lightness of each module: the mean of five spots, in steps of a fifth.
func (p plane) modules(q quad, dim int) []float64 {
	l := lensOf(q, float64(dim-7))
	out := make([]float64, dim*dim)
	for v := range dim {
		for u := range dim {
			sum := 0.0
			for _, s := range fiveSpots {
				x, y := l.at(float64(u)+0.5+s.x*2/3, float64(v)+0.5+s.y*2/3)
				sum += p.between(x-0.5, y-0.5)
			}
			out[v*dim+u] = sum / float64(len(fiveSpots))
		}
	}
	return out
}

// between is the lightness at a place between pixels; beyond the edge it is that of the edge.
func (p plane) between(x, y float64) float64 {
	x, y = min(max(x, 0), float64(p.w-1)), min(max(y, 0), float64(p.h-1))
	left, top := int(x), int(y)
	right, bottom := min(left+1, p.w-1), min(top+1, p.h-1)
	fx, fy := x-float64(left), y-float64(top)
	upper := float64(p.pix[top*p.w+left])*(1-fx) + float64(p.pix[top*p.w+right])*fx
	lower := float64(p.pix[bottom*p.w+left])*(1-fx) + float64(p.pix[bottom*p.w+right])*fx
	return upper*(1-fy) + lower*fy
}

// sharpen takes from each module what blur brought into it from its four neighbours.
func sharpen(light []float64, dim int, much float64) []float64 {
	out := make([]float64, len(light))
	for y := range dim {
		for x := range dim {
			here := light[y*dim+x]
			around := light[y*dim+max(x-1, 0)] + light[y*dim+min(x+1, dim-1)] + light[max(y-1, 0)*dim+x] + light[min(y+1, dim-1)*dim+x]
			out[y*dim+x] = here + much*(here-around/4)
		}
	}
	return out
}

// levels is the lightness between dark and light for each module: a slope through the three finder patterns, whose
// colours are known.
func levels(light []float64, dim int) []float64 {
	middle := func(x0, y0 int) float64 {
		var dark, bright, darks, brights float64
		for y := range 7 {
			for x := range 7 {
				ring := max(x-3, 3-x, y-3, 3-y)
				v := light[(y0+y)*dim+x0+x]
				if ring == 2 {
					bright, brights = bright+v, brights+1
				} else {
					dark, darks = dark+v, darks+1
				}
			}
		}
		return (dark/darks + bright/brights) / 2
	}
	a, b, c := middle(0, 0), middle(dim-7, 0), middle(0, dim-7)
	out := make([]float64, len(light))
	for y := range dim {
		for x := range dim {
			out[y*dim+x] = a + (b-a)*float64(x-3)/float64(dim-7) + (c-a)*float64(y-3)/float64(dim-7)
		}
	}
	return out
}

// around is the mean lightness of the modules up to five away: right where a shadow or a reflection crosses the code.
func around(light []float64, dim int) []float64 {
	const reach = 5
	sums := make([]float64, (dim+1)*(dim+1))
	for y := range dim {
		for x := range dim {
			i := (y+1)*(dim+1) + x + 1
			sums[i] = light[y*dim+x] + sums[i-1] + sums[i-dim-1] - sums[i-dim-2]
		}
	}
	out := make([]float64, len(light))
	for y := range dim {
		top, bottom := max(y-reach, 0), min(y+reach+1, dim)
		for x := range dim {
			left, right := max(x-reach, 0), min(x+reach+1, dim)
			sum := sums[bottom*(dim+1)+right] - sums[bottom*(dim+1)+left] - sums[top*(dim+1)+right] + sums[top*(dim+1)+left]
			out[y*dim+x] = sum / float64((bottom-top)*(right-left))
		}
	}
	return out
}

// readModules tells dark from light in a few ways and returns the first text that the code's own checks agree to.
func readModules(light []float64, dim int, inverted bool) (string, bool) {
	for _, much := range []float64{0, 0.6, 1.5} {
		sharp := light
		if much > 0 {
			sharp = sharpen(light, dim, much)
		}
		for _, level := range [][]float64{levels(sharp, dim), around(sharp, dim)} {
			bits, err := gozxing.NewSquareBitMatrix(dim)
			if err != nil {
				return "", false
			}
			for i, v := range sharp {
				if (v < level[i]) != inverted {
					bits.Set(i%dim, i/dim)
				}
			}
			if text, ok := decode(bits); ok {
				return text, true
			}
		}
	}
	return "", false
}

// decode corrects errors and reads the text. Modules that are all alike decode to no text: that is no code.
func decode(bits *gozxing.BitMatrix) (text string, ok bool) {
	err := guard(func() error {
		result, err := decoder.NewDecoder().DecodeWithoutHint(bits)
		if err == nil {
			text = result.GetText()
		}
		return err
	})
	return text, err == nil && text != ""
}
